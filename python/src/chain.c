/*
 * chain.c: chains from Python and back: a spec, or stage objects (pluck/stages.py). A stage object has
 * a `kind`, the name that pluck_stage_describe gives, and an attribute for each parameter.
 */
#include "extension.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* FLAG: a whole number in C, true or false in Python. */
typedef enum field_kind { REAL, WHOLE, FLAG, SEED } field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
} field;

enum { MAX_FIELDS = 6 };

#define AT(member) offsetof(pluck_stage, as.member)

/* Parameters that are numbers, of each kind; biases, breakers and functions are read apart. */
static const struct {
    pluck_stage_kind kind;
    field fields[MAX_FIELDS];
} kinds[] = {
    {PLUCK_STAGE_LOGIT_BIAS, {{0}}},
    {PLUCK_STAGE_PENALTIES,
     {{"last_n", WHOLE, AT(penalties.last_n)},
      {"repeat", REAL, AT(penalties.repeat)},
      {"freq", REAL, AT(penalties.freq)},
      {"present", REAL, AT(penalties.present)}}},
    {PLUCK_STAGE_DRY,
     {{"multiplier", REAL, AT(dry.multiplier)},
      {"base", REAL, AT(dry.base)},
      {"allowed_length", WHOLE, AT(dry.allowed_length)},
      {"last_n", WHOLE, AT(dry.last_n)}}},
    {PLUCK_STAGE_TOP_N_SIGMA, {{"n", REAL, AT(top_n_sigma.n)}}},
    {PLUCK_STAGE_TOP_K, {{"k", WHOLE, AT(top_k.k)}}},
    {PLUCK_STAGE_TYPICAL, {{"p", REAL, AT(typical.p)}, {"min_keep", WHOLE, AT(typical.min_keep)}}},
    {PLUCK_STAGE_TOP_P, {{"p", REAL, AT(top_p.p)}, {"min_keep", WHOLE, AT(top_p.min_keep)}}},
    {PLUCK_STAGE_MIN_P, {{"p", REAL, AT(min_p.p)}, {"min_keep", WHOLE, AT(min_p.min_keep)}}},
    {PLUCK_STAGE_XTC,
     {{"probability", REAL, AT(xtc.probability)},
      {"threshold", REAL, AT(xtc.threshold)},
      {"min_keep", WHOLE, AT(xtc.min_keep)},
      {"seed", SEED, AT(xtc.seed)}}},
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
    PyObject *whole = PyNumber_Index(value);
    if (!whole) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s is a %R; wanted: an integer", name,
                         (PyObject *)Py_TYPE(value));
        return -1;
    }
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

static int read_field(PyObject *object, const field *f, pluck_stage *stage) {
    PyObject *value = PyObject_GetAttrString(object, f->name);
    if (!value) return -1;
    void *at = (char *)stage + f->offset;
    char name[64];
    (void)PyOS_snprintf(name, sizeof name, "%s.%s", name_of(stage->kind), f->name);
    const int status = f->kind == REAL   ? read_real(value, name, at)
                       : f->kind == SEED ? px_seed(value, name, at)
                                         : px_int32(value, name, at);
    Py_DECREF(value);
    return status;
}

/* A dict of token to bias, or pairs. */
static int read_biases(px_chain *c, PyObject *object, pluck_stage *stage) {
    PyObject *given = PyObject_GetAttrString(object, "biases");
    PyObject *pairs = !given                ? NULL
                      : PyDict_Check(given) ? PyDict_Items(given)
                                            : PySequence_List(given);
    Py_XDECREF(given);
    const Py_ssize_t n = pairs ? PyList_Size(pairs) : 0;
    pluck_logit_bias *biases = pairs && n <= INT32_MAX ? take(c, (size_t)n * sizeof *biases) : NULL;
    bool right = biases != NULL;
    for (Py_ssize_t i = 0; right && i < n; i++) {
        PyObject *pair = PySequence_List(PyList_GetItem(pairs, i));
        right = pair && PyList_Size(pair) == 2;
        if (pair && !right)
            PyErr_SetString(PyExc_TypeError,
                            "logit_bias.biases: wanted: {token: bias}, or pairs of token and bias");
        right = right &&
                px_int32(PyList_GetItem(pair, 0), "logit_bias: token", &biases[i].token) == 0 &&
                read_real(PyList_GetItem(pair, 1), "logit_bias: bias", &biases[i].bias) == 0;
        Py_XDECREF(pair);
    }
    Py_XDECREF(pairs);
    if (!right) return -1;
    stage->as.logit_bias = (pluck_stage_logit_bias){biases, (int32_t)n};
    return 0;
}

/* One breaker: a token, or a sequence of tokens. */
static int read_breaker(px_chain *c, PyObject *given, pluck_token_sequence *out) {
    PyObject *list = PyIndex_Check(given) ? PyList_New(0) : PySequence_List(given);
    if (!list) return -1;
    if (PyIndex_Check(given) && PyList_Append(list, given) != 0) {
        Py_DECREF(list);
        return -1;
    }
    const Py_ssize_t n = PyList_Size(list);
    int32_t *tokens = n <= INT32_MAX ? take(c, (size_t)n * sizeof *tokens) : NULL;
    bool right = tokens != NULL;
    for (Py_ssize_t i = 0; right && i < n; i++)
        right = px_int32(PyList_GetItem(list, i), "dry: token of a breaker", &tokens[i]) == 0;
    Py_DECREF(list);
    *out = (pluck_token_sequence){tokens, (int32_t)n};
    return right ? 0 : -1;
}

static int read_breakers(px_chain *c, PyObject *object, pluck_stage *stage) {
    PyObject *given = PyObject_GetAttrString(object, "breakers");
    PyObject *list = given ? PySequence_List(given) : NULL;
    Py_XDECREF(given);
    const Py_ssize_t n = list ? PyList_Size(list) : 0;
    pluck_token_sequence *breakers =
        list && n <= INT32_MAX ? take(c, (size_t)n * sizeof *breakers) : NULL;
    bool right = breakers != NULL;
    for (Py_ssize_t i = 0; right && i < n; i++)
        right = read_breaker(c, PyList_GetItem(list, i), &breakers[i]) == 0;
    Py_XDECREF(list);
    if (!right) return -1;
    stage->as.dry.breakers = breakers;
    stage->as.dry.n_breakers = (int32_t)n;
    return 0;
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
        if (read_field(object, &fields[i], stage) != 0) return -1;
    if (kind == PLUCK_STAGE_LOGIT_BIAS) return read_biases(c, object, stage);
    if (kind == PLUCK_STAGE_DRY) return read_breakers(c, object, stage);
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

static PyObject *field_object(const pluck_stage *stage, const field *f) {
    const void *at = (const char *)stage + f->offset;
    if (f->kind == REAL) return real_object(*(const float *)at);
    if (f->kind == FLAG) return PyBool_FromLong(*(const int32_t *)at);
    if (f->kind == WHOLE) return PyLong_FromLong(*(const int32_t *)at);
    const uint32_t seed = *(const uint32_t *)at;
    return seed == PLUCK_SEED_RANDOM ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(seed);
}

/* Sets a keyword; takes the reference. */
static bool put(PyObject *keywords, const char *name, PyObject *value) {
    const bool done = value && PyDict_SetItemString(keywords, name, value) == 0;
    Py_XDECREF(value);
    return done;
}

/* Puts an item at the end of a list; takes the reference. */
static bool append(PyObject *list, PyObject *value) {
    const bool done = value && PyList_Append(list, value) == 0;
    Py_XDECREF(value);
    return done;
}

static bool put_biases(PyObject *keywords, const pluck_stage_logit_bias *b) {
    PyObject *list = PyList_New(0);
    bool done = list != NULL;
    for (int32_t i = 0; done && i < b->n_biases; i++)
        done = append(
            list, Py_BuildValue("(iN)", (int)b->biases[i].token, real_object(b->biases[i].bias)));
    return put(keywords, "biases", done ? PyList_AsTuple(list) : NULL) && (Py_XDECREF(list), true);
}

static PyObject *breaker_object(const pluck_token_sequence *breaker) {
    PyObject *tokens = PyTuple_New(breaker->n_tokens);
    for (int32_t i = 0; tokens && i < breaker->n_tokens; i++)
        if (PyTuple_SetItem(tokens, i, PyLong_FromLong(breaker->tokens[i])) != 0) Py_CLEAR(tokens);
    return tokens;
}

static bool put_breakers(PyObject *keywords, const pluck_stage_dry *dry) {
    PyObject *list = PyList_New(0);
    bool done = list != NULL;
    for (int32_t i = 0; done && i < dry->n_breakers; i++)
        done = append(list, breaker_object(&dry->breakers[i]));
    return put(keywords, "breakers", done ? PyList_AsTuple(list) : NULL) &&
           (Py_XDECREF(list), true);
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
    if (done && stage->kind == PLUCK_STAGE_LOGIT_BIAS)
        done = put_biases(keywords, &stage->as.logit_bias);
    if (done && stage->kind == PLUCK_STAGE_DRY) done = put_breakers(keywords, &stage->as.dry);
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
