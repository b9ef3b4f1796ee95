/*
 * plan.c: from a config to a plan. Everything goes into one block: it is sized by a first pass over
 * the config, filled by a second one, both through the same function.
 */
#include "plan.h"

#include <stdio.h>

#include "pluck_blocks.h"

/* A block being sized (base NULL) or filled. */
typedef struct arena {
    char *base;
    size_t used;
} arena;

enum { ALIGN = 16 };

/* Room for `size` bytes; NULL while only sizing. */
static void *put(arena *a, size_t size) {
    void *at = a->base ? a->base + a->used : NULL;
    a->used += round_up(size, ALIGN);
    return at;
}

/* The sum of two biases of one token: -inf masks, also where the rest overflowed to +inf. */
static float add_biases(float a, float b) {
    return a == -INFINITY || b == -INFINITY ? -INFINITY : a + b;
}

int32_t pluck_merge_biases(pluck_logit_bias *biases, int32_t n) {
    if (!biases) return 0;
    for (int32_t gap = n / 2; gap > 0; gap /= 2)
        for (int32_t i = gap; i < n; i++) {
            const pluck_logit_bias moved = biases[i];
            int32_t at = i;
            for (; at >= gap && biases[at - gap].token > moved.token; at -= gap)
                biases[at] = biases[at - gap];
            biases[at] = moved;
        }
    int32_t merged = 0;
    for (int32_t i = 0; i < n; i++) {
        if (merged > 0 && biases[merged - 1].token == biases[i].token)
            biases[merged - 1].bias = add_biases(biases[merged - 1].bias, biases[i].bias);
        else
            biases[merged++] = biases[i];
    }
    return merged;
}

static void copy_biases(arena *a, pluck_stage *stage, step *s) {
    pluck_stage_logit_bias *p = &stage->as.logit_bias;
    const size_t n = (size_t)p->n_biases;
    pluck_logit_bias *biases = put(a, n * sizeof *biases);
    int32_t *ids = put(a, n * sizeof *ids);
    if (!biases || n == 0) return;
    memcpy(biases, p->biases, n * sizeof *biases);
    p->biases = biases;
    p->n_biases = pluck_merge_biases(biases, p->n_biases);
    for (int32_t i = 0; i < p->n_biases; i++) ids[i] = biases[i].token;
    s->ids = ids;
}

static void copy_breakers(arena *a, pluck_stage_dry *p) {
    const pluck_token_sequence *from = p->breakers;
    pluck_token_sequence *to = put(a, (size_t)p->n_breakers * sizeof *to);
    for (int32_t i = 0; i < p->n_breakers; i++) {
        const size_t bytes = (size_t)from[i].n_tokens * sizeof(int32_t);
        int32_t *tokens = put(a, bytes);
        if (!to) continue;
        memcpy(tokens, from[i].tokens, bytes);
        to[i] = (pluck_token_sequence){tokens, from[i].n_tokens};
    }
    if (to) p->breakers = to;
}

/* Takes room in a sampler's memory. */
static size_t reserve(size_t *used, size_t size) {
    const size_t at = *used;
    *used += round_up(size, ALIGN);
    return at;
}

/* Where an enabled stage's mutable parts lie. */
static void place_state(step *s, const stage_kind *kind, size_t *memory, int32_t *n_streams) {
    s->stream = s->history = s->scratch = NONE;
    if (kind->random) {
        s->stream = reserve(memory, sizeof(rng_stream));
        s->stream_number = (uint32_t)(*n_streams)++;
    }
    if (kind->last_n)
        s->history = reserve(memory, history_size(kind->last_n(s->stage), kind->counted));
    if (kind->scratch)
        s->scratch = reserve(memory, (size_t)kind->scratch(s->stage) * sizeof(int32_t));
}

/* Lays the plan out; fills it where the arena has memory. */
static void build(arena *a, const pluck_config *config) {
    plan *p = put(a, sizeof *p);
    pluck_stage *stages = put(a, (size_t)config->n_stages * sizeof *stages);
    step *steps = put(a, (size_t)config->n_stages * sizeof *steps);
    size_t memory = 0;
    int32_t n_streams = 0, n_steps = 0;
    for (int32_t i = 0; i < config->n_stages; i++) {
        pluck_stage stage = config->stages[i];
        step s = {.index = i};
        if (stage.kind == PLUCK_STAGE_LOGIT_BIAS) copy_biases(a, &stage, &s);
        if (stage.kind == PLUCK_STAGE_DRY) copy_breakers(a, &stage.as.dry);
        if (!p) continue;
        stages[i] = stage;
        s.stage = &stages[i];
        const stage_kind *kind = stage_kind_of(stage.kind);
        if (kind->disabled && kind->disabled(&stage)) {
            /* A disabled random stage keeps its number: streams do not depend on values. */
            n_streams += kind->random;
            continue;
        }
        place_state(&s, kind, &memory, &n_streams);
        steps[n_steps++] = s;
    }
    if (!p) return;
    atomic_init(&p->references, 1);
    p->allocator = config->allocator;
    p->size = a->used; /* all has been put by now */
    p->memory_size = memory;
    p->config = *config;
    p->config.stages = stages;
    p->n_steps = n_steps;
    p->steps = steps;
}

static pluck_status check_all(const pluck_config *config) {
    if (config->n_vocab < 1 || config->n_vocab > PLUCK_MAX_VOCAB) return PLUCK_ERR_VOCAB;
    if (config->n_stages < 0 || config->n_stages > PLUCK_MAX_STAGES) return PLUCK_ERR_SIZE;
    if (config->n_stages > 0 && !config->stages) return PLUCK_ERR_NULL;
    if (!pluck_allocator_is_whole(&config->allocator)) return PLUCK_ERR_NULL;
    if (config->rng != PLUCK_RNG_MT19937 && config->rng != PLUCK_RNG_PHILOX) return PLUCK_ERR_RNG;
    if (config->workspace && config->workspace->n_vocab < config->n_vocab)
        return PLUCK_ERR_WORKSPACE;
    return PLUCK_OK;
}

pluck_status pluck_config_check(const pluck_config *config, pluck_error *err) {
    pluck_status status = config ? check_all(config) : PLUCK_ERR_NULL;
    int32_t i = 0;
    const stage_kind *kind = NULL;
    for (; status == PLUCK_OK && i < config->n_stages; i++) {
        kind = stage_kind_of(config->stages[i].kind);
        if (!kind)
            status = PLUCK_ERR_STAGE;
        else if (kind->check)
            status = kind->check(&config->stages[i], config->n_vocab);
    }
    if (status == PLUCK_OK || !err) return status;
    err->status = status;
    if (i > 0)
        (void)snprintf(err->message, sizeof err->message, "stage %d (%s): %s", (int)i - 1,
                       kind ? kind->name : "?", pluck_status_string(status));
    else
        (void)snprintf(err->message, sizeof err->message, "%s", pluck_status_string(status));
    return status;
}

pluck_status plan_create(plan **out, const pluck_config *config) {
    TRY(pluck_config_check(config, NULL));
    arena a = {NULL, 0};
    build(&a, config);
    a.base = pluck_allocate(&config->allocator, a.used);
    if (!a.base) return PLUCK_ERR_MEMORY;
    a.used = 0;
    build(&a, config);
    *out = (plan *)(void *)a.base;
    return PLUCK_OK;
}

plan *plan_share(plan *p) {
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

/* The contexts of custom stages that cannot clone them: all users of the plan shared these. */
static void release_shared(const plan *p) {
    for (int32_t i = 0; i < p->n_steps; i++) {
        const pluck_stage *stage = p->steps[i].stage;
        if (stage->kind != PLUCK_STAGE_CUSTOM) continue;
        const pluck_stage_custom *s = &stage->as.custom;
        if (s->release && !s->clone) s->release(s->ctx);
    }
}

void plan_release(plan *p) {
    if (atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1) return;
    release_shared(p);
    plan_discard(p);
}

void plan_discard(plan *p) {
    const pluck_allocator from = p->allocator;
    pluck_deallocate(&from, p, p->size);
}
