/*
 * penalties.c: for each token that occurs `count` times among the last n accepted,
 *     logit = logit <= 0 ? logit * repeat : logit / repeat
 *     logit = logit - count * freq - present
 *
 * Source: Keskar et al. 2019 (CTRL) for the first line, with llama.cpp's treatment of negative
 * logits; OpenAI's API for the second. Parameters: last_n, 0 to 1048576; repeat, > 0, finite, as is
 * its inverse; freq and present, finite; exempt, tokens whose logits stay; output_only, 0 or 1.
 * Does nothing if last_n = 0, or repeat = 1 and freq = present = 0. Asks nothing of the view; edits
 * it.
 */
#include "../arithmetic.h"

#include "../stage.h"

typedef struct penalty {
    const pluck_stage_penalties *p;
    const history *history;
    const token_set *exempt;
    const int32_t *counts; /* by the number of an edit */
} penalty;

static void penalise(const void *ctx, int32_t k, int32_t n, double *logit) {
    const penalty *self = ctx;
    const double repeat = (double)self->p->repeat, freq = (double)self->p->freq;
    const double present = (double)self->p->present;
    for (int32_t i = 0; i < n; i++) {
        const double scaled = logit[i] <= 0.0 ? logit[i] * repeat : logit[i] / repeat;
        logit[i] = scaled - ((double)self->counts[k + i] * freq + present);
    }
}

static int32_t place_of(const void *ctx, int32_t token) {
    const penalty *self = ctx;
    return token_set_has(self->exempt, token) ? -1 : pk_history_place(self->history, token);
}

/* The same for counts by token. */
static int32_t token_itself(const void *ctx, int32_t token) {
    const penalty *self = ctx;
    return self->counts[token] == 0 || token_set_has(self->exempt, token) ? -1 : token;
}

/* Moves the tokens that are not exempt, with their counts, to `to`, which may be the tokens
 * themselves; returns how many there are. */
static int32_t drop_exempt(const token_set *exempt, const int32_t *tokens, const int32_t *counts,
                           int32_t n, int32_t *to, int32_t *to_counts) {
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = tokens[i], count = counts[i];
        to[kept] = token;
        to_counts[kept] = count;
        kept += !token_set_has(exempt, token);
    }
    return kept;
}

/* Penalises n tokens from `first` on, but not those that are exempt. */
static void penalise_all(const void *ctx, int32_t first, int32_t n, float *logit) {
    const penalty *self = ctx;
    const penalty_params p = {self->p->repeat, self->p->freq, self->p->present};
    const token_set *exempt = self->exempt;
    const int32_t *counts = history_by_token(self->history);
    int32_t from = 0;
    for (int32_t k = first_from(exempt->tokens, exempt->n, first); k < exempt->n; k++) {
        const int32_t to = exempt->tokens[k] - first;
        if (to >= n) break;
        pk_kernels()->array.penalise(logit + from, counts + first + from, (size_t)(to - from), &p);
        from = to + 1;
    }
    pk_kernels()->array.penalise(logit + from, counts + first + from, (size_t)(n - from), &p);
}

/* The same for the tokens that a list has. */
static void penalise_these(const void *ctx, const int32_t *ids, int32_t n, float *logit) {
    enum { AT_ONCE = 512 };
    const penalty *self = ctx;
    const penalty_params p = {self->p->repeat, self->p->freq, self->p->present};
    const int32_t *by_token = history_by_token(self->history);
    int32_t counts[AT_ONCE];
    for (int32_t first = 0; first < n; first += AT_ONCE) {
        const int32_t count = n - first < AT_ONCE ? n - first : AT_ONCE;
        for (int32_t i = 0; i < count; i++) counts[i] = by_token[ids[first + i]];
        for (int32_t i = 0; self->exempt->n > 0 && i < count; i++)
            if (token_set_has(self->exempt, ids[first + i])) counts[i] = 0;
        pk_kernels()->array.penalise(logit + first, counts, (size_t)count, &p);
    }
}

static pluck_status apply(view *v, const stage_run *run) {
    const history *h = run->history;
    const token_set *exempt = run->prepared;
    penalty ctx = {&run->stage->as.penalties, h, exempt, history_counts(h)};
    if (pk_history_is_dense(h) &&
        (pk_view_edit_all(v, penalise_all, &ctx) || pk_view_edit_these(v, penalise_these, &ctx)))
        return PLUCK_OK;
    if (pk_view_edits_row(v) && exempt->n == 0)
        return pk_view_edit(v, history_tokens(h), h->n_distinct, penalise, &ctx);
    /* Few candidates look themselves up; among many, few tokens are looked for. */
    if (!pk_view_edits_row(v) && pk_view_most(v) <= h->n_distinct) {
        if (!history_by_token(h)) return pk_view_edit_each(v, place_of, penalise, &ctx);
        ctx.counts = history_by_token(h);
        return pk_view_edit_each(v, token_itself, penalise, &ctx);
    }
    int32_t *tokens = run->work, *counts = run->work + h->capacity, n = h->n_distinct;
    ctx.counts = counts;
    if (pk_view_edits_row(v)) {
        n = drop_exempt(exempt, history_tokens(h), history_counts(h), n, tokens, counts);
    } else {
        pk_history_ascending(h, tokens, counts);
        if (exempt->n > 0) n = drop_exempt(exempt, tokens, counts, n, tokens, counts);
    }
    return pk_view_edit(v, tokens, n, penalise, &ctx);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_penalties *p = &stage->as.penalties;
    TRY(pk_check_last_n(err, p->last_n));
    TRY(pk_check_param(isfinite(p->repeat) && p->repeat > 0.0f && isfinite(1.0f / p->repeat), err,
                       "repeat", (double)p->repeat, "above 0, and finite, as its inverse"));
    TRY(pk_check_finite(err, "freq", p->freq));
    TRY(pk_check_finite(err, "present", p->present));
    TRY(pk_check_tokens(err, "exempt", p->exempt, p->n_exempt, n_vocab));
    return pk_check_param(p->output_only == 0 || p->output_only == 1, err, "output_only",
                          (double)p->output_only, "0 or 1");
}

static bool disabled(const pluck_stage *stage) {
    const pluck_stage_penalties *p = &stage->as.penalties;
    return p->last_n == 0 || (p->repeat == 1.0f && p->freq == 0.0f && p->present == 0.0f);
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    return pk_plan_put_set(arena, &stage->as.penalties.exempt, &stage->as.penalties.n_exempt);
}

static bool output_only(const pluck_stage *stage) {
    return stage->as.penalties.output_only != 0;
}

static int32_t last_n(const pluck_stage *stage) {
    return stage->as.penalties.last_n;
}

/* Room for the distinct tokens and their counts. */
static size_t work(const pluck_stage *stage) {
    return 2 * (size_t)stage->as.penalties.last_n;
}

/* A repetition penalty multiplies. */
static bool reads_level(const pluck_stage *stage) {
    return stage->as.penalties.repeat != 1.0f;
}

extern const stage_kind pk_stage_penalties;
const stage_kind pk_stage_penalties = {
    .kind = PLUCK_STAGE_PENALTIES,
    .name = "penalties",
    .defaults.as.penalties = {.last_n = 64, .repeat = 1.0f, .freq = 0.0f, .present = 0.0f},
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .last_n = last_n,
    .history = HISTORY_COUNTS,
    .output_only = output_only,
    .reads_level = reads_level,
    .work = work,
};
