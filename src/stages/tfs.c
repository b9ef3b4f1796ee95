/*
 * tfs.c: tail-free sampling. With P sorted, descending, and d(i) = |P(i) - 2 P(i + 1) + P(i + 2)|, i
 * from 0: i is the first for which d(0) + ... + d(i) > z * (the sum of all d). Keeps
 * max(i, min_keep, 1) + extra candidates, all if there is no such i.
 *
 * Source: Bricken, "Tail Free Sampling", 2019; koboldcpp's sample_tail_free, and llama.cpp's until
 * it was taken out. These give all d the same weight if their sum is below 1e-6, which is a guard
 * against rounding; here that is the definition's case, in double. Parameters: z, >= 1 disables;
 * min_keep; extra, 1 for text-generation-webui's and exllamav2's reading of the index. Asks the view
 * for its greatest values, in steps until they tell, but for no sum: what d is divided by cancels
 * out. Leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { FEW = 256, MORE = 4096, BLOCK = 32, MARKS = 128 };

/* What is further down changes no sum of d by more than a few exp(LIKELY). */
static const double LIKELY = -14.0;

/* If a few fall so far, more are likely to tell. */
static const double FALLEN = -4.0;

/* Probabilities that are so near to each other are the same in double. */
static const double NOTHING = 0x1p-60;

/* n sorted values, then n_zeros candidates without probability, and behind them n_more with a
 * probability of no more than `most`. */
typedef struct sorted {
    const float *x;
    int32_t n, n_zeros;
    double scale, most;
    int64_t n_more;
} sorted;

/* Reads probabilities, as parts of the greatest, block by block, and adds up their d. */
typedef struct walk {
    const sorted *of;
    int32_t i;         /* how many have been read */
    double before[2];  /* the last two of them */
    double nats, part; /* what the last block's are computed from */
    double sum;        /* of the d so far */
} walk;

static double nats_of(const sorted *s, int32_t i) {
    return ((double)s->x[i] - (double)s->x[0]) * s->scale;
}

/* Writes the probabilities of the next n values. If they are near to each other a few terms around
 * their middle are enough; the compiler computes several side by side. */
static void read_parts(walk *w, int32_t n, double *part) {
    const float *x = w->of->x + w->i;
    const double greatest = (double)w->of->x[0], scale = w->of->scale;
    const double high = nats_of(w->of, w->i), low = nats_of(w->of, w->i + n - 1);
    if (!(high - low <= 1.0 / 32)) {
        for (int32_t i = 0; i < n; i++) part[i] = exp(nats_of(w->of, w->i + i));
        w->nats = low;
        w->part = part[n - 1];
        return;
    }
    const double middle = low + 0.5 * (high - low);
    w->part = exp_step(w->part, w->nats, middle - w->nats);
    w->nats = middle;
    const double of_middle = w->part;
    for (int32_t i = 0; i < n; i++) {
        const double r = ((double)x[i] - greatest) * scale - middle;
        const double tail = 1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720)));
        part[i] = of_middle * (1.0 + r * (1.0 + r * (0.5 + r * tail)));
    }
}

static double bend(const double *p) {
    return fabs((p[0] - p[1]) - (p[1] - p[2]));
}

/* The sum of n d, in four lanes. */
static double sum_of_bends(const double *p, int32_t n) {
    double lane[4] = {0.0, 0.0, 0.0, 0.0};
    int32_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++) lane[j] += bend(p + i + j);
    for (; i < n; i++) lane[0] += bend(p + i);
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static int32_t length_of(const sorted *s) {
    return s->n + s->n_zeros;
}

/* Reads a block to behind the two before it, which become p[0] and p[1]. Returns how many d there are
 * now, the first of *p: those of the first two values of all do not exist. */
static int32_t read_block(walk *w, double p[BLOCK + 2], const double **first) {
    const sorted *s = w->of;
    const int32_t left = length_of(s) - w->i, n = left < BLOCK ? left : BLOCK;
    const int32_t values = (int32_t)clamp(s->n - w->i, 0, n), none = w->i == 0 ? 2 : 0;
    memcpy(p, w->before, sizeof w->before);
    if (values > 0) read_parts(w, values, p + 2);
    for (int32_t i = values; i < n; i++) p[2 + i] = 0.0;
    memcpy(w->before, p + n, sizeof w->before);
    w->i += n;
    *first = p + none;
    return n - none;
}

/* Whether the next block's values are the same as the two before it, so that all d are 0. */
static bool is_level(const walk *w) {
    const int32_t i = w->i;
    return i >= 2 && i + BLOCK <= w->of->n &&
           nats_of(w->of, i - 2) - nats_of(w->of, i + BLOCK - 1) <= NOTHING;
}

static void pass_block(walk *w) {
    double p[BLOCK + 2];
    const double *first;
    if (is_level(w)) {
        w->i += BLOCK;
        return;
    }
    const int32_t n = read_block(w, p, &first);
    w->sum += sum_of_bends(first, n);
}

/* The first i in the next block at which the sum is above the limit, which it is at the end of the
 * block; *sum becomes the sum there. */
static int32_t place_in_block(walk w, double limit, double *sum) {
    double p[BLOCK + 2];
    const double *first;
    const int32_t n = read_block(&w, p, &first);
    *sum = w.sum;
    for (int32_t i = 0; i < n; i++) {
        *sum += bend(first + i);
        if (*sum > limit) return w.i - 2 - n + i;
    }
    return w.i - 3;
}

typedef struct bounds {
    double low, high;
} bounds;

/* What the d of those behind add up to, if the last two of these have the probabilities a and b: these
 * fall by b and a few times `most` more or less, and no falls add up to more than twice what they
 * start from. */
static bounds bounds_of_rest(const sorted *s, double a, double b) {
    if (s->n_more == 0) return (bounds){0.0, 0.0};
    const double likely = fabs(a - 2.0 * b) + b, blur = 3.0 * s->most;
    const double low = s->n_more > 1 ? fmax(likely - blur, 0.0) : 0.0;
    return (bounds){low, fmin(likely + blur, a + b)};
}

/* The i that is looked for; -1 if these values do not tell, INT32_MAX if there is none. */
static int32_t find(const sorted *s, double z) {
    const int32_t n = length_of(s), stride = (n / MARKS / BLOCK + 1) * BLOCK;
    walk marks[MARKS + 1], w = {.of = s, .part = 1.0};
    int32_t n_marks = 1;
    marks[0] = w;
    /* The d behind a probability add up to no more than twice as much. */
    while (w.i < n && !(w.i > 0 && w.before[0] < NOTHING * w.sum)) {
        if (w.i > 0 && w.i % stride == 0) marks[n_marks++] = w;
        pass_block(&w);
    }
    const bounds rest = bounds_of_rest(s, w.before[0], w.before[1]);
    const double limit = z * (w.sum + rest.low), most = z * (w.sum + rest.high);
    while (n_marks > 1 && marks[n_marks - 1].sum > limit) n_marks--;
    walk at = marks[n_marks - 1];
    for (w = at; w.i < n && w.sum <= limit;) {
        at = w;
        pass_block(&w);
    }
    double reached = 0.0;
    const int32_t i = w.sum > limit ? place_in_block(at, limit, &reached) : INT32_MAX;
    return s->n_more == 0 || reached > most ? i : -1;
}

/* Whether all probabilities are the same, so that there is no d. */
static bool is_flat(view *v) {
    const double range = (double)pk_view_max(v) - (double)pk_view_min(v);
    return pk_view_counted(v) == pk_view_alive(v) && range * pk_view_scale(v) <= NOTHING;
}

/* How many are kept if i is what `find` found. */
static int64_t kept(const pluck_stage_tfs *p, int32_t i) {
    if (i == INT32_MAX) return i;
    return max_i64(max_i64(i, p->min_keep), 1) + p->extra;
}

/* What was found: how many are kept, -1 if that is not known; the x of the last of them, NaN if that is
 * not; and how far down the last that was looked at is. */
typedef struct found {
    int64_t n;
    float x;
    double nats;
} found;

/* Looks at no fewer than the m greatest; if m is 0 at all x >= low, none of the others being above
 * `next` nats. */
static found find_in(view *v, int32_t m, float low, double next, const pluck_stage_tfs *p) {
    const int32_t alive = pk_view_alive(v);
    const int64_t counted = pk_view_counted(v);
    sorted s = {.scale = pk_view_scale(v)};
    s.x = m > 0 ? pk_view_lease_top(v, m, &s.n) : pk_view_lease_between(v, low, NAN, &s.n);
    found f = {.x = NAN, .nats = nats_of(&s, s.n - 1)};
    if (s.n < alive) {
        s.n_more = counted - s.n;
        s.most = exp(m > 0 ? f.nats : next);
    } else {
        s.n_zeros = (int32_t)min_i64(counted - alive, 2); /* of more zeros d is zero, too */
    }
    const int32_t i = find(&s, (double)p->z);
    f.n = i < 0 ? -1 : kept(p, i);
    if (f.n > 0 && f.n <= s.n) f.x = s.x[f.n - 1];
    pk_view_return_top(v);
    return f;
}

/* Looks at a few, at more if they fall soon, then at the likely ones, and at all if these do not tell
 * or are most of all. */
static found find_step_by_step(view *v, const pluck_stage_tfs *p) {
    const int32_t alive = pk_view_alive(v);
    found f = find_in(v, FEW, 0.0f, 0.0, p);
    if (f.n < 0 && f.nats < FALLEN && alive > MORE) f = find_in(v, MORE, 0.0f, 0.0, p);
    if (f.n >= 0) return f;
    const float low = pk_view_x_below_max(v, LIKELY);
    const int64_t likely = pk_view_count_above(v, low);
    if (likely < alive / 3 * 2) {
        /* The others are often far behind. */
        const float far = pk_view_x_below_max(v, 2.0 * LIKELY);
        const bool is_gap = pk_view_count_above(v, far) == likely;
        f = find_in(v, 0, low, is_gap ? 2.0 * LIKELY : LIKELY, p);
        if (f.n >= 0) return f;
    } else if (is_flat(v)) {
        return (found){.n = INT32_MAX, .x = NAN};
    }
    return find_in(v, 0, -INFINITY, 0.0, p);
}

static pluck_status apply(view *v, const stage_run *run) {
    const int64_t counted = pk_view_counted(v);
    if (counted <= 2) return PLUCK_OK;
    const found f = find_step_by_step(v, &run->stage->as.tfs);
    pk_view_top_k_at(v, min_i64(f.n, counted), f.x);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_tfs *p = &stage->as.tfs;
    (void)n_vocab;
    TRY(pk_check_unit(err, "z", p->z));
    TRY(pk_check_count(err, "min_keep", p->min_keep));
    return pk_check_param(p->extra == 0 || p->extra == 1, err, "extra", (double)p->extra, "0 or 1");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.tfs.z >= 1.0f;
}

extern const stage_kind pk_stage_tfs;
const stage_kind pk_stage_tfs = {
    .kind = PLUCK_STAGE_TFS,
    .name = "tfs",
    .defaults.as.tfs = {.z = 1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
