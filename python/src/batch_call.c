/*
 * batch_call.c: the arguments of Batch.sample. Rows and masks are a matrix each, or a sequence of
 * arrays with one dimension; samplers are marked as busy for the call.
 */
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
    c->rows[i].sampler = s->c;
    return 0;
}

/* ---- arrays ---- */

static int wrong_row(int32_t i, int64_t n, int32_t n_vocab) {
    PyErr_Format(PyExc_ValueError, "row %d has %lld logits; the vocabulary of its sampler has %d",
                 (int)i, (long long)n, (int)n_vocab);
    return -1;
}

/* Row i begins at `data`, and its logits are `stride` bytes apart. */
static int set_row(px_batch_call *c, int32_t i, const px_array *a, const void *data, int64_t n,
                   int64_t stride) {
    const int32_t n_vocab = sampler_at(c, i)->n_vocab;
    if (n != n_vocab) return wrong_row(i, n, n_vocab);
    if ((uintptr_t)data % (uintptr_t)a->size != 0 || (n > 1 && stride % a->size != 0)) {
        PyErr_Format(PyExc_ValueError, "row %d is not aligned to its elements of %zd bytes", (int)i,
                     a->size);
        return -1;
    }
    if (n > 1 && stride == 0) {
        PyErr_Format(PyExc_ValueError, "row %d has a stride of 0 bytes", (int)i);
        return -1;
    }
    c->rows[i].row.logits = data;
    c->rows[i].row.n = n_vocab;
    c->rows[i].stride = n > 1 ? stride / a->size : 1;
    return 0;
}

/* The first dimension of a matrix: as many as there are samplers. */
static int check_count(const char *what, int64_t is, int32_t n) {
    if (is == n) return 0;
    PyErr_Format(PyExc_ValueError, "there are %lld %s and %d samplers; wanted: as many",
                 (long long)is, what, (int)n);
    return -1;
}

static int fill_matrix(px_batch_call *c, const px_array *a, PyObject *dtype) {
    pluck_dtype type;
    if (px_row_dtype(a, dtype, &type) != 0 || check_count("rows", a->shape[0], c->n) != 0)
        return -1;
    for (int32_t i = 0; i < c->n; i++) {
        c->rows[i].row.dtype = type;
        if (set_row(c, i, a, (const char *)a->data + i * a->strides[0], a->shape[1],
                    a->strides[1]) != 0)
            return -1;
    }
    return 0;
}

static int fill_row(px_batch_call *c, int32_t i, const px_array *a, PyObject *dtype) {
    if (a->n_dims != 1) {
        PyErr_Format(PyExc_ValueError, "row %d has 2 dimensions; wanted: 1, or all as one matrix",
                     (int)i);
        return -1;
    }
    if (px_row_dtype(a, dtype, &c->rows[i].row.dtype) != 0) return -1;
    return set_row(c, i, a, a->data, a->shape[0], a->strides[0]);
}

/* A list of what is given one by one; NULL without an exception: it is one array. */
static PyObject *as_list(PyObject *given) {
    return PyList_Check(given) || PyTuple_Check(given) ? PySequence_List(given) : NULL;
}

/* Takes the next array; its place in c->arrays stays what it is. */
static px_array *next_array(px_batch_call *c, PyObject *given, const char *what) {
    px_array *a = &c->arrays[c->n_arrays];
    if (px_array_take(a, given, what) != 0) return NULL;
    c->n_arrays++;
    return a;
}

static int fill_rows(px_batch_call *c, const px_batch_args *args) {
    PyObject *list = as_list(args->rows);
    if (!list) {
        if (PyErr_Occurred()) return -1;
        const px_array *a = next_array(c, args->rows, "rows");
        if (!a) return -1;
        if (a->n_dims == 2) return fill_matrix(c, a, args->dtype);
        PyErr_SetString(PyExc_ValueError,
                        "rows has one dimension; wanted: two, or a list of arrays");
        return -1;
    }
    int status = check_count("rows", PyList_Size(list), c->n);
    for (int32_t i = 0; status == 0 && i < c->n; i++) {
        const px_array *a = next_array(c, PyList_GetItem(list, i), "row");
        status = a ? fill_row(c, i, a, args->dtype) : -1;
    }
    Py_DECREF(list);
    return status;
}

static int set_mask(px_batch_call *c, int32_t i, const px_array *a, int64_t at) {
    pluck_row *row = &c->rows[i].row;
    return px_mask_words(a, at, sampler_at(c, i)->n_vocab, &row->allowed, &row->n_allowed,
                         &c->own[i]);
}

static int fill_masks(px_batch_call *c, PyObject *mask) {
    c->own = PyMem_Calloc((size_t)c->n + 1, sizeof *c->own);
    if (!c->own) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *list = as_list(mask);
    if (!list) {
        if (PyErr_Occurred()) return -1;
        const px_array *a = next_array(c, mask, "mask");
        if (!a || (a->n_dims == 2 && check_count("masks", a->shape[0], c->n) != 0)) return -1;
        /* One mask of one dimension is that of every row. */
        for (int32_t i = 0; i < c->n; i++)
            if (set_mask(c, i, a, a->n_dims == 2 ? i * a->strides[0] : 0) != 0) return -1;
        return 0;
    }
    int status = check_count("masks", PyList_Size(list), c->n);
    for (int32_t i = 0; status == 0 && i < c->n; i++) {
        PyObject *one = PyList_GetItem(list, i);
        if (one == Py_None) continue;
        const px_array *a = next_array(c, one, "mask");
        if (a && a->n_dims != 1)
            PyErr_Format(PyExc_ValueError, "mask %d has 2 dimensions; wanted: 1", (int)i);
        status = a && a->n_dims == 1 ? set_mask(c, i, a, 0) : -1;
    }
    Py_DECREF(list);
    return status;
}

/* ---- the whole ---- */

static int fill_accept(px_batch_call *c, PyObject *accept) {
    const int wanted = accept ? PyObject_IsTrue(accept) : 0;
    for (int32_t i = 0; i < c->n; i++) c->rows[i].accept = wanted == 1;
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
    c->n = (int32_t)n;
    c->rows = PyMem_Calloc((size_t)n + 1, sizeof *c->rows);
    c->arrays = PyMem_Malloc(((size_t)n * 2 + 2) * sizeof *c->arrays);
    if (!c->rows || !c->arrays) {
        PyErr_NoMemory();
        return -1;
    }
    for (int32_t i = 0; i < c->n; i++)
        if (enter(c, i, n_vocab) != 0) return -1;
    if (fill_rows(c, args) != 0 || (args->mask && fill_masks(c, args->mask) != 0)) return -1;
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
    for (int32_t i = 0; i < c->n_arrays; i++) px_array_drop(&c->arrays[i]);
    for (int32_t i = 0; c->own && i < c->n; i++) PyMem_Free(c->own[i]);
    PyMem_Free(c->own);
    PyMem_Free(c->arrays);
    PyMem_Free(c->rows);
    Py_CLEAR(c->samplers);
    memset(c, 0, sizeof *c);
}
