/* accept.c: methods of Sampler that tell it tokens: those chosen, and those of a prompt. */
#include "extension.h"

int px_check_token(int32_t token, int32_t n_vocab) {
    if (token >= 0 && token < n_vocab) return 0;
    pluck_error err = {PLUCK_ERR_TOKEN, ""};
    (void)PyOS_snprintf(err.message, sizeof err.message, "token %d is outside the vocabulary of %d",
                        (int)token, (int)n_vocab);
    (void)px_raise(PLUCK_ERR_TOKEN, &err);
    return -1;
}

static int read_token(const px_sampler *s, PyObject *object, int32_t *token) {
    return px_int32(object, "token", token) == 0 ? px_check_token(*token, s->n_vocab) : -1;
}

/* None, if all went well: neither the library nor a custom stage refused. */
static PyObject *finish(const px_sampler *s, pluck_status status) {
    if (px_callbacks_raise(s->callbacks) != 0) return NULL;
    return status == PLUCK_OK ? Py_NewRef(Py_None) : px_raise(status, NULL);
}

static PyObject *accept_one(px_sampler *s, PyObject *object) {
    int32_t token;
    if (read_token(s, object, &token) != 0 || px_sampler_enter(s) != 0) return NULL;
    const pluck_status status = pluck_accept(s->c, token);
    px_sampler_leave(s);
    return finish(s, status);
}

static pluck_status accept_each(pluck_sampler *c, const int32_t *tokens, int32_t n) {
    pluck_status status = PLUCK_OK;
    for (int32_t i = 0; status == PLUCK_OK && i < n; i++) status = pluck_accept(c, tokens[i]);
    return status;
}

/* All tokens are looked at before the first is accepted. */
static PyObject *accept_many(px_sampler *s, PyObject *object,
                             pluck_status (*accept)(pluck_sampler *, const int32_t *, int32_t)) {
    PyObject *list = PySequence_List(object);
    if (!list) return NULL;
    const Py_ssize_t n = PyList_Size(list);
    int32_t *tokens = n <= INT32_MAX ? PyMem_Malloc((size_t)n * sizeof *tokens + 1) : NULL;
    if (!tokens) PyErr_NoMemory();
    bool right = tokens != NULL;
    for (Py_ssize_t i = 0; right && i < n; i++)
        right = read_token(s, PyList_GetItem(list, i), &tokens[i]) == 0;
    Py_DECREF(list);
    PyObject *result = NULL;
    if (right && px_sampler_enter(s) == 0) {
        const pluck_status status = accept(s->c, tokens, (int32_t)n);
        px_sampler_leave(s);
        result = finish(s, status);
    }
    PyMem_Free(tokens);
    return result;
}

PyObject *px_sampler_accept(PyObject *self, PyObject *token) {
    px_sampler *s = (px_sampler *)self;
    return PyIndex_Check(token) && !PySequence_Check(token) ? accept_one(s, token)
                                                            : accept_many(s, token, accept_each);
}

PyObject *px_sampler_accept_prompt(PyObject *self, PyObject *tokens) {
    return accept_many((px_sampler *)self, tokens, pluck_accept_prompt);
}
