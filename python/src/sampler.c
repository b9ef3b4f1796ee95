/*
 * sampler.c: pluck.Sampler.
 *
 * The GIL is released while a chain runs. What a call uses is marked as busy first, under the GIL: a
 * second thread, or a stage that calls its own sampler, is refused and changes nothing.
 *
 * The candidates of a call are read out of the caller's row. The workspace holds a reference to it
 * until its next call.
 */
#include "extension.h"

#include <string.h>

/* Rows of fewer logits take less time than giving the GIL away and taking it again. */
enum { SHORT_ROW = 4096 };

PyTypeObject *px_sampler_type;

/* ---- a sampler's life ---- */

int px_sampler_enter(px_sampler *s) {
    if (!s->busy && !s->bench->busy) {
        s->busy = s->bench->busy = true;
        return 0;
    }
    PyErr_Format(PyExc_RuntimeError,
                 "the %s is in use, by another thread or by the call that this one is made from",
                 s->busy ? "sampler" : "workspace");
    return -1;
}

void px_sampler_leave(px_sampler *s) {
    s->busy = s->bench->busy = false;
}

/* The object around a sampler, which it then owns; frees it on error. */
static px_sampler *wrap(PyTypeObject *type, pluck_sampler *c, PyObject *callbacks,
                        PyObject *workspace) {
    px_sampler *s = (px_sampler *)PyType_GenericAlloc(type, 0);
    if (!s) {
        pluck_sampler_free(c);
        return NULL;
    }
    s->c = c;
    s->n_vocab = pluck_sampler_config(c)->n_vocab;
    s->callbacks = Py_NewRef(callbacks);
    s->workspace = workspace ? Py_NewRef(workspace) : NULL;
    s->own.workspace = workspace ? NULL : pluck_sampler_workspace(c);
    s->bench = workspace ? px_workspace_bench(workspace) : &s->own;
    return s;
}

static int read_generator(PyObject *name, pluck_rng_kind *rng) {
    const bool is_text = PyUnicode_Check(name);
    if (is_text && PyUnicode_CompareWithASCIIString(name, "mt19937") == 0)
        *rng = PLUCK_RNG_MT19937;
    else if (is_text && PyUnicode_CompareWithASCIIString(name, "philox") == 0)
        *rng = PLUCK_RNG_PHILOX;
    else {
        PyErr_Format(PyExc_ValueError, "rng=%R; allowed: 'mt19937', 'philox'", name);
        return -1;
    }
    return 0;
}

/* What the keyword arguments change of a chain's config. */
static int apply_options(px_chain *chain, PyObject *seed, PyObject *rng, PyObject *workspace) {
    if (seed != Py_None && px_seed(seed, "seed", &chain->config.seed) != 0) return -1;
    if (rng != Py_None && read_generator(rng, &chain->config.rng) != 0) return -1;
    if (workspace == Py_None) return 0;
    if (!PyObject_TypeCheck(workspace, px_workspace_type)) {
        PyErr_Format(PyExc_TypeError, "workspace is a %R; wanted: a pluck.Workspace",
                     (PyObject *)Py_TYPE(workspace));
        return -1;
    }
    chain->config.workspace = px_workspace_bench(workspace)->workspace;
    return 0;
}

static PyObject *create(PyTypeObject *type, const px_chain *chain, PyObject *workspace) {
    pluck_error err = {PLUCK_OK, ""};
    pluck_status status = pluck_config_check(&chain->config, &err);
    pluck_sampler *c = NULL;
    if (status == PLUCK_OK) status = pluck_sampler_create(&c, &chain->config);
    if (status != PLUCK_OK) return px_raise(status, &err);
    return (PyObject *)wrap(type, c, chain->callbacks, workspace == Py_None ? NULL : workspace);
}

static PyObject *new_sampler(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"chain", "n_vocab", "seed", "rng", "workspace", "max_rewind", NULL};
    PyObject *given, *size, *seed = Py_None, *rng = Py_None, *workspace = Py_None, *most = NULL;
    int32_t n_vocab;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|$OOOO:Sampler", names, &given, &size,
                                     &seed, &rng, &workspace, &most) ||
        px_int32(size, "n_vocab", &n_vocab) != 0)
        return NULL;
    px_chain *chain = PyMem_Malloc(sizeof *chain);
    if (!chain) return PyErr_NoMemory();
    PyObject *made = NULL;
    if (px_chain_fill(chain, given, n_vocab) == 0 &&
        (!most || px_int32(most, "max_rewind", &chain->config.max_rewind) == 0) &&
        apply_options(chain, seed, rng, workspace) == 0)
        made = create(type, chain, workspace);
    px_chain_drop(chain);
    PyMem_Free(chain);
    return made;
}

static int visit_sampler(PyObject *self, visitproc visit, void *arg) {
    const px_sampler *s = (px_sampler *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(s->callbacks);
    Py_VISIT(s->workspace);
    int status = px_array_visit(&s->own.held.row, visit, arg);
    if (!status) status = px_array_visit(&s->own.held.second, visit, arg);
    return status ? status : px_array_visit(&s->own.held.ids, visit, arg);
}

static int clear_sampler(PyObject *self) {
    px_bench_forget(&((px_sampler *)self)->own);
    return 0;
}

static void free_sampler(PyObject *self) {
    px_sampler *s = (px_sampler *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)clear_sampler(self);
    if (s->bench && s->bench->last == s) s->bench->last = NULL;
    pluck_sampler_free(s->c);
    Py_CLEAR(s->workspace);
    Py_CLEAR(s->callbacks);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Also __copy__, and __deepcopy__, whose argument plays no part. */
static PyObject *sampler_clone(PyObject *self, PyObject *unused) {
    (void)unused;
    px_sampler *s = (px_sampler *)self;
    PyObject *callbacks = PySequence_List(s->callbacks);
    if (!callbacks || px_sampler_enter(s) != 0) {
        Py_XDECREF(callbacks);
        return NULL;
    }
    pluck_sampler *made = NULL;
    px_callbacks_begin_clone(s->callbacks, callbacks);
    const pluck_status status = pluck_sampler_clone(&made, s->c);
    const bool raised = px_callbacks_end_clone() != 0;
    px_sampler_leave(s);
    PyObject *object = NULL;
    if (status == PLUCK_OK)
        object = (PyObject *)wrap(Py_TYPE(self), made, callbacks, s->workspace);
    else if (!raised)
        (void)px_raise(status, NULL);
    Py_DECREF(callbacks);
    return object;
}

/* ---- sampling ---- */

/* Sorts out the keyword arguments that describe a row. */
static int row_arguments(const char *function, PyObject *const *args, Py_ssize_t n_args,
                         PyObject *kwnames, px_row_args *out) {
    static const char *const names[] = {"row",   "mask",   "ids", "descending",
                                        "dtype", "second", NULL};
    PyObject *values[6];
    if (px_arguments(function, args, n_args, kwnames, names, 1, values) != 0) return -1;
    *out = (px_row_args){values[0], values[1], values[2], values[3], values[4], values[5]};
    return 0;
}

/* The C call, on a sampler that is entered. draw NULL: candidates alone. */
static pluck_status run(px_sampler *s, px_request *r, pluck_draw *draw) {
    PyThreadState *thread = r->c.n >= SHORT_ROW ? PyEval_SaveThread() : NULL;
    const pluck_status status = pluck_sample_row(s->c, &r->c, draw);
    if (thread) PyEval_RestoreThread(thread);
    return status;
}

/* Runs the chain on the row and keeps it. -1 with an exception set, and nothing changed. */
static int sample(px_sampler *s, const px_row_args *args, bool skip_probability, pluck_draw *draw) {
    px_request r;
    if (px_request_fill(&r, args, s->n_vocab) != 0) return -1;
    if (px_sampler_enter(s) != 0) {
        px_request_drop(&r);
        return -1;
    }
    r.c.skip_probability = skip_probability;
    const pluck_status status = run(s, &r, draw);
    px_request old = s->bench->held;
    s->bench->held = r;
    s->bench->last = s;
    px_sampler_leave(s);
    px_request_drop(&old);
    if (status == PLUCK_OK) return 0;
    px_bench_forget(s->bench);
    if (px_callbacks_raise(s->callbacks) == 0) (void)px_raise(status, NULL);
    return -1;
}

static PyObject *sampler_sample(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                                PyObject *kwnames) {
    px_row_args row;
    pluck_draw draw;
    if (row_arguments("sample()", args, n_args, kwnames, &row) != 0 ||
        sample((px_sampler *)self, &row, true, &draw) != 0)
        return NULL;
    return PyLong_FromLong(draw.token);
}

static PyObject *sampler_draw(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                              PyObject *kwnames) {
    px_row_args row;
    pluck_draw draw;
    if (row_arguments("draw()", args, n_args, kwnames, &row) != 0 ||
        sample((px_sampler *)self, &row, false, &draw) != 0)
        return NULL;
    return px_draw_object(&draw);
}

/* The candidates of the last call, while its row is where it was. */
static PyObject *read_candidates(px_sampler *s) {
    if (s->bench->last != s) return px_raise(PLUCK_ERR_NO_RESULT, NULL);
    if (!px_array_is_in_place(&s->bench->held.row) ||
        (s->bench->held.second.owner && !px_array_is_in_place(&s->bench->held.second))) {
        PyErr_SetString(PyExc_BufferError,
                        "the row of the last call has been moved or freed since");
        return NULL;
    }
    if (px_sampler_enter(s) != 0) return NULL;
    pluck_candidates found;
    const pluck_status status = pluck_workspace_candidates(pluck_sampler_workspace(s->c), &found);
    PyObject *result = status == PLUCK_OK ? px_candidates_object(&found) : px_raise(status, NULL);
    px_sampler_leave(s);
    return result;
}

static PyObject *sampler_candidates(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                                    PyObject *kwnames) {
    px_row_args row;
    if (row_arguments("candidates()", args, n_args, kwnames, &row) != 0) return NULL;
    if (row.row ? sample((px_sampler *)self, &row, true, NULL) != 0
                : (row.mask || row.ids || row.descending || row.dtype || row.second)) {
        if (!row.row) PyErr_SetString(PyExc_TypeError, "candidates(): what is given needs a row");
        return NULL;
    }
    return read_candidates((px_sampler *)self);
}

/* ---- going back ---- */

static PyObject *sampler_reset(PyObject *self, PyObject *unused) {
    (void)unused;
    px_sampler *s = (px_sampler *)self;
    if (px_sampler_enter(s) != 0) return NULL;
    pluck_sampler_reset(s->c);
    px_sampler_leave(s);
    return px_callbacks_raise(s->callbacks) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *sampler_rewind(PyObject *self, PyObject *count) {
    px_sampler *s = (px_sampler *)self;
    int32_t n;
    if (px_int32(count, "n", &n) != 0 || px_sampler_enter(s) != 0) return NULL;
    const pluck_status status = pluck_sampler_rewind(s->c, n);
    px_sampler_leave(s);
    if (px_callbacks_raise(s->callbacks) != 0) return NULL;
    return status == PLUCK_OK ? Py_NewRef(Py_None) : px_raise(status, NULL);
}

static PyObject *sampler_seek(PyObject *self, PyObject *position) {
    px_sampler *s = (px_sampler *)self;
    PyObject *whole = px_index(position, "position");
    if (!whole) return NULL;
    const unsigned long long value = PyLong_AsUnsignedLongLong(whole);
    Py_DECREF(whole);
    if (PyErr_Occurred() || px_sampler_enter(s) != 0) return NULL;
    const pluck_status status = pluck_sampler_seek(s->c, value);
    px_sampler_leave(s);
    if (status == PLUCK_OK) return Py_NewRef(Py_None);
    const pluck_error err = {status, "the generator is mt19937; only philox can seek"};
    return px_raise(status, status == PLUCK_ERR_RNG ? &err : NULL);
}

/* ---- asking ---- */

static PyObject *sampler_seed(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(pluck_sampler_seed(((px_sampler *)self)->c));
}

static PyObject *sampler_n_vocab(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((px_sampler *)self)->n_vocab);
}

static PyObject *sampler_rng(PyObject *self, void *unused) {
    (void)unused;
    const pluck_config *config = pluck_sampler_config(((px_sampler *)self)->c);
    return PyUnicode_FromString(config->rng == PLUCK_RNG_PHILOX ? "philox" : "mt19937");
}

static PyObject *sampler_stages(PyObject *self, void *unused) {
    (void)unused;
    const px_sampler *s = (px_sampler *)self;
    return px_chain_stages(pluck_sampler_config(s->c), s->callbacks);
}

static PyObject *sampler_workspace(PyObject *self, void *unused) {
    (void)unused;
    PyObject *workspace = ((px_sampler *)self)->workspace;
    return Py_NewRef(workspace ? workspace : Py_None);
}

static PyObject *sampler_state_size(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(pluck_sampler_state_size(((px_sampler *)self)->c));
}

static PyObject *sampler_repr(PyObject *self) {
    const px_sampler *s = (px_sampler *)self;
    PyObject *stages = sampler_stages(self, NULL);
    PyObject *list = stages ? PySequence_List(stages) : NULL;
    PyObject *text = list ? PyUnicode_FromFormat("Sampler(%R, %d, seed=%lu)", list, (int)s->n_vocab,
                                                 (unsigned long)pluck_sampler_seed(s->c))
                          : NULL;
    Py_XDECREF(list);
    Py_XDECREF(stages);
    return text;
}

/* ---- types ---- */

#define ROW_DOC                                                                                    \
    "row: n_vocab logits of float32, float16 or bfloat16, one dimension, contiguous, in this\n"    \
    "    machine's byte order: a NumPy array, a PyTorch tensor on the CPU, or anything with the\n" \
    "    buffer protocol or DLPack. It is read where it lies and never written to.\n"              \
    "mask: the allowed tokens: n_vocab bools, or bits packed in uint8 or int32, the lowest bit\n"  \
    "    first (as numpy.packbits(..., bitorder='little') and grammar engines make them).\n"       \
    "ids: int32 or int64 token ids, if row is a list of candidates instead of the vocabulary:\n"   \
    "    row[i] is then the logit of token ids[i].\n"                                              \
    "descending: with ids: the logits already descend (checked).\n"                                \
    "dtype: 'float16' or 'bfloat16' if row holds their bits as 16-bit integers.\n"                 \
    "second: n_vocab logits of the other inference, as row, for a chain that begins with\n"        \
    "    Guidance or Contrastive; others ignore it.\n"

static PyMethodDef sampler_methods[] = {
    {"sample", PX_METHOD(sampler_sample), METH_FASTCALL | METH_KEYWORDS,
     "sample($self, row, *, mask=None, ids=None, descending=False, dtype=None,\n"
     "       second=None)\n--\n\n"
     "Run the chain on a row and return the token (int) that it selects. Does not accept "
     "it.\n\n" ROW_DOC "\n"
     "Raises pluck.Error if the row holds NaN, every token is masked, or the chain does not\n"
     "select; TypeError, ValueError or BufferError if an argument is not as above; RuntimeError\n"
     "if the sampler is in use by another thread. Then nothing has changed."},
    {"draw", PX_METHOD(sampler_draw), METH_FASTCALL | METH_KEYWORDS,
     "draw($self, row, *, mask=None, ids=None, descending=False, dtype=None,\n"
     "       second=None)\n--\n\n"
     "As sample(), and return a Draw: token, logit, probability, n_candidates."},
    {"candidates", PX_METHOD(sampler_candidates), METH_FASTCALL | METH_KEYWORDS,
     "candidates($self, row=None, *, mask=None, ids=None, descending=False, dtype=None,\n"
     "       second=None)\n--\n\n"
     "Return the Candidates that the chain left: of the last call, or, with a row, of the chain\n"
     "run on it, which then need not select.\n\n"
     "Without a row the last call's row is read again; it must still hold what it held then."},
    {"accept", px_sampler_accept, METH_O,
     "accept($self, token, /)\n--\n\n"
     "Tell the sampler that a token, or each of an iterable of tokens, was chosen: for penalties,\n"
     "DRY, adaptive-p and custom stages. Raises pluck.Error if one is outside the vocabulary; "
     "then\n"
     "none has been accepted."},
    {"accept_prompt", px_sampler_accept_prompt, METH_O,
     "accept_prompt($self, tokens, /)\n--\n\n"
     "As accept(), of the tokens of a prompt: MinTokens does not count them, nor does AdaptiveP\n"
     "average them."},
    {"verify", PX_METHOD(px_sampler_verify), METH_FASTCALL | METH_KEYWORDS,
     "verify($self, tokens, rows, *, way='same', proposals=None, mask=None, dtype=None,\n"
     "       parents=None, without_replacement=False)\n--\n\n"
     "Judge a draft by the rows behind each of its tokens, accept the tokens that result, and\n"
     "return a Verified: n_accepted, token, tokens, node.\n\n"
     "tokens: n drafted tokens, 0 to 64 and to max_rewind.\n"
     "rows: n + 1 rows; rows[i] comes behind the first i tokens. An array of shape (n + 1,\n"
     "    n_vocab), or a list of arrays of n_vocab; element types and dtype as for sample().\n"
     "way: when a token stands: 'same': if sampling gives the same one, so that the output does\n"
     "    not depend on the draft; 'rejection': with probability min(1, p / q); 'block': the "
     "draft\n"
     "    is judged as a whole, and as many or more stand.\n"
     "proposals: for the last two, what each token was drawn from, adding up to 1: float32 of "
     "shape\n"
     "    (n, n_vocab), or a list of n, each an array of n_vocab, the Candidates of the draft\n"
     "    model's sampler, or (ids, probabilities) in any order. None: a token stands with\n"
     "    probability p, which is right for any draft.\n"
     "mask: of shape (n + 1, ...), or of one dimension for all places, or a list of n + 1 masks "
     "or\n"
     "    None; each as for sample().\n"
     "parents: the draft is a tree, no deeper than max_rewind: the number of the token that each\n"
     "    comes behind, less than its own; -1: it is a first one. rows[i + 1] comes behind\n"
     "    tokens[i]. Not as a block.\n"
     "without_replacement: tokens with the same parent were drawn, each from its proposal without\n"
     "    those before it; otherwise from the proposal as it is.\n\n"
     "Raises what sample() raises, pluck.Error also if the draft is too long, a token is outside\n"
     "the vocabulary, a proposal gives its token no probability, or a custom stage has no\n"
     "rewind(). Then no token is accepted. What a stage raises that is told of a token comes "
     "after\n"
     "the call: the result is its attribute `verified`. candidates() has no result afterwards."},
    {"clone", sampler_clone, METH_NOARGS,
     "clone($self, /)\n--\n\n"
     "Return a sampler that goes on exactly as this one will. Custom stages are shared unless "
     "they\n"
     "have a method clone()."},
    {"reset", sampler_reset, METH_NOARGS,
     "reset($self, /)\n--\n\n"
     "Go back to the state after creation: history forgotten, streams reseeded (a random seed is\n"
     "drawn anew)."},
    {"rewind", sampler_rewind, METH_O,
     "rewind($self, n, /)\n--\n\n"
     "Take back the last n accepted tokens and all that has been drawn since: 0 to max_rewind.\n"
     "Custom stages need a method rewind(n)."},
    {"seek", sampler_seek, METH_O,
     "seek($self, position, /)\n--\n\n"
     "Make draw number `position` of every random stream the next one; of rng='philox' only."},
    {"save", px_sampler_save, METH_NOARGS,
     "save($self, /)\n--\n\n"
     "Return what the sampler remembers as bytes: streams, histories, averages, the seed in use."},
    {"load", px_sampler_load, METH_O,
     "load($self, state, /)\n--\n\n"
     "Go on as the sampler that was saved would have. It must have had the same vocabulary,\n"
     "generator and stages; else pluck.Error, and nothing changes."},
    {"__reduce__", px_sampler_reduce, METH_NOARGS,
     "__reduce__($self, /)\n--\n\n"
     "For pickle: the chain, and what the sampler remembers. Functions are pickled by name."},
    {"__copy__", sampler_clone, METH_NOARGS, "__copy__($self, /)\n--\n\nThe same as clone()."},
    {"__deepcopy__", sampler_clone, METH_O,
     "__deepcopy__($self, memo, /)\n--\n\nThe same as clone()."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef sampler_members[] = {
    {"seed", sampler_seed, NULL, "The seed in use (int): where it was random, what was drawn.",
     NULL},
    {"n_vocab", sampler_n_vocab, NULL, "Tokens of the vocabulary (int).", NULL},
    {"rng", sampler_rng, NULL, "The generator: 'mt19937' or 'philox'.", NULL},
    {"stages", sampler_stages, NULL, "The chain: a tuple of stages (pluck.stages).", NULL},
    {"workspace", sampler_workspace, NULL,
     "The Workspace that was given at creation; None if the sampler has its own.", NULL},
    {"state_size", sampler_state_size, NULL,
     "Bytes of the sampler's own state: what a clone has to itself, its workspace not counted.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static const char sampler_doc[] =
    "Sampler(chain, n_vocab, *, seed=None, rng=None, workspace=None, max_rewind=0)\n--\n\n"
    "A chain of stages (penalties, cuts, temperature, a draw) that turns a row of logits into a\n"
    "token.\n\n"
    "chain: a spec such as \"temp=0.8;top_k=40;top_p=0.95\", with llama.cpp's parameter names,\n"
    "    defaults and order (\"\" is llama.cpp's default chain); or an iterable of stages\n"
    "    (pluck.stages) in the order in which they run. A function of a View is a stage, too.\n"
    "n_vocab: tokens of the vocabulary, 1 to 16777216.\n"
    "seed: 0 to 4294967294, of every random stage without its own. None: the spec's, or a\n"
    "    random one. -1: a random one.\n"
    "rng: 'mt19937' (llama.cpp's stream) or 'philox'. None: the spec's, or mt19937.\n"
    "workspace: a Workspace to share with other samplers; None: the sampler has its own, about\n"
    "    21 bytes for each token of the vocabulary.\n"
    "max_rewind: accepted tokens that rewind() can take back, 0 to 4096.\n\n"
    "Raises pluck.Error (a ValueError) naming key, value and allowed range.\n\n"
    "A sampler is used by one thread at a time; others are refused with RuntimeError. copy.copy()\n"
    "clones.";

int px_sampler_init(PyObject *module) {
    static PyType_Slot slots[] = {PX_SLOT(Py_tp_doc, sampler_doc),
                                  PX_SLOT(Py_tp_new, new_sampler),
                                  PX_SLOT(Py_tp_dealloc, free_sampler),
                                  PX_SLOT(Py_tp_traverse, visit_sampler),
                                  PX_SLOT(Py_tp_clear, clear_sampler),
                                  PX_SLOT(Py_tp_repr, sampler_repr),
                                  PX_SLOT(Py_tp_methods, sampler_methods),
                                  PX_SLOT(Py_tp_getset, sampler_members),
                                  {0, NULL}};
    static PyType_Spec spec = {"pluck.Sampler", sizeof(px_sampler), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
                               slots};
    px_sampler_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!px_sampler_type) return -1;
    return PyModule_AddObjectRef(module, "Sampler", (PyObject *)px_sampler_type);
}
