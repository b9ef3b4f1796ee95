/*
 * torch.c: PyTorch's tensors by their attributes, which takes a third of the time that __dlpack__
 * takes. PyTorch is never imported: an object can only be a tensor if somebody has imported it.
 */
#include "extension.h"

static struct {
    PyTypeObject *tensor; /* NULL: not seen yet */
    PyObject *dtypes[PX_INT64 + 1];
    PyObject *dtype, *is_cpu, *shape, *is_contiguous, *stride, *data_ptr, *is_neg; /* names */
    bool has_is_neg; /* from version 1.10 on */
} torch;

static int learn_names(void) {
    struct {
        PyObject **at;
        const char *name;
    } names[] = {{&torch.dtype, "dtype"},   {&torch.is_cpu, "is_cpu"},
                 {&torch.shape, "shape"},   {&torch.is_contiguous, "is_contiguous"},
                 {&torch.stride, "stride"}, {&torch.data_ptr, "data_ptr"},
                 {&torch.is_neg, "is_neg"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!*names[i].at) *names[i].at = PyUnicode_InternFromString(names[i].name);
        if (!*names[i].at) return -1;
    }
    return 0;
}

/* Finds the type in the module, if there is one. 1: known now; 0: no; -1: an error is set. */
static int learn(void) {
    static const struct {
        px_element element;
        const char *name;
    } known[] = {{PX_F32, "float32"}, {PX_F16, "float16"}, {PX_BF16, "bfloat16"},
                 {PX_BOOL, "bool"},   {PX_INT8, "uint8"},  {PX_INT16, "int16"},
                 {PX_INT32, "int32"}, {PX_INT64, "int64"}};
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    PyObject *module = modules ? PyMapping_GetItemString(modules, "torch") : NULL;
    PyObject *tensor = module ? PyObject_GetAttrString(module, "Tensor") : NULL;
    PyErr_Clear();
    if (!tensor || !PyType_Check(tensor)) {
        Py_XDECREF(tensor);
        Py_XDECREF(module);
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!torch.dtypes[known[i].element])
            torch.dtypes[known[i].element] = PyObject_GetAttrString(module, known[i].name);
    Py_DECREF(module);
    if (PyErr_Occurred() || learn_names() != 0) {
        Py_DECREF(tensor);
        return -1;
    }
    torch.has_is_neg = PyObject_HasAttrString(tensor, "is_neg") == 1;
    torch.tensor = (PyTypeObject *)tensor;
    return 1;
}

/* A method without arguments. */
static PyObject *call(PyObject *tensor, PyObject *name) {
    return PyObject_CallMethodObjArgs(tensor, name, NULL);
}

/* 1, 0 or -1 of an attribute or a result, whose reference is taken. */
static int truth(PyObject *object) {
    if (!object) return -1;
    const int is = object == Py_True ? 1 : object == Py_False ? 0 : PyObject_IsTrue(object);
    Py_DECREF(object);
    return is;
}

static int take_element(px_array *a, PyObject *tensor) {
    static const Py_ssize_t sizes[] = {0, 4, 2, 2, 1, 1, 2, 4, 8};
    PyObject *dtype = PyObject_GetAttr(tensor, torch.dtype);
    if (!dtype) return -1;
    for (int e = PX_F32; e <= PX_INT64 && a->element == PX_OTHER; e++)
        if (torch.dtypes[e] == dtype) a->element = (px_element)e;
    a->size = sizes[a->element];
    if (a->element == PX_OTHER) {
        PyObject *text = PyObject_Str(dtype);
        PyObject *ascii = text ? PyUnicode_AsASCIIString(text) : NULL;
        if (ascii) (void)PyOS_snprintf(a->other, sizeof a->other, "%.20s", PyBytes_AsString(ascii));
        Py_XDECREF(ascii);
        Py_XDECREF(text);
    }
    Py_DECREF(dtype);
    return PyErr_Occurred() ? -1 : 0;
}

static int take_shape(px_array *a, PyObject *tensor, const char *what) {
    PyObject *shape = PyObject_GetAttr(tensor, torch.shape);
    if (!shape) return -1;
    const Py_ssize_t n = PyTuple_Size(shape);
    const int status = n < 0 ? -1 : px_array_set_dims(a, n, what);
    for (Py_ssize_t i = 0; status == 0 && i < n; i++)
        a->shape[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
    Py_DECREF(shape);
    return PyErr_Occurred() ? -1 : 0;
}

static int take_strides(px_array *a, PyObject *tensor) {
    const int contiguous = truth(call(tensor, torch.is_contiguous));
    if (contiguous < 0) return -1;
    if (contiguous) {
        px_array_set_packed(a);
        return 0;
    }
    PyObject *strides = call(tensor, torch.stride);
    if (!strides) return -1;
    for (int i = 0; i < a->n_dims; i++)
        a->strides[i] = PyLong_AsLongLong(PyTuple_GetItem(strides, i)) * a->size;
    Py_DECREF(strides);
    return PyErr_Occurred() ? -1 : 0;
}

/* The memory of a negated view (the imaginary part of a conjugate) has the other sign. */
static int refuse_negated(const px_array *a, PyObject *tensor, const char *what) {
    if (!torch.has_is_neg || a->element < PX_F32 || a->element > PX_BF16) return 0;
    const int negated = truth(call(tensor, torch.is_neg));
    if (negated > 0)
        PyErr_Format(PyExc_BufferError,
                     "%s is a negated view of other memory; wanted: %s.resolve_neg()", what, what);
    return negated == 0 ? 0 : -1;
}

const void *px_torch_data(PyObject *tensor) {
    PyObject *address = torch.data_ptr ? call(tensor, torch.data_ptr) : NULL;
    const void *data = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    PyErr_Clear();
    return data;
}

int px_torch_take(px_array *a, PyObject *object, const char *what) {
    if (!torch.tensor) {
        const int known = learn();
        if (known <= 0) return known;
    }
    if (!PyType_IsSubtype(Py_TYPE(object), torch.tensor)) return 0;
    const int is_cpu = truth(PyObject_GetAttr(object, torch.is_cpu));
    if (is_cpu < 0) return -1;
    if (!is_cpu) {
        PyObject *device = PyObject_GetAttrString(object, "device");
        PyErr_Format(PyExc_BufferError, "%s lies on device %S; wanted: the CPU, as %s.cpu() gives",
                     what, device ? device : Py_None, what);
        Py_XDECREF(device);
        return -1;
    }
    if (take_element(a, object) != 0 || take_shape(a, object, what) != 0 ||
        take_strides(a, object) != 0 || refuse_negated(a, object, what) != 0)
        return -1;
    PyObject *address = call(object, torch.data_ptr);
    if (!address) return -1;
    a->data = PyLong_AsVoidPtr(address);
    Py_DECREF(address);
    return PyErr_Occurred() ? -1 : 1;
}
