/* request.c: the arguments of a call: row, mask and ids, as the C library wants them. */
#include "extension.h"

#include <string.h>

/* ---- arguments ---- */

static int index_of(PyObject *name, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0) return i;
    return -1;
}

static int n_names(const char *const *names) {
    int n = 0;
    while (names[n]) n++;
    return n;
}

int px_arguments(const char *function, PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames,
                 const char *const *names, int n_positional, PyObject **values) {
    if (n_args > n_positional) {
        PyErr_Format(PyExc_TypeError, "%s takes at most %d arguments by place, %zd were given",
                     function, n_positional, n_args);
        return -1;
    }
    memset(values, 0, (size_t)n_names(names) * sizeof(PyObject *));
    for (Py_ssize_t i = 0; i < n_args; i++) values[i] = args[i];
    const Py_ssize_t n_keywords = kwnames ? PyTuple_Size(kwnames) : 0;
    for (Py_ssize_t i = 0; i < n_keywords; i++) {
        PyObject *name = PyTuple_GetItem(kwnames, i);
        const int at = index_of(name, names);
        if (at < 0) {
            PyErr_Format(PyExc_TypeError, "%s has no argument %R", function, name);
            return -1;
        }
        if (values[at]) {
            PyErr_Format(PyExc_TypeError, "%s: %s is given twice", function, names[at]);
            return -1;
        }
        values[at] = args[n_args + i];
    }
    for (int i = 0; names[i]; i++)
        if (values[i] == Py_None) values[i] = NULL;
    return 0;
}

PyObject *px_index(PyObject *object, const char *what) {
    PyObject *whole = PyNumber_Index(object);
    if (!whole && PyErr_ExceptionMatches(PyExc_TypeError))
        PyErr_Format(PyExc_TypeError, "%s is a %R; wanted: an integer", what,
                     (PyObject *)Py_TYPE(object));
    return whole;
}

int px_int32(PyObject *object, const char *what, int32_t *out) {
    PyObject *whole = px_index(object, what);
    if (!whole) return -1;
    int overflow;
    const long long value = PyLong_AsLongLongAndOverflow(whole, &overflow);
    const bool fits = !overflow && value >= INT32_MIN && value <= INT32_MAX;
    if (!fits && !PyErr_Occurred())
        PyErr_Format(PyExc_OverflowError, "%s is %S; allowed: 32 bits, -2147483648 to 2147483647",
                     what, whole);
    Py_DECREF(whole);
    *out = (int32_t)value;
    return fits ? 0 : -1;
}

PyObject *px_text(PyObject *object, const char *what) {
    if (PyUnicode_Check(object)) return PyUnicode_AsUTF8String(object);
    if (PyBytes_Check(object)) return Py_NewRef(object);
    return PyErr_Format(PyExc_TypeError, "%s is a %R; wanted: str or bytes", what,
                        (PyObject *)Py_TYPE(object));
}

/* ---- the row ---- */

int px_row_dtype(const px_array *a, const char *what, PyObject *dtype, pluck_dtype *out) {
    static const char *const names[] = {"float32", "float16", "bfloat16", NULL};
    int said = -1;
    if (dtype) {
        said = PyUnicode_Check(dtype) ? index_of(dtype, names) : -1;
        if (said < 0) {
            PyErr_Format(PyExc_ValueError, "dtype=%R; allowed: 'float32', 'float16', 'bfloat16'",
                         dtype);
            return -1;
        }
    }
    const int is = a->element == PX_F32    ? PLUCK_DTYPE_F32
                   : a->element == PX_F16  ? PLUCK_DTYPE_F16
                   : a->element == PX_BF16 ? PLUCK_DTYPE_BF16
                                           : -1;
    if (is >= 0 && (said < 0 || said == is)) {
        *out = (pluck_dtype)is;
        return 0;
    }
    if (a->element == PX_INT16 && said > PLUCK_DTYPE_F32) {
        *out = (pluck_dtype)said;
        return 0;
    }
    if (dtype)
        PyErr_Format(PyExc_TypeError, "the %s is %s, which dtype=%R contradicts", what,
                     px_element_name(a), dtype);
    else
        PyErr_Format(PyExc_TypeError, "the %s is %s; wanted: float32, float16 or bfloat16%s", what,
                     px_element_name(a),
                     a->element == PX_INT16
                         ? " (dtype='bfloat16' says that 16-bit integers are the bits of one)"
                         : "");
    return -1;
}

/* One dimension, elements side by side, and addressable. */
static int check_layout(const px_array *a, const char *what) {
    if (a->n_dims != 1) {
        PyErr_Format(PyExc_ValueError,
                     "%s has shape (%lld, %lld); wanted: one dimension, such as %s[0] (pluck.Batch "
                     "takes two)",
                     what, (long long)a->shape[0], (long long)a->shape[1], what);
        return -1;
    }
    if (a->shape[0] > 1 && a->strides[0] != a->size) {
        PyErr_Format(PyExc_ValueError,
                     "%s has a stride of %lld bytes, its elements have %zd; wanted: contiguous",
                     what, (long long)a->strides[0], a->size);
        return -1;
    }
    if (a->size > 0 && (uintptr_t)a->data % (uintptr_t)a->size != 0) {
        PyErr_Format(PyExc_ValueError, "%s is not aligned to its elements of %zd bytes", what,
                     a->size);
        return -1;
    }
    return 0;
}

static int fill_row(px_request *r, const px_row_args *args, int32_t n_vocab) {
    if (px_row_dtype(&r->row, "row", args->dtype, &r->c.dtype) != 0) return -1;
    if (check_layout(&r->row, "row") != 0) return -1;
    const int64_t n = r->row.shape[0];
    const bool right = args->ids ? n >= 1 && n <= n_vocab
                       : n_vocab ? n == n_vocab
                                 : n >= 1 && n <= PLUCK_MAX_VOCAB;
    if (!right) {
        if (args->ids)
            PyErr_Format(PyExc_ValueError, "row has %lld candidates; allowed: 1 to %d",
                         (long long)n, (int)n_vocab);
        else if (n_vocab)
            PyErr_Format(PyExc_ValueError, "row has %lld logits; the vocabulary has %d",
                         (long long)n, (int)n_vocab);
        else
            PyErr_Format(PyExc_ValueError, "row has %lld logits; allowed: 1 to %d", (long long)n,
                         PLUCK_MAX_VOCAB);
        return -1;
    }
    r->c.logits = r->row.data;
    r->c.n = (int32_t)n;
    return 0;
}

/* The second row of guidance and contrastive decoding: the whole vocabulary, also beside ids. */
static int fill_second(px_request *r, const px_row_args *args, int32_t n_vocab) {
    const px_array *a = &r->second;
    PyObject *dtype = a->element == PX_INT16 ? args->dtype : NULL;
    if (px_row_dtype(a, "second row", dtype, &r->c.second_dtype) != 0 ||
        check_layout(a, "second") != 0)
        return -1;
    if (a->shape[0] != n_vocab) {
        PyErr_Format(PyExc_ValueError, "second has %lld logits; the vocabulary has %d",
                     (long long)a->shape[0], (int)n_vocab);
        return -1;
    }
    r->c.second = a->data;
    return 0;
}

/* ---- ids ---- */

static int fill_ids(px_request *r) {
    const px_array *a = &r->ids;
    if (a->element != PX_INT32 && a->element != PX_INT64) {
        PyErr_Format(PyExc_TypeError, "ids are %s; wanted: int32 or int64", px_element_name(a));
        return -1;
    }
    if (check_layout(a, "ids") != 0) return -1;
    if (a->shape[0] != r->row.shape[0]) {
        PyErr_Format(PyExc_ValueError, "there are %lld ids and %lld logits; wanted: as many",
                     (long long)a->shape[0], (long long)r->row.shape[0]);
        return -1;
    }
    if (a->element == PX_INT32) {
        r->c.ids = a->data;
        return 0;
    }
    const int64_t *from = a->data;
    int32_t *to = r->own_ids = PyMem_Malloc((size_t)a->shape[0] * sizeof *to);
    if (!to) {
        PyErr_NoMemory();
        return -1;
    }
    for (int64_t i = 0; i < a->shape[0]; i++)
        to[i] = from[i] < 0 || from[i] > INT32_MAX ? -1 : (int32_t)from[i]; /* -1: ERR_TOKEN */
    r->c.ids = to;
    return 0;
}

/* ---- masks ---- */

/* Eight bools, each a byte of any value, as bits; the first is the lowest. */
static uint32_t pack_eight(const unsigned char *from) {
    uint32_t bits = 0;
    for (int i = 0; i < 8; i++) bits |= (uint32_t)(from[i] != 0) << i;
    return bits;
}

static void pack_bools(const unsigned char *from, int32_t n, uint32_t *words) {
    memset(words, 0, ((size_t)n + 31) / 32 * sizeof *words);
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) words[i / 32] |= pack_eight(from + i) << (i % 32);
    for (; i < n; i++) words[i / 32] |= (uint32_t)(from[i] != 0) << (i % 32);
}

/* Bytes of eight bits each, the lowest first, as words. */
static void join_bytes(const unsigned char *from, int32_t n, uint32_t *words) {
    memset(words, 0, ((size_t)n + 31) / 32 * sizeof *words);
    for (int32_t i = 0; i < (n + 7) / 8; i++) words[i / 4] |= (uint32_t)from[i] << (i % 4 * 8);
}

/* The mask's last dimension: of one row. */
static int check_mask(const px_array *a, int32_t n_vocab) {
    const int last = a->n_dims - 1;
    const int64_t n = a->shape[last];
    const int per_item = a->element == PX_BOOL ? 1 : a->element == PX_INT8 ? 8 : 32;
    if (a->element != PX_BOOL && a->element != PX_INT8 && a->element != PX_INT32) {
        PyErr_Format(PyExc_TypeError,
                     "mask is %s; wanted: bool, or bits packed in uint8 or int32 (lowest first)",
                     px_element_name(a));
        return -1;
    }
    if (n > 1 && a->strides[last] != a->size) {
        PyErr_Format(PyExc_ValueError,
                     "mask has a stride of %lld bytes, its elements have %zd; wanted: contiguous",
                     (long long)a->strides[last], a->size);
        return -1;
    }
    if (per_item == 1 ? n != n_vocab : n < ((int64_t)n_vocab + per_item - 1) / per_item) {
        PyErr_Format(PyExc_ValueError,
                     "mask has %lld elements of %d token%s each; the vocabulary has %d tokens",
                     (long long)n, per_item, per_item == 1 ? "" : "s", (int)n_vocab);
        return -1;
    }
    return 0;
}

int px_mask_words(const px_array *mask, int64_t at, int32_t n_vocab, const uint32_t **words,
                  int32_t *n_allowed, void **own) {
    if (check_mask(mask, n_vocab) != 0) return -1;
    const unsigned char *data = (const unsigned char *)mask->data + at;
    *n_allowed = n_vocab;
    if (mask->element == PX_INT32 && (uintptr_t)data % sizeof **words == 0) {
        *words = (const uint32_t *)(const void *)data;
        return 0;
    }
    const size_t size = ((size_t)n_vocab + 31) / 32 * sizeof **words;
    uint32_t *packed = *own = PyMem_Malloc(size);
    if (!packed) {
        PyErr_NoMemory();
        return -1;
    }
    if (mask->element == PX_BOOL)
        pack_bools(data, n_vocab, packed);
    else if (mask->element == PX_INT8)
        join_bytes(data, n_vocab, packed);
    else
        memcpy(packed, data, size);
    *words = packed;
    return 0;
}

static int fill_mask(px_request *r, int32_t n_vocab) {
    if (r->mask.n_dims != 1) return check_layout(&r->mask, "mask");
    return px_mask_words(&r->mask, 0, n_vocab, &r->c.allowed, &r->c.n_allowed, &r->own_mask);
}

/* ---- the whole ---- */

static int fill(px_request *r, const px_row_args *args, int32_t n_vocab) {
    if (!args->row) {
        PyErr_SetString(PyExc_TypeError, "a row is needed");
        return -1;
    }
    if (px_array_take(&r->row, args->row, "row") != 0) return -1;
    if (fill_row(r, args, n_vocab) != 0) return -1;
    if (args->ids && (px_array_take(&r->ids, args->ids, "ids") != 0 || fill_ids(r) != 0)) return -1;
    if (args->descending) {
        const int descending = PyObject_IsTrue(args->descending);
        if (descending < 0) return -1;
        if (descending && !args->ids) {
            PyErr_SetString(PyExc_ValueError, "descending=True is for rows with ids");
            return -1;
        }
        r->c.descending = descending == 1;
    }
    if (args->second && (px_array_take(&r->second, args->second, "second") != 0 ||
                         fill_second(r, args, n_vocab) != 0))
        return -1;
    if (!args->mask) return 0;
    if (px_array_take(&r->mask, args->mask, "mask") != 0) return -1;
    return fill_mask(r, n_vocab ? n_vocab : r->c.n);
}

int px_request_fill(px_request *r, const px_row_args *args, int32_t n_vocab) {
    memset(r, 0, sizeof *r);
    if (fill(r, args, n_vocab) == 0) return 0;
    px_request_drop(r);
    return -1;
}

void px_request_drop(px_request *r) {
    px_array_drop(&r->row);
    px_array_drop(&r->mask);
    px_array_drop(&r->ids);
    px_array_drop(&r->second);
    PyMem_Free(r->own_mask);
    PyMem_Free(r->own_ids);
    r->own_mask = r->own_ids = NULL;
}
