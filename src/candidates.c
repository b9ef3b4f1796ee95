/* candidates.c: a row's entry into the view, edits, maxima and sums. See candidates.h. */
#include "heavy.h"

#include <float.h>

/* ---- walking a view ---- */

/* Consecutive groups that one kernel call can take. */
typedef struct run {
    const void *x;
    const row_kernels *kernels;
    int32_t first, n; /* groups */
    bool patch;
} run;

static bool is_special(const pluck_workspace *ws, int32_t g) {
    return ws->special[g / 64] >> (g % 64) & 1;
}

/* The first special group at or after g; n_groups where there is none. */
static int32_t next_special(const candidates *c, int32_t g) {
    const uint64_t *special = c->ws->special;
    for (int32_t word = g / 64; word <= (c->n_groups - 1) / 64; word++) {
        uint64_t bits = special[word];
        if (word == g / 64) bits &= ~(uint64_t)0 << (g % 64);
        if (bits) return word * 64 + __builtin_ctzll(bits);
    }
    return c->n_groups;
}

int32_t candidates_groups(const candidates *c) {
    return c->whole ? c->n_groups : (int32_t)(round_up((size_t)c->n, GROUP) / GROUP);
}

int32_t candidates_blocks(const candidates *c) {
    return (candidates_groups(c) + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
}

/* The run that starts at or after group *g, skipping dead groups; moves *g behind it. */
static bool next_run(const candidates *c, int32_t *g, run *r) {
    const pluck_workspace *ws = c->ws;
    const row_kernels *f32 = c->kernels->row[PLUCK_DTYPE_F32];
    if (!c->whole) {
        *r = (run){ws->logits, f32, 0, candidates_groups(c), false};
        return (*g)++ == 0 && r->n > 0;
    }
    while (*g < c->n_groups) {
        const int32_t first = *g;
        const int32_t end = next_special(c, first);
        if (end > first) {
            *g = end;
            *r = (run){c->row + (size_t)first * GROUP * c->element, c->row_kernels, first,
                       end - first, false};
            return true;
        }
        *g = first + 1;
        if (ws->group_patch[first] == PATCH_DEAD) continue;
        *r = (run){ws->spare + (size_t)ws->group_patch[first] * GROUP, f32, first, 1, true};
        return true;
    }
    return false;
}

void candidates_group(const candidates *c, int32_t group, float *x) {
    const pluck_workspace *ws = c->ws;
    if (!c->whole) {
        memcpy(x, ws->logits + (size_t)group * GROUP, GROUP * sizeof *x);
    } else if (!is_special(ws, group)) {
        c->row_kernels->widen(c->row + (size_t)group * GROUP * c->element, 1, x);
    } else if (ws->group_patch[group] == PATCH_DEAD) {
        for (int i = 0; i < GROUP; i++) x[i] = -INFINITY;
    } else {
        memcpy(x, ws->spare + (size_t)ws->group_patch[group] * GROUP, GROUP * sizeof *x);
    }
}

exp_params candidates_exp(const candidates *c) {
    return exp_params_make(c->ref, c->scale);
}

void candidates_pad(candidates *c) {
    const size_t end = round_up((size_t)c->n, GROUP);
    for (size_t i = (size_t)c->n; i < end; i++) c->ws->logits[i] = -INFINITY;
}

void candidates_changed(candidates *c) {
    c->scanned = c->summed = false;
}

/* ---- entry ---- */

/* The group's patch, made of what the row holds if there is none yet. The end of the row is padded.
 */
static float *patch_of(candidates *c, int32_t g) {
    pluck_workspace *ws = c->ws;
    if (is_special(ws, g)) return ws->spare + (size_t)ws->group_patch[g] * GROUP;
    float *patch = ws->spare + (size_t)c->n_patches * GROUP;
    const int64_t left = (int64_t)c->n_vocab - (int64_t)g * GROUP;
    const char *x = c->row + (size_t)g * GROUP * c->element;
    if (left >= GROUP) {
        c->row_kernels->widen(x, 1, patch);
    } else {
        char tail[GROUP * sizeof(float)] = {0};
        memcpy(tail, x, (size_t)left * c->element);
        c->row_kernels->widen(tail, 1, patch);
        for (int64_t i = left; i < GROUP; i++) patch[i] = -INFINITY;
    }
    ws->special[g / 64] |= (uint64_t)1 << (g % 64);
    ws->group_patch[g] = c->n_patches++;
    return patch;
}

/* Leaves groups that are allowed entirely as they are, and patches or kills the others. */
static void apply_mask(candidates *c, const uint32_t *allowed) {
    pluck_workspace *ws = c->ws;
    const int32_t words = (c->n_vocab + 31) / 32;
    for (int32_t g = 0; g < c->n_groups; g++) {
        const uint32_t low = allowed[2 * g];
        const uint32_t high = 2 * g + 1 < words ? allowed[2 * g + 1] : 0;
        const uint64_t bits = (uint64_t)high << 32 | low;
        if (bits == ~(uint64_t)0) continue;
        if (bits == 0) {
            ws->special[g / 64] |= (uint64_t)1 << (g % 64);
            ws->group_patch[g] = PATCH_DEAD;
            continue;
        }
        float *patch = patch_of(c, g);
        for (int i = 0; i < GROUP; i++)
            if (!(bits >> i & 1)) patch[i] = -INFINITY;
    }
}

static bool is_allowed(const uint32_t *allowed, int32_t id) {
    return !allowed || (allowed[id / 32] >> (id % 32) & 1);
}

/* Copies a list row in, without what is masked. */
static pluck_status begin_list(candidates *c, const pluck_row *row) {
    pluck_workspace *ws = c->ws;
    if (row->n < 1 || row->n > c->n_vocab) return PLUCK_ERR_ROW;
    float above = INFINITY;
    int32_t n = 0;
    for (int32_t first = 0; first < row->n; first += GROUP) {
        const int32_t count = row->n - first < GROUP ? row->n - first : GROUP;
        char raw[GROUP * sizeof(float)] = {0};
        float x[GROUP];
        memcpy(raw, c->row + (size_t)first * c->element, (size_t)count * c->element);
        c->row_kernels->widen(raw, 1, x);
        for (int32_t i = 0; i < count; i++) {
            const int32_t id = row->ids[first + i];
            if (id < 0 || id >= c->n_vocab) return PLUCK_ERR_TOKEN;
            if (!is_allowed(row->allowed, id)) continue;
            if (isnan(x[i])) return PLUCK_ERR_NAN;
            if (row->descending && x[i] > above) return PLUCK_ERR_ORDER;
            above = x[i];
            if (x[i] == -INFINITY) continue;
            ws->ids[n] = id;
            ws->logits[n++] = x[i];
        }
    }
    c->whole = false;
    c->n_counted = row->n;
    c->n = n;
    c->order = c->stored = row->descending ? ORDER_DESCENDING : ORDER_STORED;
    candidates_pad(c);
    return n > 0 ? PLUCK_OK : PLUCK_ERR_EMPTY;
}

pluck_status candidates_begin(candidates *c, pluck_workspace *ws, int32_t n_vocab,
                              const pluck_row *row) {
    if (row->dtype != PLUCK_DTYPE_F32 && row->dtype != PLUCK_DTYPE_F16 &&
        row->dtype != PLUCK_DTYPE_BF16)
        return PLUCK_ERR_ROW;
    *c = (candidates){
        .ws = ws,
        .kernels = pluck_kernels(),
        .whole = true,
        .row = row->logits,
        .n_vocab = n_vocab,
        .element = row->dtype == PLUCK_DTYPE_F32 ? 4 : 2,
        .n_counted = n_vocab,
        .order = ORDER_ID,
        .stored = ORDER_ID,
        .cutoff = -INFINITY,
        .scale = 1.0,
        .cut_level = {NAN, 0.0},
        .draw_level = {NAN, 0.0},
        .token_probability = -1.0,
    };
    ws->survey.factor = 0.0;
    c->row_kernels = c->kernels->row[row->dtype];
    if (row->ids) return begin_list(c, row);
    if (row->n != 0 && row->n != n_vocab) return PLUCK_ERR_ROW;
    c->n_groups = (int32_t)(round_up((size_t)n_vocab, GROUP) / GROUP);
    memset(ws->special, 0, (size_t)(c->n_groups / 64 + 1) * sizeof *ws->special);
    if (row->allowed) apply_mask(c, row->allowed);
    if (n_vocab % GROUP != 0 && !is_special(ws, c->n_groups - 1)) patch_of(c, c->n_groups - 1);
    return PLUCK_OK;
}

/* ---- maxima ---- */

/* Eight maxima side by side: a chain of dependent ones would take as long as a pass over the row.
 */
static float greatest(const float *x, int32_t n) {
    float m[8];
    for (int j = 0; j < 8; j++) m[j] = -INFINITY;
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
    for (; i < n; i++) m[0] = x[i] > m[0] ? x[i] : m[0];
    for (int j = 1; j < 8; j++) m[0] = m[j] > m[0] ? m[j] : m[0];
    return m[0];
}

/* A row that holds +inf is its tokens at +inf, as equals. */
static void collapse(candidates *c) {
    candidates_keep_above(c, INFINITY);
    for (int32_t i = 0; i < c->n; i++) c->ws->logits[i] = 0.0f;
    c->infinite = true;
    c->max = 0.0f;
}

/* Maxima run by run; returns the number alive, -1 where there is a NaN. */
static int32_t scan_runs(candidates *c) {
    pluck_workspace *ws = c->ws;
    int64_t masked = 0, seen = 0;
    run r;
    for (int32_t g = next_special(c, 0); g < c->n_groups; g = next_special(c, g + 1))
        ws->group_max[g] = -INFINITY; /* what dead groups keep */
    for (int32_t g = 0; next_run(c, &g, &r);) {
        seen += (int64_t)r.n * GROUP;
        const bool finite = r.kernels->group_max(r.x, (size_t)r.n, ws->group_max + r.first);
        if (finite) continue;
        const int64_t before = masked;
        if (!r.kernels->group_census(r.x, (size_t)r.n, &masked)) return -1;
        if (masked > before && !r.patch) c->patched_masks = false;
    }
    return (int32_t)(seen - masked);
}

/*
 * The same where the row as it lies is finite: in one go over all of it, then the special groups,
 * of which a history of penalised tokens makes many: as runs they would cost more than the row. -1
 * where it is not finite.
 */
static int32_t scan_through(candidates *c) {
    pluck_workspace *ws = c->ws;
    const row_kernels *f32 = c->kernels->row[PLUCK_DTYPE_F32];
    const int32_t full = c->n_vocab / GROUP;
    if (!c->row_kernels->group_max(c->row, (size_t)full, ws->group_max)) return -1;
    const size_t n_patches = (size_t)c->n_patches;
    float *patch_max = (float *)(void *)ws->group_moment;
    int64_t masked = 0;
    if (!f32->group_max(ws->spare, n_patches, patch_max) &&
        !f32->group_census(ws->spare, n_patches, &masked))
        return -1;
    for (int32_t g = next_special(c, 0); g < c->n_groups; g = next_special(c, g + 1)) {
        const bool dead = ws->group_patch[g] == PATCH_DEAD;
        ws->group_max[g] = dead ? -INFINITY : patch_max[ws->group_patch[g]];
        masked += dead ? GROUP : 0;
    }
    return (int32_t)((int64_t)c->n_groups * GROUP - masked);
}

/* How many groups are not in the row as it is. */
static int32_t count_special(const candidates *c) {
    int32_t n = 0;
    for (int32_t word = 0; word <= (c->n_groups - 1) / 64; word++)
        n += __builtin_popcountll(c->ws->special[word]);
    return n;
}

pluck_status candidates_scan(candidates *c) {
    if (c->scanned) return PLUCK_OK;
    pluck_workspace *ws = c->ws;
    if (!c->whole) {
        if (c->n == 0) return PLUCK_ERR_EMPTY;
        c->max = c->stored == ORDER_DESCENDING ? ws->logits[0] : greatest(ws->logits, c->n);
    } else {
        c->patched_masks = true;
        const int32_t n_special = count_special(c);
        c->n = n_special > 1 && n_special <= c->n_groups / 8 ? scan_through(c) : -1;
        if (c->n < 0) c->n = scan_runs(c);
        if (c->n < 0) return PLUCK_ERR_NAN;
        if (c->n == 0) return PLUCK_ERR_EMPTY;
        const int32_t blocks = candidates_blocks(c);
        for (int32_t g = c->n_groups; g < blocks * BLOCK_GROUPS; g++) ws->group_max[g] = -INFINITY;
        c->kernels->array.max16(ws->group_max, (size_t)blocks, ws->block_max);
        c->max = greatest(ws->block_max, blocks);
    }
    c->scanned = true;
    c->ref = c->max;
    if (c->max == INFINITY) collapse(c);
    return PLUCK_OK;
}

/* ---- sums ---- */

/* The fixed shape of a sum over group sums: blocks first, then the blocks. */
static double total(const double *group_sum, int32_t n_groups) {
    double sum = 0.0;
    for (int32_t g = 0; g < n_groups; g += BLOCK_GROUPS) {
        const int32_t end = g + BLOCK_GROUPS < n_groups ? g + BLOCK_GROUPS : n_groups;
        double block = 0.0;
        for (int32_t i = g; i < end; i++) block += group_sum[i];
        sum += block;
    }
    return sum;
}

/* The sum, of new group sums. */
static void add_up(candidates *c) {
    c->sum = total(c->ws->group_sum, candidates_groups(c));
    heavy_sums(c, c->cutoff, c->ws->group_sum, &c->sum, NULL);
}

/* Dead groups weigh nothing. */
static void zero_special(const candidates *c, double *sum) {
    if (!c->whole) return;
    for (int32_t g = next_special(c, 0); g < c->n_groups; g = next_special(c, g + 1)) sum[g] = 0.0;
}

void candidates_group_sums(candidates *c) {
    if (c->summed && c->grouped) return;
    if (!c->summed) c->ref = c->max;
    const exp_params p = candidates_exp(c);
    zero_special(c, c->ws->group_sum);
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);) {
        double *sum = c->ws->group_sum + r.first;
        if (c->cutoff > -INFINITY)
            r.kernels->group_sumexp_above(r.x, (size_t)r.n, c->ws->group_max + r.first, c->cutoff,
                                          &p, sum);
        else
            r.kernels->group_sumexp(r.x, (size_t)r.n, &p, sum);
    }
    add_up(c);
    c->summed = c->grouped = true;
}

void candidates_sum(candidates *c) {
    if (!c->summed) candidates_group_sums(c);
}

void candidates_sum_levels(candidates *c) {
    c->ref = c->max;
    const exp_params p = candidates_exp(c);
    const float x[2] = {c->cut_level.x, c->draw_level.x};
    const int n_levels = isnan(c->draw_level.x) ? 1 : 2;
    double above[2] = {0.0, 0.0};
    zero_special(c, c->ws->group_sum);
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        r.kernels->group_sumexp_levels(r.x, (size_t)r.n, x, n_levels, &p,
                                       c->ws->group_sum + r.first, above);
    c->sum = total(c->ws->group_sum, c->n_groups);
    heavy_sums(c, -INFINITY, c->ws->group_sum, &c->sum, &(masses_above){x, above, n_levels});
    c->summed = c->grouped = true;
    c->cut_level.mass = above[0];
    c->draw_level.mass = above[1];
}

double candidates_mean(candidates *c) {
    pluck_workspace *ws = c->ws;
    c->ref = c->max;
    const exp_params p = candidates_exp(c);
    zero_special(c, ws->group_sum);
    zero_special(c, ws->group_moment);
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        r.kernels->group_moment(r.x, (size_t)r.n, &p, ws->group_sum + r.first,
                                ws->group_moment + r.first);
    c->sum = total(ws->group_sum, candidates_groups(c));
    heavy_sums(c, -INFINITY, ws->group_sum, &c->sum, NULL);
    c->summed = c->grouped = true;
    return total(ws->group_moment, candidates_groups(c)) / c->sum;
}

/* Up to so many groups the entropy is summed in double throughout. */
enum { EXACT_GROUPS = 4 };

/* Adds a group's e and e (x - ref) in double, the first candidate at the maximum left out of the
 * former once (*skipped). */
static void add_exactly(const candidates *c, int32_t g, double *rest, double *moment,
                        bool *skipped) {
    float x[GROUP];
    candidates_group(c, g, x);
    for (int i = 0; i < GROUP; i++) {
        if (x[i] == -INFINITY) continue;
        const double d = (double)x[i] - (double)c->ref;
        const double e = exp(d * c->scale);
        if (e < 0x1p-126) continue; /* nothing, as everywhere else */
        if (x[i] == c->max && !*skipped)
            *skipped = true;
        else
            *rest += e;
        *moment += e * d;
    }
}

/* Whether a group holds the maximum. */
static bool holds_max(const candidates *c, int32_t g) {
    if (c->whole) return c->ws->group_max[g] == c->max;
    const int32_t end = (g + 1) * GROUP < c->n ? (g + 1) * GROUP : c->n;
    for (int32_t i = g * GROUP; i < end; i++)
        if (c->ws->logits[i] == c->max) return true;
    return false;
}

double candidates_entropy(candidates *c) {
    /*
     * H = log sum - mean. Where the maximum has nearly all the mass, sum is 1 and a rest that a sum
     * beside it would lose; so the rest is added up without it. H may become a temperature, which
     * the logits are divided by: its relative error counts, and the groups that decide it are
     * summed in double.
     */
    (void)candidates_mean(c);
    pluck_workspace *ws = c->ws;
    const int32_t n_groups = candidates_groups(c);
    double rest = 0.0, moment = 0.0;
    bool skipped = false;
    for (int32_t g = 0; g < n_groups && (n_groups <= EXACT_GROUPS || !skipped); g++) {
        if (n_groups > EXACT_GROUPS && !holds_max(c, g)) continue;
        const double sum = ws->group_sum[g];
        add_exactly(c, g, &rest, &moment, &skipped);
        ws->group_sum[g] = 0.0;
        ws->group_moment[g] = 0.0;
        if (n_groups > EXACT_GROUPS) {
            rest += total(ws->group_sum, n_groups);
            moment += total(ws->group_moment, n_groups);
        }
        ws->group_sum[g] = sum;
    }
    return fmax(log1p(rest) - moment / (1.0 + rest) * c->scale, 0.0);
}

/*
 * Up to this P the adaptive weight is as good as linear in P: w(P) = w0 (1 + f P), f = d log w / dP
 * at 0, is off by f^2 P^2 / 2, f at most 67: 2e-7 of the weight at this P, 2e-9 at a tenth of it.
 */
static const double LINEAR_PROBABILITY = 1e-5;

/* log w(P), and its slope at 0 for P below the target. */
static double adaptive_log_weight(const adapt_params *a, double probability) {
    const double d = fabs(probability - (double)a->target) * (double)a->inv_width;
    return -(double)a->sharpness * d * d / (1.0 + d);
}

static double adaptive_slope(const adapt_params *a) {
    const double d = (double)a->target * (double)a->inv_width;
    return (double)a->sharpness * (double)a->inv_width * (2.0 * d + d * d) /
           ((1.0 + d) * (1.0 + d));
}

/*
 * The adaptive sums of a WHOLE view from the sums of e that it already has: linear for all, then
 * the few tokens above LINEAR_PROBABILITY put right. Uses the LIST arrays.
 */
static void sum_adapted_by_slope(candidates *c) {
    pluck_workspace *ws = c->ws;
    const double w0 = exp(adaptive_log_weight(&c->adapt, 0.0));
    const double slope = adaptive_slope(&c->adapt);
    const double inv_sum = (double)c->adapt.inv_sum;
    for (int32_t g = 0; g < c->n_groups; g++)
        ws->group_sum[g] = w0 * (GROUP + slope * ws->group_sum[g] * inv_sum);
    for (int32_t g = next_special(c, 0); g < c->n_groups; g = next_special(c, g + 1)) {
        int32_t masked = 0;
        float x[GROUP];
        candidates_group(c, g, x);
        for (int i = 0; i < GROUP; i++) masked += x[i] == -INFINITY;
        ws->group_sum[g] -= w0 * masked;
        if (masked == GROUP) ws->group_sum[g] = 0.0;
    }
    const double above = log(LINEAR_PROBABILITY / inv_sum) / c->scale;
    candidates top = *c;
    candidates_keep_above(&top, (float)((double)c->ref + above));
    const exp_params p = c->adapt.e;
    for (int32_t first = 0; first < top.n; first += GROUP) {
        const int32_t count = top.n - first < GROUP ? top.n - first : GROUP;
        float e[GROUP], w[GROUP];
        c->kernels->array.shifted_exp(ws->logits + first, (size_t)count, &p, e);
        adaptive_masses(c, ws->logits + first, (size_t)count, w);
        for (int32_t i = 0; i < count; i++)
            ws->group_sum[ws->ids[first + i] / GROUP] +=
                (double)w[i] - w0 * (1.0 + slope * (double)e[i] * inv_sum);
    }
}

void candidates_sum_adapted(candidates *c) {
    pluck_workspace *ws = c->ws;
    /* The slope holds for P below the target; among many the sum dwarfs the rounding of its parts.
     */
    enum { MANY = 4096 };
    const bool by_slope = c->whole && c->n >= MANY && c->patched_masks && c->cutoff == -INFINITY &&
                          (double)c->adapt.target > 2.0 * LINEAR_PROBABILITY;
    c->adapted = true;
    if (by_slope) {
        sum_adapted_by_slope(c);
    } else {
        zero_special(c, ws->group_sum);
        run r;
        for (int32_t g = 0; next_run(c, &g, &r);)
            r.kernels->group_adapt(r.x, (size_t)r.n, &c->adapt, ws->group_sum + r.first);
    }
    c->sum = total(ws->group_sum, candidates_groups(c));
    c->summed = true;
}

float candidates_x_at(const candidates *c, float ref, double nats) {
    /* Asked first: added to a huge ref, nats would be lost. */
    if (((double)c->max - (double)ref) * c->scale < nats) return INFINITY;
    const double exact = clamp((double)ref + nats / c->scale, -(double)FLT_MAX, (double)c->max);
    const float x = (float)exact;
    return (double)x < exact ? nextafterf(x, INFINITY) : x;
}

float candidates_middling(const candidates *c) {
    float x[GROUP], alive[GROUP];
    int32_t n = 0;
    for (int32_t g = 0; n == 0; g++) {
        candidates_group(c, g, x);
        for (int i = 0; i < GROUP; i++) {
            if (x[i] == -INFINITY) continue;
            int32_t at = n++;
            for (; at > 0 && alive[at - 1] > x[i]; at--) alive[at] = alive[at - 1];
            alive[at] = x[i];
        }
    }
    return alive[n / 2];
}

group_totals candidates_stats(candidates *c, float shift) {
    group_totals totals = {0};
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        r.kernels->group_stats(r.x, (size_t)r.n, shift, &totals);
    return totals;
}

/* ---- cutting and editing ---- */

int32_t candidates_collect(const candidates *c, float low, float high) {
    const pluck_workspace *ws = c->ws;
    int32_t n = 0;
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        n += r.kernels->group_collect(r.x, (size_t)r.n, ws->group_max + r.first, r.first * GROUP,
                                      low, high, ws->ids + n, ws->logits + n);
    return n;
}

int32_t candidates_take_group(const candidates *c, int32_t group, float low, int32_t n) {
    const pluck_workspace *ws = c->ws;
    const bool patched = is_special(ws, group);
    const void *x = patched ? (const char *)(ws->spare + (size_t)ws->group_patch[group] * GROUP)
                            : c->row + (size_t)group * GROUP * c->element;
    const row_kernels *kernels = patched ? c->kernels->row[PLUCK_DTYPE_F32] : c->row_kernels;
    return kernels->group_collect(x, 1, ws->group_max + group, group * GROUP, low, NAN, ws->ids + n,
                                  ws->logits + n);
}

double list_mass(const candidates *c, const float *x, int32_t n) {
    const exp_params p = candidates_exp(c);
    double mass = 0.0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        c->kernels->array.shifted_exp(x + first, (size_t)count, &p, e);
        double block = 0.0;
        for (int32_t i = 0; i < count; i++) block += (double)e[i];
        mass += block;
    }
    return mass;
}

double candidates_mass_above(candidates *c, float cut) {
    pluck_workspace *ws = c->ws;
    const exp_params p = candidates_exp(c);
    zero_special(c, ws->group_sum);
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        r.kernels->group_sumexp_above(r.x, (size_t)r.n, ws->group_max + r.first, cut, &p,
                                      ws->group_sum + r.first);
    c->grouped = false;
    double mass = total(ws->group_sum, c->n_groups);
    heavy_sums(c, cut, ws->group_sum, &mass, NULL);
    return mass;
}

void candidates_count(candidates *c) {
    if (!c->uncounted) return;
    int64_t n = 0;
    run r;
    for (int32_t g = 0; next_run(c, &g, &r);)
        n += r.kernels->group_count_above(r.x, (size_t)r.n, c->ws->group_max + r.first, c->cutoff);
    c->n = (int32_t)n;
    c->n_counted = n;
    c->uncounted = false;
}

bool candidates_single(candidates *c) {
    /* A sum well above the maximum's share tells without counting. */
    const double top = exp(((double)c->max - (double)c->ref) * c->scale);
    if (c->uncounted && c->sum > 1.5 * top) return false;
    candidates_count(c);
    return c->n_counted == 1;
}

/* The mass above a cut, from what lies between it and a level where one is known. */
static double mass_from_level(candidates *c, float cut) {
    const level l = c->cut_level;
    if (isnan(l.x)) return candidates_mass_above(c, cut);
    const bool below = cut < l.x;
    const int32_t n = candidates_collect(c, below ? cut : l.x, below ? l.x : cut);
    const double between = list_mass(c, c->ws->logits, n);
    if (below) return l.mass + between;
    /* Of a small difference little would be left but the rounding of both. */
    return between < 0.5 * l.mass ? l.mass - between : candidates_mass_above(c, cut);
}

void candidates_cut(candidates *c, float cut) {
    if (!c->whole) {
        candidates_keep_above(c, cut);
        c->n_counted = c->n;
        candidates_sum(c);
        return;
    }
    c->cutoff = cut;
    /* What is cut off weighs less than this; often that is nothing. */
    const double lost = (double)c->n * exp(((double)cut - (double)c->ref) * c->scale);
    if (lost > 1e-8 * c->sum) c->sum = mass_from_level(c, cut);
    c->summed = true;
    c->grouped = false;
    c->uncounted = true;
}

void candidates_keep_above(candidates *c, float cut) {
    pluck_workspace *ws = c->ws;
    if (cut < c->cutoff) cut = c->cutoff;
    if (c->whole) {
        c->n = candidates_collect(c, cut, NAN);
        if (c->uncounted) c->n_counted = c->n;
        c->uncounted = false;
        c->whole = false;
        c->cutoff = -INFINITY;
        c->stored = ORDER_ID;
    } else if (cut > -INFINITY) {
        int32_t n = 0;
        for (int32_t i = 0; i < c->n; i++) {
            ws->ids[n] = ws->ids[i];
            ws->logits[n] = ws->logits[i];
            n += ws->logits[n] >= cut;
        }
        c->n = n;
    }
    c->summed = false;
    candidates_pad(c);
}

/* x after an edit; -inf where the edit masks. */
static float edited(const candidates *c, edit_fn fn, const void *ctx, int32_t k, float x) {
    const double logit = c->infinite ? INFINITY : (double)x * c->scale;
    const double after = fn(ctx, k, logit);
    if (c->infinite) return after == -INFINITY ? -INFINITY : 0.0f;
    return (float)(after / c->scale);
}

/* Maximum and sum of a patched group, after an edit to a scanned view. */
static void refresh_group(candidates *c, int32_t g) {
    pluck_workspace *ws = c->ws;
    const float *patch = ws->spare + (size_t)ws->group_patch[g] * GROUP;
    const row_kernels *f32 = c->kernels->row[PLUCK_DTYPE_F32];
    ws->group_max[g] = greatest(patch, GROUP);
    if (c->summed) {
        const exp_params p = candidates_exp(c);
        f32->group_sumexp(patch, 1, &p, ws->group_sum + g);
    }
}

/* Asks for the groups that are about to be patched, all at once: the row may be far away. */
static void prefetch_groups(const candidates *c, const int32_t *ids, int32_t n) {
    const size_t size = GROUP * c->element;
    for (int32_t k = 0; k < n; k++) {
        const char *x = c->row + (size_t)(ids[k] / GROUP) * size;
        for (size_t at = 0; at < size; at += 64) __builtin_prefetch(x + at);
    }
}

static void edit_whole(candidates *c, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx,
                       bool drop) {
    pluck_workspace *ws = c->ws;
    int32_t lost = 0;
    if (!c->grouped) c->summed = false;
    if (!c->scanned) prefetch_groups(c, ids, n);
    for (int32_t k = 0; k < n;) {
        const int32_t g = ids[k] / GROUP;
        if (is_special(ws, g) && ws->group_patch[g] == PATCH_DEAD) {
            k++;
            continue;
        }
        float *patch = patch_of(c, g);
        for (; k < n && ids[k] / GROUP == g; k++) {
            float *x = &patch[ids[k] % GROUP];
            /* NaN stays for the scan to find. */
            if (*x == -INFINITY || isnan(*x)) continue;
            *x = edited(c, fn, ctx, k, *x);
            lost += *x == -INFINITY;
        }
        if (c->scanned) refresh_group(c, g);
    }
    if (drop) c->n_counted -= lost;
    if (!c->scanned) return;
    c->n -= lost;
    c->kernels->array.max16(ws->group_max, (size_t)candidates_blocks(c), ws->block_max);
    c->max = greatest(ws->block_max, candidates_blocks(c));
    if (c->n == 0 || c->max == INFINITY) {
        candidates_changed(c); /* the next scan says what that means */
    } else if (c->summed) {
        /* Sums relative to a maximum that is gone lose precision in the end, never overflow. */
        if (fabs(((double)c->max - (double)c->ref) * c->scale) > 20.0)
            c->summed = false;
        else
            add_up(c);
    }
}

/* Position of id among ids (ascending), or -1. */
static int32_t find_id(const int32_t *ids, int32_t n, int32_t id) {
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ids[low] == id ? low : -1;
}

static void edit_list(candidates *c, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx,
                      bool drop) {
    pluck_workspace *ws = c->ws;
    /* Which of 4096 residues the ids have: most candidates need no search. */
    uint64_t residues[64] = {0};
    for (int32_t k = 0; k < n; k++) residues[ids[k] / 64 % 64] |= (uint64_t)1 << (ids[k] % 64);
    int32_t kept = 0, hits = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const int32_t id = ws->ids[i];
        float x = ws->logits[i];
        if (residues[id / 64 % 64] >> (id % 64) & 1) {
            const int32_t k = find_id(ids, n, id);
            if (k >= 0) {
                hits++;
                x = edited(c, fn, ctx, k, x);
                if (x == -INFINITY) continue;
            }
        }
        ws->ids[kept] = id;
        ws->logits[kept++] = x;
    }
    if (drop) c->n_counted -= c->n - kept;
    c->n = kept;
    if (hits == 0) return;
    candidates_pad(c);
    candidates_changed(c);
    if (!drop) c->order = c->stored = c->stored == ORDER_ID ? ORDER_ID : ORDER_STORED;
}

pluck_status candidates_edit(candidates *c, const int32_t *ids, int32_t n, edit_fn fn,
                             const void *ctx) {
    if (n == 0) return PLUCK_OK;
    /* The order that values gave has to be laid down before the values change. */
    if (c->order != ORDER_ID && (c->whole || c->order != c->stored)) TRY(candidates_materialise(c));
    if (c->whole)
        edit_whole(c, ids, n, fn, ctx, false);
    else
        edit_list(c, ids, n, fn, ctx, false);
    return PLUCK_OK;
}

static double leave(const void *ctx, int32_t k, double logit) {
    (void)ctx;
    (void)k;
    (void)logit;
    return -INFINITY;
}

void candidates_drop(candidates *c, const int32_t *ids, int32_t n) {
    if (n == 0) return;
    if (c->whole)
        edit_whole(c, ids, n, leave, NULL, true);
    else
        edit_list(c, ids, n, leave, NULL, true);
}
