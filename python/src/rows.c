/*
 * rows.c: the rows and masks of a call that takes many. Each are a matrix, or a sequence of arrays with
 * one dimension.
 */
#include "rows.h"

#include <string.h>

/* ---- rows ---- */

static int wrong_row(int32_t i, int64_t n, int32_t n_vocab) {
    PyErr_Format(PyExc_ValueError, "row %d has %lld logits; the vocabulary of its sampler has %d",
                 (int)i, (long long)n, (int)n_vocab);
    return -1;
}

/* Row i begins at `data`, and its logits are `stride` bytes apart. */
static int set_row(px_rows *r, int32_t i, const px_array *a, const void *data, int64_t n,
                   int64_t stride) {
    const int32_t n_vocab = r->rows[i].row.n;
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
    r->rows[i].row.logits = data;
    r->rows[i].stride = n > 1 ? stride / a->size : 1;
    return 0;
}

int px_check_count(const char *what, int64_t is, const char *per, int32_t n) {
    if (is == n) return 0;
    PyErr_Format(PyExc_ValueError, "there are %lld %s and %d %s; wanted: as many", (long long)is,
                 what, (int)n, per);
    return -1;
}

static int check_count(const px_rows *r, const char *what, int64_t is) {
    return px_check_count(what, is, r->per, r->n);
}

static int fill_matrix(px_rows *r, const px_array *a, PyObject *dtype) {
    pluck_dtype type;
    if (px_row_dtype(a, "row", dtype, &type) != 0 || check_count(r, "rows", a->shape[0]) != 0)
        return -1;
    for (int32_t i = 0; i < r->n; i++) {
        r->rows[i].row.dtype = type;
        if (set_row(r, i, a, (const char *)a->data + i * a->strides[0], a->shape[1],
                    a->strides[1]) != 0)
            return -1;
    }
    return 0;
}

static int fill_row(px_rows *r, int32_t i, const px_array *a, PyObject *dtype) {
    if (a->n_dims != 1) {
        PyErr_Format(PyExc_ValueError, "row %d has 2 dimensions; wanted: 1, or all as one matrix",
                     (int)i);
        return -1;
    }
    if (px_row_dtype(a, "row", dtype, &r->rows[i].row.dtype) != 0) return -1;
    return set_row(r, i, a, a->data, a->shape[0], a->strides[0]);
}

PyObject *px_as_list(PyObject *given) {
    return PyList_Check(given) || PyTuple_Check(given) ? PySequence_List(given) : NULL;
}

/* Takes the next array; its place in r->arrays stays what it is. */
static px_array *next_array(px_rows *r, PyObject *given, const char *what) {
    px_array *a = &r->arrays[r->n_arrays];
    if (px_array_take(a, given, what) != 0) return NULL;
    r->n_arrays++;
    return a;
}

static int fill_rows(px_rows *r, PyObject *rows, PyObject *dtype) {
    PyObject *list = px_as_list(rows);
    if (!list) {
        if (PyErr_Occurred()) return -1;
        const px_array *a = next_array(r, rows, "rows");
        if (!a) return -1;
        if (a->n_dims == 2) return fill_matrix(r, a, dtype);
        PyErr_SetString(PyExc_ValueError,
                        "rows has one dimension; wanted: two, or a list of arrays");
        return -1;
    }
    int status = check_count(r, "rows", PyList_Size(list));
    for (int32_t i = 0; status == 0 && i < r->n; i++) {
        const px_array *a = next_array(r, PyList_GetItem(list, i), "row");
        status = a ? fill_row(r, i, a, dtype) : -1;
    }
    Py_DECREF(list);
    return status;
}

/* ---- masks ---- */

static int set_mask(px_rows *r, int32_t i, const px_array *a, int64_t at) {
    pluck_row *row = &r->rows[i].row;
    return px_mask_words(a, at, r->rows[i].row.n, &row->allowed, &row->n_allowed, &r->own[i]);
}

static int fill_masks(px_rows *r, PyObject *mask) {
    r->own = PyMem_Calloc((size_t)r->n + 1, sizeof *r->own);
    if (!r->own) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *list = px_as_list(mask);
    if (!list) {
        if (PyErr_Occurred()) return -1;
        const px_array *a = next_array(r, mask, "mask");
        if (!a || (a->n_dims == 2 && check_count(r, "masks", a->shape[0]) != 0)) return -1;
        /* One mask of one dimension is that of every row. */
        for (int32_t i = 0; i < r->n; i++)
            if (set_mask(r, i, a, a->n_dims == 2 ? i * a->strides[0] : 0) != 0) return -1;
        return 0;
    }
    int status = check_count(r, "masks", PyList_Size(list));
    for (int32_t i = 0; status == 0 && i < r->n; i++) {
        PyObject *one = PyList_GetItem(list, i);
        if (one == Py_None) continue;
        const px_array *a = next_array(r, one, "mask");
        if (a && a->n_dims != 1)
            PyErr_Format(PyExc_ValueError, "mask %d has 2 dimensions; wanted: 1", (int)i);
        status = a && a->n_dims == 1 ? set_mask(r, i, a, 0) : -1;
    }
    Py_DECREF(list);
    return status;
}

/* ---- the whole ---- */

int px_rows_make(px_rows *r, int32_t n, const char *per) {
    memset(r, 0, sizeof *r);
    r->rows = PyMem_Calloc((size_t)n + 1, sizeof *r->rows);
    r->arrays = PyMem_Malloc(((size_t)n * 2 + 2) * sizeof *r->arrays);
    r->per = per;
    if (!r->rows || !r->arrays) {
        PyErr_NoMemory();
        return -1;
    }
    r->n = n;
    return 0;
}

int px_rows_fill(px_rows *r, PyObject *rows, PyObject *mask, PyObject *dtype) {
    return fill_rows(r, rows, dtype) != 0 || (mask && fill_masks(r, mask) != 0) ? -1 : 0;
}

void px_rows_drop(px_rows *r) {
    for (int32_t i = 0; i < r->n_arrays; i++) px_array_drop(&r->arrays[i]);
    for (int32_t i = 0; r->own && i < r->n; i++) PyMem_Free(r->own[i]);
    PyMem_Free(r->own);
    PyMem_Free(r->arrays);
    PyMem_Free(r->rows);
    memset(r, 0, sizeof *r);
}
