/*
 * bad_words.c: masks every token that would complete one of some sequences: the last of a sequence
 * whose other tokens, in order, are the last that were accepted.
 *
 * Source: transformers' NoBadWordsLogitsProcessor (bad_words_ids). Parameters: sequences of 1 to 64
 * tokens, none disables. They are sorted by the token before their last, so that those which the
 * history's last token cannot lead to are not looked at. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../radix.h"
#include "../stage.h"

/* What is prepared: the sequences sorted by the token before the last, those of one token first. */
typedef struct words {
    const int32_t *leads; /* ascending: that token of each; -1: a sequence of one token */
    int32_t order[];      /* numbers of sequences */
} words;

static int32_t last_of(const pluck_token_sequence *s) {
    return s->tokens[s->n_tokens - 1];
}

/* The token before the last; -1 if there is none. */
static int32_t lead_of(const pluck_token_sequence *s) {
    return s->n_tokens > 1 ? s->tokens[s->n_tokens - 2] : -1;
}

/* Whether the history ends with all of a sequence but its last token. */
static bool leads_to(const history *h, const pluck_token_sequence *s) {
    const int32_t n = s->n_tokens - 1;
    if (n > h->size) return false;
    for (int32_t back = 0; back < n; back++)
        if (pk_history_back(h, back) != s->tokens[n - 1 - back]) return false;
    return true;
}

/* Adds the last tokens of the sequences with one lead that the history leads to; returns how many
 * tokens there are then. */
static int32_t add_led(const stage_run *run, int32_t lead, int32_t *tokens, int32_t n) {
    const pluck_stage_bad_words *p = &run->stage->as.bad_words;
    const words *w = run->prepared;
    for (int32_t i = first_from(w->leads, p->n_words, lead); i < p->n_words && w->leads[i] == lead;
         i++) {
        const pluck_token_sequence *s = &p->words[w->order[i]];
        if (leads_to(run->history, s)) tokens[n++] = last_of(s);
    }
    return n;
}

static pluck_status apply(view *v, const stage_run *run) {
    const int32_t n_words = run->stage->as.bad_words.n_words;
    int32_t *tokens = run->work;
    int32_t n = add_led(run, -1, tokens, 0);
    if (run->history->size > 0) n = add_led(run, pk_history_back(run->history, 0), tokens, n);
    n = pk_radix_sort_distinct(tokens, n, tokens + n_words);
    return pk_view_edit(v, tokens, n, pk_mask_edits, NULL);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_bad_words *p = &stage->as.bad_words;
    TRY(pk_check_array(err, "words", p->words, p->n_words));
    for (int32_t i = 0; i < p->n_words; i++)
        TRY(pk_check_sequence(err, "word", &p->words[i], n_vocab));
    return PLUCK_OK;
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.bad_words.n_words == 0;
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_bad_words *p = &stage->as.bad_words;
    const size_t n = (size_t)p->n_words;
    words *w = pk_plan_put(arena, sizeof *w + n * sizeof(int32_t));
    int32_t *leads = pk_plan_put(arena, n * sizeof *leads);
    int32_t *room = pk_plan_put(arena, 2 * n * sizeof *room);
    p->words = pk_plan_put_sequences(arena, p->words, p->n_words);
    if (!w) return NULL;
    w->leads = leads;
    for (int32_t i = 0; i < p->n_words; i++) {
        w->order[i] = i;
        leads[i] = lead_of(&p->words[i]);
    }
    pk_radix_sort(leads, w->order, p->n_words, room);
    return w;
}

/* As much as the longest sequence needs. */
static int32_t last_n(const pluck_stage *stage) {
    const pluck_stage_bad_words *p = &stage->as.bad_words;
    int32_t longest = 2;
    for (int32_t i = 0; i < p->n_words; i++)
        longest = p->words[i].n_tokens > longest ? p->words[i].n_tokens : longest;
    return longest - 1;
}

/* The tokens to be masked, and room to sort them. */
static size_t work(const pluck_stage *stage) {
    return 2 * (size_t)stage->as.bad_words.n_words;
}

extern const stage_kind pk_stage_bad_words;
const stage_kind pk_stage_bad_words = {
    .kind = PLUCK_STAGE_BAD_WORDS,
    .name = "bad_words",
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .last_n = last_n,
    .history = HISTORY_COUNTS,
    .work = work,
};
