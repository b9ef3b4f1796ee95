/*
 * chain.c: chains from Python and back: a spec, or stage objects (pluck/stages.py). A stage object has
 * a `kind`, the name that pluck_stage_describe gives, and an attribute for each parameter.
 */
#include "extension.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* FLAG: a whole number in C, true or false in Python. The last three are arrays, whose length follows
 * the pointer to them. */
typedef enum field_kind { REAL, WHOLE, FLAG, SEED, TOKENS, SEQUENCES, BIASES } field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
} field;

enum { MAX_FIELDS = 7 };

#define LENGTH_FOLLOWS(type, array, length)                                                        \
    _Static_assert(offsetof(type, length) == offsetof(type, array) + sizeof(void *), #length)

LENGTH_FOLLOWS(pluck_token_sequence, tokens, n_tokens);
LENGTH_FOLLOWS(pluck_stage_logit_bias, biases, n_biases);
LENGTH_FOLLOWS(pluck_stage_penalties, exempt, n_exempt);
LENGTH_FOLLOWS(pluck_stage_dry, breakers, n_breakers);
LENGTH_FOLLOWS(pluck_stage_dry, exempt, n_exempt);
LENGTH_FOLLOWS(pluck_stage_xtc, spared, n_spared);
LENGTH_FOLLOWS(pluck_stage_min_tokens, ends, n_ends);
LENGTH_FOLLOWS(pluck_stage_bad_words, words, n_words);

#define AT(member) offsetof(pluck_stage, as.member)

/* The parameters of each kind but for functions, which are read apart. */
static const struct {
    pluck_stage_kind kind;
    field fields[MAX_FIELDS];
} kinds[] = {
    {PLUCK_STAGE_LOGIT_BIAS, {{"biases", BIASES, AT(logit_bias.biases)}}},
    {PLUCK_STAGE_PENALTIES,
     {{"last_n", WHOLE, AT(penalties.last_n)},
      {"repeat", REAL, AT(penalties.repeat)},
      {"freq", REAL, AT(penalties.freq)},
      {"present", REAL, AT(penalties.present)},
      {"exempt", TOKENS, AT(penalties.exempt)},
      {"output_only", FLAG, AT(penalties.output_only)}}},
    {PLUCK_STAGE_DRY,
     {{"multiplier", REAL, AT(dry.multiplier)},
      {"base", REAL, AT(dry.base)},
      {"allowed_length", WHOLE, AT(dry.allowed_length)},
      {"last_n", WHOLE, AT(dry.last_n)},
      {"breakers", SEQUENCES, AT(dry.breakers)},
      {"exempt", TOKENS, AT(dry.exempt)}}},
    {PLUCK_STAGE_TOP_N_SIGMA, {{"n", REAL, AT(top_n_sigma.n)}}},
    {PLUCK_STAGE_TOP_K, {{"k", WHOLE, AT(top_k.k)}}},
    {PLUCK_STAGE_TYPICAL, {{"p", REAL, AT(typical.p)}, {"min_keep", WHOLE, AT(typical.min_keep)}}},
    {PLUCK_STAGE_TOP_P, {{"p", REAL, AT(top_p.p)}, {"min_keep", WHOLE, AT(top_p.min_keep)}}},
    {PLUCK_STAGE_MIN_P, {{"p", REAL, AT(min_p.p)}, {"min_keep", WHOLE, AT(min_p.min_keep)}}},
    {PLUCK_STAGE_XTC,
     {{"probability", REAL, AT(xtc.probability)},
      {"threshold", REAL, AT(xtc.threshold)},
      {"min_keep", WHOLE, AT(xtc.min_keep)},
      {"seed", SEED, AT(xtc.seed)},
      {"spared", TOKENS, AT(xtc.spared)}}},
    {PLUCK_STAGE_TEMPERATURE,
     {{"t", REAL, AT(temperature.t)},
      {"range", REAL, AT(temperature.range)},
      {"exponent", REAL, AT(temperature.exponent)}}},
    {PLUCK_STAGE_INFILL, {{0}}},
    {PLUCK_STAGE_CUSTOM, {{0}}},
    {PLUCK_STAGE_GREEDY, {{0}}},
    {PLUCK_STAGE_DIST, {{"seed", SEED, AT(dist.seed)}}},
    {PLUCK_STAGE_MIROSTAT,
     {{"tau", REAL, AT(mirostat.tau)},
      {"eta", REAL, AT(mirostat.eta)},
      {"m", WHOLE, AT(mirostat.m)},
      {"seed", SEED, AT(mirostat.seed)}}},
    {PLUCK_STAGE_MIROSTAT_V2,
     {{"tau", REAL, AT(mirostat.tau)},
      {"eta", REAL, AT(mirostat.eta)},
      {"seed", SEED, AT(mirostat.seed)}}},
    {PLUCK_STAGE_ADAPTIVE_P,
     {{"target", REAL, AT(adaptive_p.target)},
      {"decay", REAL, AT(adaptive_p.decay)},
      {"seed", SEED, AT(adaptive_p.seed)}}},
    {PLUCK_STAGE_TOP_A, {{"a", REAL, AT(top_a.a)}, {"min_keep", WHOLE, AT(top_a.min_keep)}}},
    {PLUCK_STAGE_EPSILON_CUTOFF,
     {{"epsilon", REAL, AT(epsilon_cutoff.epsilon)},
      {"min_keep", WHOLE, AT(epsilon_cutoff.min_keep)}}},
    {PLUCK_STAGE_ETA_CUTOFF,
     {{"epsilon", REAL, AT(eta_cutoff.epsilon)}, {"min_keep", WHOLE, AT(eta_cutoff.min_keep)}}},
    {PLUCK_STAGE_P_LESS, {{"enabled", FLAG, AT(p_less.enabled)}}},
    {PLUCK_STAGE_P_LESS_NORM, {{"enabled", FLAG, AT(p_less_norm.enabled)}}},
    {PLUCK_STAGE_TFS,
     {{"z", REAL, AT(tfs.z)},
      {"min_keep", WHOLE, AT(tfs.min_keep)},
      {"extra", WHOLE, AT(tfs.extra)}}},
    {PLUCK_STAGE_TOP_H, {{"alpha", REAL, AT(top_h.alpha)}}},
    {PLUCK_STAGE_MIN_K, {{"tau", REAL, AT(min_k.tau)}}},
    {PLUCK_STAGE_SMOOTHING,
     {{"factor", REAL, AT(smoothing.factor)}, {"curve", REAL, AT(smoothing.curve)}}},
    {PLUCK_STAGE_SKEW, {{"skew", REAL, AT(skew.skew)}, {"seed", SEED, AT(skew.seed)}}},
    {PLUCK_STAGE_MIN_TOKENS,
     {{"min_tokens", WHOLE, AT(min_tokens.min_tokens)}, {"ends", TOKENS, AT(min_tokens.ends)}}},
    {PLUCK_STAGE_BAD_WORDS, {{"words", SEQUENCES, AT(bad_words.words)}}},
    {PLUCK_STAGE_GUIDANCE, {{"scale", REAL, AT(guidance.scale)}}},
    {PLUCK_STAGE_CONTRASTIVE,
     {{"alpha", REAL, AT(contrastive.alpha)},
      {"beta", REAL, AT(contrastive.beta)},
      {"difference", FLAG, AT(contrastive.difference)}}},
    {PLUCK_STAGE_NO_REPEAT_NGRAM,
     {{"size", WHOLE, AT(no_repeat_ngram.size)}, {"last_n", WHOLE, AT(no_repeat_ngram.last_n)}}},
};

static const char *name_of(pluck_stage_kind kind) {
    pluck_stage_traits traits = {.name = "?"};
    (void)pluck_stage_describe(&(pluck_stage){.kind = kind}, &traits);
    return traits.name;
}

static const field *fields_of(pluck_stage_kind kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind) return kinds[i].fields;
    return NULL;
}

/* ---- from Python ---- */

/* Memory that lives as long as the chain. NULL with MemoryError set. */
static void *take(px_chain *c, size_t size) {
    void **block = PyMem_Malloc(sizeof(double[2]) + size);
    if (!block) return PyErr_NoMemory();
    *block = c->blocks;
    c->blocks = block;
    return (char *)block + sizeof(double[2]);
}

static int read_real(PyObject *value, const char *name, float *out) {
    const double x = PyFloat_AsDouble(value);
    if (x == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s is a %R; wanted: a number", name,
                         (PyObject *)Py_TYPE(value));
        return -1;
    }
    *out = (float)x;
    return 0;
}

int px_seed(PyObject *value, const char *name, uint32_t *out) {
    *out = PLUCK_SEED_RANDOM;
    if (value == Py_None) return 0;
    PyObject *whole = px_index(value, name);
    if (!whole) return -1;
    int overflow;
    const long long seed = PyLong_AsLongLongAndOverflow(whole, &overflow);
    Py_DECREF(whole);
    if (overflow || seed < -1 || seed > UINT32_MAX) {
        PyErr_Format(PyExc_ValueError,
                     "%s=%S is out of range; allowed: 0 to 4294967294; None or -1: a random one",
                     name, value);
        return -1;
    }
    *out = (uint32_t)seed;
    return 0;
}

/* ---- arrays ---- */

/* Reads an element; `name` is what to call a token of it. -1 with an exception set. */
typedef int element_reader(px_chain *c, PyObject *given, const char *name, void *out);

/* Reads each of a list, whose reference is taken and which may be NULL after an error, into memory
 * of the chain; its address and length are written to `at`. */
static int read_array(px_chain *c, PyObject *list, const char *name, size_t size,
                      element_reader *read, void *at) {
    const Py_ssize_t n = list ? PyList_Size(list) : 0;
    char *array = list ? take(c, (size_t)n * size) : NULL;
    bool right = array != NULL && n <= INT32_MAX;
    if (array && !right) PyErr_Format(PyExc_OverflowError, "%s: there are too many", name);
    for (Py_ssize_t i = 0; right && i < n; i++)
        right = read(c, PyList_GetItem(list, i), name, array + (size_t)i * size) == 0;
    Py_XDECREF(list);
    if (!right) return -1;
    const int32_t length = (int32_t)n;
    memcpy(at, &array, sizeof array);
    memcpy((char *)at + sizeof array, &length, sizeof length);
    return 0;
}

static int read_token(px_chain *c, PyObject *given, const char *name, void *out) {
    (void)c;
    return px_int32(given, name, out);
}

/* A token, or a sequence of tokens. */
static int read_sequence(px_chain *c, PyObject *given, const char *name, void *out) {
    PyObject *list = PyIndex_Check(given) ? PyList_New(0) : PySequence_List(given);
    if (list && PyIndex_Check(given) && PyList_Append(list, given) != 0) Py_CLEAR(list);
    return read_array(c, list, name, sizeof(int32_t), read_token, out);
}

static int read_bias(px_chain *c, PyObject *given, const char *name, void *out) {
    pluck_logit_bias *bias = out;
    PyObject *pair = PySequence_List(given);
    bool right = pair && PyList_Size(pair) == 2;
    (void)c;
    if (pair && !right)
        PyErr_SetString(PyExc_TypeError,
                        "logit_bias.biases: wanted: {token: bias}, or pairs of token and bias");
    right = right && px_int32(PyList_GetItem(pair, 0), name, &bias->token) == 0 &&
            read_real(PyList_GetItem(pair, 1), "a bias of logit_bias.biases", &bias->bias) == 0;
    Py_XDECREF(pair);
    return right ? 0 : -1;
}

/* ---- stages ---- */

static int read_value(px_chain *c, PyObject *value, field_kind kind, const char *name, void *at) {
    switch (kind) {
    case REAL:
        return read_real(value, name, at);
    case WHOLE:
    case FLAG:
        return px_int32(value, name, at);
    case SEED:
        return px_seed(value, name, at);
    case TOKENS:
        return read_array(c, PySequence_List(value), name, sizeof(int32_t), read_token, at);
    case SEQUENCES:
        return read_array(c, PySequence_List(value), name, sizeof(pluck_token_sequence),
                          read_sequence, at);
    case BIASES:
        break;
    }
    return read_array(c, PyDict_Check(value) ? PyDict_Items(value) : PySequence_List(value), name,
                      sizeof(pluck_logit_bias), read_bias, at);
}

static int read_field(px_chain *c, PyObject *object, const field *f, pluck_stage *stage) {
    PyObject *value = PyObject_GetAttrString(object, f->name);
    if (!value) return -1;
    char name[64];
    (void)PyOS_snprintf(name, sizeof name, "%s%s.%s", f->kind >= TOKENS ? "a token of " : "",
                        name_of(stage->kind), f->name);
    const int status = read_value(c, value, f->kind, name, (char *)stage + f->offset);
    Py_DECREF(value);
    return status;
}

/* The kind that an object's `kind` names; custom for any other object that may be one; 0 with an
 * exception set. */
static pluck_stage_kind kind_of(PyObject *object) {
    PyObject *name = PyObject_GetAttrString(object, "kind");
    if (!name) {
        PyErr_Clear();
        if (PyCallable_Check(object) || PyObject_HasAttrString(object, "apply"))
            return PLUCK_STAGE_CUSTOM;
        PyErr_Format(PyExc_TypeError,
                     "%R is no stage; wanted: one of pluck.stages, a function of a view, or an "
                     "object with apply(view)",
                     object);
        return (pluck_stage_kind)0;
    }
    pluck_stage_kind found = (pluck_stage_kind)0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && PyUnicode_Check(name); i++)
        if (PyUnicode_CompareWithASCIIString(name, name_of(kinds[i].kind)) == 0)
            found = kinds[i].kind;
    if (!found) PyErr_Format(PyExc_ValueError, "there is no stage of kind %R", name);
    Py_DECREF(name);
    return found;
}

static int keep_callback(px_chain *c, PyObject *callback) {
    if (!callback) return -1;
    const int status = PyList_Append(c->callbacks, callback);
    Py_DECREF(callback);
    return status;
}

static int read_stage(px_chain *c, PyObject *object, pluck_stage *stage) {
    const pluck_stage_kind kind = kind_of(object);
    if (!kind) return -1;
    stage->kind = kind;
    if (kind == PLUCK_STAGE_CUSTOM) return keep_callback(c, px_callback_custom(object, stage));
    if (kind == PLUCK_STAGE_INFILL) return keep_callback(c, px_callback_infill(object, stage));
    const field *fields = fields_of(kind);
    for (int i = 0; i < MAX_FIELDS && fields[i].name; i++)
        if (read_field(c, object, &fields[i], stage) != 0) return -1;
    return 0;
}

static int read_stages(px_chain *c, PyObject *chain) {
    PyObject *list = PySequence_List(chain);
    if (!list) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "the chain is a %R; wanted: a spec (str), or stages",
                         (PyObject *)Py_TYPE(chain));
        return -1;
    }
    const Py_ssize_t n = PyList_Size(list);
    bool right = n <= PLUCK_MAX_STAGES;
    if (!right)
        PyErr_Format(PyExc_ValueError, "the chain has %zd stages; allowed: 0 to %d", n,
                     PLUCK_MAX_STAGES);
    for (Py_ssize_t i = 0; right && i < n; i++)
        right = read_stage(c, PyList_GetItem(list, i), &c->stages[i]) == 0;
    Py_DECREF(list);
    c->config.stages = c->stages;
    c->config.n_stages = (int32_t)n;
    return right ? 0 : -1;
}

static int read_spec(px_chain *c, PyObject *text, int32_t n_vocab) {
    PyObject *utf8 = PyUnicode_AsUTF8String(text);
    char *bytes = NULL;
    /* A zero byte within would end the spec early. */
    if (!utf8 || PyBytes_AsStringAndSize(utf8, &bytes, NULL) != 0) {
        Py_XDECREF(utf8);
        return -1;
    }
    pluck_error err = {PLUCK_OK, ""};
    const pluck_status status = pluck_spec_parse(&c->spec, bytes, n_vocab, &err);
    Py_DECREF(utf8);
    if (status != PLUCK_OK) {
        (void)px_raise(status, &err);
        return -1;
    }
    c->config = *pluck_spec_config(c->spec);
    return 0;
}

int px_chain_fill(px_chain *c, PyObject *chain, int32_t n_vocab) {
    memset(c, 0, sizeof *c);
    c->config.n_vocab = n_vocab;
    c->config.seed = PLUCK_SEED_RANDOM;
    c->callbacks = PyList_New(0);
    if (!c->callbacks) return -1;
    return PyUnicode_Check(chain) ? read_spec(c, chain, n_vocab) : read_stages(c, chain);
}

void px_chain_drop(px_chain *c) {
    pluck_spec_free(c->spec);
    Py_CLEAR(c->callbacks);
    while (c->blocks) {
        void **block = c->blocks;
        c->blocks = *block;
        PyMem_Free(block);
    }
}

/* ---- to Python ---- */

/* The shortest decimal that is this float: 0.8, not 0.800000011920929. */
static PyObject *real_object(float x) {
    char text[40];
    for (int digits = 6; digits <= 9 && isfinite(x); digits++) {
        (void)PyOS_snprintf(text, sizeof text, "%.*g", digits, (double)x);
        const double back = PyOS_string_to_double(text, NULL, NULL);
        if ((float)back == x) return PyFloat_FromDouble(back);
    }
    return PyFloat_FromDouble((double)x);
}

static PyObject *token_object(const void *token) {
    return PyLong_FromLong(*(const int32_t *)token);
}

static PyObject *bias_object(const void *element) {
    const pluck_logit_bias *bias = element;
    return Py_BuildValue("(iN)", (int)bias->token, real_object(bias->bias));
}

/* A tuple of the elements of an array, whose address and length are at `at`. */
static PyObject *array_object(const void *at, size_t size, PyObject *(*object)(const void *)) {
    const char *array;
    int32_t length;
    memcpy(&array, at, sizeof array);
    memcpy(&length, (const char *)at + sizeof array, sizeof length);
    PyObject *tuple = PyTuple_New(length);
    for (int32_t i = 0; tuple && i < length; i++) {
        PyObject *item = object(array + (size_t)i * size);
        if (!item || PyTuple_SetItem(tuple, i, item) != 0) Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *sequence_object(const void *sequence) {
    return array_object(sequence, sizeof(int32_t), token_object);
}

static PyObject *seed_object(uint32_t seed) {
    return seed == PLUCK_SEED_RANDOM ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(seed);
}

static PyObject *field_object(const pluck_stage *stage, const field *f) {
    const void *at = (const char *)stage + f->offset;
    switch (f->kind) {
    case REAL:
        return real_object(*(const float *)at);
    case WHOLE:
        return PyLong_FromLong(*(const int32_t *)at);
    case FLAG:
        return PyBool_FromLong(*(const int32_t *)at);
    case SEED:
        return seed_object(*(const uint32_t *)at);
    case TOKENS:
        return sequence_object(at);
    case SEQUENCES:
        return array_object(at, sizeof(pluck_token_sequence), sequence_object);
    case BIASES:
        break;
    }
    return array_object(at, sizeof(pluck_logit_bias), bias_object);
}

/* Sets a keyword; takes the reference. */
static bool put(PyObject *keywords, const char *name, PyObject *value) {
    const bool done = value && PyDict_SetItemString(keywords, name, value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *stage_object(PyObject *classes, const pluck_stage *stage) {
    PyObject *type = PyDict_GetItemString(classes, name_of(stage->kind)); /* borrowed */
    const field *fields = fields_of(stage->kind);
    if (!type || !fields) {
        PyErr_Format(PyExc_NotImplementedError, "pluck.stages has no class for the stage %s",
                     name_of(stage->kind));
        return NULL;
    }
    PyObject *keywords = PyDict_New();
    bool done = keywords != NULL;
    for (int i = 0; done && i < MAX_FIELDS && fields[i].name; i++)
        done = put(keywords, fields[i].name, field_object(stage, &fields[i]));
    PyObject *none = done ? PyTuple_New(0) : NULL;
    PyObject *made = none ? PyObject_Call(type, none, keywords) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(keywords);
    return made;
}

PyObject *px_chain_stages(const pluck_config *config, PyObject *callbacks) {
    PyObject *module = PyImport_ImportModule("pluck.stages");
    PyObject *classes = module ? PyObject_GetAttrString(module, "BY_KIND") : NULL;
    PyObject *stages = classes ? PyTuple_New(config->n_stages) : NULL;
    Py_ssize_t next = 0; /* callback */
    for (int32_t i = 0; stages && i < config->n_stages; i++) {
        const pluck_stage *stage = &config->stages[i];
        const bool calls = stage->kind == PLUCK_STAGE_CUSTOM || stage->kind == PLUCK_STAGE_INFILL;
        PyObject *object = calls ? Py_NewRef(px_callback_object(PyList_GetItem(callbacks, next++)))
                                 : stage_object(classes, stage);
        if (!object || PyTuple_SetItem(stages, i, object) != 0) Py_CLEAR(stages);
    }
    Py_XDECREF(classes);
    Py_XDECREF(module);
    return stages;
}
