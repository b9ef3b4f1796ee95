/*
 * array.c: an array of NumPy, PyTorch, or anything with the buffer protocol or DLPack, read where it
 * lies. The buffer protocol is asked first, since NumPy and the standard library have it.
 */
#include "extension.h"

#include <string.h>

static bool host_is_little(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

const char *px_element_name(const px_array *a) {
    switch (a->element) {
    case PX_F32:
        return "float32";
    case PX_F16:
        return "float16";
    case PX_BF16:
        return "bfloat16";
    case PX_BOOL:
        return "bool";
    case PX_INT8:
        return "int8 or uint8";
    case PX_INT16:
        return "int16 or uint16";
    case PX_INT32:
        return "int32 or uint32";
    case PX_INT64:
        return "int64 or uint64";
    case PX_OTHER:
        break;
    }
    return a->other;
}

/* ---- formats ---- */

/* The element type of a format of the struct module. */
static px_element element_of(const char *format, Py_ssize_t size) {
    if (!format) format = "B";
    const char order = *format;
    const bool little = host_is_little();
    if (order == '@' || order == '=' || order == (little ? '<' : '>') || (!little && order == '!'))
        format++;
    if (format[0] == '\0' || format[1] != '\0') return PX_OTHER;
    switch (*format) {
    case 'f':
        return PX_F32;
    case 'e':
        return PX_F16;
    case '?':
        return PX_BOOL;
    case 'b':
    case 'B':
    case 'c':
    case 'h':
    case 'H':
    case 'i':
    case 'I':
    case 'l':
    case 'L':
    case 'q':
    case 'Q':
    case 'n':
    case 'N':
        return size == 1   ? PX_INT8
               : size == 2 ? PX_INT16
               : size == 4 ? PX_INT32
               : size == 8 ? PX_INT64
                           : PX_OTHER;
    default:
        return PX_OTHER;
    }
}

/* What an element type that is not taken is called. */
static void name_other(px_array *a, const char *format) {
    const bool foreign = *format == (host_is_little() ? '>' : '<') || *format == '!';
    if (strcmp(format + (strchr("@=<>!", *format) ? 1 : 0), "d") == 0 && !foreign)
        (void)PyOS_snprintf(a->other, sizeof a->other, "float64");
    else if (foreign)
        (void)PyOS_snprintf(a->other, sizeof a->other, "of another byte order");
    else
        (void)PyOS_snprintf(a->other, sizeof a->other, "of format '%.8s'", format);
}

/* ---- shapes ---- */

int px_array_set_dims(px_array *a, Py_ssize_t n_dims, const char *what) {
    a->n_dims = (int)n_dims;
    if (n_dims == 1 || n_dims == 2) return 0;
    PyErr_Format(PyExc_ValueError, "%s has %zd dimensions; wanted: 1, or 2 for a batch", what,
                 n_dims);
    return -1;
}

void px_array_set_packed(px_array *a) {
    int64_t stride = a->size;
    for (int i = a->n_dims - 1; i >= 0; i--) {
        a->strides[i] = stride;
        stride *= a->shape[i];
    }
}

/* ---- the buffer protocol ---- */

static int take_buffer(px_array *a, PyObject *object, const char *what) {
    if (PyObject_GetBuffer(object, &a->buffer, PyBUF_STRIDES | PyBUF_FORMAT) != 0) return -1;
    a->has_buffer = true;
    const Py_buffer *b = &a->buffer;
    if (px_array_set_dims(a, b->ndim, what) != 0) return -1;
    a->data = b->buf;
    a->size = b->itemsize;
    a->element = element_of(b->format, b->itemsize);
    if (a->element == PX_OTHER) name_other(a, b->format ? b->format : "B");
    for (int i = 0; i < b->ndim; i++)
        a->shape[i] = b->shape ? b->shape[i] : b->len / (b->itemsize > 0 ? b->itemsize : 1);
    /* ctypes leaves out the strides, although they were asked for. */
    px_array_set_packed(a);
    for (int i = 0; b->strides && i < b->ndim; i++) a->strides[i] = b->strides[i];
    return 0;
}

/* NumPy has no bfloat16 of its own, and an array of a package's that does (ml_dtypes) has no buffer:
 * it is read as 16-bit integers. 1: so it was; 0: it is none; -1: an error is set. */
static int take_numpy_bfloat16(px_array *a, PyObject *object, const char *what) {
    PyObject *dtype = PyObject_GetAttrString(object, "dtype");
    PyObject *name = dtype ? PyObject_GetAttrString(dtype, "name") : NULL;
    Py_XDECREF(dtype);
    const bool is_it =
        name && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "bfloat16") == 0;
    Py_XDECREF(name);
    PyErr_Clear();
    if (!is_it) return 0;
    PyObject *bits = PyObject_CallMethod(object, "view", "s", "uint16");
    if (!bits) return -1;
    const int status = take_buffer(a, bits, what);
    Py_DECREF(bits); /* the buffer keeps it */
    if (status == 0) a->element = PX_BF16;
    return status == 0 ? 1 : -1;
}

/* Replaces the exporter's own error, which may not say which argument it was. */
static int refuse_buffer(PyObject *object, const char *what) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyErr_Format(PyExc_BufferError, "%s, a %R, cannot be read as an array: %S", what,
                 (PyObject *)Py_TYPE(object), value ? value : Py_None);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return -1;
}

static int take(px_array *a, PyObject *object, const char *what) {
    if (PyObject_CheckBuffer(object)) {
        if (take_buffer(a, object, what) == 0) return 0;
        if (a->has_buffer || !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        const int taken = take_numpy_bfloat16(a, object, what);
        if (taken != 0) {
            Py_XDECREF(type);
            Py_XDECREF(value);
            Py_XDECREF(trace);
            return taken > 0 ? 0 : -1;
        }
        PyErr_Restore(type, value, trace);
        return refuse_buffer(object, what);
    }
    int taken = px_torch_take(a, object, what);
    if (taken == 0) taken = px_dlpack_take(a, object, what);
    if (taken != 0) return taken > 0 ? 0 : -1;
    PyErr_Format(PyExc_TypeError,
                 "%s is a %R; wanted: an array (NumPy, PyTorch, the buffer protocol, DLPack)", what,
                 (PyObject *)Py_TYPE(object));
    return -1;
}

int px_array_take(px_array *a, PyObject *object, const char *what) {
    memset(a, 0, sizeof *a);
    a->owner = Py_NewRef(object);
    if (take(a, object, what) == 0) {
        if (a->data || a->shape[0] == 0 || (a->n_dims == 2 && a->shape[1] == 0)) return 0;
        PyErr_Format(PyExc_BufferError, "%s has no memory that can be read here", what);
    }
    px_array_drop(a);
    return -1;
}

void px_array_drop(px_array *a) {
    if (a->has_buffer) PyBuffer_Release(&a->buffer);
    a->has_buffer = false;
    Py_CLEAR(a->lender);
    Py_CLEAR(a->owner);
}

int px_array_visit(const px_array *a, visitproc visit, void *arg) {
    Py_VISIT(a->owner);
    Py_VISIT(a->lender);
    if (a->has_buffer) Py_VISIT(a->buffer.obj);
    return 0;
}

bool px_array_is_in_place(const px_array *a) {
    return !a->owner || a->has_buffer || a->lender || px_torch_data(a->owner) == a->data;
}
