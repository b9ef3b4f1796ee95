/*
 * no_repeat_ngram.c: masks every token that would complete a sequence of `size` tokens which is
 * already among the last n accepted.
 *
 * Source: transformers' NoRepeatNGramLogitsProcessor, after fairseq. Parameters: size, 0 disables;
 * last_n, 0 disables. The history keeps an index of its n-grams. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../ngrams.h"
#include "../radix.h"
#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    int32_t *tokens = run->work;
    const int32_t n = pk_ngrams_following(run->history, tokens);
    if (!pk_view_edits_row(v)) pk_radix_sort(tokens, NULL, n, tokens + run->history->capacity);
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

static int32_t last_n(const pluck_stage *stage) {
    return stage->as.no_repeat_ngram.last_n;
}

static int32_t ngram(const pluck_stage *stage) {
    return stage->as.no_repeat_ngram.size;
}

/* The tokens, and room to sort them. */
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
    .last_n = last_n,
    .history = HISTORY_NGRAMS,
    .ngram = ngram,
    .work = work,
};
