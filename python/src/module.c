/* module.c: pluck._pluck: the functions of the module, and its creation. */
#include "extension.h"

/* A workspace and the greatest vocabulary that it serves; all zero: none. */
typedef struct sized_workspace {
    pluck_workspace *workspace;
    int32_t n_vocab;
} sized_workspace;

/* The one that calls of top_logprobs take in turns, under the GIL. */
static sized_workspace spare;

/* .workspace NULL: an exception is set. */
static sized_workspace take_workspace(int32_t n_vocab) {
    sized_workspace taken = spare;
    spare = (sized_workspace){NULL, 0};
    if (taken.n_vocab >= n_vocab) return taken;
    pluck_workspace_free(taken.workspace);
    taken = (sized_workspace){NULL, n_vocab};
    const pluck_status status = pluck_workspace_create(&taken.workspace, n_vocab, NULL);
    if (status != PLUCK_OK) (void)px_raise(status, NULL);
    return taken;
}

/* Of two the greater one is kept. */
static void put_workspace(sized_workspace w) {
    const bool keep = w.n_vocab > spare.n_vocab;
    pluck_workspace_free(keep ? spare.workspace : w.workspace);
    if (keep) spare = w;
}

static PyObject *find_logprobs(px_request *r, int32_t n_top, PyObject *token) {
    int32_t wanted = 0, n = 0;
    float wanted_logprob = 0.0f;
    if (token && px_int32(token, "token", &wanted) != 0) return NULL;
    if (n_top < 0 || n_top > r->c.n)
        return PyErr_Format(PyExc_ValueError, "n=%d is out of range; allowed: 0 to %d", (int)n_top,
                            (int)r->c.n);
    if (token && (wanted < 0 || wanted >= r->c.n))
        return PyErr_Format(PyExc_ValueError, "token=%d is out of range; allowed: 0 to %d",
                            (int)wanted, (int)r->c.n - 1);
    int32_t *ids = PyMem_Malloc((size_t)n_top * (sizeof *ids + sizeof(float)) + 1);
    if (!ids) return PyErr_NoMemory();
    float *logprobs = (float *)(void *)(ids + n_top);
    const sized_workspace taken = take_workspace(r->c.n);
    if (!taken.workspace) {
        PyMem_Free(ids);
        return NULL;
    }
    r->c.workspace = taken.workspace;
    PyThreadState *thread = PyEval_SaveThread();
    const pluck_status status =
        pluck_top_logprobs(&r->c, n_top, ids, logprobs, &n, wanted, token ? &wanted_logprob : NULL);
    PyEval_RestoreThread(thread);
    put_workspace(taken);
    PyObject *result = status != PLUCK_OK
                           ? px_raise(status, NULL)
                           : px_logprobs_object(ids, logprobs, n,
                                                token ? PyFloat_FromDouble((double)wanted_logprob)
                                                      : Py_NewRef(Py_None));
    PyMem_Free(ids);
    return result;
}

static PyObject *top_logprobs(PyObject *module, PyObject *const *args, Py_ssize_t n_args,
                              PyObject *kwnames) {
    static const char *const names[] = {"row", "n", "token", "mask", "dtype", NULL};
    (void)module;
    PyObject *values[5];
    int32_t n_top = 0;
    if (px_arguments("top_logprobs()", args, n_args, kwnames, names, 2, values) != 0 ||
        (values[1] && px_int32(values[1], "n", &n_top) != 0))
        return NULL;
    const px_row_args row = {.row = values[0], .mask = values[3], .dtype = values[4]};
    px_request r;
    if (px_request_fill(&r, &row, 0) != 0) return NULL;
    PyObject *result = find_logprobs(&r, n_top, values[2]);
    px_request_drop(&r);
    return result;
}

static PyObject *isa(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyUnicode_FromString(pluck_isa());
}

static PyMethodDef functions[] = {
    {"top_logprobs", PX_METHOD(top_logprobs), METH_FASTCALL | METH_KEYWORDS,
     "top_logprobs(row, n=0, *, token=None, mask=None, dtype=None)\n--\n\n"
     "Return LogProbs: the n most likely tokens of a row (0 to its length) before any chain, with\n"
     "their log-probabilities, and that of `token` if one is given. row, mask and dtype are those "
     "of\n"
     "Sampler.sample(). There are fewer than n where fewer tokens are unmasked."},
    {"isa", isa, METH_NOARGS,
     "isa()\n--\n\n"
     "The instruction set in use: 'scalar', 'avx2', 'avx512' or 'neon'. PLUCK_DISABLE_CPU in the\n"
     "environment removes some before the first call."},
    {NULL, NULL, 0, NULL}};

/* A module that is imported once more shares the types and functions of the first. */
static int fill_module(PyObject *module) {
    static PyObject *first;
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_ImportError, "pluck cannot be used in sub-interpreters");
        return -1;
    }
    if (first) return PyDict_Update(PyModule_GetDict(module), PyModule_GetDict(first));
    if (px_results_init(module) != 0 || px_callback_init(module) != 0 ||
        px_workspace_init(module) != 0 || px_sampler_init(module) != 0 ||
        px_batch_init(module) != 0 || px_verify_init(module) != 0 || px_banned_init(module) != 0 ||
        PyModule_AddStringConstant(module, "__version__", pluck_version()) != 0)
        return -1;
    first = Py_NewRef(module);
    return 0;
}

PyMODINIT_FUNC PyInit__pluck(void); /* what Python looks for */
PyMODINIT_FUNC PyInit__pluck(void) {
    static PyModuleDef_Slot slots[] = {PX_SLOT(Py_mod_exec, fill_module), {0, NULL}};
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT,           .m_name = "pluck._pluck",
                                     .m_doc = "The C part of pluck.", .m_size = 0,
                                     .m_methods = functions,          .m_slots = slots};
    return PyModuleDef_Init(&definition);
}
