/* sampler.c: creates, clones, resets and frees samplers; accepts tokens; answers queries. */
#include "arithmetic.h"

#include "sampler.h"

#include "rewind.h"
#include "workspace.h"

enum { PART_ALIGN = 16 };

static const pluck_allocator *allocator_of(const pluck_sampler *s) {
    return &s->plan->config.allocator;
}

static size_t memories_size(const plan *p) {
    return round_up((size_t)p->n_steps * sizeof(stage_memory), PART_ALIGN);
}

static size_t sampler_size(const plan *p) {
    return round_up(sizeof(pluck_sampler), PART_ALIGN) + 2 * memories_size(p) + p->memory_size;
}

/* Sets the sampler's pointers into its own block. */
static void set_pointers(pluck_sampler *s) {
    char *at = (char *)s + round_up(sizeof *s, PART_ALIGN);
    s->memory = (stage_memory *)(void *)at;
    s->saved = (stage_memory *)(void *)(at + memories_size(s->plan));
    s->parts = at + 2 * memories_size(s->plan);
    PLUCK_ASSERT(s->parts + s->plan->memory_size == (char *)s + s->size);
}

/* ---- life ---- */

/* Seeds every stream with its stage's seed, or else with the sampler's. */
static void seed_streams(pluck_sampler *s) {
    const plan *p = s->plan;
    s->seed = p->config.seed == PLUCK_SEED_RANDOM ? pk_random_seed() : p->config.seed;
    for (int32_t i = 0; i < p->n_steps; i++) {
        rng_stream *stream = pk_stream_of(s, &p->steps[i]);
        if (!stream) continue;
        const uint32_t own = pk_stage_seed(p->steps[i].stage);
        pk_stream_seed(stream, p->config.rng, own == PLUCK_SEED_RANDOM ? s->seed : own,
                       p->steps[i].stream_number);
    }
}

typedef void (*memory_fn)(const pluck_stage *stage, stage_memory *memory);

/* Calls a kind's create or reset, unless it is NULL. */
static void call(const step *at, memory_fn fn, stage_memory *memory) {
    if (!fn) return;
    if (at->kind->calls_back)
        fn(at->stage, memory);
    else
        PK_DO_IN_OWN_ENV(fn(at->stage, memory));
}

/* Returns the stages to their state after creation, except the contexts of custom stages. */
static void reset_stages(pluck_sampler *s) {
    const plan *p = s->plan;
    for (int32_t i = 0; i < p->n_steps; i++) {
        call(&p->steps[i], p->steps[i].kind->reset, &s->memory[i]);
        history *h = pk_history_of(s, &p->steps[i]);
        if (h) pk_history_clear(h);
    }
}

pluck_status pluck_sampler_create(pluck_sampler **out, const pluck_config *config) {
    if (!out || !config) return PLUCK_ERR_NULL;
    plan *p;
    TRY(pk_plan_create(&p, config));
    pluck_workspace *ws = config->workspace;
    if (!ws) {
        const pluck_status status =
            pluck_workspace_create(&ws, config->n_vocab, &config->allocator);
        if (status != PLUCK_OK) {
            pk_plan_discard(p);
            return status;
        }
    }
    const size_t size = sampler_size(p);
    pluck_sampler *s = pk_allocate(&config->allocator, size);
    if (!s) {
        if (!config->workspace) pluck_workspace_free(ws);
        pk_plan_discard(p);
        return PLUCK_ERR_MEMORY;
    }
    memset(s, 0, size);
    *s = (pluck_sampler){
        .plan = p, .workspace = ws, .owns_workspace = !config->workspace, .size = size};
    set_pointers(s);
    for (int32_t i = 0; i < p->n_steps; i++) {
        const step *at = &p->steps[i];
        const stage_kind *kind = at->kind;
        call(at, kind->create, &s->memory[i]);
        if (kind->last_n)
            pk_history_init(pk_history_of(s, at), kind->last_n(at->stage), kind->history,
                            p->config.n_vocab);
        if (kind->ngram) pk_history_set_ngram(pk_history_of(s, at), kind->ngram(at->stage));
    }
    seed_streams(s);
    pk_rewind_forget_all(s);
    *out = s;
    return PLUCK_OK;
}

/* Releases what the first n steps do not share. */
static void release_steps(pluck_sampler *s, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const step *at = &s->plan->steps[i];
        if (at->kind->release) at->kind->release(at->stage, &s->memory[i]);
    }
}

/* Gives a clone's steps what they must not share. */
static pluck_status clone_steps(pluck_sampler *s, const pluck_sampler *from) {
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const step *at = &s->plan->steps[i];
        if (!at->kind->clone || at->kind->clone(at->stage, &s->memory[i], &from->memory[i]))
            continue;
        release_steps(s, i);
        return PLUCK_ERR_CALLBACK;
    }
    return PLUCK_OK;
}

pluck_status pluck_sampler_clone(pluck_sampler **out, const pluck_sampler *sampler) {
    if (!out || !sampler) return PLUCK_ERR_NULL;
    const pluck_allocator *allocator = allocator_of(sampler);
    pluck_workspace *ws = sampler->workspace;
    if (sampler->owns_workspace)
        TRY(pluck_workspace_create(&ws, sampler->plan->config.n_vocab, allocator));
    pluck_sampler *s = pk_allocate(allocator, sampler->size);
    pluck_status status = PLUCK_ERR_MEMORY;
    if (s) {
        memcpy(s, sampler, sampler->size);
        s->workspace = ws;
        set_pointers(s);
        status = clone_steps(s, sampler);
    }
    if (s && status == PLUCK_OK) {
        pk_plan_share(s->plan);
        *out = s;
        return PLUCK_OK;
    }
    if (sampler->owns_workspace) pluck_workspace_free(ws);
    pk_deallocate(allocator, s, sampler->size);
    return status;
}

void pluck_sampler_reset(pluck_sampler *sampler) {
    if (!sampler) return;
    reset_stages(sampler);
    seed_streams(sampler);
    pk_rewind_forget_all(sampler);
}

void pluck_sampler_free(pluck_sampler *sampler) {
    if (!sampler) return;
    plan *p = sampler->plan;
    release_steps(sampler, p->n_steps);
    if (sampler->owns_workspace) pluck_workspace_free(sampler->workspace);
    const pluck_allocator from = *allocator_of(sampler);
    pk_deallocate(&from, sampler, sampler->size);
    pk_plan_release(p);
}

/* ---- history ---- */

static void accept_step(pluck_sampler *s, int32_t i, int32_t token, bool prompt) {
    PLUCK_ASSERT(i >= 0 && i < s->plan->n_steps && token >= 0 && token < s->plan->config.n_vocab);
    const step *at = &s->plan->steps[i];
    history *h = pk_history_of(s, at);
    const bool deaf = prompt && at->kind->output_only && at->kind->output_only(at->stage);
    int32_t dropped = deaf ? MARK_NOT_PUSHED : MARK_NONE_DROPPED;
    if (h && !deaf) {
        if (h->size == h->capacity) dropped = pk_history_back(h, h->size - 1);
        pk_history_push(h, token);
    }
    const bool hears = at->kind->accept && (!prompt || at->kind->hears_prompt);
    if (hears && at->kind->calls_back)
        at->kind->accept(at->stage, &s->memory[i], token);
    else if (hears)
        PK_DO_IN_OWN_ENV(at->kind->accept(at->stage, &s->memory[i], token));
    pk_rewind_note(s, i, dropped);
}

pluck_status pluck_accept(pluck_sampler *sampler, int32_t token) {
    if (!sampler) return PLUCK_ERR_NULL;
    if (token < 0 || token >= sampler->plan->config.n_vocab) return PLUCK_ERR_TOKEN;
    for (int32_t i = 0; i < sampler->plan->n_steps; i++) accept_step(sampler, i, token, false);
    return PLUCK_OK;
}

pluck_status pluck_accept_prompt(pluck_sampler *sampler, const int32_t *tokens, int32_t n) {
    if (!sampler || (!tokens && n > 0)) return PLUCK_ERR_NULL;
    if (n < 0) return PLUCK_ERR_SIZE;
    for (int32_t k = 0; k < n; k++)
        if (tokens[k] < 0 || tokens[k] >= sampler->plan->config.n_vocab) return PLUCK_ERR_TOKEN;
    for (int32_t k = 0; k < n; k++)
        for (int32_t i = 0; i < sampler->plan->n_steps; i++)
            accept_step(sampler, i, tokens[k], true);
    return PLUCK_OK;
}

/* The step of a stage of the config; -1 if the stage is disabled. */
static int32_t step_of(const plan *p, int32_t stage) {
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].index == stage) return i;
    return -1;
}

pluck_status pluck_accept_stage(pluck_sampler *sampler, int32_t stage, int32_t token) {
    if (!sampler) return PLUCK_ERR_NULL;
    const plan *p = sampler->plan;
    if (stage < 0 || stage >= p->config.n_stages) return PLUCK_ERR_STAGE;
    if (token < 0 || token >= p->config.n_vocab) return PLUCK_ERR_TOKEN;
    const int32_t i = step_of(p, stage);
    if (i >= 0) accept_step(sampler, i, token, false);
    return PLUCK_OK;
}

/* Whether a step's history leaves out the tokens of a prompt. */
static bool leaves_out_prompt(const step *at) {
    return at->kind->output_only && at->kind->output_only(at->stage);
}

/* Whether the tokens that a history can take from another are in its vocabulary. */
static bool fits(const history *to, int32_t n_vocab, const history *from) {
    for (int32_t back = 0; back < from->size && back < to->capacity; back++)
        if (pk_history_back(from, back) >= n_vocab) return false;
    return true;
}

pluck_status pluck_sampler_copy_stage(pluck_sampler *to, int32_t to_stage,
                                      const pluck_sampler *from, int32_t from_stage) {
    if (!to || !from) return PLUCK_ERR_NULL;
    const pluck_config *a = &to->plan->config, *b = &from->plan->config;
    if (to_stage < 0 || to_stage >= a->n_stages || from_stage < 0 || from_stage >= b->n_stages ||
        a->stages[to_stage].kind != b->stages[from_stage].kind)
        return PLUCK_ERR_STAGE;
    if (a->rng != b->rng) return PLUCK_ERR_RNG;
    const int32_t i = step_of(to->plan, to_stage), j = step_of(from->plan, from_stage);
    if (i < 0 || j < 0) return PLUCK_OK; /* a disabled stage remembers nothing */
    const step *target = &to->plan->steps[i], *source = &from->plan->steps[j];
    if (leaves_out_prompt(target) != leaves_out_prompt(source)) return PLUCK_ERR_STAGE;
    if (source->history != NONE &&
        !fits(pk_history_of(to, target), a->n_vocab, pk_history_of(from, source)))
        return PLUCK_ERR_TOKEN;
    if (source->stream != NONE) *pk_stream_of(to, target) = *pk_stream_of(from, source);
    if (source->history != NONE) {
        history *h = pk_history_of(to, target);
        const history *old = pk_history_of(from, source);
        if (h != old) {
            pk_history_clear(h);
            for (int32_t back = old->size; back-- > 0;)
                pk_history_push(h, pk_history_back(old, back));
        }
    }
    to->memory[i].mu = from->memory[j].mu;
    to->memory[i].adaptive = from->memory[j].adaptive;
    pk_rewind_forget(to, i);
    return PLUCK_OK;
}

/* ---- queries ---- */

uint32_t pluck_sampler_seed(const pluck_sampler *sampler) {
    return sampler ? sampler->seed : 0;
}

uint32_t pluck_sampler_stage_seed(const pluck_sampler *sampler, int32_t stage) {
    if (!sampler) return 0;
    const pluck_config *config = &sampler->plan->config;
    if (stage < 0 || stage >= config->n_stages) return sampler->seed;
    const uint32_t own = pk_stage_seed(&config->stages[stage]);
    return own == PLUCK_SEED_RANDOM ? sampler->seed : own;
}

const pluck_config *pluck_sampler_config(const pluck_sampler *sampler) {
    return sampler ? &sampler->plan->config : NULL;
}

pluck_workspace *pluck_sampler_workspace(const pluck_sampler *sampler) {
    return sampler ? sampler->workspace : NULL;
}

size_t pluck_sampler_state_size(const pluck_sampler *sampler) {
    return sampler ? sampler->size : 0;
}

pluck_status pluck_sampler_seek(pluck_sampler *sampler, uint64_t position) {
    if (!sampler) return PLUCK_ERR_NULL;
    const plan *p = sampler->plan;
    if (p->config.rng != PLUCK_RNG_PHILOX) return PLUCK_ERR_RNG;
    for (int32_t i = 0; i < p->n_steps; i++) {
        rng_stream *stream = pk_stream_of(sampler, &p->steps[i]);
        if (stream) stream->position = position;
    }
    return PLUCK_OK;
}
