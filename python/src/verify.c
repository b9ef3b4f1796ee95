/*
 * verify.c: Sampler.verify: drafted tokens checked against the target's rows (pluck_verify.h).
 *
 * Proposals of the whole vocabulary are read where they lie. Lists of candidates are copied, since the
 * C library wants them by ascending id, and a chain leaves them in any order.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "pluck_verify.h"

static PyTypeObject *verified_type;

/* The arguments of a call, as the C library wants them. */
typedef struct draft_call {
    pluck_draft c;
    int32_t tokens[PLUCK_MAX_DRAFT];
    pluck_row rows[PLUCK_MAX_DRAFT + 1];
    pluck_proposal proposals[PLUCK_MAX_DRAFT];
    int32_t parents[PLUCK_MAX_DRAFT];
    px_rows in;
    px_array arrays[PLUCK_MAX_DRAFT]; /* of proposals: n_arrays have been taken */
    int32_t n_arrays;
    void *own[PLUCK_MAX_DRAFT]; /* lists of candidates; NULL: none */
} draft_call;

/* The values of the arguments; NULL: not given. */
typedef struct verify_args {
    PyObject *tokens, *rows, *way, *proposals, *mask, *dtype, *parents, *without_replacement;
} verify_args;

/* ---- way and tokens ---- */

static int read_way(PyObject *given, pluck_verify_way *way) {
    static const char *const names[] = {"same", "rejection", "block"};
    *way = PLUCK_VERIFY_SAME;
    if (!given) return 0;
    for (int i = 0; PyUnicode_Check(given) && i < 3; i++) {
        *way = (pluck_verify_way)i;
        if (PyUnicode_CompareWithASCIIString(given, names[i]) == 0) return 0;
    }
    PyErr_Format(PyExc_ValueError, "way=%R; allowed: 'same', 'rejection', 'block'", given);
    return -1;
}

/* -1 with pluck.Error set if the draft is too long, for any sampler or for this one. */
static int check_length(Py_ssize_t n, int32_t max_rewind) {
    const bool by_rewind = max_rewind < PLUCK_MAX_DRAFT;
    const int32_t most = by_rewind ? max_rewind : PLUCK_MAX_DRAFT;
    if (n <= most) return 0;
    pluck_error err = {by_rewind ? PLUCK_ERR_REWIND : PLUCK_ERR_SIZE, ""};
    (void)PyOS_snprintf(err.message, sizeof err.message, "len(tokens) is %zd; allowed: 0 to %d%s",
                        n, (int)most, by_rewind ? ", the sampler's max_rewind" : "");
    (void)px_raise(err.status, &err);
    return -1;
}

/* Reads n integers of a list, which are called `name`. */
static int read_integers(PyObject *list, const char *name, Py_ssize_t n, int32_t *out) {
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < n; i++) {
        char what[32];
        (void)PyOS_snprintf(what, sizeof what, "%s[%zd]", name, i);
        status = px_int32(PyList_GetItem(list, i), what, &out[i]);
    }
    return status;
}

static int read_tokens(draft_call *d, PyObject *given, int32_t max_rewind) {
    PyObject *list = PySequence_List(given);
    if (!list) return -1;
    const Py_ssize_t n = PyList_Size(list);
    int status = check_length(n, max_rewind);
    if (status == 0) status = read_integers(list, "tokens", n, d->tokens);
    Py_DECREF(list);
    d->c.tokens = d->tokens;
    d->c.n_tokens = (int32_t)n;
    return status;
}

/* ---- trees ---- */

static int read_parents(draft_call *d, const verify_args *args) {
    const int without = args->without_replacement ? PyObject_IsTrue(args->without_replacement) : 0;
    if (without < 0) return -1;
    d->c.without_replacement = without == 1;
    if (!args->parents) return 0;
    PyObject *list = PySequence_List(args->parents);
    if (!list) return -1;
    int status = px_check_count("parents", PyList_Size(list), "tokens", d->c.n_tokens);
    if (status == 0) status = read_integers(list, "parents", d->c.n_tokens, d->parents);
    Py_DECREF(list);
    d->c.parents = d->parents;
    return status;
}

/* ---- rows ---- */

static int read_rows(draft_call *d, const verify_args *args, int32_t n_vocab) {
    const int32_t n = d->c.n_tokens + 1;
    if (px_rows_make(&d->in, n, "places, one more than tokens") != 0) return -1;
    for (int32_t i = 0; i < n; i++) d->in.rows[i].row.n = n_vocab;
    if (px_rows_fill(&d->in, args->rows, args->mask, args->dtype) != 0) return -1;
    for (int32_t i = 0; i < n; i++) {
        if (d->in.rows[i].stride != 1) {
            PyErr_Format(PyExc_ValueError,
                         "row %d has a stride of %lld elements; wanted: 1 (contiguous)", (int)i,
                         (long long)d->in.rows[i].stride);
            return -1;
        }
        d->rows[i] = d->in.rows[i].row;
    }
    d->c.rows = d->rows;
    return 0;
}

/* ---- proposals of the whole vocabulary ---- */

/* Takes an array of float32; its place in d->arrays stays what it is. */
static const px_array *next_array(draft_call *d, PyObject *given) {
    px_array *a = &d->arrays[d->n_arrays];
    if (px_array_take(a, given, "proposals") != 0) return NULL;
    d->n_arrays++;
    if (a->element == PX_F32) return a;
    PyErr_Format(PyExc_TypeError, "proposals are %s; wanted: float32", px_element_name(a));
    return NULL;
}

/* Proposal i begins at `at` in the array, whose last dimension it is. */
static int set_whole(draft_call *d, int32_t i, const px_array *a, int64_t at, int32_t n_vocab) {
    const int last = a->n_dims - 1;
    const char *data = (const char *)a->data + at;
    if (a->shape[last] != n_vocab) {
        PyErr_Format(PyExc_ValueError,
                     "proposals[%d] has %lld probabilities; the vocabulary has %d", (int)i,
                     (long long)a->shape[last], (int)n_vocab);
        return -1;
    }
    if ((n_vocab > 1 && a->strides[last] != a->size) || (uintptr_t)data % sizeof(float) != 0) {
        PyErr_Format(PyExc_ValueError,
                     "proposals[%d] has a stride of %lld bytes; wanted: contiguous, and aligned to "
                     "its elements of %zd",
                     (int)i, (long long)a->strides[last], a->size);
        return -1;
    }
    d->proposals[i].probabilities = (const float *)(const void *)data;
    d->proposals[i].n = n_vocab;
    return 0;
}

static int read_matrix(draft_call *d, PyObject *given, int32_t n_vocab) {
    const px_array *a = next_array(d, given);
    if (!a) return -1;
    if (a->n_dims != 2) {
        PyErr_SetString(PyExc_ValueError,
                        "proposals has one dimension; wanted: two, or a list with one for each "
                        "token");
        return -1;
    }
    if (px_check_count("proposals", a->shape[0], "tokens", d->c.n_tokens) != 0) return -1;
    for (int32_t i = 0; i < d->c.n_tokens; i++)
        if (set_whole(d, i, a, i * a->strides[0], n_vocab) != 0) return -1;
    return 0;
}

static int read_array(draft_call *d, int32_t i, PyObject *given, int32_t n_vocab) {
    const px_array *a = next_array(d, given);
    if (!a) return -1;
    if (a->n_dims == 1) return set_whole(d, i, a, 0, n_vocab);
    PyErr_Format(PyExc_ValueError,
                 "proposals[%d] has 2 dimensions; wanted: 1, or all as one matrix", (int)i);
    return -1;
}

/* ---- proposals as lists of candidates ---- */

typedef struct candidate {
    int32_t id;
    float probability;
} candidate;

static int by_id(const void *a, const void *b) {
    const int32_t x = ((const candidate *)a)->id, y = ((const candidate *)b)->id;
    return (x > y) - (x < y);
}

static int64_t id_at(const px_array *a, int64_t i) {
    const char *at = (const char *)a->data + i * a->strides[0];
    int64_t wide;
    int32_t narrow;
    if (a->element == PX_INT64) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static int refuse(pluck_status status, int32_t i, const char *message) {
    pluck_error err = {status, ""};
    (void)PyOS_snprintf(err.message, sizeof err.message, "proposals[%d]: %s", (int)i, message);
    (void)px_raise(status, &err);
    return -1;
}

/* Checked here, where the order is still the caller's. */
static int read_candidate(candidate *out, int32_t i, int64_t at, const px_array *ids,
                          const px_array *probabilities, int32_t n_vocab) {
    char message[160];
    const int64_t id = id_at(ids, at);
    float p;
    memcpy(&p, (const char *)probabilities->data + at * probabilities->strides[0], sizeof p);
    if (id < 0 || id >= n_vocab) {
        (void)PyOS_snprintf(message, sizeof message, "ids[%lld] is %lld; allowed: 0 to %d",
                            (long long)at, (long long)id, (int)n_vocab - 1);
        return refuse(PLUCK_ERR_TOKEN, i, message);
    }
    if (!(p >= 0.0f && p <= 1.0f)) {
        (void)PyOS_snprintf(message, sizeof message, "probabilities[%lld] is %g; allowed: 0 to 1",
                            (long long)at, (double)p);
        return refuse(PLUCK_ERR_PARAM, i, message);
    }
    *out = (candidate){(int32_t)id, p};
    return 0;
}

/* Puts n candidates, which are sorted, into the two arrays of a proposal, in `own`. */
static int set_list(draft_call *d, int32_t i, const candidate *sorted, int32_t n) {
    int32_t *ids = d->own[i] = PyMem_Malloc((size_t)n * (sizeof *ids + sizeof(float)));
    if (!ids) {
        PyErr_NoMemory();
        return -1;
    }
    float *probabilities = (float *)(void *)(ids + n);
    for (int32_t k = 0; k < n; k++) {
        if (k > 0 && sorted[k].id == sorted[k - 1].id) {
            char message[64];
            (void)PyOS_snprintf(message, sizeof message, "the id %d is given twice",
                                (int)sorted[k].id);
            return refuse(PLUCK_ERR_PARAM, i, message);
        }
        ids[k] = sorted[k].id;
        probabilities[k] = sorted[k].probability;
    }
    d->proposals[i] = (pluck_proposal){ids, probabilities, n};
    return 0;
}

static int sort_list(draft_call *d, int32_t i, const px_array *ids, const px_array *probabilities,
                     int32_t n_vocab) {
    const int32_t n = (int32_t)ids->shape[0];
    candidate *list = PyMem_Malloc((size_t)n * sizeof *list);
    if (!list) {
        PyErr_NoMemory();
        return -1;
    }
    int status = 0;
    bool ascending = true;
    for (int32_t k = 0; status == 0 && k < n; k++) {
        status = read_candidate(&list[k], i, k, ids, probabilities, n_vocab);
        ascending = ascending && (k == 0 || list[k].id > list[k - 1].id);
    }
    if (status == 0 && !ascending) qsort(list, (size_t)n, sizeof *list, by_id);
    if (status == 0) status = set_list(d, i, list, n);
    PyMem_Free(list);
    return status;
}

static int check_list(int32_t i, const px_array *ids, const px_array *probabilities,
                      int32_t n_vocab) {
    if (ids->element != PX_INT32 && ids->element != PX_INT64) {
        PyErr_Format(PyExc_TypeError, "proposals[%d]: ids are %s; wanted: int32 or int64", (int)i,
                     px_element_name(ids));
        return -1;
    }
    if (probabilities->element != PX_F32) {
        PyErr_Format(PyExc_TypeError, "proposals[%d]: probabilities are %s; wanted: float32",
                     (int)i, px_element_name(probabilities));
        return -1;
    }
    if (ids->n_dims != 1 || probabilities->n_dims != 1 ||
        ids->shape[0] != probabilities->shape[0]) {
        PyErr_Format(PyExc_ValueError,
                     "proposals[%d]: there are %lld ids and %lld probabilities in %d and %d "
                     "dimensions; wanted: as many, in 1",
                     (int)i, (long long)ids->shape[0], (long long)probabilities->shape[0],
                     ids->n_dims, probabilities->n_dims);
        return -1;
    }
    if (ids->shape[0] >= 1 && ids->shape[0] <= n_vocab) return 0;
    PyErr_Format(PyExc_ValueError, "proposals[%d] has %lld candidates; allowed: 1 to %d", (int)i,
                 (long long)ids->shape[0], (int)n_vocab);
    return -1;
}

static int read_pair(draft_call *d, int32_t i, PyObject *given_ids, PyObject *given_probabilities,
                     int32_t n_vocab) {
    px_array ids, probabilities;
    if (px_array_take(&ids, given_ids, "ids") != 0) return -1;
    int status = px_array_take(&probabilities, given_probabilities, "probabilities");
    if (status == 0) {
        status = check_list(i, &ids, &probabilities, n_vocab);
        if (status == 0) status = sort_list(d, i, &ids, &probabilities, n_vocab);
        px_array_drop(&probabilities);
    }
    px_array_drop(&ids);
    return status;
}

/* ---- proposals ---- */

/* One proposal: an array, the Candidates that a draft model's chain left, or (ids, probabilities). */
static int read_proposal(draft_call *d, int32_t i, PyObject *given, int32_t n_vocab) {
    if (px_is_candidates(given))
        return read_pair(d, i, PyTuple_GetItem(given, 0), PyTuple_GetItem(given, 2), n_vocab);
    PyObject *pair = px_as_list(given);
    if (!pair) return PyErr_Occurred() ? -1 : read_array(d, i, given, n_vocab);
    int status = -1;
    if (PyList_Size(pair) == 2)
        status = read_pair(d, i, PyList_GetItem(pair, 0), PyList_GetItem(pair, 1), n_vocab);
    else
        PyErr_Format(PyExc_ValueError,
                     "proposals[%d] has %zd parts; wanted: ids and probabilities, or an array",
                     (int)i, PyList_Size(pair));
    Py_DECREF(pair);
    return status;
}

static int read_proposals(draft_call *d, PyObject *given, int32_t n_vocab) {
    d->c.proposals = d->proposals;
    PyObject *list = px_as_list(given);
    if (!list) return PyErr_Occurred() ? -1 : read_matrix(d, given, n_vocab);
    int status = px_check_count("proposals", PyList_Size(list), "tokens", d->c.n_tokens);
    for (int32_t i = 0; status == 0 && i < d->c.n_tokens; i++)
        status = read_proposal(d, i, PyList_GetItem(list, i), n_vocab);
    Py_DECREF(list);
    return status;
}

/* ---- the whole ---- */

static int fill(draft_call *d, const verify_args *args, const px_sampler *s) {
    if (!args->tokens || !args->rows) {
        PyErr_SetString(PyExc_TypeError, "tokens and rows are needed");
        return -1;
    }
    /* How deep a tree is, the C library finds out. */
    const int32_t most = args->parents ? PLUCK_MAX_DRAFT : pluck_sampler_config(s->c)->max_rewind;
    if (read_way(args->way, &d->c.way) != 0 || read_tokens(d, args->tokens, most) != 0 ||
        read_parents(d, args) != 0 || read_rows(d, args, s->n_vocab) != 0)
        return -1;
    /* The same token stands whatever the draft was drawn from. */
    if (!args->proposals || d->c.way == PLUCK_VERIFY_SAME) return 0;
    return read_proposals(d, args->proposals, s->n_vocab);
}

static void drop(draft_call *d) {
    px_rows_drop(&d->in);
    for (int32_t i = 0; i < d->n_arrays; i++) px_array_drop(&d->arrays[i]);
    for (int32_t i = 0; i < PLUCK_MAX_DRAFT; i++) PyMem_Free(d->own[i]);
    PyMem_Free(d);
}

static PyObject *verified_object(const draft_call *d, const pluck_verified *found) {
    int32_t tokens[PLUCK_MAX_DRAFT + 1], n = found->n_accepted;
    tokens[n] = found->token;
    for (int32_t i = found->node; i >= 0; i = d->c.parents ? d->parents[i] : i - 1)
        tokens[--n] = d->tokens[i];
    PyObject *const items[] = {
        PyLong_FromLong(found->n_accepted),
        PyLong_FromLong(found->token),
        px_copy_view(tokens, (Py_ssize_t)found->n_accepted + 1, sizeof *tokens, "i"),
        PyLong_FromLong(found->node),
    };
    return px_sequence(verified_type, items, 4);
}

/* Of what a stage raised that was told of a token: the result, which it must not cost. */
static PyObject *raise_with(PyObject *result) {
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (PyObject_SetAttrString(error, "verified", result) != 0) PyErr_Clear();
    PyErr_Restore(type, error, trace);
    Py_DECREF(result);
    return NULL;
}

static PyObject *run(px_sampler *s, draft_call *d) {
    pluck_error err = {PLUCK_OK, ""};
    pluck_verified found;
    if (px_sampler_enter(s) != 0) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    const pluck_status status = pluck_verify(s->c, &d->c, &found, &err);
    PyEval_RestoreThread(thread);
    px_sampler_leave(s);
    px_bench_forget(s->bench); /* the rows are not kept, so there are no candidates to be read */
    PyObject *result = NULL;
    if (status == PLUCK_OK && !(result = verified_object(d, &found))) return NULL;
    if (px_callbacks_raise(s->callbacks) != 0) return result ? raise_with(result) : NULL;
    return result ? result : px_raise(status, &err);
}

PyObject *px_sampler_verify(PyObject *self, PyObject *const *args, Py_ssize_t n_args,
                            PyObject *kwnames) {
    static const char *const names[] = {"tokens", "rows",  "way",     "proposals",
                                        "mask",   "dtype", "parents", "without_replacement",
                                        NULL};
    PyObject *v[8];
    if (px_arguments("verify()", args, n_args, kwnames, names, 2, v) != 0) return NULL;
    const verify_args given = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
    draft_call *d = PyMem_Calloc(1, sizeof *d);
    if (!d) return PyErr_NoMemory();
    px_sampler *s = (px_sampler *)self;
    PyObject *result = fill(d, &given, s) == 0 ? run(s, d) : NULL;
    drop(d);
    return result;
}

int px_verify_init(PyObject *module) {
    static PyStructSequence_Field fields[] = {
        {"n_accepted", "drafted tokens that stand: 0 to len(tokens)"},
        {"token", "the one that comes behind them"},
        {"tokens", "memoryview of n_accepted + 1 int32: all of these, which the sampler accepted"},
        {"node", "number of the last drafted token that stands; -1: none"},
        {NULL, NULL}};
    static PyStructSequence_Desc verified = {"pluck.Verified", "What Sampler.verify found.", fields,
                                             4};
    verified_type = px_sequence_type(module, "Verified", &verified);
    return verified_type ? 0 : -1;
}
