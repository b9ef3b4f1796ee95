/* results.c: what calls return, and the errors they raise. */
#include "extension.h"

#include <string.h>

static PyTypeObject *draw_type, *candidates_type, *logprobs_type;

/* ---- errors ---- */

PyObject *px_raise(pluck_status status, const pluck_error *err) {
    if (status == PLUCK_ERR_MEMORY) return PyErr_NoMemory();
    const char *message = err && err->message[0] ? err->message : pluck_status_string(status);
    PyObject *module = PyImport_ImportModule("pluck._errors");
    PyObject *type = module ? PyObject_GetAttrString(module, "Error") : NULL;
    /* A spec may hold any bytes, and the message is cut at a byte. */
    PyObject *text =
        type ? PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace") : NULL;
    PyObject *error =
        text ? PyObject_CallFunction(type, "Ois", text, (int)status, pluck_status_name(status))
             : NULL;
    if (error) PyErr_SetObject(type, error);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(module);
    return NULL;
}

/* ---- results ---- */

PyObject *px_copy_view(const void *data, Py_ssize_t n, Py_ssize_t size, const char *format) {
    PyObject *bytes = PyByteArray_FromStringAndSize(data, n * size);
    PyObject *view = bytes ? PyMemoryView_FromObject(bytes) : NULL;
    PyObject *typed = view ? PyObject_CallMethod(view, "cast", "s", format) : NULL;
    Py_XDECREF(view);
    Py_XDECREF(bytes);
    return typed;
}

PyObject *px_sequence(PyTypeObject *type, PyObject *const *items, int n) {
    bool all = true;
    for (int i = 0; i < n; i++) all = all && items[i];
    PyObject *made = all ? PyStructSequence_New(type) : NULL;
    for (int i = 0; i < n; i++) {
        if (made)
            PyStructSequence_SetItem(made, i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    return made;
}

PyTypeObject *px_sequence_type(PyObject *module, const char *name, PyStructSequence_Desc *desc) {
    PyTypeObject *type = PyStructSequence_NewType(desc);
    if (type && PyModule_AddObjectRef(module, name, (PyObject *)type) != 0) Py_CLEAR(type);
    return type;
}

PyObject *px_draw_object(const pluck_draw *draw) {
    PyObject *const items[] = {
        PyLong_FromLong(draw->token),
        PyFloat_FromDouble((double)draw->logit),
        PyFloat_FromDouble((double)draw->probability),
        PyLong_FromLong(draw->n_candidates),
    };
    return px_sequence(draw_type, items, 4);
}

PyObject *px_candidates_object(const pluck_candidates *c) {
    PyObject *const items[] = {
        px_copy_view(c->ids, c->n, sizeof *c->ids, "i"),
        px_copy_view(c->logits, c->n, sizeof *c->logits, "f"),
        px_copy_view(c->probabilities, c->n, sizeof *c->probabilities, "f"),
        c->selected < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(c->selected),
        PyLong_FromLong(c->n_masked),
        PyBool_FromLong(c->descending),
    };
    return px_sequence(candidates_type, items, 6);
}

bool px_is_candidates(PyObject *object) {
    return PyObject_TypeCheck(object, candidates_type);
}

PyObject *px_logprobs_object(const int32_t *ids, const float *logprobs, int32_t n,
                             PyObject *token_logprob) {
    PyObject *const items[] = {
        px_copy_view(ids, n, sizeof *ids, "i"),
        px_copy_view(logprobs, n, sizeof *logprobs, "f"),
        token_logprob,
    };
    return px_sequence(logprobs_type, items, 3);
}

/* ---- types ---- */

int px_results_init(PyObject *module) {
    static PyStructSequence_Field draw_fields[] = {
        {"token", "id of the token selected"},
        {"logit", "its logit after edits and temperature"},
        {"probability", "its probability in the final distribution"},
        {"n_candidates", "tokens that were left with a probability above zero"},
        {NULL, NULL}};
    static PyStructSequence_Desc draw = {"pluck.Draw", "What Sampler.draw found.", draw_fields, 4};
    static PyStructSequence_Field candidates_fields[] = {
        {"ids", "memoryview of n int32: token ids, in candidate order"},
        {"logits", "memoryview of n float32: logits after edits and temperature"},
        {"probabilities", "memoryview of n float32: they sum to 1"},
        {"selected", "index of the token selected; None if none was, or it is no longer here"},
        {"n_masked", "further candidates at probability zero, which llama.cpp would still list"},
        {"descending", "True if the order is known to be by descending logit"},
        {NULL, NULL}};
    static PyStructSequence_Desc candidates = {
        "pluck.Candidates",
        "The candidates that a chain left. The arrays are copies: numpy.asarray() and\n"
        "torch.frombuffer() take them without another one.",
        candidates_fields, 6};
    static PyStructSequence_Field logprobs_fields[] = {
        {"ids", "memoryview of int32: the most likely tokens, the most likely first"},
        {"logprobs", "memoryview of float32: their log-probabilities (natural logarithms)"},
        {"token_logprob", "log-probability of the token asked for; None if none was"},
        {NULL, NULL}};
    static PyStructSequence_Desc logprobs = {"pluck.LogProbs", "What top_logprobs found.",
                                             logprobs_fields, 3};
    draw_type = px_sequence_type(module, "Draw", &draw);
    candidates_type = px_sequence_type(module, "Candidates", &candidates);
    logprobs_type = px_sequence_type(module, "LogProbs", &logprobs);
    return draw_type && candidates_type && logprobs_type ? 0 : -1;
}
