/*
 * no_repeat_ngram.c: masks every token that would complete a sequence of `size` tokens which is
 * already among the last n accepted.
 *
 * Source: transformers' NoRepeatNGramLogitsProcessor, after fairseq. Parameters: size, 0 disables;
 * last_n, 0 disables. These are the tokens that would continue a repeat of size - 1 tokens or more,
 * which is what DRY looks for. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../dry_repeats.h"
#include "../radix.h"
#include "../stage.h"

/* Writes the distinct tokens of a history; returns how many. */
static int32_t all_tokens(const history *h, int32_t *tokens) {
    const int32_t *held = history_tokens(h);
    int32_t n = 0;
    for (int32_t place = 0; place < h->n_places; place++) {
        tokens[n] = held[place];
        n += held[place] != -1;
    }
    return n;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_no_repeat_ngram *p = &run->stage->as.no_repeat_ngram;
    int32_t *tokens = run->work, *lengths = tokens + p->last_n, n;
    if (p->size == 1) {
        n = all_tokens(run->history, tokens);
    } else {
        const pluck_stage_dry repeats = {.allowed_length = p->size - 1, .last_n = p->last_n};
        n = pk_dry_repeats(&repeats, run->prepared, run->history, tokens, lengths);
    }
    if (!pk_view_edits_row(v)) pk_radix_sort(tokens, NULL, n, lengths);
    return pk_view_edit(v, tokens, n, pk_mask_edits, NULL);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_no_repeat_ngram *p = &stage->as.no_repeat_ngram;
    (void)n_vocab;
    TRY(pk_check_count(err, "size", p->size));
    return pk_check_last_n(err, p->last_n);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.no_repeat_ngram.size == 0 || stage->as.no_repeat_ngram.last_n == 0;
}

/* The index of no breakers. */
static const void *copy(plan_arena *arena, pluck_stage *stage) {
    void *index = pk_plan_put(arena, pk_breakers_size(NULL, 0));
    (void)stage;
    return index ? pk_breakers_make(index, NULL, 0) : NULL;
}

static int32_t last_n(const pluck_stage *stage) {
    return stage->as.no_repeat_ngram.last_n;
}

/* The tokens and the lengths of their repeats. */
static size_t work(const pluck_stage *stage) {
    return 2 * (size_t)stage->as.no_repeat_ngram.last_n;
}

extern const stage_kind pk_stage_no_repeat_ngram;
const stage_kind pk_stage_no_repeat_ngram = {
    .kind = PLUCK_STAGE_NO_REPEAT_NGRAM,
    .name = "no_repeat_ngram",
    .defaults.as.no_repeat_ngram = {.size = 0, .last_n = 65536},
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .last_n = last_n,
    .history = HISTORY_REPEATS,
    .work = work,
};
