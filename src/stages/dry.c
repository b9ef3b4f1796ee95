/*
 * dry.c: "don't repeat yourself".
 *     logit[t] -= multiplier * base ^ (L(t) - allowed_length)    if L(t) >= allowed_length
 * L(t) is the length of the longest suffix of the last n accepted tokens that also occurs earlier
 * among them, followed by t; suffixes do not reach across a sequence breaker.
 *
 * Source: p-e-w's DRY as ported to koboldcpp and llama.cpp by pi6am. Parameters: multiplier, 0
 * disables; base, < 1 disables; allowed_length >= 0; last_n, 0 disables; breakers, sequences of
 * tokens; exempt, tokens whose logits stay. A token that is a breaker by itself is never penalised.
 * The exponent is limited so that
 * the power stays finite in float. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../dry_repeats.h"
#include "../radix.h"
#include "../stage.h"

typedef struct prepared {
    const breakers *breakers;
    const token_set *exempt;
} prepared;

typedef struct dry_penalty {
    const pluck_stage_dry *p;
    const int32_t *lengths;
    int32_t max_exponent; /* 0: no limit */
} dry_penalty;

/* The power is computed anew only if the length changes: as a rule many have the same. */
static void penalise_repeats(const void *ctx, int32_t k, int32_t n, double *logit) {
    const dry_penalty *d = ctx;
    int32_t length = -1;
    double penalty = 0.0;
    for (int32_t i = 0; i < n; i++) {
        if (d->lengths[k + i] != length) {
            length = d->lengths[k + i];
            int32_t exponent = length - d->p->allowed_length;
            if (d->max_exponent > 0 && exponent > d->max_exponent) exponent = d->max_exponent;
            penalty = (double)d->p->multiplier * pow((double)d->p->base, (double)exponent);
        }
        logit[i] -= penalty;
    }
}

static int32_t drop_exempt(const token_set *exempt, int32_t *tokens, int32_t *lengths, int32_t n) {
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool keeps = !token_set_has(exempt, tokens[i]);
        tokens[kept] = tokens[i];
        lengths[kept] = lengths[i];
        kept += keeps;
    }
    return kept;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_dry *p = &run->stage->as.dry;
    const prepared *with = run->prepared;
    int32_t *tokens = run->work, *lengths = tokens + p->last_n;
    int32_t n = pk_dry_repeats(p, with->breakers, run->history, tokens, lengths);
    if (with->exempt->n > 0) n = drop_exempt(with->exempt, tokens, lengths, n);
    if (!pk_view_edits_row(v)) pk_radix_sort(tokens, lengths, n, lengths + p->last_n);
    dry_penalty ctx = {p, lengths, 0};
    /* Keeps base ^ exponent below FLT_MAX = e ^ 88.7228391. */
    if (p->base > 1.000001f) ctx.max_exponent = (int32_t)(88.7228391 / log((double)p->base));
    return pk_view_edit(v, tokens, n, penalise_repeats, &ctx);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_dry *p = &stage->as.dry;
    TRY(pk_check_finite(err, "multiplier", p->multiplier));
    TRY(pk_check_finite(err, "base", p->base));
    TRY(pk_check_count(err, "allowed_length", p->allowed_length));
    TRY(pk_check_last_n(err, p->last_n));
    TRY(pk_check_array(err, "breakers", p->breakers, p->n_breakers));
    for (int32_t i = 0; i < p->n_breakers; i++)
        TRY(pk_check_sequence(err, "breaker", &p->breakers[i], n_vocab));
    return pk_check_tokens(err, "exempt", p->exempt, p->n_exempt, n_vocab);
}

static bool disabled(const pluck_stage *stage) {
    const pluck_stage_dry *p = &stage->as.dry;
    return p->multiplier == 0.0f || p->base < 1.0f || p->last_n == 0;
}

/* Copies the breakers and the exempt, and prepares what finds them. */
static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_dry *p = &stage->as.dry;
    const pluck_token_sequence *from = p->breakers;
    prepared *with = pk_plan_put(arena, sizeof *with);
    void *index = pk_plan_put(arena, pk_breakers_size(from, p->n_breakers));
    p->breakers = pk_plan_put_sequences(arena, from, p->n_breakers);
    const token_set *exempt = pk_plan_put_set(arena, &p->exempt, &p->n_exempt);
    if (with) *with = (prepared){pk_breakers_make(index, p->breakers, p->n_breakers), exempt};
    return with;
}

static int32_t last_n(const pluck_stage *stage) {
    return stage->as.dry.last_n;
}

/* Room for the tokens and lengths of the repeats, and as much again to sort them. */
static size_t work(const pluck_stage *stage) {
    return 4 * (size_t)stage->as.dry.last_n;
}

extern const stage_kind pk_stage_dry;
const stage_kind pk_stage_dry = {
    .kind = PLUCK_STAGE_DRY,
    .name = "dry",
    .defaults.as.dry = {.multiplier = 0.0f, .base = 1.75f, .allowed_length = 2, .last_n = 64},
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .last_n = last_n,
    .history = HISTORY_REPEATS,
    .work = work,
};
