/* view_edit_list.c: edits of candidates that have to be looked for: those of a list, and those of a row
 * with an index. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

#include <float.h>

/* Up to so many edits, residues of ids tell enough. */
enum { MANY_EDITS = 64 };

/* Up to so many, each may be looked for alone. */
enum { FEW_EDITS = 3 };

/* So many candidates are looked at before those among them that have an edit. */
enum { AT_ONCE = GROUP, SPAN = 16 };

/* How many residues of ids there are, a power of two; and the one that has to be searched for. */
enum { RESIDUES = 4096, SEVERAL = UINT8_MAX };

/* Edits by ids, ascending, or by asking. */
typedef struct list_edit {
    const int32_t *ids; /* NULL: by asking */
    int32_t n;
    edit_of_fn edit_of; /* if there are no ids */
    edit_fn fn;
    const void *ctx;
    /* 0: no id has it; else k + 1, and only the k-th id does; or SEVERAL may */
    uint8_t residues[RESIDUES];
    /* NULL, or by id / 32 the set of these ids, and how many ids come before them: none needs one */
    const int32_t *words;
} list_edit;

/* The number of a candidate's edit; -1 if it has none. */
static int32_t edit_of(const list_edit *e, int32_t id) {
    if (!e->ids) return e->edit_of(e->ctx, id);
    if (e->words) {
        const uint32_t bits = (uint32_t)e->words[id / 32 * 2], bit = (uint32_t)1 << (id % 32);
        const int32_t before = e->words[id / 32 * 2 + 1] + __builtin_popcount(bits & (bit - 1));
        return bits & bit ? before : -1;
    }
    const uint8_t at = e->residues[(uint32_t)id % RESIDUES];
    if (at == SEVERAL) return find_ascending(e->ids, e->n, id);
    return at > 0 && e->ids[at - 1] == id ? at - 1 : -1;
}

/* Whether any of SPAN candidates may have an edit: most have none. */
static bool span_may_be_edited(const uint8_t *residues, const int32_t *ids) {
    uint32_t any = 0;
    for (int32_t i = 0; i < SPAN; i++) any |= residues[(uint32_t)ids[i] % RESIDUES];
    return any != 0;
}

/* Writes the places of those of n <= AT_ONCE candidates that may have an edit; returns how many. */
static int32_t places_of_some(const list_edit *e, const int32_t *ids, int32_t n, int32_t *places) {
    const int32_t *words = e->words;
    const uint8_t *residues = e->residues;
    int32_t found = 0;
    if (!e->ids) {
        for (; found < n; found++) places[found] = found;
        return n;
    }
    if (words) {
        for (int32_t i = 0; i < n; i++) {
            const uint32_t id = (uint32_t)ids[i];
            places[found] = i;
            found += (int32_t)((uint32_t)words[id / 32 * 2] >> (id % 32) & 1);
        }
        return found;
    }
    for (int32_t first = 0; first < n; first += SPAN) {
        const int32_t end = first + SPAN < n ? first + SPAN : n;
        const bool may = end - first < SPAN || span_may_be_edited(residues, ids + first);
        for (int32_t i = may ? first : end; i < end; i++) {
            places[found] = i;
            found += residues[(uint32_t)ids[i] % RESIDUES] > 0;
        }
    }
    return found;
}

/* Makes the words in leased memory. */
static void fill_words(list_edit *e, int32_t n_vocab, int32_t *words) {
    const int32_t n_words = n_vocab / 32 + 1;
    memset(words, 0, 2 * (size_t)n_words * sizeof *words);
    for (int32_t k = 0; k < e->n; k++) {
        const uint32_t bit = (uint32_t)1 << (e->ids[k] % 32);
        words[e->ids[k] / 32 * 2] = (int32_t)((uint32_t)words[e->ids[k] / 32 * 2] | bit);
    }
    for (int32_t w = 0, before = 0; w < n_words; w++) {
        words[2 * w + 1] = before;
        before += __builtin_popcount((uint32_t)words[2 * w]);
    }
    e->words = words;
}

/* x after its edit; -inf if the edit masks. */
static float edited(const view *v, const list_edit *e, int32_t k, float x) {
    double logit = v->infinite ? INFINITY : (double)x * v->scale;
    if (logit <= -FLOAT_END) return x;
    e->fn(e->ctx, k, 1, &logit);
    if (v->infinite) return logit == -INFINITY ? -INFINITY : 0.0f;
    return (float)(logit / v->scale);
}

/* ---- in a list ---- */

/* After n candidates of the list are left. */
static void list_was_edited(view *v, int32_t n) {
    list *l = &v->list;
    pk_list_truncate(l, n);
    l->least = -FLT_MAX; /* until somebody needs to know it */
    view_changed_values(v);
    l->lies = l->lies == ORDER_ID ? ORDER_ID : ORDER_AS_IT_LIES;
    v->order = l->lies;
}

/* Edits `count` candidates from `first` on where they are. `places`: room. *masks: set if one
 * became -inf. Returns how many had an edit. */
static int32_t edit_some_of_list(view *v, const list_edit *e, int32_t first, int32_t count,
                                 int32_t *places, bool *masks) {
    list *l = &v->list;
    int32_t hits = 0;
    const int32_t found = places_of_some(e, l->ids + first, count, places);
    for (int32_t f = 0; f < found; f++) {
        const int32_t i = first + places[f], k = edit_of(e, l->ids[i]);
        if (k < 0) continue;
        hits++;
        l->x[i] = edited(v, e, k, l->x[i]);
        *masks |= l->x[i] == -INFINITY;
    }
    return hits;
}

/* Moves what is above -inf of `count` candidates from `first` on to the n-th place on; returns n plus how
 * many these are. */
static int32_t move_some(list *l, int32_t first, int32_t count, int32_t n) {
    for (int32_t i = first; i < first + count; i++) {
        l->ids[n] = l->ids[i];
        l->x[n] = l->x[i];
        n += l->x[n] > -INFINITY;
    }
    return n;
}

static void edit_list(view *v, const list_edit *e) {
    list *l = &v->list;
    int32_t kept = 0, hits = 0, places[AT_ONCE] = {0};
    for (int32_t first = 0; first < l->n; first += AT_ONCE) {
        const int32_t count = l->n - first < AT_ONCE ? l->n - first : AT_ONCE;
        bool masks = false;
        hits += edit_some_of_list(v, e, first, count, places, &masks);
        kept = masks || kept < first ? move_some(l, first, count, kept) : kept + count;
    }
    if (hits > 0) list_was_edited(v, kept);
}

static void add_to_list(view *v, const float *added) {
    list *l = &v->list;
    const int32_t n = l->n;
    bool changes = false, masks = false;
    for (int32_t i = 0; i < n; i++) {
        const float more = added[l->ids[i]];
        l->x[i] += more; /* -inf if that is; no x is +inf */
        changes |= (more < 0.0f) | (more > 0.0f);
        masks |= l->x[i] == -INFINITY;
    }
    if (changes) list_was_edited(v, masks ? move_some(l, 0, n, 0) : n);
}

/* ---- in a row with an index ---- */

/* Makes a few edits, each of which is looked for alone. */
static void edit_few_places(view *v, const list_edit *e) {
    for (int32_t k = 0; k < e->n; k++) {
        const int32_t place = pk_find_id(v->index, v->n_vocab, e->ids[k]);
        if (place < 0) continue;
        float *x = pk_row_patch(&v->row, place / GROUP) + place % GROUP;
        *x = edited(v, e, k, *x);
    }
    view_changed_values(v);
}

/* Makes edits for which the index has to be walked. */
static void edit_places(view *v, const list_edit *e) {
    pk_row_expect_edits(&v->row, e->ids ? e->n : v->n_vocab);
    int32_t places[GROUP] = {0};
    for (int32_t first = 0; first < v->n_vocab; first += GROUP) {
        const int32_t count = v->n_vocab - first < GROUP ? v->n_vocab - first : GROUP;
        const int32_t found = places_of_some(e, v->index + first, count, places);
        float *x = NULL;
        for (int32_t f = 0; f < found; f++) {
            const int32_t i = places[f], k = edit_of(e, v->index[first + i]);
            if (k < 0) continue;
            if (!x) x = pk_row_patch(&v->row, first / GROUP);
            x[i] = edited(v, e, k, x[i]);
        }
    }
    view_changed_values(v);
}

/* The ctx of edit_gathered. */
typedef struct gathering {
    const view *v;
    edit_these_fn fn;
    const void *ctx;
} gathering;

static void edit_gathered(const void *ctx, int32_t first, int32_t n, float *x) {
    const gathering *g = ctx;
    const int32_t left = g->v->n_vocab - first;
    g->fn(g->ctx, g->v->index + first, n < left ? n : left, x);
}

bool pk_view_edit_these(view *v, edit_these_fn fn, const void *ctx) {
    if (!v->index || v->order != ORDER_ID || v->scale != 1.0) return false;
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted);
    const gathering g = {v, fn, ctx};
    pk_row_rewrite(&v->row, edit_gathered, &g, v->list.x);
    view_changed_values(v);
    return true;
}

/* The ctx of add_to_places. */
typedef struct addition {
    const float *added;
    const int32_t *index;
    int32_t n;
} addition;

static void add_to_places(const void *ctx, int32_t first, int32_t n, float *x) {
    const addition *a = ctx;
    const int32_t end = a->n - first < n ? a->n - first : n;
    for (int32_t i = 0; i < end; i++) {
        const float added = a->added[a->index[first + i]];
        x[i] = added == -INFINITY ? -INFINITY : x[i] + added; /* masks +inf, too */
    }
}

/* ---- both ---- */

static void edit_found(view *v, const list_edit *e) {
    if (v->whole)
        edit_places(v, e);
    else
        edit_list(v, e);
}

void pk_view_edit_listed(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    const int32_t n_candidates = v->whole ? v->n_vocab : v->list.n, vocab = pk_view_vocab(v);
    list_edit e = {.ids = ids, .n = n, .fn = fn, .ctx = ctx};
    for (int32_t k = 0; CHECKS && k < n; k++)
        PLUCK_ASSERT(ids[k] < vocab && (k == 0 || ids[k] > ids[k - 1]));
    if (v->whole && n <= FEW_EDITS) {
        edit_few_places(v, &e);
        return;
    }
    /* Words take longer to make than a short list is searched, and are exact. */
    if (n > MANY_EDITS && n_candidates > vocab / 32) {
        fill_words(&e, vocab, pk_lease_ints(v->scratch, LEASE_EDITS, 2 * (size_t)(vocab / 32 + 1)));
        edit_found(v, &e);
        pk_lease_return(v->scratch, LEASE_EDITS);
        return;
    }
    for (int32_t k = 0; k < n; k++) {
        uint8_t *at = &e.residues[(uint32_t)ids[k] % RESIDUES];
        *at = (uint8_t)(*at == 0 && k + 1 < SEVERAL ? k + 1 : SEVERAL);
    }
    edit_found(v, &e);
}

void pk_view_edit_asking(view *v, edit_of_fn of, edit_fn fn, const void *ctx) {
    const list_edit e = {.edit_of = of, .fn = fn, .ctx = ctx};
    edit_found(v, &e);
}

void pk_view_add_listed(view *v, const float *added) {
    if (!v->whole) {
        add_to_list(v, added);
        return;
    }
    const addition a = {added, v->index, v->n_vocab};
    pk_row_rewrite(&v->row, add_to_places, &a, v->list.x);
    view_changed_values(v);
}
