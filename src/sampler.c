/*
 * sampler.c: a sampler's life, and a call from beginning to end.
 *
 * A sampler is a plan (shared), and one block of its own: this struct, a stage_memory per step
 * twice (the second holds the state before the call, for a rollback), and streams, histories and
 * scratch at the offsets that the plan fixed.
 */
#include "plan.h"

struct pluck_sampler {
    plan *plan;
    pluck_workspace *workspace;
    bool owns_workspace;
    uint32_t seed; /* in use */
    size_t size;   /* of this block */
    stage_memory *memory, *saved;
    char *parts; /* what the steps' offsets are relative to */
};

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

/* Points the sampler's members into its own block. */
static void set_pointers(pluck_sampler *s) {
    char *at = (char *)s + round_up(sizeof *s, PART_ALIGN);
    s->memory = (stage_memory *)(void *)at;
    s->saved = (stage_memory *)(void *)(at + memories_size(s->plan));
    s->parts = at + 2 * memories_size(s->plan);
}

static rng_stream *stream_at(const pluck_sampler *s, const step *p) {
    return p->stream == NONE ? NULL : (rng_stream *)(void *)(s->parts + p->stream);
}

static history *history_at(const pluck_sampler *s, const step *p) {
    return p->history == NONE ? NULL : (history *)(void *)(s->parts + p->history);
}

static int32_t *scratch_at(const pluck_sampler *s, const step *p) {
    return p->scratch == NONE ? NULL : (int32_t *)(void *)(s->parts + p->scratch);
}

/* ---- life ---- */

/* Seeds every stream from its stage's seed, or else the sampler's. */
static void seed_streams(pluck_sampler *s) {
    const plan *p = s->plan;
    s->seed = p->config.seed == PLUCK_SEED_RANDOM ? random_seed() : p->config.seed;
    for (int32_t i = 0; i < p->n_steps; i++) {
        rng_stream *stream = stream_at(s, &p->steps[i]);
        if (!stream) continue;
        const uint32_t own = stage_own_seed(p->steps[i].stage);
        stream_seed(stream, p->config.rng, own == PLUCK_SEED_RANDOM ? s->seed : own,
                    p->steps[i].stream_number);
    }
}

/* State after creation; custom contexts stay. */
static void reset_stages(pluck_sampler *s) {
    const plan *p = s->plan;
    for (int32_t i = 0; i < p->n_steps; i++) {
        const stage_kind *kind = stage_kind_of(p->steps[i].stage->kind);
        if (kind->reset) kind->reset(p->steps[i].stage, &s->memory[i]);
        history *h = history_at(s, &p->steps[i]);
        if (h) history_clear(h);
    }
}

pluck_status pluck_sampler_create(pluck_sampler **out, const pluck_config *config) {
    if (!out || !config) return PLUCK_ERR_NULL;
    plan *p;
    TRY(plan_create(&p, config));
    pluck_workspace *ws = config->workspace;
    if (!ws) {
        const pluck_status status =
            pluck_workspace_create(&ws, config->n_vocab, &config->allocator);
        if (status != PLUCK_OK) {
            plan_discard(p);
            return status;
        }
    }
    const size_t size = sampler_size(p);
    pluck_sampler *s = pluck_allocate(&config->allocator, size);
    if (!s) {
        if (!config->workspace) pluck_workspace_free(ws);
        plan_discard(p);
        return PLUCK_ERR_MEMORY;
    }
    memset(s, 0, size);
    *s = (pluck_sampler){
        .plan = p, .workspace = ws, .owns_workspace = !config->workspace, .size = size};
    set_pointers(s);
    for (int32_t i = 0; i < p->n_steps; i++) {
        const step *at = &p->steps[i];
        const stage_kind *kind = stage_kind_of(at->stage->kind);
        if (at->stage->kind == PLUCK_STAGE_CUSTOM)
            s->memory[i].custom = at->stage->as.custom.ctx;
        else if (kind->reset)
            kind->reset(at->stage, &s->memory[i]);
        if (kind->last_n) history_init(history_at(s, at), kind->last_n(at->stage), kind->counted);
    }
    seed_streams(s);
    *out = s;
    return PLUCK_OK;
}

/* Releases the sampler's own custom contexts of the first n steps; the plan releases shared ones.
 */
static void release_custom(pluck_sampler *s, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const pluck_stage *stage = s->plan->steps[i].stage;
        if (stage->kind != PLUCK_STAGE_CUSTOM) continue;
        if (stage->as.custom.clone && stage->as.custom.release)
            stage->as.custom.release(s->memory[i].custom);
    }
}

/* Gives a clone its own custom contexts. */
static pluck_status clone_custom(pluck_sampler *s, const pluck_sampler *from) {
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const pluck_stage *stage = s->plan->steps[i].stage;
        if (stage->kind != PLUCK_STAGE_CUSTOM || !stage->as.custom.clone) continue;
        s->memory[i].custom = stage->as.custom.clone(from->memory[i].custom);
        if (s->memory[i].custom) continue;
        release_custom(s, i);
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
    pluck_sampler *s = pluck_allocate(allocator, sampler->size);
    pluck_status status = s ? PLUCK_OK : PLUCK_ERR_MEMORY;
    if (s) {
        memcpy(s, sampler, sampler->size);
        s->workspace = ws;
        set_pointers(s);
        status = clone_custom(s, sampler);
    }
    if (status != PLUCK_OK) {
        if (sampler->owns_workspace) pluck_workspace_free(ws);
        pluck_deallocate(allocator, s, sampler->size);
        return status;
    }
    plan_share(s->plan);
    *out = s;
    return PLUCK_OK;
}

void pluck_sampler_reset(pluck_sampler *sampler) {
    if (!sampler) return;
    reset_stages(sampler);
    seed_streams(sampler);
}

void pluck_sampler_free(pluck_sampler *sampler) {
    if (!sampler) return;
    plan *p = sampler->plan;
    release_custom(sampler, p->n_steps);
    if (sampler->owns_workspace) pluck_workspace_free(sampler->workspace);
    const pluck_allocator from = *allocator_of(sampler);
    pluck_deallocate(&from, sampler, sampler->size);
    plan_release(p);
}

/* ---- a call ---- */

static void begin(pluck_sampler *s) {
    const plan *p = s->plan;
    memcpy(s->saved, s->memory, (size_t)p->n_steps * sizeof *s->memory);
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].stream != NONE) stream_begin(stream_at(s, &p->steps[i]));
}

static void roll_back(pluck_sampler *s) {
    const plan *p = s->plan;
    memcpy(s->memory, s->saved, (size_t)p->n_steps * sizeof *s->memory);
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].stream != NONE) stream_rollback(stream_at(s, &p->steps[i]));
}

/* The stream from which the step behind i draws at once; NULL where it does not. */
static const rng_stream *draw_ahead(const pluck_sampler *s, int32_t i) {
    const plan *p = s->plan;
    if (i + 1 >= p->n_steps || p->steps[i + 1].stage->kind != PLUCK_STAGE_DIST) return NULL;
    return stream_at(s, &p->steps[i + 1]);
}

static pluck_status run_steps(pluck_sampler *s, candidates *c) {
    const plan *p = s->plan;
    for (int32_t i = 0; i < p->n_steps; i++) {
        const step *at = &p->steps[i];
        const stage_run run = {
            .stage = at->stage,
            .rng = p->config.rng,
            .memory = &s->memory[i],
            .stream = stream_at(s, at),
            .history = history_at(s, at),
            .scratch = scratch_at(s, at),
            .ids = at->ids,
        };
        const stage_kind *kind = stage_kind_of(at->stage->kind);
        if (c->adapted || (c->cutoff > -INFINITY && !kind->takes_cut))
            TRY(candidates_materialise(c));
        c->token_behind = c->selected; /* unless this stage selects */
        c->ahead = draw_ahead(s, i);
        TRY(kind->apply(c, &run));
    }
    /* A chain that asked nothing of the row has not seen yet whether it is sound. */
    return candidates_scan(c);
}

/* Probability of the selected token in the final distribution, where the draw did not need it. */
static double probability_of(candidates *c) {
    if (c->token_probability >= 0.0) return c->token_probability;
    candidates_sum(c);
    const exp_params p = candidates_exp(c);
    float e;
    c->kernels->array.shifted_exp(&c->token_x, 1, &p, &e);
    return (double)e / c->sum;
}

/* The chain on a row; on success the workspace holds the view. */
static pluck_status run_chain(pluck_sampler *s, const pluck_row *row, bool must_select,
                              pluck_workspace **used) {
    if (!row->logits) return PLUCK_ERR_NULL;
    pluck_workspace *ws = row->workspace ? row->workspace : s->workspace;
    if (ws->n_vocab < s->plan->config.n_vocab) return PLUCK_ERR_WORKSPACE;
    ws->has_result = ws->finished = false;
    begin(s);
    pluck_status status = candidates_begin(&ws->view, ws, s->plan->config.n_vocab, row);
    if (status == PLUCK_OK) status = run_steps(s, &ws->view);
    if (status == PLUCK_OK && must_select && !ws->view.selected) status = PLUCK_ERR_NO_DRAW;
    if (status != PLUCK_OK) {
        roll_back(s);
        return status;
    }
    ws->has_result = true;
    *used = ws;
    return PLUCK_OK;
}

/* What became of the selected token where stages ran after its selection: they may have changed its
 * logit, or dropped it, and with it the whole distribution. */
static pluck_status describe_behind(pluck_workspace *ws, pluck_draw *draw) {
    pluck_candidates left;
    TRY(pluck_workspace_candidates(ws, &left));
    const bool there = left.selected >= 0;
    *draw = (pluck_draw){
        .token = ws->view.token,
        .logit = there ? left.logits[left.selected] : -INFINITY,
        .probability = there ? left.probabilities[left.selected] : 0.0f,
        .n_candidates = left.n,
    };
    return PLUCK_OK;
}

pluck_status pluck_sample_row(pluck_sampler *sampler, const pluck_row *row, pluck_draw *draw) {
    if (!sampler || !row) return PLUCK_ERR_NULL;
    pluck_workspace *ws;
    TRY(run_chain(sampler, row, draw != NULL, &ws));
    if (!draw) return PLUCK_OK;
    candidates *c = &ws->view;
    if (c->token_behind) return describe_behind(ws, draw);
    candidates_count(c);
    draw->token = c->token;
    draw->logit = c->token_infinite ? INFINITY : (float)((double)c->token_x * c->token_scale);
    draw->probability =
        row->skip_probability ? (float)fmax(c->token_probability, 0.0) : (float)probability_of(c);
    draw->n_candidates = c->n;
    return PLUCK_OK;
}

pluck_status pluck_sample(pluck_sampler *sampler, const float *logits, int32_t *token) {
    if (!sampler || !logits || !token) return PLUCK_ERR_NULL;
    const pluck_row row = {.logits = logits};
    pluck_workspace *ws;
    TRY(run_chain(sampler, &row, true, &ws));
    *token = ws->view.token;
    return PLUCK_OK;
}

/* ---- history ---- */

static void accept_step(pluck_sampler *s, int32_t i, int32_t token) {
    const step *at = &s->plan->steps[i];
    const stage_kind *kind = stage_kind_of(at->stage->kind);
    history *h = history_at(s, at);
    if (h) history_push(h, token);
    if (kind->accept) kind->accept(at->stage, &s->memory[i], token);
}

pluck_status pluck_accept(pluck_sampler *sampler, int32_t token) {
    if (!sampler) return PLUCK_ERR_NULL;
    if (token < 0 || token >= sampler->plan->config.n_vocab) return PLUCK_ERR_TOKEN;
    for (int32_t i = 0; i < sampler->plan->n_steps; i++) accept_step(sampler, i, token);
    return PLUCK_OK;
}

/* The step of a stage of the config; -1 where the stage is disabled. */
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
    if (i >= 0) accept_step(sampler, i, token);
    return PLUCK_OK;
}

/* Whether what a history can take of another is tokens of its vocabulary. */
static bool fits(const history *to, int32_t n_vocab, const history *from) {
    for (int32_t back = 0; back < from->size && back < to->capacity; back++)
        if (history_back(from, back) >= n_vocab) return false;
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
    if (source->history != NONE &&
        !fits(history_at(to, target), a->n_vocab, history_at(from, source)))
        return PLUCK_ERR_TOKEN;
    if (source->stream != NONE) *stream_at(to, target) = *stream_at(from, source);
    if (source->history != NONE) {
        history *h = history_at(to, target);
        const history *old = history_at(from, source);
        if (h != old) {
            history_clear(h);
            for (int32_t back = old->size; back-- > 0;) history_push(h, history_back(old, back));
        }
    }
    to->memory[i].mu = from->memory[j].mu;
    to->memory[i].adaptive = from->memory[j].adaptive;
    return PLUCK_OK;
}

/* ---- reading the outcome ---- */

/* Logits after the scale, and probabilities in `spare`. */
static pluck_status finish(pluck_workspace *ws) {
    candidates *c = &ws->view;
    TRY(candidates_materialise(c));
    candidates_sum(c);
    const exp_params p = candidates_exp(c);
    c->kernels->array.shifted_exp(ws->logits, (size_t)c->n, &p, ws->spare);
    for (int32_t i = 0; i < c->n; i++) {
        ws->spare[i] = (float)((double)ws->spare[i] / c->sum);
        ws->logits[i] = c->infinite ? INFINITY : (float)((double)ws->logits[i] * c->scale);
    }
    ws->finished = true;
    return PLUCK_OK;
}

pluck_status pluck_workspace_candidates(pluck_workspace *workspace, pluck_candidates *out) {
    if (!workspace || !out) return PLUCK_ERR_NULL;
    if (!workspace->has_result) return PLUCK_ERR_NO_RESULT;
    if (!workspace->finished) TRY(finish(workspace));
    const candidates *c = &workspace->view;
    *out = (pluck_candidates){
        .ids = workspace->ids,
        .logits = workspace->logits,
        .probabilities = workspace->spare,
        .n = c->n,
        .n_masked = (int32_t)(c->n_counted - c->n),
        .selected = -1,
        .descending = c->order == ORDER_DESCENDING,
    };
    for (int32_t i = 0; c->selected && i < c->n && out->selected < 0; i++)
        if (workspace->ids[i] == c->token) out->selected = i;
    return PLUCK_OK;
}

/* ---- asking ---- */

uint32_t pluck_sampler_seed(const pluck_sampler *sampler) {
    return sampler ? sampler->seed : 0;
}

uint32_t pluck_sampler_stage_seed(const pluck_sampler *sampler, int32_t stage) {
    if (!sampler) return 0;
    const pluck_config *config = &sampler->plan->config;
    if (stage < 0 || stage >= config->n_stages) return sampler->seed;
    const uint32_t own = stage_own_seed(&config->stages[stage]);
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
        rng_stream *stream = stream_at(sampler, &p->steps[i]);
        if (stream) stream->as.philox.position = position;
    }
    return PLUCK_OK;
}
