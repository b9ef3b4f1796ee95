/*
 * dlpack.c: arrays of any package that speaks DLPack (dmlc/dlpack; the structures are those of its
 * versions 0.8 and 1.0). The capsule is kept and not consumed: its destructor gives the memory back.
 */
#include "extension.h"

typedef struct dl_device {
    int32_t type, id;
} dl_device;

typedef struct dl_tensor {
    void *data;
    dl_device device;
    int32_t n_dims;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: contiguous */
    uint64_t byte_offset;
} dl_tensor;

/* From version 1.0 on; before it the tensor came first. */
typedef struct dl_versioned {
    uint32_t major, minor;
    void *context;
    void (*deleter)(struct dl_versioned *);
    uint64_t flags;
    dl_tensor tensor;
} dl_versioned;

enum { DL_CPU = 1, DL_CUDA_HOST = 3, DL_ROCM_HOST = 11 };
enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_BOOL = 6 };

static px_element element_of(const dl_tensor *t) {
    if (t->dtype.lanes != 1) return PX_OTHER;
    switch (t->dtype.code) {
    case DL_FLOAT:
        return t->dtype.bits == 32 ? PX_F32 : t->dtype.bits == 16 ? PX_F16 : PX_OTHER;
    case DL_BFLOAT:
        return t->dtype.bits == 16 ? PX_BF16 : PX_OTHER;
    case DL_BOOL:
        return t->dtype.bits == 8 ? PX_BOOL : PX_OTHER;
    case DL_INT:
    case DL_UINT:
        return t->dtype.bits == 8    ? PX_INT8
               : t->dtype.bits == 16 ? PX_INT16
               : t->dtype.bits == 32 ? PX_INT32
               : t->dtype.bits == 64 ? PX_INT64
                                     : PX_OTHER;
    default:
        return PX_OTHER;
    }
}

static int read_tensor(px_array *a, const dl_tensor *t, const char *what) {
    if (px_array_set_dims(a, t->n_dims, what) != 0) return -1;
    a->element = element_of(t);
    a->size = t->dtype.bits / 8;
    if (a->element == PX_OTHER)
        (void)PyOS_snprintf(a->other, sizeof a->other, "of DLPack's type %d.%d", t->dtype.code,
                            t->dtype.bits);
    for (int i = 0; i < a->n_dims; i++) a->shape[i] = t->shape[i];
    px_array_set_packed(a);
    for (int i = 0; t->strides && i < a->n_dims; i++) a->strides[i] = t->strides[i] * a->size;
    a->data = t->data ? (const char *)t->data + t->byte_offset : NULL;
    return 0;
}

/* Whether this process can read the device's memory; -1: an error is set. */
static int is_readable(PyObject *object, const char *what) {
    PyObject *pair = PyObject_CallMethod(object, "__dlpack_device__", NULL);
    PyObject *first = pair ? PySequence_GetItem(pair, 0) : NULL;
    const long type = first ? PyLong_AsLong(first) : -1;
    Py_XDECREF(first);
    Py_XDECREF(pair);
    if (PyErr_Occurred()) return -1;
    if (type == DL_CPU || type == DL_CUDA_HOST || type == DL_ROCM_HOST) return 1;
    PyErr_Format(PyExc_BufferError, "%s lies on a device (DLPack's number %ld); wanted: the CPU",
                 what, type);
    return -1;
}

int px_dlpack_take(px_array *a, PyObject *object, const char *what) {
    PyObject *method = PyObject_GetAttrString(object, "__dlpack__");
    if (!method) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
        PyErr_Clear();
        return 0;
    }
    a->lender = is_readable(object, what) > 0 ? PyObject_CallNoArgs(method) : NULL;
    Py_DECREF(method);
    if (!a->lender) return -1;
    const dl_tensor *t = NULL;
    if (PyCapsule_IsValid(a->lender, "dltensor")) {
        t = PyCapsule_GetPointer(a->lender, "dltensor");
    } else if (PyCapsule_IsValid(a->lender, "dltensor_versioned")) {
        const dl_versioned *v = PyCapsule_GetPointer(a->lender, "dltensor_versioned");
        if (v && v->major == 1) t = &v->tensor;
    }
    if (!t) {
        PyErr_Format(PyExc_BufferError, "%s: its __dlpack__ gave no capsule of version 0 or 1",
                     what);
        return -1;
    }
    return read_tensor(a, t, what) == 0 ? 1 : -1;
}
