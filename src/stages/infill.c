/*
 * infill.c: for fill-in-the-middle: ends the generation if that is likely enough, else merges
 * tokens of which one is a prefix of the other and keeps the likely ones.
 *     1. if 3 * P(eog) * n > P(text): keep the end-of-generation (eog) tokens
 *     2. merge: of each pair where one text begins with the other, the more likely takes both P
 *     3. keep P >= 0.2, and eog; if no text token is left: only the token eot, at logit 1
 *     4. renormalise; keep P >= 1 / (1 + number of text tokens), and eog
 *
 * Source: llama.cpp's infill. Parameters: callbacks for the vocabulary, and eot. The merged
 * probabilities only decide which tokens are kept; the logits do not change. n counts masked
 * candidates. The time is quadratic in the candidates, as in llama.cpp: put a top-k before it.
 * Leaves descending order.
 */
#include "../arithmetic.h"

#include "../error.h"
#include "../stage.h"

enum { PIECE_BYTES = 512 };

typedef struct piece {
    int32_t length; /* 0 also if the text is too long: then it is not compared */
    char text[PIECE_BYTES];
} piece;

static PK_APART int32_t call_piece(const stage_run *run, int32_t token, char *text) {
    const pluck_stage_infill *s = &run->stage->as.infill;
    pk_fpenv_leave(run->caller);
    const int32_t n = s->piece(s->ctx, token, text, PIECE_BYTES);
    pk_fpenv_enter(run->caller);
    return n;
}

static PK_APART bool is_eog(const stage_run *run, int32_t token) {
    const pluck_stage_infill *s = &run->stage->as.infill;
    pk_fpenv_leave(run->caller);
    const bool is = s->is_eog(s->ctx, token);
    pk_fpenv_enter(run->caller);
    return is;
}

static pluck_status read_piece(const stage_run *run, int32_t token, piece *p) {
    const int32_t n = call_piece(run, token, p->text);
    if (n > PIECE_BYTES) return PLUCK_ERR_CALLBACK;
    p->length = n < 0 ? 0 : n;
    return PLUCK_OK;
}

/* Moves candidate `from`, and its probability, to position `to`. */
static void move(list *l, float *p, int32_t to, int32_t from) {
    l->ids[to] = l->ids[from];
    l->x[to] = l->x[from];
    p[to] = p[from];
}

/* Merges candidates (step 2); those that are merged into others get the probability -1. */
static pluck_status merge_prefixes(const list *l, const stage_run *run, float *p) {
    piece a, b;
    for (int32_t i = 0; i < l->n; i++) {
        if (p[i] < 0.0f) continue;
        TRY(read_piece(run, l->ids[i], &a));
        if (a.length == 0) continue;
        for (int32_t j = 0; j < l->n && p[i] >= 0.0f; j++) {
            if (i == j || p[j] < 0.0f) continue;
            TRY(read_piece(run, l->ids[j], &b));
            if (a.length > b.length || memcmp(a.text, b.text, (size_t)a.length) != 0) continue;
            const int32_t winner = p[j] > p[i] ? j : i;
            const int32_t loser = winner == i ? j : i;
            p[winner] += p[loser];
            p[loser] = -1.0f;
        }
    }
    return PLUCK_OK;
}

/* Keeps of n candidates those with P >= threshold, and eog tokens that are not merged; returns how
 * many. *n_text: how many of them are text. */
static int32_t keep_likely(list *l, int32_t n, const stage_run *run, float *p, double threshold,
                           int32_t *n_text) {
    int32_t kept = 0;
    *n_text = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool eog = is_eog(run, l->ids[i]);
        if (!eog && (double)p[i] < threshold) continue;
        if (p[i] < 0.0f) continue;
        *n_text += !eog;
        move(l, p, kept++, i);
    }
    return kept;
}

/* The condition of step 1. */
static bool should_end(const list *l, const stage_run *run, const float *p, int64_t counted) {
    double text = 0.0, eog = 0.0;
    for (int32_t i = 0; i < l->n; i++) *(is_eog(run, l->ids[i]) ? &eog : &text) += (double)p[i];
    return 3.0 * eog * (double)counted > text;
}

static int32_t keep_eog(list *l, const stage_run *run, float *p) {
    int32_t n = 0;
    for (int32_t i = 0; i < l->n; i++)
        if (is_eog(run, l->ids[i])) move(l, p, n++, i);
    return n;
}

/* Steps 2 to 4. *n: how many candidates are left; 0 if no text token is. */
static pluck_status merge_and_keep(list *l, const stage_run *run, float *p, int32_t *n) {
    int32_t n_text;
    TRY(merge_prefixes(l, run, p));
    *n = keep_likely(l, l->n, run, p, (double)0.2f, &n_text);
    if (n_text == 0) {
        *n = 0;
        return PLUCK_OK;
    }
    double sum = 0.0;
    for (int32_t i = 0; i < *n; i++) sum += (double)p[i];
    for (int32_t i = 0; i < *n; i++) p[i] = (float)((double)p[i] / sum);
    *n = keep_likely(l, *n, run, p, 1.0 / (n_text + 1.0), &n_text);
    return PLUCK_OK;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_infill *s = &run->stage->as.infill;
    pk_view_sort(v);
    TRY(pk_view_prepare(v, VIEW_LIST, false));
    const int64_t counted = pk_view_counted(v);
    float *p = pk_view_lease_probabilities(v);
    list *l = pk_view_open_list(v);
    pluck_status status = PLUCK_OK;
    int32_t n;
    if (should_end(l, run, p, counted))
        n = keep_eog(l, run, p);
    else
        status = merge_and_keep(l, run, p, &n);
    pk_view_return_probabilities(v);
    if (status != PLUCK_OK) return status;
    if (n == 0) { /* only eot, at logit 1 */
        pk_view_to_logits(v);
        l->ids[0] = s->eot;
        l->x[0] = 1.0f;
        n = 1;
    }
    return pk_view_rewritten(v, n, ORDER_DESCENDING, n);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_infill *s = &stage->as.infill;
    if (!s->piece) return pk_fail(err, PLUCK_ERR_NULL, "piece is NULL");
    if (!s->is_eog) return pk_fail(err, PLUCK_ERR_NULL, "is_eog is NULL");
    return pk_check_token(err, "eot", s->eot, n_vocab);
}

extern const stage_kind pk_stage_infill;
const stage_kind pk_stage_infill = {
    .kind = PLUCK_STAGE_INFILL,
    .name = "infill",
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
};
