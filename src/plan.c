/*
 * plan.c: makes a plan from a config. Everything is in one block. The same function runs twice over
 * the config: first to compute the size of the block, then to fill it.
 */
#include "arithmetic.h"

#include "plan.h"

#include "error.h"
#include "journal.h"
#include "workspace.h"

/* A block whose size is being computed (base is NULL) or that is being filled. */
struct plan_arena {
    char *base;
    size_t used, size;
    int32_t n_vocab;
};

enum { ALIGN = 16 };

void *pk_plan_put(plan_arena *arena, size_t size) {
    void *at = arena->base ? arena->base + arena->used : NULL;
    arena->used += round_up(size, ALIGN);
    PLUCK_ASSERT(!arena->base || arena->used <= arena->size);
    return at;
}

int32_t pk_plan_vocab(const plan_arena *arena) {
    return arena->n_vocab;
}

/* Reserves room in a sampler's memory; returns its offset. */
static size_t reserve(size_t *used, size_t size) {
    const size_t at = *used;
    *used += round_up(size, ALIGN);
    return at;
}

/* Decides where an enabled stage's mutable parts are. */
static void place_state(step *s, const pluck_config *config, size_t *memory, int32_t *n_streams) {
    const stage_kind *kind = s->kind;
    s->stream = s->history = s->work = s->journal = NONE;
    if (kind->random) {
        s->stream = reserve(memory, sizeof(rng_stream));
        s->stream_number = (uint32_t)(*n_streams)++;
    }
    if (kind->last_n)
        s->history = reserve(
            memory, pk_history_size(kind->last_n(s->stage), kind->history, config->n_vocab));
    if (kind->work) s->work = reserve(memory, kind->work(s->stage) * sizeof(int32_t));
    if (config->max_rewind > 0)
        s->journal = reserve(memory, pk_journal_size(kind, config->max_rewind));
}

/* Whether the logits themselves matter behind step i: a stage reads them, or nothing selects, so
 * that the candidates are what is wanted. */
static bool level_matters(const step *steps, int32_t i, int32_t n) {
    bool selects = false;
    for (i++; i < n; i++) {
        const stage_kind *kind = steps[i].kind;
        if (kind->reads_level && kind->reads_level(steps[i].stage)) return true;
        selects |= kind->selects;
    }
    return !selects;
}

/* Lays out the plan, and fills it if the arena has memory. */
static PK_APART void build(plan_arena *arena, const pluck_config *config) {
    plan *p = pk_plan_put(arena, sizeof *p);
    pluck_stage *stages = pk_plan_put(arena, (size_t)config->n_stages * sizeof *stages);
    step *steps = pk_plan_put(arena, (size_t)config->n_stages * sizeof *steps);
    size_t memory = 0;
    int32_t n_streams = 0, n_steps = 0;
    for (int32_t i = 0; i < config->n_stages; i++) {
        pluck_stage stage = config->stages[i];
        step s = {.index = i, .kind = pk_stage_kind(stage.kind)};
        if (s.kind->copy) s.prepared = s.kind->copy(arena, &stage);
        if (!p) continue;
        stages[i] = stage;
        s.stage = &stages[i];
        if (s.kind->disabled && s.kind->disabled(&stage)) {
            /* A disabled random stage has a number too, so that disabling one stage does not change
             * the streams of others. */
            n_streams += s.kind->random;
            continue;
        }
        place_state(&s, config, &memory, &n_streams);
        steps[n_steps++] = s;
    }
    if (!p) return;
    for (int32_t i = 0; i < n_steps; i++) steps[i].level = level_matters(steps, i, n_steps);
    atomic_init(&p->references, 1);
    atomic_init(&p->digest, 0);
    p->allocator = config->allocator;
    p->size = arena->used; /* everything has been put */
    p->memory_size = memory;
    p->config = *config;
    p->config.stages = stages;
    p->n_steps = n_steps;
    p->steps = steps;
}

/* ---- checks ---- */

static pluck_status check_chain(const pluck_config *config, pluck_error *err) {
    if (config->n_vocab < 1 || config->n_vocab > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_VOCAB, "n_vocab is %d; allowed: 1 to %d",
                       (int)config->n_vocab, PLUCK_MAX_VOCAB);
    if (config->n_stages < 0 || config->n_stages > PLUCK_MAX_STAGES)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_stages is %d; allowed: 0 to %d",
                       (int)config->n_stages, PLUCK_MAX_STAGES);
    if (config->n_stages > 0 && !config->stages)
        return pk_fail(err, PLUCK_ERR_NULL, "stages is NULL, n_stages is %d",
                       (int)config->n_stages);
    if (!pk_allocator_is_whole(&config->allocator))
        return pk_fail(err, PLUCK_ERR_NULL, "the allocator has one function without the other");
    if (config->rng != PLUCK_RNG_MT19937 && config->rng != PLUCK_RNG_PHILOX)
        return pk_fail(err, PLUCK_ERR_RNG, "there is no generator %d", (int)config->rng);
    if (config->max_rewind < 0 || config->max_rewind > PLUCK_MAX_REWIND)
        return pk_fail(err, PLUCK_ERR_SIZE, "max_rewind is %d; allowed: 0 to %d",
                       (int)config->max_rewind, PLUCK_MAX_REWIND);
    if (config->workspace && pk_workspace_vocab(config->workspace) < config->n_vocab)
        return pk_fail(err, PLUCK_ERR_WORKSPACE, "the workspace is for %d tokens, n_vocab is %d",
                       (int)pk_workspace_vocab(config->workspace), (int)config->n_vocab);
    return PLUCK_OK;
}

static pluck_status check_stage(const pluck_config *config, int32_t i, pluck_error *err) {
    const pluck_stage *stage = &config->stages[i];
    const stage_kind *kind = pk_stage_kind(stage->kind);
    if (!kind)
        return pk_fail(err, PLUCK_ERR_STAGE, "stage %d: there is no kind %d", (int)i,
                       (int)stage->kind);
    pluck_error why = {PLUCK_OK, ""};
    const pluck_status status =
        kind->check ? kind->check(stage, config->n_vocab, err ? &why : NULL) : PLUCK_OK;
    if (status == PLUCK_OK) return PLUCK_OK;
    return pk_fail(err, status, "stage %d (%s): %.180s", (int)i, kind->name, why.message);
}

/* Checks that stage i, if it combines two rows, comes before all others that do something. */
static pluck_status check_place(const pluck_config *config, int32_t i, pluck_error *err) {
    const stage_kind *kind = pk_stage_kind(config->stages[i].kind);
    if (!kind->joins || kind->disabled(&config->stages[i])) return PLUCK_OK;
    for (int32_t j = 0; j < i; j++) {
        const stage_kind *before = pk_stage_kind(config->stages[j].kind);
        if (before->disabled && before->disabled(&config->stages[j])) continue;
        return pk_fail(err, PLUCK_ERR_STAGE,
                       "stage %d (%s) combines two rows and must come first; before it is %s",
                       (int)i, kind->name, before->name);
    }
    return PLUCK_OK;
}

static PK_APART pluck_status check_config(const pluck_config *config, pluck_error *err) {
    TRY(check_chain(config, err));
    for (int32_t i = 0; i < config->n_stages; i++) TRY(check_stage(config, i, err));
    for (int32_t i = 0; i < config->n_stages; i++) TRY(check_place(config, i, err));
    return PLUCK_OK;
}

pluck_status pluck_config_check(const pluck_config *config, pluck_error *err) {
    if (!config) return pk_fail(err, PLUCK_ERR_NULL, "the config is NULL");
    PK_IN_OWN_ENV(pluck_status, check_config(config, err));
}

/* ---- life ---- */

static void build_in_own_env(plan_arena *arena, const pluck_config *config) {
    PK_DO_IN_OWN_ENV(build(arena, config));
}

pluck_status pk_plan_create(plan **out, const pluck_config *config) {
    TRY(pluck_config_check(config, NULL));
    plan_arena arena = {.n_vocab = config->n_vocab};
    build(&arena, config);
    arena.size = arena.used;
    arena.base = pk_allocate(&config->allocator, arena.size);
    if (!arena.base) return PLUCK_ERR_MEMORY;
    arena.used = 0;
    build_in_own_env(&arena, config);
    PLUCK_ASSERT(arena.used == arena.size); /* both runs put the same */
    *out = (plan *)(void *)arena.base;
    return PLUCK_OK;
}

void pk_plan_share(plan *p) {
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
}

void pk_plan_release(plan *p) {
    if (atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1) return;
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].kind->release_shared) p->steps[i].kind->release_shared(p->steps[i].stage);
    pk_plan_discard(p);
}

void pk_plan_discard(plan *p) {
    PLUCK_ASSERT(p->size > 0 && p->n_steps >= 0 && p->n_steps <= p->config.n_stages);
    const pluck_allocator from = p->allocator;
    pk_deallocate(&from, p, p->size);
}
