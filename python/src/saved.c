/* saved.c: a sampler's state as bytes, and pickling: the chain as stage objects, and that state. */
#include "extension.h"

static PyObject *save(px_sampler *s) {
    size_t size = 0;
    pluck_status status = pluck_sampler_save(s->c, NULL, 0, &size);
    if (status != PLUCK_OK) return px_raise(status, NULL);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!bytes) return NULL;
    status = pluck_sampler_save(s->c, PyBytes_AsString(bytes), size, &size);
    if (status == PLUCK_OK) return bytes;
    Py_DECREF(bytes);
    return px_raise(status, NULL);
}

PyObject *px_sampler_save(PyObject *self, PyObject *unused) {
    (void)unused;
    px_sampler *s = (px_sampler *)self;
    if (px_sampler_enter(s) != 0) return NULL;
    PyObject *bytes = save(s);
    px_sampler_leave(s);
    return bytes;
}

PyObject *px_sampler_load(PyObject *self, PyObject *given) {
    px_sampler *s = (px_sampler *)self;
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(given, &bytes, &size) != 0 || px_sampler_enter(s) != 0) return NULL;
    pluck_error err = {PLUCK_OK, ""};
    const pluck_status status = pluck_sampler_load(s->c, bytes, (size_t)size, &err);
    px_sampler_leave(s);
    return status == PLUCK_OK ? Py_NewRef(Py_None) : px_raise(status, &err);
}

PyObject *px_sampler_reduce(PyObject *self, PyObject *unused) {
    (void)unused;
    const px_sampler *s = (px_sampler *)self;
    const pluck_config *config = pluck_sampler_config(s->c);
    PyObject *stages = px_chain_stages(config, s->callbacks);
    PyObject *state = stages ? px_sampler_save(self, NULL) : NULL;
    PyObject *module = state ? PyImport_ImportModule("pluck._restore") : NULL;
    PyObject *restore = module ? PyObject_GetAttrString(module, "restore") : NULL;
    PyObject *reduced = restore
                            ? Py_BuildValue("O(OOiksiO)", restore, (PyObject *)Py_TYPE(self),
                                            stages, (int)s->n_vocab, (unsigned long)config->seed,
                                            config->rng == PLUCK_RNG_PHILOX ? "philox" : "mt19937",
                                            (int)config->max_rewind, state)
                            : NULL;
    Py_XDECREF(restore);
    Py_XDECREF(module);
    Py_XDECREF(state);
    Py_XDECREF(stages);
    return reduced;
}
