/* batch_call.c: the arguments of Batch.sample. Samplers are marked as busy for the call. */
#include "batch.h"

#include <string.h>

static px_sampler *sampler_at(const px_batch_call *c, int32_t i) {
    return (px_sampler *)PyList_GetItem(c->samplers, i);
}

/* ---- samplers ---- */

static int enter(px_batch_call *c, int32_t i, int32_t n_vocab) {
    px_sampler *s = sampler_at(c, i);
    if (!PyObject_TypeCheck((PyObject *)s, px_sampler_type)) {
        PyErr_Format(PyExc_TypeError, "samplers[%d] is a %R; wanted: a pluck.Sampler", (int)i,
                     (PyObject *)Py_TYPE((PyObject *)s));
        return -1;
    }
    if (s->n_vocab > n_vocab) {
        PyErr_Format(PyExc_ValueError,
                     "samplers[%d] has a vocabulary of %d; the batch is for up to %d", (int)i,
                     (int)s->n_vocab, (int)n_vocab);
        return -1;
    }
    if (s->busy) {
        PyErr_Format(PyExc_RuntimeError,
                     "samplers[%d] is in use by another call, or is in the list twice", (int)i);
        return -1;
    }
    s->busy = true;
    c->n_entered = i + 1;
    c->in.rows[i].sampler = s->c;
    c->in.rows[i].row.n = s->n_vocab;
    return 0;
}

/* ---- the whole ---- */

static int fill_accept(px_batch_call *c, PyObject *accept) {
    const int wanted = accept ? PyObject_IsTrue(accept) : 0;
    for (int32_t i = 0; i < c->in.n; i++) c->in.rows[i].accept = wanted == 1;
    return wanted < 0 ? -1 : 0;
}

static int fill(px_batch_call *c, const px_batch_args *args, int32_t n_vocab, int32_t max_rows) {
    if (!args->samplers || !args->rows) {
        PyErr_SetString(PyExc_TypeError, "samplers and rows are needed");
        return -1;
    }
    c->samplers = PySequence_List(args->samplers);
    if (!c->samplers) return -1;
    const Py_ssize_t n = PyList_Size(c->samplers);
    if (n > max_rows) {
        PyErr_Format(PyExc_ValueError, "there are %zd samplers; the batch is for up to %d rows", n,
                     (int)max_rows);
        return -1;
    }
    if (px_rows_make(&c->in, (int32_t)n, "samplers") != 0) return -1;
    for (int32_t i = 0; i < c->in.n; i++)
        if (enter(c, i, n_vocab) != 0) return -1;
    if (px_rows_fill(&c->in, args->rows, args->mask, args->dtype) != 0) return -1;
    return fill_accept(c, args->accept);
}

int px_batch_call_fill(px_batch_call *c, const px_batch_args *args, int32_t n_vocab,
                       int32_t max_rows) {
    memset(c, 0, sizeof *c);
    if (fill(c, args, n_vocab, max_rows) == 0) return 0;
    px_batch_call_drop(c);
    return -1;
}

void px_batch_call_drop(px_batch_call *c) {
    for (int32_t i = 0; i < c->n_entered; i++) sampler_at(c, i)->busy = false;
    px_rows_drop(&c->in);
    Py_CLEAR(c->samplers);
    memset(c, 0, sizeof *c);
}
