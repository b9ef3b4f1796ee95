/* shard.c: makes and frees shards; says how a chain is served. See shard.h. */
#include "arithmetic.h"

#include "shard.h"

#include "error.h"

/* ---- a shard's life ---- */

/* Where the parts of the block are; sets them if `base` is given. Returns the size. */
static size_t lay_out(const pluck_shard_config *c, pluck_shard *shard, char *base) {
    const size_t n_vocab = (size_t)c->n_vocab, n_blocks = round_up(n_vocab, BLOCK) / BLOCK;
    size_t offset = round_up(sizeof *shard, CACHE_LINE);
    double *blocks[2];
    for (int i = 0; i < 2; i++) blocks[i] = pk_take(base, &offset, n_blocks, sizeof *blocks[i]);
    unsigned char *row = pk_take(base, &offset, n_vocab, sizeof(float));
    uint32_t *allowed = pk_take(base, &offset, (n_vocab + 31) / 32, sizeof *allowed);
    if (base) {
        for (int i = 0; i < 2; i++) shard->blocks[i] = blocks[i];
        shard->row = row;
        shard->allowed = allowed;
    }
    return offset + CACHE_LINE;
}

static pluck_status check_config(const pluck_shard_config *c, pluck_error *err) {
    if (c->n_vocab < 1 || c->n_vocab > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_VOCAB, "n_vocab is %d; allowed: 1 to %d", (int)c->n_vocab,
                       PLUCK_MAX_VOCAB);
    if (c->first < 0 || c->first % PLUCK_SHARD_ALIGN != 0 || c->first > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_SIZE,
                       "first is %d; allowed: multiples of %d, 0 to %d, because sums are added in "
                       "blocks of as many",
                       (int)c->first, PLUCK_SHARD_ALIGN, PLUCK_MAX_VOCAB);
    if (c->n < 0 || c->n > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_SIZE, "n is %d; allowed: 0 to %d", (int)c->n,
                       PLUCK_MAX_VOCAB);
    if (c->longest != 0 && (c->longest < c->n || c->longest > PLUCK_MAX_VOCAB))
        return pk_fail(err, PLUCK_ERR_SIZE, "longest is %d; allowed: 0, and n (%d) to %d",
                       (int)c->longest, (int)c->n, PLUCK_MAX_VOCAB);
    if (c->n_candidates < 0 || c->n_candidates > PLUCK_MAX_SHARD_CANDIDATES)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_candidates is %d; allowed: 0 to %d",
                       (int)c->n_candidates, PLUCK_MAX_SHARD_CANDIDATES);
    if (!pk_allocator_is_whole(&c->allocator))
        return pk_fail(err, PLUCK_ERR_NULL, "allocator: one function without the other");
    return PLUCK_OK;
}

/* The config with what 0 stands for. */
static pluck_shard_config completed(const pluck_shard_config *config) {
    enum { USUAL_CANDIDATES = 256 };
    pluck_shard_config c = *config;
    if (c.longest == 0) c.longest = c.n;
    if (c.longest == 0) c.longest = 1;
    if (c.n_candidates == 0) c.n_candidates = USUAL_CANDIDATES;
    return c;
}

pluck_status pluck_shard_create(pluck_shard **out, const pluck_shard_config *config,
                                pluck_error *err) {
    if (!out || !config) return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", out ? "config" : "out");
    TRY(check_config(config, err));
    const pluck_shard_config c = completed(config);
    const int64_t left = (int64_t)c.n_vocab - c.first;
    const int32_t n = (int32_t)max_i64(0, min_i64(c.n, left));
    const size_t size = lay_out(&c, NULL, NULL);
    pluck_workspace *ws = NULL;
    if (n > 0) {
        const pluck_status status = pluck_workspace_create(&ws, n, &c.allocator);
        if (status != PLUCK_OK) return pk_fail(err, status, "%s", pluck_status_string(status));
    }
    pluck_shard *shard = pk_allocate(&c.allocator, size);
    if (!shard) {
        pluck_workspace_free(ws);
        return pk_fail(err, PLUCK_ERR_MEMORY, "no %lu bytes for the shard", (unsigned long)size);
    }
    memset(shard, 0, sizeof *shard);
    shard->config = c;
    shard->size = size;
    shard->n = n;
    shard->workspace = ws;
    lay_out(&c, shard, pk_first_line(shard));
    *out = shard;
    return PLUCK_OK;
}

void pluck_shard_free(pluck_shard *shard) {
    if (!shard) return;
    const pluck_allocator from = shard->config.allocator;
    pluck_workspace_free(shard->workspace);
    pk_deallocate(&from, shard, shard->size);
}

/* ---- requests ---- */

pluck_status pk_shard_check(const pluck_shard *shard, const pluck_sampler *s,
                            const pluck_shard_request *request, pluck_error *err) {
    const int32_t n_vocab = s->plan->config.n_vocab;
    if (n_vocab != shard->config.n_vocab)
        return pk_fail(err, PLUCK_ERR_VOCAB, "the sampler is for %d tokens, the shard for %d",
                       (int)n_vocab, (int)shard->config.n_vocab);
    if (request->dtype != PLUCK_DTYPE_F32 && request->dtype != PLUCK_DTYPE_F16 &&
        request->dtype != PLUCK_DTYPE_BF16)
        return pk_fail(err, PLUCK_ERR_ROW, "request.dtype: there is no type %d",
                       (int)request->dtype);
    const bool sums = request->ask == PLUCK_SHARD_ASK_SUMS;
    if (!sums && request->ask != PLUCK_SHARD_ASK_FIRST && request->ask != PLUCK_SHARD_ASK_ROW)
        return pk_fail(err, PLUCK_ERR_PARAM, "request.ask: there is no question %d",
                       (int)request->ask);
    if (!sums) return PLUCK_OK;
    const shard_plan p = pk_shard_plan(s, shard->config.n_candidates, request);
    if (p.need != NEED_DRAW || request->block < 0 || request->block > (n_vocab - 1) / BLOCK ||
        !isfinite(request->reference) || !isfinite(request->into) || !(request->mass > 0.0) ||
        !isfinite(request->mass))
        return pk_fail(err, PLUCK_ERR_PARAM,
                       "the request asks for the sums of a draw, but is none that a merge gave for "
                       "this chain");
    return PLUCK_OK;
}

static PK_APART size_t message_size(const pluck_shard *shard, const pluck_sampler *s,
                                    const pluck_shard_request *request) {
    if (pk_shard_check(shard, s, request, NULL) != PLUCK_OK) return 0;
    const shard_plan p = pk_shard_plan(s, shard->config.n_candidates, request);
    return pk_shard_layout(&p, shard->config.longest, request).size;
}

size_t pluck_shard_message_size(const pluck_shard *shard, const pluck_sampler *sampler,
                                const pluck_shard_request *request) {
    if (!shard || !sampler || !request) return 0;
    PK_IN_OWN_ENV(size_t, message_size(shard, sampler, request));
}

/* ---- routes ---- */

static pluck_shard_route route_of(const shard_plan *p) {
    switch (p->need) {
    case NEED_TOP:
        return (pluck_shard_route){
            1, p->sums ? 2 : 1, false, -1, "", "the greatest candidates of each slice suffice"};
    case NEED_FLOOR:
    case NEED_MASS:
        return (pluck_shard_route){
            1, 2, false, -1, "", "the row is gathered if more are kept than messages hold"};
    case NEED_DRAW:
        return (pluck_shard_route){
            2,
            3,
            false,
            -1,
            "",
            "the first round estimates where the draw falls, the second finds "
            "the token"};
    case NEED_ROW:
        break;
    }
    return (pluck_shard_route){1,  1,  true,
                               -1, "", "the stage needs the whole row, which is gathered"};
}

static PK_APART pluck_status describe(const pluck_shard *shard, const pluck_sampler *s,
                                      pluck_shard_route *route) {
    const pluck_shard_request first = {.ask = PLUCK_SHARD_ASK_FIRST};
    TRY(pk_shard_check(shard, s, &first, NULL));
    const shard_plan p = pk_shard_plan(s, shard->config.n_candidates, &first);
    *route = route_of(&p);
    if (p.at == s->plan->n_steps) return PLUCK_OK;
    route->stage = s->plan->steps[p.at].index;
    route->name = s->plan->steps[p.at].kind->name;
    return PLUCK_OK;
}

pluck_status pluck_shard_describe(const pluck_shard *shard, const pluck_sampler *sampler,
                                  pluck_shard_route *route) {
    if (!shard || !sampler || !route) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, describe(shard, sampler, route));
}
