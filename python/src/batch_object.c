/*
 * batch_object.c: pluck.Batch: many rows in one call, on threads, with the GIL released.
 *
 * In a child of fork() the library would go on with the calling thread alone, and would not go on if
 * another thread was using the batch then. Workers that are forked off are common in Python, so the
 * batch is made anew there.
 */
#include "batch.h"

#if !defined(_WIN32)
#include <unistd.h>
#endif

typedef struct batch_object {
    PyObject ob_base;
    pluck_batch *c;
    pluck_batch_config config;
    long process; /* that made it */
    bool busy;
} batch_object;

static long this_process(void) {
#if defined(_WIN32)
    return 0; /* without fork() it is always the same */
#else
    return (long)getpid();
#endif
}

/* Makes the C library's batch. -1 with an exception set. */
static int make(batch_object *b) {
    pluck_error err = {PLUCK_OK, ""};
    pluck_batch *made = NULL;
    const pluck_status status = pluck_batch_create(&made, &b->config, &err);
    if (status != PLUCK_OK) {
        (void)px_raise(status, &err);
        return -1;
    }
    b->c = made;
    b->process = this_process();
    b->busy = false;
    return 0;
}

static PyObject *new_batch(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"n_vocab", "max_rows", "n_threads", NULL};
    PyObject *n_vocab, *max_rows, *n_threads = NULL;
    pluck_batch_config config = {.n_threads = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|O:Batch", names, &n_vocab, &max_rows,
                                     &n_threads) ||
        px_int32(n_vocab, "n_vocab", &config.n_vocab) != 0 ||
        px_int32(max_rows, "max_rows", &config.max_rows) != 0 ||
        (n_threads && px_int32(n_threads, "n_threads", &config.n_threads) != 0))
        return NULL;
    batch_object *b = (batch_object *)PyType_GenericAlloc(type, 0);
    if (!b) return NULL;
    b->config = config;
    if (make(b) == 0) return (PyObject *)b;
    Py_DECREF(b);
    return NULL;
}

static void free_batch(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    pluck_batch *c = ((batch_object *)self)->c;
    /* A thread that ends may still be in Python, on its way out of a function. */
    PyThreadState *thread = PyEval_SaveThread();
    pluck_batch_free(c);
    PyEval_RestoreThread(thread);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* Takes the right to use the batch. */
static int enter(batch_object *b) {
    if (b->process != this_process()) {
        pluck_batch_free(b->c);
        b->c = NULL;
        if (make(b) != 0) return -1;
    }
    if (!b->busy) {
        b->busy = true;
        return 0;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "the batch is in use, by another thread or by the call that this one is made "
                    "from");
    return -1;
}

static PyObject *run(batch_object *b, px_batch_call *call, const px_batch_args *args) {
    px_batch_outcome outcome;
    if (px_batch_outcome_make(&outcome, call->in.n, args, b->config.n_vocab) != 0) return NULL;
    PyObject *result = NULL;
    if (enter(b) == 0) {
        pluck_error err = {PLUCK_OK, ""};
        PyThreadState *thread = PyEval_SaveThread();
        const pluck_status status =
            pluck_batch_sample(b->c, call->in.rows, call->in.n, &outcome.c, &err);
        PyEval_RestoreThread(thread);
        b->busy = false;
        result = status == PLUCK_OK || status == PLUCK_ERR_BATCH
                     ? px_batch_outcome_result(&outcome, call)
                     : px_raise(status, &err);
    }
    px_batch_outcome_drop(&outcome);
    return result;
}

static PyObject *batch_sample(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                              PyObject *kwnames) {
    static const char *const names[] = {"samplers",     "rows",     "mask",  "accept", "max_kept",
                                        "raw_logprobs", "logprobs", "dtype", NULL};
    batch_object *b = (batch_object *)self;
    PyObject *v[8];
    if (px_arguments("sample()", args, n_args, kwnames, names, 2, v) != 0) return NULL;
    const px_batch_args wanted = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
    px_batch_call call;
    if (px_batch_call_fill(&call, &wanted, b->config.n_vocab, b->config.max_rows) != 0) return NULL;
    PyObject *result = run(b, &call, &wanted);
    px_batch_call_drop(&call);
    return result;
}

static PyObject *n_vocab(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((batch_object *)self)->config.n_vocab);
}

static PyObject *max_rows(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((batch_object *)self)->config.max_rows);
}

static PyObject *n_threads(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((batch_object *)self)->config.n_threads);
}

static PyMethodDef methods[] = {
    {"sample", PX_METHOD(batch_sample), METH_FASTCALL | METH_KEYWORDS,
     "sample($self, samplers, rows, *, mask=None, accept=False, max_kept=None,\n"
     "       raw_logprobs=None, logprobs=None, dtype=None)\n--\n\n"
     "Sample from each row with its own sampler, on the batch's threads and with the GIL "
     "released,\n"
     "and return a BatchResult. Tokens are those of Sampler.sample(), whatever the number of\n"
     "threads.\n\n"
     "samplers: n Samplers (0 to max_rows), each once.\n"
     "rows: an array of shape (n, vocabulary) with any strides, or a list of n arrays with one\n"
     "    dimension; float32, float16 or bfloat16, as for Sampler.sample(). Read where they lie.\n"
     "mask: of shape (n, ...), or of one dimension for all rows, or a list of n masks or None; "
     "each\n"
     "    as for Sampler.sample().\n"
     "accept: accept each token drawn.\n"
     "max_kept: return the kept sets, of up to that many tokens a row (a row that keeps more\n"
     "    fails).\n"
     "raw_logprobs, logprobs: return the log-probability of the token drawn and of that many most\n"
     "    likely ones (0 and above): of the row before the chain; of the final distribution.\n"
     "dtype: as for Sampler.sample().\n\n"
     "A row that fails fails alone: BatchError is raised, which has the result of the others and\n"
     "each row's exception, also what a stage raised that was told of a token. Any other\n"
     "exception: nothing was done."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef members[] = {
    {"n_vocab", n_vocab, NULL, "The greatest vocabulary of its samplers (int).", NULL},
    {"max_rows", max_rows, NULL, "Rows of a call, at most (int).", NULL},
    {"n_threads", n_threads, NULL, "Threads that work on a call, the calling one included (int).",
     NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static const char doc[] =
    "Batch(n_vocab, max_rows, n_threads=1)\n--\n\n"
    "Memory and threads to sample from many rows in one call.\n\n"
    "n_vocab: the greatest vocabulary of the samplers, 1 to 16777216.\n"
    "max_rows: rows of a call, 1 to 65536.\n"
    "n_threads: threads that work on a call, the calling one included, 1 to 1024; each has a\n"
    "    workspace of about 21 bytes for each token of the vocabulary.\n\n"
    "After fork() a child makes threads of its own at its first call.";

int px_batch_init(PyObject *module) {
    static PyType_Slot slots[] = {PX_SLOT(Py_tp_doc, doc),
                                  PX_SLOT(Py_tp_new, new_batch),
                                  PX_SLOT(Py_tp_dealloc, free_batch),
                                  PX_SLOT(Py_tp_methods, methods),
                                  PX_SLOT(Py_tp_getset, members),
                                  {0, NULL}};
    static PyType_Spec spec = {"pluck.Batch", sizeof(batch_object), 0, Py_TPFLAGS_DEFAULT, slots};
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!type || px_batch_result_init(module) != 0) return -1;
    return PyModule_AddObjectRef(module, "Batch", type);
}
