/* workspace_object.c: pluck.Workspace, and what a workspace notes of its last call. */
#include "extension.h"

#include <string.h>

typedef struct workspace_object {
    PyObject ob_base;
    int32_t n_vocab;
    px_bench bench;
} workspace_object;

PyTypeObject *px_workspace_type;

px_bench *px_workspace_bench(PyObject *workspace) {
    return &((workspace_object *)workspace)->bench;
}

void px_bench_forget(px_bench *bench) {
    px_request held = bench->held;
    memset(&bench->held, 0, sizeof bench->held);
    bench->last = NULL;
    px_request_drop(&held);
}

static PyObject *new_workspace(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"n_vocab", NULL};
    PyObject *size;
    int32_t n_vocab;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Workspace", names, &size) ||
        px_int32(size, "n_vocab", &n_vocab) != 0)
        return NULL;
    pluck_workspace *made = NULL;
    const pluck_status status = pluck_workspace_create(&made, n_vocab, NULL);
    if (status != PLUCK_OK) return px_raise(status, NULL);
    workspace_object *w = (workspace_object *)PyType_GenericAlloc(type, 0);
    if (!w) {
        pluck_workspace_free(made);
        return NULL;
    }
    w->n_vocab = n_vocab;
    w->bench.workspace = made;
    return (PyObject *)w;
}

static int visit_workspace(PyObject *self, visitproc visit, void *arg) {
    const px_request *held = &((workspace_object *)self)->bench.held;
    Py_VISIT(Py_TYPE(self));
    int status = px_array_visit(&held->row, visit, arg);
    if (!status) status = px_array_visit(&held->second, visit, arg);
    return status ? status : px_array_visit(&held->ids, visit, arg);
}

static int clear_workspace(PyObject *self) {
    px_bench_forget(&((workspace_object *)self)->bench);
    return 0;
}

static void free_workspace(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)clear_workspace(self);
    pluck_workspace_free(((workspace_object *)self)->bench.workspace);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyObject *workspace_n_vocab(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((workspace_object *)self)->n_vocab);
}

static PyObject *workspace_size(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(pluck_workspace_size(((workspace_object *)self)->n_vocab));
}

static const char workspace_doc[] = "Workspace(n_vocab)\n--\n\n"
                                    "Memory of a call, which any number of samplers may share as "
                                    "long as only one call uses it at a\n"
                                    "time: about 21 bytes for each of n_vocab tokens (1 to "
                                    "16777216). Without one each sampler has\n"
                                    "its own.";

int px_workspace_init(PyObject *module) {
    static PyGetSetDef members[] = {
        {"n_vocab", workspace_n_vocab, NULL, "The greatest vocabulary that it serves (int).", NULL},
        {"size", workspace_size, NULL, "Its bytes (int).", NULL},
        {NULL, NULL, NULL, NULL, NULL}};
    static PyType_Slot slots[] = {PX_SLOT(Py_tp_doc, workspace_doc),
                                  PX_SLOT(Py_tp_new, new_workspace),
                                  PX_SLOT(Py_tp_dealloc, free_workspace),
                                  PX_SLOT(Py_tp_traverse, visit_workspace),
                                  PX_SLOT(Py_tp_clear, clear_workspace),
                                  PX_SLOT(Py_tp_getset, members),
                                  {0, NULL}};
    static PyType_Spec spec = {"pluck.Workspace", sizeof(workspace_object), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    px_workspace_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!px_workspace_type) return -1;
    return PyModule_AddObjectRef(module, "Workspace", (PyObject *)px_workspace_type);
}
