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

/* What is prepared: the tokens that are always masked, and the sequences sorted by the token before
 * the last, those of one token first. */
typedef struct words {
    const token_set *single;
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

/* Writes the last tokens of the sequences that the history leads to, ascending, each once; without
 * those that are masked anyway. Returns how many there are. */
static int32_t find_led(const stage_run *run, int32_t *led, int32_t *room) {
    const pluck_stage_bad_words *p = &run->stage->as.bad_words;
    const words *w = run->prepared;
    if (run->history->size == 0) return 0;
    const int32_t lead = pk_history_back(run->history, 0);
    int32_t n = 0;
    for (int32_t i = first_from(w->leads, p->n_words, lead); i < p->n_words && w->leads[i] == lead;
         i++) {
        const pluck_token_sequence *s = &p->words[w->order[i]];
        if (leads_to(run->history, s) && !token_set_has(w->single, last_of(s)))
            led[n++] = last_of(s);
    }
    return pk_radix_sort_distinct(led, n, room);
}

static pluck_status apply(view *v, const stage_run *run) {
    const token_set *single = ((const words *)run->prepared)->single;
    const int32_t n_words = run->stage->as.bad_words.n_words;
    int32_t *led = run->work, *tokens = led + n_words;
    const int32_t n = find_led(run, led, tokens);
    if (n == 0) return pk_view_edit(v, single->tokens, single->n, pk_mask_edits, NULL);
    int32_t taken = 0;
    for (int32_t i = 0; i < single->n + n; i++) {
        const int32_t at = i - taken; /* in single */
        const bool takes = taken < n && (at == single->n || led[taken] < single->tokens[at]);
        tokens[i] = takes ? led[taken] : single->tokens[at];
        taken += takes;
    }
    return pk_view_edit(v, tokens, single->n + n, pk_mask_edits, NULL);
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
    void *single = pk_plan_put(arena, pk_token_set_size(p->n_words));
    p->words = pk_plan_put_sequences(arena, p->words, p->n_words);
    if (!w) return NULL;
    int32_t n_single = 0;
    for (int32_t i = 0; i < p->n_words; i++)
        if (p->words[i].n_tokens == 1) leads[n_single++] = last_of(&p->words[i]);
    w->single = pk_token_set_make(single, leads, n_single, room);
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

/* The tokens that the history leads to, and all that are masked. */
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
