/*
 * select.c: order without sorting. Boundaries (top-k, a nucleus) and draws in sorted order are
 * found by narrowing: a bound from the group maxima, a survey of the row (survey.h) or a histogram
 * of mass over distance (prefix.h), then a sort of the few candidates that are left.
 */
#include "survey.h"

#include <float.h>

void candidates_realise(candidates *c) {
    pluck_workspace *ws = c->ws;
    if (c->whole || c->order == c->stored || c->order == ORDER_STORED) return;
    const ordering o = {ws->ids, ws->logits, c->order, c->centre};
    int32_t *index = (int32_t *)(void *)ws->spare;
    for (int32_t i = 0; i < c->n; i++) index[i] = i;
    if (!is_sorted(&o, index, c->n)) {
        if (c->n <= SHORT_LIST && c->order == ORDER_DESCENDING && c->stored == ORDER_ID)
            rank_descending(ws->logits, index, c->n);
        else
            sort_index(&o, index, c->n);
        permute_list(ws->ids, ws->logits, index, c->n);
        c->summed = false; /* sums are by place */
    }
    c->stored = c->order;
}

/* What a stage that leaves a short list does. */
static void realise_short(candidates *c) {
    if (!c->whole && c->n <= SHORT_LIST) candidates_realise(c);
}

pluck_status candidates_materialise(candidates *c) {
    TRY(candidates_scan(c));
    if (c->whole) candidates_keep_above(c, -INFINITY);
    candidates_realise(c);
    if (c->adapted) {
        pluck_workspace *ws = c->ws;
        c->kernels->array.adapt(ws->logits, (size_t)c->n, &c->adapt, ADAPTIVE_PEAK, ws->logits);
        c->adapted = c->infinite = false;
        c->scale = 1.0;
        /* The candidates stay where they are, but their logits no longer descend. */
        if (c->order != ORDER_ID) c->order = c->stored = ORDER_STORED;
        candidates_pad(c);
        candidates_changed(c);
        TRY(candidates_scan(c));
    }
    return PLUCK_OK;
}

/* ---- bounds from the maxima ---- */

float candidates_bound(candidates *c, int64_t k) {
    const pluck_workspace *ws = c->ws;
    float *maxima = ws->logits;
    const int32_t n_blocks = candidates_blocks(c);
    if (k > c->n_groups) return -INFINITY;
    const bool by_blocks = k <= n_blocks * 3 / 4;
    const int32_t n = by_blocks ? n_blocks : c->n_groups;
    memcpy(maxima, by_blocks ? ws->block_max : ws->group_max, (size_t)n * sizeof *maxima);
    return kth_greatest(maxima, n, k);
}

/* ---- top-k ---- */

/* So many values are counted rather than selected from. */
enum { FEW = 512 };

/* Keeps the candidates at or before (key, last_id) in the order of o, where they lie. */
static void keep_through(candidates *c, const ordering *o, double key, int32_t last_id) {
    pluck_workspace *ws = c->ws;
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const double k = key_of(o, i);
        const int32_t id = ws->ids[i];
        const float x = ws->logits[i];
        ws->ids[n] = id;
        ws->logits[n] = x;
        n += k < key || (k == key && id <= last_id);
    }
    c->n = n;
    c->summed = false;
    candidates_pad(c);
}

/* Adopts a LIST that was collected from a WHOLE view. */
static void adopt_list(candidates *c, int32_t n) {
    c->whole = false;
    c->cutoff = -INFINITY;
    c->stored = ORDER_ID;
    c->n = n;
    c->summed = false;
    candidates_pad(c);
}

/*
 * Collects, of a WHOLE view without a noted cut, what reaches the k-th greatest group maximum: at
 * least k. The k-th greatest maximum of a block leaves few groups to choose from, and those that
 * are left are read one by one, whatever lies between. Returns how many; 0 where there is no such
 * bound.
 */
static int32_t collect_top(const candidates *c, int32_t k) {
    const pluck_workspace *ws = c->ws;
    const int32_t n_blocks = candidates_blocks(c);
    if (n_blocks > FEW || k > n_blocks * 3 / 4) return 0;
    const float first = kth_of_few(ws->block_max, n_blocks, k);
    if (first == -INFINITY) return 0;
    int32_t *blocks = ws->ids;
    int32_t n_reach = 0;
    for (int32_t b = 0; b < n_blocks; b++) {
        blocks[n_reach] = b;
        n_reach += ws->block_max[b] >= first;
    }
    float *max = (float *)(void *)ws->group_moment;
    int32_t *groups = (int32_t *)(void *)ws->group_moment + c->n_groups + 1;
    int32_t n_groups = 0, n = 0;
    for (int32_t i = 0; i < n_reach; i++) {
        /* The maxima are padded to whole blocks. */
        for (int32_t g = blocks[i] * BLOCK_GROUPS; g < (blocks[i] + 1) * BLOCK_GROUPS; g++) {
            groups[n_groups] = g;
            max[n_groups] = ws->group_max[g];
            n_groups += ws->group_max[g] >= first;
        }
    }
    const float bound = n_groups <= FEW ? kth_of_few(max, n_groups, k) : first;
    for (int32_t i = 0; i < n_groups; i++)
        if (max[i] >= bound) n += candidates_take_group(c, groups[i], bound, n);
    return n;
}

/* Keeps the k greatest of a LIST of more than k, ties by the lower id, where they lie. */
static void select_k(candidates *c, int32_t k) {
    pluck_workspace *ws = c->ws;
    float kth;
    if (c->n <= FEW) {
        kth = kth_of_few(ws->logits, c->n, k);
    } else {
        memcpy(ws->spare, ws->logits, (size_t)c->n * sizeof *ws->spare);
        kth = kth_greatest(ws->spare, c->n, k);
    }
    int32_t above = 0, equal = 0;
    int32_t *ties = (int32_t *)(void *)ws->spare;
    for (int32_t i = 0; i < c->n; i++) {
        above += ws->logits[i] > kth;
        if (ws->logits[i] == kth) ties[equal++] = ws->ids[i];
    }
    const int32_t last_id = kth_lowest_id(ties, equal, k - above);
    const ordering o = {ws->ids, ws->logits, ORDER_DESCENDING, 0.0};
    keep_through(c, &o, -(double)kth, last_id);
}

void candidates_top_k(candidates *c, int64_t k) {
    k = min_i64(k, c->n_counted);
    c->n_counted = k;
    if (k < c->n && !c->whole && c->order == ORDER_DESCENDING && c->stored == ORDER_DESCENDING) {
        c->n = (int32_t)k;
        c->summed = false;
        candidates_pad(c);
        return;
    }
    c->order = ORDER_DESCENDING;
    if (k < c->n) {
        if (c->whole) {
            const int32_t n = c->cutoff > -INFINITY ? 0 : collect_top(c, (int32_t)k);
            if (n > 0)
                adopt_list(c, n);
            else
                candidates_keep_above(c, candidates_bound(c, k));
        }
        if (k < c->n) select_k(c, (int32_t)k);
    }
    realise_short(c);
}

/* ---- prefixes by mass ---- */

/* How far below ref the order's start may reach without leaving out what is nearer on the other
 * side. */
static float ceiling_of(const candidates *c, candidate_order order) {
    if (order != ORDER_NEAR) return INFINITY;
    const double mirror = 2.0 * c->centre - (double)c->max;
    return mirror < -(double)FLT_MAX ? -INFINITY : nextafterf((float)mirror, -INFINITY);
}

/* Whether the top holds more than `target` of the mass. */
static bool top_reaches(const top *t, double target) {
    return t->n > 0 && t->mass > target * (1.0 + 1e-7);
}

/* Collects what has more than `target` of the mass for certain: what lies below ref - a nats weighs
 * less than n exp(-a). Returns how many. */
static int32_t collect_certain(candidates *c, double target, float ceiling) {
    const double rest = (c->sum - target) * (1.0 - 1e-7);
    const double nats = rest > 0.0 ? log((double)c->n / rest) : INFINITY;
    const double x = (double)c->ref - fmax(nats, 0.0) / c->scale;
    float cut = x < -(double)FLT_MAX ? -INFINITY : nextafterf((float)x, -INFINITY);
    if (cut > ceiling) cut = ceiling;
    if (cut < c->cutoff) cut = c->cutoff;
    return candidates_collect(c, cut, NAN);
}

/* Cuts a WHOLE view off behind a boundary found among the n candidates around it. */
static void cut_behind(candidates *c, const place *at, int32_t n) {
    pluck_workspace *ws = c->ws;
    const float x = ws->logits[at->at];
    const int32_t id = ws->ids[at->at];
    /* Of those that tie with it the higher ids are out. */
    int32_t n_ties = 0;
    for (int32_t i = 0; i < n; i++)
        if (ws->logits[i] == x && ws->ids[i] > id) ws->ids[n_ties++] = ws->ids[i];
    c->summed = false;
    candidates_drop(c, ws->ids, n_ties);
    c->cutoff = x;
    c->uncounted = true;
    c->sum = at->mass;
    c->summed = true;
    c->grouped = false;
}

/* Keeps the k first of a LIST of more than k in the order of o, where they lie. */
static void keep_first(candidates *c, const ordering *o, int32_t k) {
    if (o->order == ORDER_DESCENDING) {
        select_k(c, k);
        return;
    }
    int32_t *index = (int32_t *)(void *)c->ws->spare;
    for (int32_t i = 0; i < c->n; i++) index[i] = i;
    sort_index(o, index, c->n);
    keep_through(c, o, key_of(o, index[k - 1]), o->ids[index[k - 1]]);
}

/* Forgets levels: they are true for one boundary of one view. */
static void forget_levels(candidates *c) {
    c->cut_level.x = c->draw_level.x = NAN;
}

/*
 * Collects from a WHOLE view the candidates down to the ceiling or deeper that have more than p of
 * the sum; returns how many. 0: the boundary was found without collecting that many, and the view
 * is cut off there, which happens only to an `unbounded` search.
 */
static int32_t collect_prefix(candidates *c, candidate_order order, double p, bool strict,
                              float ceiling, bool unbounded) {
    const bool summed = c->summed;
    if (summed) {
        const top deep = survey_deeper(c, p * c->sum, ceiling);
        if (top_reaches(&deep, p * c->sum)) return deep.n;
    } else {
        c->ref = c->max;
    }
    const top t = survey_top(c, ceiling);
    if (!summed && unbounded) survey_sum(c, &t, p);
    candidates_sum(c);
    const double target = p * c->sum;
    if (top_reaches(&t, target)) return t.n;
    if (!summed && isnan(c->cut_level.x)) { /* a level that is known tells more cheaply */
        const top deep = survey_deeper(c, target, ceiling);
        if (top_reaches(&deep, target)) return deep.n;
    }
    int32_t n;
    place at;
    if (unbounded && survey_find(c, &t, c->cut_level, target, strict, &n, &at)) {
        cut_behind(c, &at, n);
        c->order = order;
        return 0;
    }
    return collect_certain(c, target, ceiling);
}

void candidates_keep_mass(candidates *c, candidate_order order, double p, bool strict,
                          int64_t min_keep) {
    pluck_workspace *ws = c->ws;
    const int64_t at_least = min_i64(max_i64(min_keep, 1), c->n_counted);
    double target;
    forget_levels(c);
    if (c->whole) {
        const bool unbounded = order == ORDER_DESCENDING && at_least == 1;
        float ceiling = ceiling_of(c, order);
        if (at_least > 1) {
            const float bound =
                order == ORDER_DESCENDING ? candidates_bound(c, at_least) : -INFINITY;
            ceiling = bound < ceiling ? bound : ceiling;
        }
        const int32_t n = collect_prefix(c, order, p, strict, ceiling, unbounded);
        if (n == 0) return;
        target = p * c->sum;
        adopt_list(c, n);
    } else {
        candidates_sum(c);
        target = p * c->sum;
    }
    c->order = order;
    realise_short(c);
    const search s = search_for(c, order, target, strict);
    int32_t *index = (int32_t *)(void *)ws->spare;
    const int32_t least = (int32_t)min_i64(at_least, c->n);
    if (c->stored == order) {
        for (int32_t i = 0; i < c->n; i++) index[i] = i;
        const place end = walk(&s, index, c->n, 0.0);
        int32_t kept = reaches(&s, end.mass) ? end.at + 1 : c->n;
        c->n = kept > least ? kept : least;
        candidates_pad(c);
    } else {
        const place end = find_prefix(&s, c->n, index);
        const double key = key_of(&s.o, end.at);
        const int32_t id = ws->ids[end.at];
        if (reaches(&s, end.mass)) {
            if (least == 1 || count_through(&s.o, c->n, key, id) >= least)
                keep_through(c, &s.o, key, id);
            else if (least < c->n)
                keep_first(c, &s.o, least);
        }
    }
    c->summed = false;
    if (order == ORDER_NEAR) c->scanned = false; /* the maximum may have gone */
    c->n_counted = max_i64(c->n, at_least);
    realise_short(c);
}

void candidates_keep_likely(candidates *c, double nats) {
    forget_levels(c);
    if (c->whole && !c->summed) {
        c->ref = c->max;
        const top t = survey_top(c, INFINITY);
        survey_sum_likely(c, &t, nats);
    }
    candidates_sum(c);
    const float cut = candidates_x_at(c, c->ref, log(c->sum) - nats);
    if (cut > c->max)
        candidates_top_k(c, 1);
    else
        candidates_cut(c, cut);
}

/* ---- selecting ---- */

void candidates_select(candidates *c, int32_t token, float x) {
    c->selected = true;
    c->token = token;
    c->token_x = x;
    c->token_scale = c->scale;
    c->token_infinite = c->infinite;
    c->token_probability = -1.0;
    c->token_behind = false;
}

int32_t candidates_argmax(candidates *c, float *x) {
    const pluck_workspace *ws = c->ws;
    *x = c->max;
    if (!c->whole) {
        int32_t best = -1;
        for (int32_t i = 0; i < c->n; i++)
            if (ws->logits[i] == c->max && (best < 0 || ws->ids[i] < best)) best = ws->ids[i];
        return best;
    }
    int32_t b = 0;
    while (ws->block_max[b] != c->max) b++;
    int32_t g = b * BLOCK_GROUPS;
    while (ws->group_max[g] != c->max) g++;
    float value[GROUP];
    candidates_group(c, g, value);
    int32_t i = 0;
    while (value[i] != c->max) i++;
    return g * GROUP + i;
}

int32_t candidates_greatest(candidates *c, int32_t m, float *out) {
    pluck_workspace *ws = c->ws;
    m = (int32_t)min_i64(m, c->n);
    const float *x = ws->logits;
    int32_t n = c->n;
    float *scratch = ws->spare;
    if (c->whole) {
        candidates list = *c;
        candidates_keep_above(&list, candidates_bound(c, m));
        n = list.n;
        /* A WHOLE view's patches live in `spare`; the collected list may be permuted instead. */
        scratch = ws->logits;
    } else if (c->stored == ORDER_DESCENDING) {
        memcpy(out, x, (size_t)m * sizeof *out);
        return m;
    } else {
        memcpy(scratch, x, (size_t)n * sizeof *scratch);
    }
    if (m < n) (void)kth_greatest(scratch, n, m);
    /* The selection leaves the m greatest in front; they are few. */
    for (int32_t i = 0; i < m; i++) {
        const float moved = scratch[i];
        int32_t at = i;
        for (; at > 0 && out[at - 1] < moved; at--) out[at] = out[at - 1];
        out[at] = moved;
    }
    return m;
}

/* The first part at which the running mass reaches target, the last one with mass if none does;
 * *mass becomes the mass before it. */
static int32_t locate(const double *part, int32_t n, double target, double *mass) {
    int32_t last = -1;
    double running = *mass;
    for (int32_t i = 0; i < n; i++) {
        if (part[i] <= 0.0) continue;
        last = i;
        *mass = running;
        running += part[i];
        if (running >= target) break;
    }
    return last;
}

/* Selects where the cumulative mass, in the order as the candidates lie, reaches target: by blocks,
 * groups, elements. */
static void draw_as_stored(candidates *c, double target) {
    pluck_workspace *ws = c->ws;
    candidates_group_sums(c);
    const int32_t n_groups = candidates_groups(c), n_blocks = candidates_blocks(c);
    double *block = ws->group_moment;
    for (int32_t b = 0; b < n_blocks; b++) {
        const int32_t end = (b + 1) * BLOCK_GROUPS < n_groups ? (b + 1) * BLOCK_GROUPS : n_groups;
        block[b] = 0.0;
        for (int32_t g = b * BLOCK_GROUPS; g < end; g++) block[b] += ws->group_sum[g];
    }
    double mass = 0.0;
    const int32_t b = locate(block, n_blocks, target, &mass);
    const int32_t first = b * BLOCK_GROUPS;
    const int32_t count = n_groups - first < BLOCK_GROUPS ? n_groups - first : BLOCK_GROUPS;
    const int32_t g = first + locate(ws->group_sum + first, count, target, &mass);
    float x[GROUP], e[GROUP];
    double part[GROUP];
    candidates_group(c, g, x);
    for (int i = 0; i < GROUP; i++)
        if (x[i] < c->cutoff) x[i] = -INFINITY;
    if (c->adapted) {
        adaptive_masses(c, x, GROUP, e);
    } else {
        const exp_params p = candidates_exp(c);
        c->kernels->array.shifted_exp(x, GROUP, &p, e);
    }
    for (int i = 0; i < GROUP; i++) part[i] = (double)e[i];
    const int32_t i = locate(part, GROUP, target, &mass);
    const int32_t at = g * GROUP + i;
    candidates_select(c, c->whole ? at : ws->ids[at], x[i]);
    c->token_probability = part[i] / c->sum;
}

/* Selects the candidate at a place of the LIST arrays. */
static void select_at(candidates *c, int32_t at) {
    const search s = search_for(c, ORDER_DESCENDING, 0.0, false);
    float e;
    masses(&s, &at, 0, 1, &e);
    candidates_select(c, c->ws->ids[at], c->ws->logits[at]);
    c->token_probability = (double)e / c->sum;
}

void candidates_draw(candidates *c, pluck_rng_kind rng, double u) {
    pluck_workspace *ws = c->ws;
    const level from = c->draw_level;
    forget_levels(c); /* another draw may come, from other logits */
    const double target = u * c->sum;
    const candidate_order lies = c->whole ? ORDER_ID : c->stored;
    candidate_order order = c->order == ORDER_STORED ? lies : c->order;
    if (rng == PLUCK_RNG_PHILOX) order = ORDER_ID;
    if (order == lies) {
        draw_as_stored(c, target);
        return;
    }
    int32_t n = c->n;
    int32_t *index = (int32_t *)(void *)ws->spare;
    place found;
    if (c->whole) {
        const float ceiling = ceiling_of(c, order);
        const top t = survey_top(c, ceiling);
        n = t.n;
        if (!top_reaches(&t, target)) {
            if (order == ORDER_DESCENDING && survey_find(c, &t, from, target, false, &n, &found)) {
                select_at(c, found.at);
                return;
            }
            n = collect_certain(c, target, ceiling);
        }
        if (2 * (int64_t)n <= ws->n_vocab) {
            index = ws->ids + n; /* `spare` holds patches */
        } else {
            candidates_keep_above(c, -INFINITY);
            n = c->n;
        }
    }
    const search s = search_for(c, order, target, false);
    found = find_prefix(&s, n, index);
    select_at(c, found.at);
}
