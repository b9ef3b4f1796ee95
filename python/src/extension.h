/*
 * extension.h: what the files of the Python extension share.
 *
 *   module.c      the module: functions, creation, what is refused
 *   array.c       any array as pointer, element type, shape and strides; torch.c and dlpack.c help
 *   request.c     row, mask and ids of a call, as the C library wants them
 *   chain.c       stages as Python objects to a pluck_config, and back
 *   callback.c    stages that call Python functions
 *   sampler.c     pluck.Sampler; workspace_object.c pluck.Workspace
 *   batch_object.c pluck.Batch; batch_call.c its arguments, batch_result.c its results
 *   rows.c        many rows and masks of a call
 *   verify.c      drafts checked against rows
 *   banned_object.c pluck.Banned
 *   accept.c      telling a sampler tokens
 *   saved.c       a sampler's state as bytes, and pickling
 *   results.c     what a call returns; errors
 *
 * Only CPython's stable ABI is used, so that one build serves every version from 3.11.
 */
#ifndef PLUCK_EXTENSION_H
#define PLUCK_EXTENSION_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "pluck.h"

/* Slots of a type hold functions as void *, which ISO C alone does not allow. */
#if defined(__GNUC__)
#define PX_SLOT(id, function)                                                                      \
    { id, __extension__(void *)(function) }
#else
#define PX_SLOT(id, function)                                                                      \
    { id, (void *)(function) }
#endif

/* A function of the vectorcall kind in a table of methods. */
#define PX_METHOD(function) ((PyCFunction)(void (*)(void))(function))

/* ---- array.c, torch.c, dlpack.c ---- */

typedef enum px_element {
    PX_OTHER, /* `other` says which */
    PX_F32,
    PX_F16,
    PX_BF16,
    PX_BOOL,
    PX_INT8, /* of either sign, as the next three */
    PX_INT16,
    PX_INT32,
    PX_INT64
} px_element;

/* An array of somebody else's, of one or two dimensions, and what keeps its memory alive. */
typedef struct px_array {
    PyObject *owner;  /* the object as given; NULL: there is no array */
    PyObject *lender; /* what holds the memory besides: a DLPack capsule, or NULL */
    Py_buffer buffer;
    bool has_buffer;
    const void *data;
    px_element element;
    Py_ssize_t size; /* of an element, in bytes */
    char other[24];
    int n_dims;
    int64_t shape[2];
    int64_t strides[2]; /* in bytes */
} px_array;

/* Reads `object` as an array; `what` ("row") is for messages. -1 with TypeError, ValueError or
 * BufferError set, and nothing to drop, if it is none that can be read here without a copy. */
int px_array_take(px_array *a, PyObject *object, const char *what);
void px_array_drop(px_array *a);
int px_array_visit(const px_array *a, visitproc visit, void *arg);

/* Whether the array is still where it was. Only a tensor's memory can have moved. */
bool px_array_is_in_place(const px_array *a);

/* For what reads arrays: takes over the number of dimensions (-1 with ValueError set if it is not 1
 * or 2), and makes the strides those of elements side by side. */
int px_array_set_dims(px_array *a, Py_ssize_t n_dims, const char *what);
void px_array_set_packed(px_array *a);

/* A name as users write it: "float32". */
const char *px_element_name(const px_array *a);

/* 1: read; 0: not of this kind; -1: an error is set. */
int px_torch_take(px_array *a, PyObject *object, const char *what);
int px_dlpack_take(px_array *a, PyObject *object, const char *what);

/* Where a tensor's data lie; NULL and no error if that cannot be told. */
const void *px_torch_data(PyObject *tensor);

/* ---- request.c ---- */

/* A call's arguments: the arrays as given, and the row made of them. */
typedef struct px_request {
    px_array row, mask, ids, second;
    void *own_mask, *own_ids; /* where they had to be converted */
    pluck_row c;
} px_request;

/* The values of the keyword arguments that describe a row; NULL or None: not given. */
typedef struct px_row_args {
    PyObject *row, *mask, *ids, *descending, *dtype, *second;
} px_row_args;

/* Fills r for a vocabulary of n_vocab (0: whatever the row has). -1 with an exception set, and
 * nothing to drop. */
int px_request_fill(px_request *r, const px_row_args *args, int32_t n_vocab);
void px_request_drop(px_request *r);

/* The dtype that rows of this element type have; -1 with TypeError set, which names `what`, if they
 * cannot. `dtype` may say what 16-bit integers hold. */
int px_row_dtype(const px_array *a, const char *what, PyObject *dtype, pluck_dtype *out);

/* Packs `mask` of n_vocab tokens: bool, or bits in bytes or 32-bit words, whose count of bits goes
 * to *n_allowed. *own is memory for PyMem_Free, or NULL if the mask serves as it is. */
int px_mask_words(const px_array *mask, int64_t at, int32_t n_vocab, const uint32_t **words,
                  int32_t *n_allowed, void **own);

/*
 * Sorts the arguments of a vectorcall by `names` (ended by NULL): the first n_positional may be given
 * by place. values has room for one per name, all NULL before. -1 with TypeError set.
 */
int px_arguments(const char *function, PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames,
                 const char *const *names, int n_positional, PyObject **values);

/* The integer that an object is; a new reference. NULL with an exception set that names `what`. */
PyObject *px_index(PyObject *object, const char *what);

/* An int32 of a Python integer; -1 with an exception set that names `what` if it is none. */
int px_int32(PyObject *object, const char *what, int32_t *out);

/* The bytes of a str, as UTF-8, or of bytes; a new reference. NULL with TypeError set that names
 * `what`. */
PyObject *px_text(PyObject *object, const char *what);

/* ---- chain.c ---- */

/* A config made of Python objects, with the memory that it points to. */
typedef struct px_chain {
    pluck_config config;
    pluck_stage stages[PLUCK_MAX_STAGES];
    PyObject *callbacks; /* list of the callbacks, in chain order */
    void *blocks;        /* memory to be freed */
    pluck_spec *spec;
} px_chain;

/* Reads a chain: a spec (str), or stages (iterable). -1 with an exception set; px_chain_drop in
 * either case. */
int px_chain_fill(px_chain *c, PyObject *chain, int32_t n_vocab);
void px_chain_drop(px_chain *c);

/* A seed: None or -1 is a random one. -1 with an exception set that names `name`. */
int px_seed(PyObject *value, const char *name, uint32_t *out);

/* A tuple of stage objects that make this config again. */
PyObject *px_chain_stages(const pluck_config *config, PyObject *callbacks);

/* ---- callback.c ---- */

/* Makes the callback of a Python stage and fills `stage` with it. A new reference, or NULL. */
PyObject *px_callback_custom(PyObject *object, pluck_stage *stage);
PyObject *px_callback_infill(PyObject *object, pluck_stage *stage);

/* The Python object that a callback was made of; borrowed. */
PyObject *px_callback_object(PyObject *object);

/* Raises what a callback of this list raised, if one did: -1. */
int px_callbacks_raise(PyObject *callbacks);

/* Around pluck_sampler_clone, under the GIL: callbacks of the clone are put into `to`. */
void px_callbacks_begin_clone(PyObject *from, PyObject *to);
int px_callbacks_end_clone(void);

int px_callback_init(PyObject *module);

/* ---- results.c ---- */

/* Raises pluck.Error (MemoryError for ERR_MEMORY); always returns NULL. err may be NULL. */
PyObject *px_raise(pluck_status status, const pluck_error *err);

PyObject *px_draw_object(const pluck_draw *draw);
PyObject *px_candidates_object(const pluck_candidates *candidates);
/* Whether it is a pluck.Candidates. */
bool px_is_candidates(PyObject *object);

PyObject *px_logprobs_object(const int32_t *ids, const float *logprobs, int32_t n,
                             PyObject *token_logprob);

/* A memoryview of a copy of n elements, of struct's format ("i", "f", "q"). */
PyObject *px_copy_view(const void *data, Py_ssize_t n, Py_ssize_t size, const char *format);

/* A struct sequence of n items, whose references are taken; NULL if one of them is. */
PyObject *px_sequence(PyTypeObject *type, PyObject *const *items, int n);

/* Makes a type of struct sequences and adds it to the module. NULL with an exception set. */
PyTypeObject *px_sequence_type(PyObject *module, const char *name, PyStructSequence_Desc *desc);

int px_results_init(PyObject *module);

/* ---- workspace_object.c ---- */

/* Memory of calls, whose it is, and what the last call read. */
typedef struct px_bench {
    pluck_workspace *workspace;
    bool busy;
    const void *last; /* the sampler whose result lies there; compared, never followed */
    px_request held;
} px_bench;

/* Drops what the last call read, and with it its result. */
void px_bench_forget(px_bench *bench);

extern PyTypeObject *px_workspace_type;
px_bench *px_workspace_bench(PyObject *workspace);
int px_workspace_init(PyObject *module);

/* ---- sampler.c ---- */

typedef struct px_sampler {
    PyObject ob_base;
    pluck_sampler *c;
    int32_t n_vocab;
    bool busy;           /* a call is under way; looked at under the GIL */
    PyObject *callbacks; /* list */
    PyObject *workspace; /* pluck.Workspace, or NULL: own is used */
    px_bench own, *bench;
} px_sampler;

extern PyTypeObject *px_sampler_type;

/* Takes and gives back the right to use a sampler. -1 with RuntimeError set if it is in use. */
int px_sampler_enter(px_sampler *s);
void px_sampler_leave(px_sampler *s);

int px_sampler_init(PyObject *module);

/* ---- accept.c, saved.c: methods of Sampler ---- */

/* -1 with pluck.Error set if a token is not in the vocabulary. */
int px_check_token(int32_t token, int32_t n_vocab);

PyObject *px_sampler_accept(PyObject *self, PyObject *token);
PyObject *px_sampler_accept_prompt(PyObject *self, PyObject *tokens);

PyObject *px_sampler_save(PyObject *self, PyObject *unused);
PyObject *px_sampler_load(PyObject *self, PyObject *given);
PyObject *px_sampler_reduce(PyObject *self, PyObject *unused);

/* ---- verify.c: a method of Sampler, and what it returns ---- */

PyObject *px_sampler_verify(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                            PyObject *kwnames);
int px_verify_init(PyObject *module);

/* ---- batch_object.c ---- */

int px_batch_init(PyObject *module);

/* ---- banned_object.c ---- */

int px_banned_init(PyObject *module);

#endif /* PLUCK_EXTENSION_H */
