/*
 * callback.c: stages that call Python. A callback is a Python object that holds the functions; the
 * C library has a pointer to it, and the samplers that use it keep it alive (px_sampler.callbacks).
 *
 * A function may be called on any thread, with the GIL released; what it raises is kept in the
 * callback until the call is over.
 */
#include "extension.h"

#include <string.h>

typedef struct callback {
    PyObject ob_base;
    PyObject *object; /* as the user gave it */
    PyObject *apply, *accept, *reset, *clone,
        *rewind;              /* a custom stage's; but for the first may be NULL */
    PyObject *piece, *is_eog; /* infill's */
    PyObject *error_type, *error, *error_trace; /* what was raised first, or NULL */
} callback;

static PyTypeObject *callback_type, *view_type;

static int visit_callback(PyObject *self, visitproc visit, void *arg) {
    callback *c = (callback *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->object);
    Py_VISIT(c->apply);
    Py_VISIT(c->accept);
    Py_VISIT(c->reset);
    Py_VISIT(c->clone);
    Py_VISIT(c->rewind);
    Py_VISIT(c->piece);
    Py_VISIT(c->is_eog);
    Py_VISIT(c->error_type);
    Py_VISIT(c->error);
    Py_VISIT(c->error_trace);
    return 0;
}

/* The functions stay as long as a sampler may call them: its reference is dropped after it. */
static int clear_callback(PyObject *self) {
    callback *c = (callback *)self;
    Py_CLEAR(c->object);
    Py_CLEAR(c->apply);
    Py_CLEAR(c->accept);
    Py_CLEAR(c->reset);
    Py_CLEAR(c->clone);
    Py_CLEAR(c->rewind);
    Py_CLEAR(c->piece);
    Py_CLEAR(c->is_eog);
    Py_CLEAR(c->error_type);
    Py_CLEAR(c->error);
    Py_CLEAR(c->error_trace);
    return 0;
}

static void free_callback(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)clear_callback(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* ---- errors ---- */

/* Keeps the exception that is set; the first one counts. */
static void keep_error(callback *c) {
    if (c->error_type)
        PyErr_Clear();
    else
        PyErr_Fetch(&c->error_type, &c->error, &c->error_trace);
}

int px_callbacks_raise(PyObject *callbacks) {
    bool raised = false;
    const Py_ssize_t n = callbacks ? PyList_Size(callbacks) : 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        callback *c = (callback *)PyList_GetItem(callbacks, i);
        if (!c->error_type) continue;
        PyObject *type = c->error_type, *error = c->error, *trace = c->error_trace;
        c->error_type = c->error = c->error_trace = NULL;
        if (raised) {
            Py_XDECREF(type);
            Py_XDECREF(error);
            Py_XDECREF(trace);
        } else {
            PyErr_Restore(type, error, trace);
            raised = true;
        }
    }
    return raised ? -1 : 0;
}

/* ---- custom stages ---- */

/* Copies n elements of an array that a user may have replaced over those of the view. */
static bool copy_back(PyObject *view, const char *name, px_element element, void *to, int32_t n) {
    PyObject *object = PyObject_GetAttrString(view, name);
    if (!object) return false;
    px_array a;
    const int status = px_array_take(&a, object, name);
    Py_DECREF(object);
    if (status != 0) return false;
    const bool right = a.element == element && a.n_dims == 1 && a.shape[0] >= n &&
                       (a.shape[0] <= 1 || a.strides[0] == a.size);
    if (right)
        memcpy(to, a.data, (size_t)n * (size_t)a.size);
    else
        PyErr_Format(PyExc_ValueError,
                     "view.%s is %s, %lld long; wanted: %s, contiguous, at least view.n = %d long",
                     name, px_element_name(&a), (long long)(a.n_dims == 1 ? a.shape[0] : -1),
                     element == PX_F32 ? "float32" : "int32", (int)n);
    px_array_drop(&a);
    return right;
}

/* Sets an attribute; takes the reference. */
static bool set(PyObject *view, const char *name, PyObject *value) {
    const bool done = value && PyObject_SetAttrString(view, name, value) == 0;
    Py_XDECREF(value);
    return done;
}

static bool get_int(PyObject *view, const char *name, int32_t *out) {
    PyObject *value = PyObject_GetAttrString(view, name);
    const bool done = value && px_int32(value, name, out) == 0;
    Py_XDECREF(value);
    return done;
}

/* The view as Python sees it: copies, so that nothing dangles if it is kept. */
static PyObject *view_object(const pluck_custom_view *v) {
    PyObject *view = PyObject_CallNoArgs((PyObject *)view_type);
    if (view && set(view, "ids", px_copy_view(v->ids, v->n, sizeof *v->ids, "i")) &&
        set(view, "logits", px_copy_view(v->logits, v->n, sizeof *v->logits, "f")) &&
        set(view, "n", PyLong_FromLong(v->n)) &&
        set(view, "descending", PyBool_FromLong(v->descending)) &&
        set(view, "selected", PyLong_FromLong(v->selected)))
        return view;
    Py_XDECREF(view);
    return NULL;
}

static bool descends(const pluck_custom_view *v) {
    for (int32_t i = 1; i < v->n; i++)
        if (v->logits[i] > v->logits[i - 1]) return false;
    return true;
}

static bool read_view(PyObject *view, pluck_custom_view *v) {
    int32_t n, selected;
    if (!get_int(view, "n", &n) || !get_int(view, "selected", &selected)) return false;
    if (n < 0 || n > v->n) {
        PyErr_Format(PyExc_ValueError, "view.n is %d; allowed: 0 to %d", (int)n, (int)v->n);
        return false;
    }
    if (selected < -1 || selected >= n) {
        PyErr_Format(PyExc_ValueError, "view.selected is %d; allowed: -1 to %d", (int)selected,
                     (int)n - 1);
        return false;
    }
    PyObject *descending = PyObject_GetAttrString(view, "descending");
    const int is = descending ? PyObject_IsTrue(descending) : -1;
    Py_XDECREF(descending);
    if (is < 0 || !copy_back(view, "ids", PX_INT32, v->ids, n) ||
        !copy_back(view, "logits", PX_F32, v->logits, n))
        return false;
    v->n = n;
    v->selected = selected;
    /* A function that changed logits need not look after the order. */
    v->descending = is == 1 && descends(v);
    return true;
}

static bool apply(void *ctx, pluck_custom_view *v) {
    const PyGILState_STATE gil = PyGILState_Ensure();
    callback *c = ctx;
    PyObject *view = view_object(v);
    PyObject *result = view ? PyObject_CallFunctionObjArgs(c->apply, view, NULL) : NULL;
    const bool done = result && read_view(view, v);
    if (!done) keep_error(c);
    Py_XDECREF(result);
    Py_XDECREF(view);
    PyGILState_Release(gil);
    return done;
}

/* Calls a function whose result plays no part, with a number. */
static void tell(callback *c, PyObject *function, int32_t number) {
    const PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(function, "i", (int)number);
    if (!result) keep_error(c);
    Py_XDECREF(result);
    PyGILState_Release(gil);
}

static void accept(void *ctx, int32_t token) {
    callback *c = ctx;
    tell(c, c->accept, token);
}

static void rewind_by(void *ctx, int32_t n) {
    callback *c = ctx;
    tell(c, c->rewind, n);
}

static void reset(void *ctx) {
    const PyGILState_STATE gil = PyGILState_Ensure();
    callback *c = ctx;
    PyObject *result = PyObject_CallNoArgs(c->reset);
    if (!result) keep_error(c);
    Py_XDECREF(result);
    PyGILState_Release(gil);
}

/* ---- clones ---- */

/* Of the clone that is being made, under the GIL. */
static struct { PyObject *from, *to; } cloning;

static void *clone(const void *ctx) {
    callback *c = (callback *)(uintptr_t)ctx;
    PyObject *object = PyObject_CallNoArgs(c->clone);
    pluck_stage stage;
    PyObject *made = object ? px_callback_custom(object, &stage) : NULL;
    Py_XDECREF(object);
    if (!made) {
        keep_error(c);
        return NULL;
    }
    /* The list of the clone began as a copy of the original's. */
    for (Py_ssize_t i = 0; i < PyList_Size(cloning.from); i++)
        if (PyList_GetItem(cloning.from, i) == (PyObject *)c)
            (void)PyList_SetItem(cloning.to, i, Py_NewRef(made));
    Py_DECREF(made); /* the list has it */
    return made;
}

void px_callbacks_begin_clone(PyObject *from, PyObject *to) {
    cloning.from = from;
    cloning.to = to;
}

int px_callbacks_end_clone(void) {
    PyObject *from = cloning.from;
    cloning.from = cloning.to = NULL;
    return px_callbacks_raise(from);
}

/* ---- infill ---- */

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    const PyGILState_STATE gil = PyGILState_Ensure();
    callback *c = ctx;
    int32_t length = -1;
    PyObject *text = PyObject_CallFunction(c->piece, "i", (int)token);
    PyObject *bytes = text ? px_text(text, "the text of a token") : NULL;
    char *from;
    Py_ssize_t n;
    if (bytes && PyBytes_AsStringAndSize(bytes, &from, &n) == 0) {
        if (n <= capacity) {
            memcpy(buffer, from, (size_t)n);
            length = (int32_t)n;
        }
    } else {
        keep_error(c);
        length = capacity + 1; /* fails the call */
    }
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    PyGILState_Release(gil);
    return length;
}

static bool is_eog(void *ctx, int32_t token) {
    const PyGILState_STATE gil = PyGILState_Ensure();
    callback *c = ctx;
    PyObject *result = PyObject_CallFunction(c->is_eog, "i", (int)token);
    const int is = result ? PyObject_IsTrue(result) : -1;
    if (is < 0) keep_error(c);
    Py_XDECREF(result);
    PyGILState_Release(gil);
    return is == 1;
}

/* ---- making ---- */

/* An attribute that may be missing or None; with `needed` it may not. false: an error is set. */
static bool function_of(PyObject *object, const char *name, bool needed, PyObject **out) {
    *out = PyObject_GetAttrString(object, name);
    if (!*out && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    if (*out == Py_None) Py_CLEAR(*out);
    if (PyErr_Occurred()) return false;
    if (*out ? PyCallable_Check(*out) : !needed) return true;
    PyErr_Format(PyExc_TypeError, "%s of a stage, a %R, is %R; wanted: a function", name,
                 (PyObject *)Py_TYPE(object), *out ? *out : Py_None);
    Py_CLEAR(*out);
    return false;
}

static callback *new_callback(PyObject *object) {
    callback *c = PyObject_GC_New(callback, callback_type);
    if (!c) return NULL;
    memset((char *)c + sizeof(PyObject), 0, sizeof *c - sizeof(PyObject));
    c->object = Py_NewRef(object);
    PyObject_GC_Track((PyObject *)c);
    return c;
}

PyObject *px_callback_custom(PyObject *object, pluck_stage *stage) {
    callback *c = new_callback(object);
    if (!c) return NULL;
    bool found = true;
    if (!PyObject_HasAttrString(object, "apply") && PyCallable_Check(object))
        c->apply = Py_NewRef(object);
    else
        found = function_of(object, "apply", true, &c->apply) &&
                function_of(object, "accept", false, &c->accept) &&
                function_of(object, "reset", false, &c->reset) &&
                function_of(object, "clone", false, &c->clone) &&
                function_of(object, "rewind", false, &c->rewind);
    if (!found) {
        Py_DECREF(c);
        return NULL;
    }
    *stage = (pluck_stage){.kind = PLUCK_STAGE_CUSTOM,
                           .as.custom = {.apply = apply,
                                         .accept = c->accept ? accept : NULL,
                                         .reset = c->reset ? reset : NULL,
                                         .clone = c->clone ? clone : NULL,
                                         .rewind = c->rewind ? rewind_by : NULL,
                                         .ctx = c}};
    return (PyObject *)c;
}

PyObject *px_callback_infill(PyObject *object, pluck_stage *stage) {
    callback *c = new_callback(object);
    if (!c) return NULL;
    PyObject *eot = NULL;
    int32_t end = 0;
    if (function_of(object, "piece", true, &c->piece) &&
        function_of(object, "is_eog", true, &c->is_eog))
        eot = PyObject_GetAttrString(object, "eot");
    const bool right = eot && px_int32(eot, "Infill.eot", &end) == 0;
    Py_XDECREF(eot);
    if (!right) {
        Py_DECREF(c);
        return NULL;
    }
    *stage = (pluck_stage){.kind = PLUCK_STAGE_INFILL,
                           .as.infill = {.piece = piece, .is_eog = is_eog, .eot = end, .ctx = c}};
    return (PyObject *)c;
}

PyObject *px_callback_object(PyObject *object) {
    return ((callback *)object)->object;
}

int px_callback_init(PyObject *module) {
    static PyType_Slot slots[] = {PX_SLOT(Py_tp_dealloc, free_callback),
                                  PX_SLOT(Py_tp_traverse, visit_callback),
                                  PX_SLOT(Py_tp_clear, clear_callback),
                                  {0, NULL}};
    static PyType_Spec spec = {
        "pluck._pluck._Callback", sizeof(callback), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    PyObject *stages = PyImport_ImportModule("pluck.stages");
    view_type = stages ? (PyTypeObject *)PyObject_GetAttrString(stages, "View") : NULL;
    Py_XDECREF(stages);
    callback_type =
        view_type ? (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL) : NULL;
    return callback_type ? 0 : -1;
}
