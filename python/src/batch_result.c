/* batch_result.c: what is asked of a batch, and what it returns. */
#include "batch.h"

#include <stddef.h>
#include <string.h>

static PyTypeObject *result_type, *kept_type, *logprobs_type;

/* ---- room for the outcome ---- */

/* A part of the outcome's memory: while `base` is NULL only its size is counted. */
static void *part(char *base, size_t *used, size_t n, size_t size) {
    void *at = base ? base + *used : NULL;
    *used += (n * size + 15) / 16 * 16;
    return at;
}

static void lay_out_logprobs(pluck_batch_logprobs *l, size_t n, bool wanted, char *base,
                             size_t *used) {
    if (!wanted) return;
    const size_t entries = n * (size_t)l->n_top;
    l->token = part(base, used, n, sizeof *l->token);
    l->ids = part(base, used, entries, sizeof *l->ids);
    l->logprobs = part(base, used, entries, sizeof *l->logprobs);
}

static size_t lay_out(px_batch_outcome *o, const px_batch_args *args, char *base) {
    const size_t n = (size_t)o->n;
    size_t used = 0;
    o->c.statuses = part(base, &used, n, sizeof *o->c.statuses);
    o->c.errors = part(base, &used, n, sizeof *o->c.errors);
    o->c.draws = part(base, &used, n, sizeof *o->c.draws);
    o->c.tokens = part(base, &used, n, sizeof *o->c.tokens);
    if (args->max_kept) {
        const size_t entries = n * (size_t)o->c.kept.max_kept;
        o->c.kept.offsets = part(base, &used, n + 1, sizeof *o->c.kept.offsets);
        o->c.kept.ids = part(base, &used, entries, sizeof *o->c.kept.ids);
        o->c.kept.probabilities = part(base, &used, entries, sizeof *o->c.kept.probabilities);
    }
    lay_out_logprobs(&o->c.raw, n, args->raw_top != NULL, base, &used);
    lay_out_logprobs(&o->c.processed, n, args->top != NULL, base, &used);
    return used;
}

/* A number of things for each row: lowest to the vocabulary. */
static int read_count(PyObject *given, const char *name, int32_t lowest, int32_t n_vocab,
                      int32_t *out) {
    if (!given) return 0;
    if (px_int32(given, name, out) != 0) return -1;
    if (*out >= lowest && *out <= n_vocab) return 0;
    PyErr_Format(PyExc_ValueError, "%s=%d is out of range; allowed: %d to %d", name, (int)*out,
                 (int)lowest, (int)n_vocab);
    return -1;
}

int px_batch_outcome_make(px_batch_outcome *o, int32_t n, const px_batch_args *args,
                          int32_t n_vocab) {
    memset(o, 0, sizeof *o);
    o->n = n;
    if (read_count(args->max_kept, "max_kept", 1, n_vocab, &o->c.kept.max_kept) != 0 ||
        read_count(args->raw_top, "raw_logprobs", 0, n_vocab, &o->c.raw.n_top) != 0 ||
        read_count(args->top, "logprobs", 0, n_vocab, &o->c.processed.n_top) != 0)
        return -1;
    o->memory = PyMem_Malloc(lay_out(o, args, NULL) + 1);
    if (!o->memory) {
        PyErr_NoMemory();
        return -1;
    }
    (void)lay_out(o, args, o->memory);
    return 0;
}

void px_batch_outcome_drop(px_batch_outcome *o) {
    PyMem_Free(o->memory);
    o->memory = NULL;
}

/* ---- the result ---- */

/* A copy of n rows of `width` elements, as a view of two dimensions. */
static PyObject *matrix(const void *data, int32_t n, int32_t width, const char *format) {
    PyObject *flat = px_copy_view(data, (Py_ssize_t)n * width, 4, format);
    if (!flat || n == 0 || width == 0) return flat; /* a view has no dimension of 0 */
    PyObject *bytes = PyObject_CallMethod(flat, "cast", "s", "B");
    PyObject *view =
        bytes ? PyObject_CallMethod(bytes, "cast", "s(ii)", format, (int)n, (int)width) : NULL;
    Py_XDECREF(bytes);
    Py_DECREF(flat);
    return view;
}

static PyObject *logprobs_object(const pluck_batch_logprobs *l, int32_t n) {
    if (!l->token) return Py_NewRef(Py_None);
    PyObject *const items[] = {
        px_copy_view(l->token, n, sizeof *l->token, "f"),
        matrix(l->ids, n, l->n_top, "i"),
        matrix(l->logprobs, n, l->n_top, "f"),
    };
    return px_sequence(logprobs_type, items, 3);
}

static PyObject *kept_object(const pluck_batch_kept *k, int32_t n) {
    if (!k->offsets) return Py_NewRef(Py_None);
    const Py_ssize_t total = (Py_ssize_t)k->offsets[n];
    PyObject *const items[] = {
        px_copy_view(k->offsets, n + 1, sizeof *k->offsets, "q"),
        px_copy_view(k->ids, total, sizeof *k->ids, "i"),
        px_copy_view(k->probabilities, total, sizeof *k->probabilities, "f"),
    };
    return px_sequence(kept_type, items, 3);
}

/* What a row raised, which is then no longer kept: its stage's exception, or the library's. NULL: it
 * raised nothing. */
static PyObject *error_of(const px_batch_outcome *o, const px_batch_call *call, int32_t i) {
    const px_sampler *s = (px_sampler *)PyList_GetItem(call->samplers, i);
    if (px_callbacks_raise(s->callbacks) == 0) {
        if (o->c.statuses[i] == PLUCK_OK) return NULL;
        (void)px_raise(o->c.statuses[i], &o->c.errors[i]);
    }
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return error;
}

/* Also of rows that succeeded: a stage may raise while it is told of the token. */
static PyObject *errors_object(const px_batch_outcome *o, const px_batch_call *call) {
    PyObject *errors = PyDict_New();
    for (int32_t i = 0; errors && i < o->n; i++) {
        PyObject *error = error_of(o, call, i);
        if (!error) continue;
        PyObject *key = PyLong_FromLong(i);
        if (!key || PyDict_SetItem(errors, key, error) != 0) Py_CLEAR(errors);
        Py_XDECREF(key);
        Py_DECREF(error);
    }
    return errors;
}

/* One member of all draws, four bytes of the given offset, side by side. */
static PyObject *draw_member(const px_batch_outcome *o, size_t offset, const char *format) {
    uint32_t *values = PyMem_Malloc((size_t)o->n * sizeof *values + 1);
    if (!values) return PyErr_NoMemory();
    for (int32_t i = 0; i < o->n; i++)
        memcpy(&values[i], (const char *)&o->c.draws[i] + offset, sizeof *values);
    PyObject *view = px_copy_view(values, o->n, sizeof *values, format);
    PyMem_Free(values);
    return view;
}

/* Raises BatchError(errors, result); takes the reference to the result. */
static PyObject *raise_failed(PyObject *errors, PyObject *result) {
    PyObject *module = PyImport_ImportModule("pluck._errors");
    PyObject *type = module ? PyObject_GetAttrString(module, "BatchError") : NULL;
    PyObject *error = type ? PyObject_CallFunctionObjArgs(type, errors, result, NULL) : NULL;
    if (error) PyErr_SetObject(type, error);
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(module);
    Py_DECREF(result);
    return NULL;
}

PyObject *px_batch_outcome_result(const px_batch_outcome *o, const px_batch_call *call) {
    PyObject *errors = errors_object(o, call);
    if (!errors) return NULL;
    PyObject *const items[] = {
        px_copy_view(o->c.tokens, o->n, sizeof *o->c.tokens, "i"),
        draw_member(o, offsetof(pluck_draw, probability), "f"),
        draw_member(o, offsetof(pluck_draw, n_candidates), "i"),
        kept_object(&o->c.kept, o->n),
        logprobs_object(&o->c.raw, o->n),
        logprobs_object(&o->c.processed, o->n),
        Py_NewRef(errors),
    };
    PyObject *result = px_sequence(result_type, items, 7);
    if (result && PyDict_Size(errors) > 0) result = raise_failed(errors, result);
    Py_DECREF(errors);
    return result;
}

/* ---- types ---- */

int px_batch_result_init(PyObject *module) {
    static PyStructSequence_Field result_fields[] = {
        {"tokens", "memoryview of n int32: the tokens; -1 for a row that failed"},
        {"probabilities", "memoryview of n float32: theirs in the final distributions"},
        {"n_candidates", "memoryview of n int32: candidates with a probability above zero"},
        {"kept", "Kept, if max_kept was given; else None"},
        {"raw", "BatchLogProbs of the rows, masks included, before the chains; or None"},
        {"processed", "BatchLogProbs of the final distributions; or None"},
        {"errors", "dict: number of a row that raised to its exception"},
        {NULL, NULL}};
    static PyStructSequence_Desc result = {"pluck.BatchResult", "What Batch.sample found.",
                                           result_fields, 7};
    static PyStructSequence_Field kept_fields[] = {
        {"offsets",
         "memoryview of n + 1 int64: row i has the entries offsets[i] to offsets[i + 1]"},
        {"ids", "memoryview of int32: token ids, ascending in each row"},
        {"probabilities", "memoryview of float32"},
        {NULL, NULL}};
    static PyStructSequence_Desc kept = {
        "pluck.Kept", "The candidates that each row's chain left, as compressed sparse rows.",
        kept_fields, 3};
    static PyStructSequence_Field logprobs_fields[] = {
        {"token", "memoryview of n float32: log-probability of the token drawn"},
        {"ids", "memoryview of n x top int32: the most likely tokens; -1 where there are fewer"},
        {"logprobs", "memoryview of n x top float32: their log-probabilities"},
        {NULL, NULL}};
    static PyStructSequence_Desc logprobs = {"pluck.BatchLogProbs",
                                             "Log-probabilities (natural logarithms) of a batch.",
                                             logprobs_fields, 3};
    result_type = px_sequence_type(module, "BatchResult", &result);
    kept_type = px_sequence_type(module, "Kept", &kept);
    logprobs_type = px_sequence_type(module, "BatchLogProbs", &logprobs);
    return result_type && kept_type && logprobs_type ? 0 : -1;
}
