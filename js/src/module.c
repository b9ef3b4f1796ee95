/*
 * module.c: what the JavaScript part (lib/) calls, built for WebAssembly together with libpluck.
 *
 * JavaScript passes numbers and addresses in the module's memory; it knows the layout of no struct
 * but `results` below, whose address it asks for once. A function that can fail returns a
 * pluck_status and, if it has words for it, writes `error`. Other functions of pluck.h are exported
 * as they are (CMakeLists.txt lists them).
 */
#include "pluck.h"
#include "pluck_banned.h"
#include "pluck_batch.h"
#include "pluck_verify.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* What the last call wrote: words of four bytes, in this order, which lib/module.js knows. */
static struct {
    pluck_draw draw;
    pluck_candidates candidates;
    int32_t n_written;
    float token_logprob;
    size_t size;
    pluck_verified verified;
    pluck_banned_step step;
} results;

_Static_assert(sizeof results == 22 * 4, "lib/module.js reads other words");

static pluck_error error;

/* There is no environment. Without this the module would ask its host for one. */
char *getenv(const char *name) {
    (void)name;
    return NULL;
}

EXPORT(js_results) const void *js_results(void);
const void *js_results(void) {
    return &results;
}

EXPORT(js_error_message) const char *js_error_message(void);
const char *js_error_message(void) {
    return error.message;
}

EXPORT(js_workspace) pluck_workspace *js_workspace(int32_t n_vocab);
pluck_workspace *js_workspace(int32_t n_vocab) {
    pluck_workspace *workspace = NULL;
    (void)pluck_workspace_create(&workspace, n_vocab, NULL);
    return workspace;
}

/* Creates a sampler from a spec, with `seed` and `rng` instead of the spec's unless they are below
 * 0. *out is the sampler. */
EXPORT(js_sampler)
pluck_status js_sampler(const char *text, int32_t n_vocab, pluck_workspace *workspace, double seed,
                        int32_t rng, int32_t max_rewind, pluck_sampler **out);
pluck_status js_sampler(const char *text, int32_t n_vocab, pluck_workspace *workspace, double seed,
                        int32_t rng, int32_t max_rewind, pluck_sampler **out) {
    pluck_spec *spec = NULL;
    pluck_status status = pluck_spec_parse(&spec, text, n_vocab, &error);
    if (status != PLUCK_OK) return status;
    pluck_config config = *pluck_spec_config(spec);
    config.workspace = workspace;
    config.max_rewind = max_rewind;
    if (seed >= 0.0) config.seed = (uint32_t)seed;
    if (rng >= 0) config.rng = (pluck_rng_kind)rng;
    status = pluck_config_check(&config, &error);
    if (status == PLUCK_OK) {
        (void)strcpy(error.message, pluck_status_string(PLUCK_ERR_MEMORY));
        status = pluck_sampler_create(out, &config);
    }
    pluck_spec_free(spec);
    return status;
}

/* The row that the next call reads; a batch's rows are set one by one. */
static pluck_row row;

EXPORT(js_row)
void js_row(const void *logits, int32_t dtype, int32_t n, const int32_t *ids, int32_t descending,
            const uint32_t *allowed, int32_t n_allowed, const void *second, int32_t second_dtype);
void js_row(const void *logits, int32_t dtype, int32_t n, const int32_t *ids, int32_t descending,
            const uint32_t *allowed, int32_t n_allowed, const void *second, int32_t second_dtype) {
    row = (pluck_row){.logits = logits,
                      .dtype = (pluck_dtype)dtype,
                      .n = n,
                      .ids = ids,
                      .descending = descending != 0,
                      .allowed = allowed,
                      .n_allowed = n_allowed,
                      .second = second,
                      .second_dtype = (pluck_dtype)second_dtype};
}

/* Runs the chain on the row; without `selects` it need not select. */
EXPORT(js_sample) pluck_status js_sample(pluck_sampler *sampler, int32_t selects);
pluck_status js_sample(pluck_sampler *sampler, int32_t selects) {
    return pluck_sample_row(sampler, &row, selects ? &results.draw : NULL);
}

EXPORT(js_candidates) pluck_status js_candidates(pluck_workspace *workspace);
pluck_status js_candidates(pluck_workspace *workspace) {
    return pluck_workspace_candidates(workspace, &results.candidates);
}

EXPORT(js_top_logprobs)
pluck_status js_top_logprobs(pluck_workspace *workspace, int32_t n_top, int32_t *ids,
                             float *logprobs, int32_t token);
pluck_status js_top_logprobs(pluck_workspace *workspace, int32_t n_top, int32_t *ids,
                             float *logprobs, int32_t token) {
    row.workspace = workspace;
    return pluck_top_logprobs(&row, n_top, ids, logprobs, &results.n_written, token,
                              token >= 0 ? &results.token_logprob : NULL);
}

EXPORT(js_save) pluck_status js_save(const pluck_sampler *sampler, void *bytes, size_t room);
pluck_status js_save(const pluck_sampler *sampler, void *bytes, size_t room) {
    return pluck_sampler_save(sampler, bytes, room, &results.size);
}

EXPORT(js_load) pluck_status js_load(pluck_sampler *sampler, const void *bytes, size_t size);
pluck_status js_load(pluck_sampler *sampler, const void *bytes, size_t size) {
    return pluck_sampler_load(sampler, bytes, size, &error);
}

EXPORT(js_seek) pluck_status js_seek(pluck_sampler *sampler, double position);
pluck_status js_seek(pluck_sampler *sampler, double position) {
    return pluck_sampler_seek(sampler, (uint64_t)position);
}

/* A draft, with what it points to. */
typedef struct js_draft {
    pluck_draft draft;
    pluck_row rows[PLUCK_MAX_DRAFT + 1];
    pluck_proposal proposals[PLUCK_MAX_DRAFT];
} js_draft;

/* A batch, with the arrays that its calls use. */
typedef struct js_batch {
    pluck_batch *batch;
    int32_t max_rows;
    pluck_batch_row *rows;
    js_draft **drafts;   /* each NULL until its row has one */
    pluck_batch_out out; /* statuses, errors, draws and verified are always wanted */
} js_batch;

EXPORT(js_batch_free) void js_batch_free(js_batch *b);
void js_batch_free(js_batch *b) {
    pluck_batch_free(b->batch);
    free(b->rows);
    free(b->out.statuses);
    free(b->out.errors);
    free(b->out.draws);
    free(b->out.verified);
    for (int32_t i = 0; b->drafts && i < b->max_rows; i++) free(b->drafts[i]);
    free(b->drafts);
    free(b);
}

/* *out is the batch. */
EXPORT(js_batch_create)
pluck_status js_batch_create(int32_t n_vocab, int32_t max_rows, js_batch **out);
pluck_status js_batch_create(int32_t n_vocab, int32_t max_rows, js_batch **out) {
    const pluck_batch_config config = {.n_vocab = n_vocab, .max_rows = max_rows, .n_threads = 1};
    (void)strcpy(error.message, pluck_status_string(PLUCK_ERR_MEMORY));
    js_batch *b = calloc(1, sizeof *b);
    if (!b) return PLUCK_ERR_MEMORY;
    const pluck_status status = pluck_batch_create(&b->batch, &config, &error);
    if (status != PLUCK_OK) {
        js_batch_free(b);
        return status;
    }
    const size_t n = (size_t)max_rows;
    b->max_rows = max_rows;
    b->drafts = calloc(n, sizeof *b->drafts);
    b->out.verified = calloc(n, sizeof *b->out.verified);
    b->rows = calloc(n, sizeof *b->rows);
    b->out.statuses = calloc(n, sizeof *b->out.statuses);
    b->out.errors = calloc(n, sizeof *b->out.errors);
    b->out.draws = calloc(n, sizeof *b->out.draws);
    if (!b->rows || !b->drafts || !b->out.statuses || !b->out.errors || !b->out.draws ||
        !b->out.verified) {
        js_batch_free(b);
        (void)strcpy(error.message, pluck_status_string(PLUCK_ERR_MEMORY));
        return PLUCK_ERR_MEMORY;
    }
    *out = b;
    return PLUCK_OK;
}

/* Row i of the next call is the row that js_row described. */
EXPORT(js_batch_row)
void js_batch_row(js_batch *b, int32_t i, pluck_sampler *sampler, int32_t accept);
void js_batch_row(js_batch *b, int32_t i, pluck_sampler *sampler, int32_t accept) {
    b->rows[i] = (pluck_batch_row){.sampler = sampler, .row = row, .accept = accept != 0};
}

/* Row i of the next call is a draft without proposals, whose rows follow. */
EXPORT(js_batch_draft)
pluck_status js_batch_draft(js_batch *b, int32_t i, pluck_sampler *sampler, int32_t way,
                            const int32_t *tokens, int32_t n_tokens, const int32_t *parents,
                            int32_t without_replacement);
pluck_status js_batch_draft(js_batch *b, int32_t i, pluck_sampler *sampler, int32_t way,
                            const int32_t *tokens, int32_t n_tokens, const int32_t *parents,
                            int32_t without_replacement) {
    if (n_tokens > PLUCK_MAX_DRAFT) return PLUCK_ERR_SIZE; /* the rows would have no place */
    if (!b->drafts[i]) b->drafts[i] = calloc(1, sizeof *b->drafts[i]);
    js_draft *d = b->drafts[i];
    if (!d) return PLUCK_ERR_MEMORY;
    d->draft = (pluck_draft){.way = (pluck_verify_way)way,
                             .tokens = tokens,
                             .n_tokens = n_tokens,
                             .rows = d->rows,
                             .parents = parents,
                             .without_replacement = without_replacement != 0};
    b->rows[i] = (pluck_batch_row){.sampler = sampler, .draft = &d->draft};
    return PLUCK_OK;
}

/* Row k of that draft is the one that js_row described. */
EXPORT(js_batch_draft_row) void js_batch_draft_row(js_batch *b, int32_t i, int32_t k);
void js_batch_draft_row(js_batch *b, int32_t i, int32_t k) {
    b->drafts[i]->rows[k] = row;
}

/* What token k of that draft was drawn from; if one has a proposal, all must. */
EXPORT(js_batch_proposal)
void js_batch_proposal(js_batch *b, int32_t i, int32_t k, const int32_t *ids,
                       const float *probabilities, int32_t n);
void js_batch_proposal(js_batch *b, int32_t i, int32_t k, const int32_t *ids,
                       const float *probabilities, int32_t n) {
    js_draft *d = b->drafts[i];
    d->proposals[k] = (pluck_proposal){.ids = ids, .probabilities = probabilities, .n = n};
    d->draft.proposals = d->proposals;
}

/* What the next call writes beside its draws: the kept sets if max_kept is above 0. */
EXPORT(js_batch_kept)
void js_batch_kept(js_batch *b, int32_t max_kept, int64_t *offsets, int32_t *ids,
                   float *probabilities);
void js_batch_kept(js_batch *b, int32_t max_kept, int64_t *offsets, int32_t *ids,
                   float *probabilities) {
    b->out.kept = (pluck_batch_kept){max_kept, offsets, ids, probabilities};
}

/* The same for log-probabilities, raw or processed; token NULL: not wanted. */
EXPORT(js_batch_logprobs)
void js_batch_logprobs(js_batch *b, int32_t processed, float *token, int32_t n_top, int32_t *ids,
                       float *logprobs);
void js_batch_logprobs(js_batch *b, int32_t processed, float *token, int32_t n_top, int32_t *ids,
                       float *logprobs) {
    const pluck_batch_logprobs wanted = {token, n_top, ids, logprobs};
    if (processed)
        b->out.processed = wanted;
    else
        b->out.raw = wanted;
}

EXPORT(js_batch_sample) pluck_status js_batch_sample(js_batch *b, int32_t n);
pluck_status js_batch_sample(js_batch *b, int32_t n) {
    return pluck_batch_sample(b->batch, b->rows, n, &b->out, &error);
}

EXPORT(js_batch_status) pluck_status js_batch_status(const js_batch *b, int32_t i);
pluck_status js_batch_status(const js_batch *b, int32_t i) {
    return b->out.statuses[i];
}

/* Copies row i's draw, and what became of its draft, to the results. Returns its error in words. */
EXPORT(js_batch_read) const char *js_batch_read(const js_batch *b, int32_t i);
const char *js_batch_read(const js_batch *b, int32_t i) {
    results.draw = b->out.draws[i];
    results.verified = b->out.verified[i];
    return b->out.errors[i].message;
}

/* Of lib/module.js: writes a token's text, for the object of banned strings with that number. */
__attribute__((import_module("pluck"), import_name("piece"))) int32_t
js_piece(int32_t object, int32_t token, char *buffer, int32_t capacity);

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    return js_piece((int32_t)(intptr_t)ctx, token, buffer, capacity);
}

/* *out is an object for these strings, whose tokens js_piece knows by the number `object`. */
EXPORT(js_banned)
pluck_status js_banned(const char *const *strings, const int32_t *lengths, int32_t n_strings,
                       int32_t ignore_case, int32_t n_vocab, int32_t max_held, int32_t object,
                       pluck_banned **out);
pluck_status js_banned(const char *const *strings, const int32_t *lengths, int32_t n_strings,
                       int32_t ignore_case, int32_t n_vocab, int32_t max_held, int32_t object,
                       pluck_banned **out) {
    const pluck_banned_config config = {.strings = strings,
                                        .lengths = lengths,
                                        .n_strings = n_strings,
                                        .ignore_case = ignore_case != 0,
                                        .n_vocab = n_vocab,
                                        .max_held = max_held,
                                        .piece = piece,
                                        .ctx = (void *)(intptr_t)object};
    return pluck_banned_create(out, &config, &error);
}

EXPORT(js_banned_accept) pluck_status js_banned_accept(pluck_banned *banned, int32_t token);
pluck_status js_banned_accept(pluck_banned *banned, int32_t token) {
    return pluck_banned_accept(banned, token, &results.step);
}

/* Returns the banned tokens; their number goes to the results. */
EXPORT(js_banned_tokens) const int32_t *js_banned_tokens(const pluck_banned *banned);
const int32_t *js_banned_tokens(const pluck_banned *banned) {
    return pluck_banned_tokens(banned, &results.n_written);
}

EXPORT(js_banned_save)
pluck_status js_banned_save(const pluck_banned *banned, void *bytes, size_t room);
pluck_status js_banned_save(const pluck_banned *banned, void *bytes, size_t room) {
    return pluck_banned_save(banned, bytes, room, &results.size);
}

EXPORT(js_banned_load)
pluck_status js_banned_load(pluck_banned *banned, const void *bytes, size_t size);
pluck_status js_banned_load(pluck_banned *banned, const void *bytes, size_t size) {
    return pluck_banned_load(banned, bytes, size, &error);
}
