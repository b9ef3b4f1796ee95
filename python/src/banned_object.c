/*
 * banned_object.c: pluck.Banned, strings that a text must not contain.
 *
 * The GIL is not released: a call takes less time than that. A function that gives the texts of tokens
 * runs within accept(), and may let other threads run; so an object that is in use is marked, as a
 * sampler is. What the function raises stays set until the call returns.
 */
#include "extension.h"

#include <string.h>

#include "pluck_banned.h"

typedef struct banned_object {
    PyObject ob_base;
    pluck_banned *c;
    PyObject *strings; /* tuple of bytes */
    PyObject *pieces;  /* a function, or a tuple; the callback's ctx, also that of clones */
    int32_t n_vocab, max_held;
    bool ignore_case;
    bool busy;
} banned_object;

static PyTypeObject *banned_type, *step_type;

/* ---- texts ---- */

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    PyObject *pieces = ctx;
    PyObject *text = PyTuple_Check(pieces) ? Py_XNewRef(PyTuple_GetItem(pieces, token))
                                           : PyObject_CallFunction(pieces, "i", (int)token);
    PyObject *bytes = text ? px_text(text, "the text of a token") : NULL;
    Py_XDECREF(text);
    if (!bytes) return -1;
    const Py_ssize_t n = PyBytes_Size(bytes);
    if (n <= capacity)
        memcpy(buffer, PyBytes_AsString(bytes), (size_t)n);
    else
        PyErr_Format(PyExc_ValueError, "the text of token %d has %zd bytes; allowed: 0 to %d",
                     (int)token, n, (int)capacity);
    Py_DECREF(bytes);
    return n <= capacity ? (int32_t)n : -1;
}

/* The texts of all tokens as a tuple, or the function that was given. A new reference, or NULL. */
static PyObject *take_pieces(PyObject *given, PyObject *n_vocab, int32_t *n) {
    if (PyCallable_Check(given)) {
        if (n_vocab != Py_None)
            return px_int32(n_vocab, "n_vocab", n) == 0 ? Py_NewRef(given) : NULL;
        PyErr_SetString(PyExc_TypeError, "n_vocab is needed if pieces is a function");
        return NULL;
    }
    if (!PySequence_Check(given) || PyUnicode_Check(given) || PyBytes_Check(given))
        return PyErr_Format(PyExc_TypeError,
                            "pieces is a %R; wanted: a function of a token, or a sequence of texts",
                            (PyObject *)Py_TYPE(given));
    PyObject *all = PySequence_Tuple(given);
    if (!all) return NULL;
    const Py_ssize_t size = PyTuple_Size(all);
    bool right = size <= INT32_MAX;
    *n = right ? (int32_t)size : 0;
    if (n_vocab != Py_None) right = right && px_int32(n_vocab, "n_vocab", n) == 0 && *n == size;
    for (Py_ssize_t i = 0; right && i < size; i++) {
        PyObject *text = PyTuple_GetItem(all, i);
        if (PyUnicode_Check(text) || PyBytes_Check(text)) continue;
        PyErr_Format(PyExc_TypeError, "the text of token %zd is a %R; wanted: str or bytes", i,
                     (PyObject *)Py_TYPE(text));
        right = false;
    }
    if (right) return all;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "pieces has %zd texts, the vocabulary %d tokens", size,
                     (int)*n);
    Py_DECREF(all);
    return NULL;
}

/* A tuple of bytes; a new reference, or NULL. */
static PyObject *take_strings(PyObject *given) {
    if (PyUnicode_Check(given) || PyBytes_Check(given))
        return PyErr_Format(PyExc_TypeError, "strings is a %R; wanted: several of them",
                            (PyObject *)Py_TYPE(given));
    PyObject *list = PySequence_List(given);
    if (!list) return NULL;
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++) {
        PyObject *bytes = px_text(PyList_GetItem(list, i), "a banned string");
        if (!bytes || PyList_SetItem(list, i, bytes) != 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    PyObject *tuple = PyList_AsTuple(list);
    Py_DECREF(list);
    return tuple;
}

/* ---- an object's life ---- */

static int enter(banned_object *b) {
    if (!b->busy) {
        b->busy = true;
        return 0;
    }
    PyErr_SetString(
        PyExc_RuntimeError,
        "the Banned is in use, by another thread or by the call that this one is made from");
    return -1;
}

/* The C object of strings and lengths that live as long as the call. NULL with an exception set. */
static pluck_banned *create(PyObject *strings, PyObject *pieces, const pluck_banned_config *rest) {
    pluck_banned_config config = *rest;
    const Py_ssize_t n = PyTuple_Size(strings);
    config.n_strings = n <= INT32_MAX ? (int32_t)n : 0;
    const char **texts = PyMem_Malloc((size_t)n * sizeof *texts + 1);
    int32_t *lengths = PyMem_Malloc((size_t)n * sizeof *lengths + 1);
    pluck_banned *made = NULL;
    if (texts && lengths) {
        for (int32_t i = 0; i < config.n_strings; i++) {
            PyObject *bytes = PyTuple_GetItem(strings, i);
            const Py_ssize_t size = PyBytes_Size(bytes);
            texts[i] = PyBytes_AsString(bytes);
            lengths[i] = size <= PLUCK_MAX_BANNED_TEXT ? (int32_t)size : PLUCK_MAX_BANNED_TEXT + 1;
        }
        config.strings = texts;
        config.lengths = lengths;
        config.piece = piece;
        config.ctx = pieces;
        pluck_error err = {PLUCK_OK, ""};
        const pluck_status status = pluck_banned_create(&made, &config, &err);
        if (status != PLUCK_OK) (void)px_raise(status, &err);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(lengths);
    PyMem_Free(texts);
    return made;
}

/* The object around a C object, which it then owns; frees it on error. */
static PyObject *wrap(PyTypeObject *type, pluck_banned *c, PyObject *strings, PyObject *pieces,
                      const pluck_banned_config *config) {
    banned_object *b = (banned_object *)PyType_GenericAlloc(type, 0);
    if (!b) {
        pluck_banned_free(c);
        return NULL;
    }
    b->c = c;
    b->strings = Py_NewRef(strings);
    b->pieces = Py_NewRef(pieces);
    b->n_vocab = config->n_vocab;
    b->max_held = config->max_held;
    b->ignore_case = config->ignore_case;
    return (PyObject *)b;
}

static PyObject *new_banned(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"strings", "pieces", "n_vocab", "ignore_case", "max_held", NULL};
    PyObject *given, *texts, *size = Py_None, *most = NULL;
    int folds = 0;
    pluck_banned_config config = {.max_held = 64};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|O$pO:Banned", names, &given, &texts, &size,
                                     &folds, &most) ||
        (most && px_int32(most, "max_held", &config.max_held) != 0))
        return NULL;
    config.ignore_case = folds != 0;
    PyObject *strings = take_strings(given);
    PyObject *pieces = strings ? take_pieces(texts, size, &config.n_vocab) : NULL;
    pluck_banned *c = pieces ? create(strings, pieces, &config) : NULL;
    PyObject *made = c ? wrap(type, c, strings, pieces, &config) : NULL;
    Py_XDECREF(pieces);
    Py_XDECREF(strings);
    return made;
}

/* What clears the function's own references breaks circles; it stays callable until the end. */
static int visit_banned(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((banned_object *)self)->pieces);
    return 0;
}

static void free_banned(PyObject *self) {
    banned_object *b = (banned_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    pluck_banned_free(b->c);
    Py_CLEAR(b->strings);
    Py_CLEAR(b->pieces);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Also __copy__, and __deepcopy__, whose argument plays no part. */
static PyObject *banned_clone(PyObject *self, PyObject *unused) {
    (void)unused;
    banned_object *b = (banned_object *)self;
    if (enter(b) != 0) return NULL;
    pluck_banned *c = NULL;
    const pluck_status status = pluck_banned_clone(&c, b->c);
    b->busy = false;
    const pluck_banned_config config = {
        .n_vocab = b->n_vocab, .max_held = b->max_held, .ignore_case = b->ignore_case};
    return status == PLUCK_OK ? wrap(Py_TYPE(self), c, b->strings, b->pieces, &config)
                              : px_raise(status, NULL);
}

/* ---- a text ---- */

static PyObject *step_object(const pluck_banned_step *step) {
    PyObject *const items[] = {
        PyLong_FromLong(step->n_released),
        PyLong_FromLong(step->n_held),
        PyLong_FromLong(step->take_back),
        step->string < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(step->string),
        step->token < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(step->token),
    };
    return px_sequence(step_type, items, 5);
}

static PyObject *banned_accept(PyObject *self, PyObject *given) {
    banned_object *b = (banned_object *)self;
    int32_t token;
    if (px_int32(given, "token", &token) != 0 || px_check_token(token, b->n_vocab) != 0 ||
        enter(b) != 0)
        return NULL;
    pluck_banned_step step;
    const pluck_status status = pluck_banned_accept(b->c, token, &step);
    b->busy = false;
    if (PyErr_Occurred()) return NULL;
    if (status == PLUCK_OK) return step_object(&step);
    const pluck_error err = {status, "more than 4096 tokens would be banned"};
    return px_raise(status, status == PLUCK_ERR_SIZE ? &err : NULL);
}

static PyObject *banned_rewind(PyObject *self, PyObject *count) {
    banned_object *b = (banned_object *)self;
    int32_t n;
    if (px_int32(count, "n", &n) != 0 || enter(b) != 0) return NULL;
    const pluck_status status = pluck_banned_rewind(b->c, n);
    b->busy = false;
    if (status == PLUCK_OK) return Py_NewRef(Py_None);
    const pluck_error err = {status, "more tokens are to be taken back than are held"};
    return px_raise(status, status == PLUCK_ERR_REWIND ? &err : NULL);
}

static PyObject *banned_reset(PyObject *self, PyObject *unused) {
    (void)unused;
    banned_object *b = (banned_object *)self;
    if (enter(b) != 0) return NULL;
    pluck_banned_reset(b->c);
    b->busy = false;
    return Py_NewRef(Py_None);
}

/* ---- what is banned ---- */

/* Copies a mask as sample() takes it; with none, allows all. -1 with an exception set. */
static int copy_mask(PyObject *allowed, int32_t n_vocab, uint32_t *to) {
    const size_t size = ((size_t)n_vocab + 31) / 32 * sizeof *to;
    if (!allowed) {
        memset(to, 0xff, size);
        return 0;
    }
    px_array mask;
    if (px_array_take(&mask, allowed, "mask") != 0) return -1;
    const uint32_t *words = NULL;
    void *own = NULL;
    int32_t n;
    if (mask.n_dims != 1)
        PyErr_SetString(PyExc_ValueError, "mask has two dimensions; wanted: one");
    else if (px_mask_words(&mask, 0, n_vocab, &words, &n, &own) == 0)
        memcpy(to, words, size);
    PyMem_Free(own);
    px_array_drop(&mask);
    return words ? 0 : -1;
}

static PyObject *banned_mask(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                             PyObject *kwnames) {
    static const char *const names[] = {"allowed", NULL};
    banned_object *b = (banned_object *)self;
    PyObject *allowed;
    if (px_arguments("mask()", args, n_args, kwnames, names, 1, &allowed) != 0 || enter(b) != 0)
        return NULL;
    PyObject *made = NULL;
    int32_t n;
    (void)pluck_banned_tokens(b->c, &n);
    if (n == 0) {
        made = Py_NewRef(allowed ? allowed : Py_None);
    } else {
        const Py_ssize_t n_words = ((Py_ssize_t)b->n_vocab + 31) / 32;
        uint32_t *words = PyMem_Malloc((size_t)n_words * sizeof *words);
        if (!words) PyErr_NoMemory();
        if (words && copy_mask(allowed, b->n_vocab, words) == 0) {
            (void)pluck_banned_mask(b->c, words, b->n_vocab);
            made = px_copy_view(words, n_words, sizeof *words, "I");
        }
        PyMem_Free(words);
    }
    b->busy = false;
    return made;
}

static PyObject *banned_tokens(PyObject *self, void *unused) {
    (void)unused;
    int32_t n;
    const int32_t *tokens = pluck_banned_tokens(((banned_object *)self)->c, &n);
    PyObject *made = PyTuple_New(n);
    for (int32_t i = 0; made && i < n; i++) {
        PyObject *token = PyLong_FromLong(tokens[i]);
        if (!token || PyTuple_SetItem(made, i, token) != 0) Py_CLEAR(made);
    }
    return made;
}

/* ---- as bytes ---- */

static PyObject *banned_save(PyObject *self, PyObject *unused) {
    (void)unused;
    banned_object *b = (banned_object *)self;
    if (enter(b) != 0) return NULL;
    size_t size = 0;
    (void)pluck_banned_save(b->c, NULL, 0, &size);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes) (void)pluck_banned_save(b->c, PyBytes_AsString(bytes), size, &size);
    b->busy = false;
    return bytes;
}

static PyObject *banned_load(PyObject *self, PyObject *given) {
    banned_object *b = (banned_object *)self;
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(given, &bytes, &size) != 0 || enter(b) != 0) return NULL;
    pluck_error err = {PLUCK_OK, ""};
    const pluck_status status = pluck_banned_load(b->c, bytes, (size_t)size, &err);
    b->busy = false;
    return status == PLUCK_OK ? Py_NewRef(Py_None) : px_raise(status, &err);
}

static PyObject *banned_reduce(PyObject *self, PyObject *unused) {
    (void)unused;
    banned_object *b = (banned_object *)self;
    PyObject *state = banned_save(self, NULL);
    PyObject *module = state ? PyImport_ImportModule("pluck._restore") : NULL;
    PyObject *restore = module ? PyObject_GetAttrString(module, "restore_banned") : NULL;
    PyObject *reduced =
        restore ? Py_BuildValue("O(OOOiNiO)", restore, (PyObject *)Py_TYPE(self), b->strings,
                                b->pieces, (int)b->n_vocab, PyBool_FromLong(b->ignore_case),
                                (int)b->max_held, state)
                : NULL;
    Py_XDECREF(restore);
    Py_XDECREF(module);
    Py_XDECREF(state);
    return reduced;
}

/* ---- types ---- */

static PyMethodDef methods[] = {
    {"accept", banned_accept, METH_O,
     "accept($self, token, /)\n--\n\n"
     "Tell the next token of the text, and return a BannedStep: n_released, n_held, take_back,\n"
     "string, token. To be called after Sampler.accept(); if take_back is above 0, so many tokens\n"
     "must be taken back, by Sampler.rewind(take_back) and in the model's cache.\n\n"
     "Raises pluck.Error if the token is outside the vocabulary or more than 4096 tokens would be\n"
     "banned, what the function of pieces raises, and RuntimeError if the object is in use. Then\n"
     "nothing has changed."},
    {"mask", PX_METHOD(banned_mask), METH_FASTCALL | METH_KEYWORDS,
     "mask($self, allowed=None)\n--\n\n"
     "Return the mask for the next row, as Sampler.sample() takes it: `allowed`, which may be such "
     "a\n"
     "mask, without the tokens that are banned in this place. If none is banned, `allowed` "
     "itself;\n"
     "else a memoryview of bits in 32-bit words, the lowest first, a copy."},
    {"rewind", banned_rewind, METH_O,
     "rewind($self, n, /)\n--\n\n"
     "Take back the last n tokens, which must be held, for a reason of one's own. accept() has\n"
     "taken back already what its take_back says."},
    {"reset", banned_reset, METH_NOARGS, "reset($self, /)\n--\n\nBegin a new text."},
    {"clone", banned_clone, METH_NOARGS,
     "clone($self, /)\n--\n\n"
     "Return an object that goes on as this one will; both share the strings."},
    {"save", banned_save, METH_NOARGS,
     "save($self, /)\n--\n\n"
     "Return as bytes what is held and what is banned."},
    {"load", banned_load, METH_O,
     "load($self, state, /)\n--\n\n"
     "Go on as the object that was saved would have. It must have had the same strings,\n"
     "ignore_case and n_vocab; else pluck.Error, and nothing changes."},
    {"__reduce__", banned_reduce, METH_NOARGS,
     "__reduce__($self, /)\n--\n\n"
     "For pickle: strings, texts and what is held. A function is pickled by name."},
    {"__copy__", banned_clone, METH_NOARGS, "__copy__($self, /)\n--\n\nThe same as clone()."},
    {"__deepcopy__", banned_clone, METH_O,
     "__deepcopy__($self, memo, /)\n--\n\nThe same as clone()."},
    {NULL, NULL, 0, NULL}};

static PyObject *banned_strings(PyObject *self, void *unused) {
    (void)unused;
    return Py_NewRef(((banned_object *)self)->strings);
}

static PyObject *banned_n_vocab(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((banned_object *)self)->n_vocab);
}

static PyObject *banned_max_held(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(((banned_object *)self)->max_held);
}

static PyObject *banned_ignore_case(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(((banned_object *)self)->ignore_case);
}

static const char banned_doc[] =
    "Banned(strings, pieces, n_vocab=None, *, ignore_case=False, max_held=64)\n--\n\n"
    "Strings that a text must not contain. A string may begin in one token and end in another; so\n"
    "tokens are held while a string may still be completed, and taken back if one is. The first "
    "of\n"
    "them is then banned in its place.\n\n"
    "    banned = pluck.Banned([\"shivers down\"], pieces)\n"
    "    sampler = pluck.Sampler(chain, n_vocab, max_rewind=banned.max_held)\n"
    "    ...\n"
    "    token = sampler.sample(row, mask=banned.mask())\n"
    "    sampler.accept(token)\n"
    "    step = banned.accept(token)\n"
    "    if step.take_back:\n"
    "        sampler.rewind(step.take_back)      # and so many tokens of the model's cache\n\n"
    "strings: str (as UTF-8) or bytes, at least one, none empty, 16777215 bytes in all.\n"
    "pieces: the text of each token, str or bytes of at most 4096 bytes: a sequence of n_vocab, "
    "or\n"
    "    a function of a token (int), which must always give the same. A token may end within a\n"
    "    character; then only bytes are right.\n"
    "n_vocab: tokens of the vocabulary; None: as many as pieces has.\n"
    "ignore_case: A to Z are the same as a to z; other letters are not folded.\n"
    "max_held: tokens held, and taken back, at most: 1 to 4096. A string that has begun earlier "
    "is\n"
    "    taken back to the oldest token that is held.\n\n"
    "When a text ends, what is held can be given out. An object is for one text and for one "
    "thread\n"
    "at a time; others are refused with RuntimeError. copy.copy() clones.";

int px_banned_init(PyObject *module) {
    static PyStructSequence_Field step_fields[] = {
        {"n_released", "how many of the held tokens, the oldest first, can be given out now"},
        {"n_held", "how many are held afterwards"},
        {"take_back", "how many tokens must be taken back, the one accepted included; 0: none"},
        {"string",
         "number of the string that was completed (the longest, if several end); or None"},
        {"token", "the token that is banned in place of those taken back; or None"},
        {NULL, NULL}};
    static PyStructSequence_Desc step = {"pluck.BannedStep", "What a token led to (Banned.accept).",
                                         step_fields, 5};
    static PyGetSetDef members[] = {
        {"tokens", banned_tokens, NULL, "The tokens that are banned in the next place (tuple).",
         NULL},
        {"strings", banned_strings, NULL, "The strings (tuple of bytes).", NULL},
        {"n_vocab", banned_n_vocab, NULL, "Tokens of the vocabulary (int).", NULL},
        {"max_held", banned_max_held, NULL, "Tokens held at most (int).", NULL},
        {"ignore_case", banned_ignore_case, NULL, "Whether A to Z are the same as a to z.", NULL},
        {NULL, NULL, NULL, NULL, NULL}};
    static PyType_Slot slots[] = {PX_SLOT(Py_tp_doc, banned_doc),
                                  PX_SLOT(Py_tp_new, new_banned),
                                  PX_SLOT(Py_tp_dealloc, free_banned),
                                  PX_SLOT(Py_tp_traverse, visit_banned),
                                  PX_SLOT(Py_tp_methods, methods),
                                  PX_SLOT(Py_tp_getset, members),
                                  {0, NULL}};
    static PyType_Spec spec = {"pluck.Banned", sizeof(banned_object), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
                               slots};
    step_type = px_sequence_type(module, "BannedStep", &step);
    banned_type = step_type ? (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL) : NULL;
    if (!banned_type) return -1;
    return PyModule_AddObjectRef(module, "Banned", (PyObject *)banned_type);
}
