/* shard_slice.c: sums up a slice of a row in a message. See shard.h. */
#include "arithmetic.h"

#include "shard.h"

#include "error.h"

/* What writing a message works on. */
typedef struct slicer {
    pluck_shard *shard;
    pluck_sampler *s;
    const pluck_shard_slice *slice;
    const pluck_shard_request *request;
    shard_plan plan;
    shard_layout layout;
    unsigned char *message;
    shard_head head;
} slicer;

static view *view_of(const slicer *w) {
    return &w->shard->workspace->view;
}

/* ---- the mask ---- */

/* Bits of the mask that are said to be there, of the slice without padding. */
static int32_t mask_bits(const slicer *w) {
    const int32_t n = w->shard->n, given = w->slice->n_allowed;
    return given > 0 && given < n ? given : n;
}

/* Word i of the mask; bits beyond it are 0. */
static uint32_t mask_word(const slicer *w, int32_t i) {
    const int32_t left = mask_bits(w) - 32 * i;
    if (left <= 0) return 0;
    return left >= 32 ? w->slice->allowed[i] : w->slice->allowed[i] & ((UINT32_C(1) << left) - 1);
}

static int32_t count_allowed(const slicer *w) {
    if (!w->slice->allowed) return w->shard->n;
    int32_t n = 0;
    for (int32_t i = 0; i < (w->shard->n + 31) / 32; i++) n += __builtin_popcount(mask_word(w, i));
    return n;
}

/* ---- the view ---- */

static pluck_status begin_view(slicer *w, pk_fpenv *caller) {
    const pluck_row row = {.logits = w->slice->logits,
                           .dtype = w->request->dtype,
                           .n = w->shard->n,
                           .allowed = w->slice->allowed,
                           .n_allowed = w->slice->n_allowed};
    pluck_workspace *ws = w->shard->workspace;
    pk_workspace_open(ws);
    TRY(pk_view_begin_slice(&ws->view, &ws->memory, w->shard->config.first, &row));
    return pk_run_edits(w->s, w->plan.n_edits, &ws->view, caller);
}

/* Notes what a scan of the view has found. */
static void note_scan(slicer *w) {
    view *v = view_of(w);
    w->head.n_alive = pk_view_alive(v);
    w->head.max = pk_view_is_infinite(v) ? INFINITY : pk_view_max(v);
    if (pk_view_is_infinite(v)) w->head.flags |= FLAG_INFINITE;
    if (!pk_view_is_in_range(v, w->plan.scale)) w->head.flags |= FLAG_OUT_OF_RANGE;
}

/* Scans, and sums in the same reading if that is wanted. */
static pluck_status scan(slicer *w) {
    view *v = view_of(w);
    if (!w->plan.sums) {
        TRY(pk_view_scan(v));
        note_scan(w);
        return PLUCK_OK;
    }
    v->scale = w->plan.scale;
    const mass_source s = pk_view_source(v);
    if (!pk_mass_scan_sum(&v->mass, &s, &v->row, &v->n)) return PLUCK_ERR_NAN;
    const bool is_plain = v->n > 0 && v->mass.max < INFINITY;
    if (!is_plain) {
        v->mass.max_stamp = v->mass.sum_stamp = 0; /* as if it had not been read */
        TRY(pk_view_scan(v));
    }
    note_scan(w);
    if (!is_plain) return PLUCK_OK;
    w->head.mass = pk_mass_sum(&v->mass, &s);
    w->head.reference = v->mass.ref;
    return PLUCK_OK;
}

/* ---- candidates ---- */

/* Those above which min-p cuts if this slice has the maximum; false if they are too many. */
static bool list_above_floor(slicer *w) {
    view *v = view_of(w);
    const pluck_stage_mass *p = &w->s->plan->steps[w->plan.at].stage->as.min_p;
    if (!v->whole || p->min_keep > 1) return false;
    v->scale = w->plan.scale;
    const float low = pk_view_x_below_max(v, log((double)p->p));
    if (pk_view_collect_few(v, low, w->plan.most) > w->plan.most) return false;
    pk_view_adopt(v);
    w->head.bound = low;
    return true;
}

static void list_greatest(slicer *w) {
    view *v = view_of(w);
    pk_view_list_top(v, w->plan.k, w->plan.most);
    if (v->list.n == w->head.n_alive) return; /* they are all there */
    /* Of the least there may be more than are listed. */
    w->head.bound = v->infinite ? INFINITY : nextafterf(pk_list_min(&v->list), INFINITY);
}

static void list_sorted(slicer *w) {
    view *v = view_of(w);
    pk_view_top_k(v, w->plan.k);
    if (v->whole) { /* there are no more */
        (void)pk_view_collect(v, -INFINITY, NAN);
        pk_view_adopt(v);
    }
    pk_view_realise(v);
}

static void put_candidates(slicer *w) {
    if (w->plan.sorted)
        list_sorted(w);
    else if (w->plan.need != NEED_FLOOR || !list_above_floor(w))
        list_greatest(w);
    list *l = &view_of(w)->list;
    PLUCK_ASSERT(l->n <= w->layout.n_candidates);
    for (int32_t i = 0; i < l->n; i++) l->ids[i] += w->shard->config.first;
    for (int32_t i = 0; view_of(w)->infinite && i < l->n; i++) l->x[i] = INFINITY;
    unsigned char *to = w->message + w->layout.candidates;
    pk_put_words(to, l->ids, l->n);
    pk_put_words(to + 4 * (size_t)w->layout.n_candidates, l->x, l->n);
    w->head.n_candidates = l->n;
}

/* ---- sums ---- */

/* The sum of a block's groups, added as those of the whole row are (mass.c). */
static double block_sum(const double *group_sum, int32_t n_groups, int32_t block) {
    double sum = 0.0;
    for (int32_t g = block * BLOCK_GROUPS; g < n_groups && g < (block + 1) * BLOCK_GROUPS; g++)
        sum += group_sum[g];
    return sum;
}

/* For a first estimate: the maxima of groups in which the whole row's reference is looked for, and
 * the blocks' sums. */
static void put_glances(slicer *w) {
    view *v = view_of(w);
    unsigned char *to = w->message + w->layout.glances;
    const int32_t first = w->shard->config.first / GROUP;
    const int32_t n_whole = (w->shard->config.n_vocab + GROUP - 1) / GROUP;
    for (int32_t i = 0; i < MASS_GLANCES; i++, to += 4) {
        const int32_t g = mass_glance_at(i, n_whole) - first;
        const bool ours = g >= 0 && g < v->row.n_groups;
        pk_put_float(to, ours ? pk_row_group_max(&v->row, g) : -INFINITY);
    }
    if (w->head.mass == 0.0) return;
    const mass_source s = pk_view_source(v);
    pk_mass_sum_groups(&v->mass, &s);
    for (int32_t g = 0; g < v->row.n_groups; g += BLOCK_GROUPS, to += 8)
        pk_put_double(to, block_sum(v->mass.group_sum, v->row.n_groups, g / BLOCK_GROUPS));
}

/* Puts heavy groups right as the whole row's sum would, whose estimate is known, and says what that
 * added. The group sums before are in group_moment. */
static void put_heavy_right(slicer *w, const mass_source *s, shard_draw_part *part) {
    view *v = view_of(w);
    double mass = w->request->mass;
    const double heavy = mass_heavy(mass);
    memcpy(v->mass.group_moment, v->mass.group_sum,
           (size_t)v->row.n_groups * sizeof *v->mass.group_sum);
    pk_mass_put_right(&v->mass, s, v->cut, &mass, NULL, NULL, 0);
    part->least = INFINITY;
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        const double before = v->mass.group_moment[g];
        if (!(before > heavy)) {
            part->greatest = fmax(part->greatest, before);
            continue;
        }
        part->least = fmin(part->least, before);
        if (part->n_heavy < 0) continue;
        if (part->n_heavy < w->layout.n_heavy)
            pk_put_double(w->message + pk_shard_delta_at(&w->layout, part->n_heavy),
                          v->mass.group_sum[g] - before);
        part->n_heavy = part->n_heavy < w->layout.n_heavy ? part->n_heavy + 1 : -1;
    }
}

/* Says what is in the block in which the draw is expected, if it is one of ours. */
static void say_block(slicer *w, shard_draw_part *part) {
    view *v = view_of(w);
    const int32_t block = w->request->block - w->shard->config.first / BLOCK;
    const int32_t first = block * BLOCK_GROUPS;
    if (block < 0 || first >= v->row.n_groups) return;
    const int32_t n = (int32_t)min_i64(BLOCK_GROUPS, v->row.n_groups - first);
    const double *sum = v->mass.group_sum + first;
    for (int32_t g = 0; g < n; g++) part->sums[g] = sum[g];
    if (!(block_sum(v->mass.group_sum, v->row.n_groups, block) > 0.0)) return;
    double mass = 0.0;
    part->group = first + pk_locate(sum, n, w->request->into, &mass);
    pk_row_group(&v->row, part->group, v->cut, part->x);
}

/* Whether the sums are finite: they are unless the logits have changed since the first round. */
static bool is_summable(const view *v, float reference) {
    return v->mass.max <= reference || mass_is_near(v->mass.max, reference, v->scale);
}

static pluck_status put_sums(slicer *w) {
    view *v = view_of(w);
    v->scale = w->plan.scale;
    const mass_source s = pk_view_source(v);
    if (!pk_mass_scan_groups(&v->mass, &s, &v->row, w->request->reference, &v->n))
        return PLUCK_ERR_NAN;
    shard_draw_part part = {.group = -1, .least = INFINITY};
    w->head.n_alive = v->n;
    w->head.max = v->mass.max;
    if (v->mass.max == INFINITY) w->head.flags |= FLAG_INFINITE;
    if (v->n > 0 && is_summable(v, w->request->reference)) {
        unsigned char *to = w->message + w->layout.sums;
        const int32_t n = v->row.n_groups, n_blocks = (n + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
        for (int32_t b = 0; b < n_blocks; b++)
            pk_put_double(to + 16 * b, block_sum(v->mass.group_sum, n, b));
        put_heavy_right(w, &s, &part);
        for (int32_t b = 0; b < n_blocks; b++)
            pk_put_double(to + 16 * b + 8, block_sum(v->mass.group_sum, n, b));
        say_block(w, &part);
    }
    pk_shard_put_draw(w->message, &w->layout, &part);
    return PLUCK_OK;
}

/* ---- the row ---- */

/* n elements of the dtype. */
static void put_logits(unsigned char *to, const void *from, size_t element, int32_t n) {
    if (element == 4) {
        pk_put_words(to, from, n);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        uint16_t x;
        memcpy(&x, (const char *)from + 2 * (size_t)i, sizeof x);
        to[2 * (size_t)i] = (unsigned char)x;
        to[2 * (size_t)i + 1] = (unsigned char)(x >> 8);
    }
}

static void put_row(slicer *w) {
    const size_t element = dtype_size(w->request->dtype);
    unsigned char *to = w->message + w->layout.logits;
    put_logits(to, w->slice->logits, element, w->shard->n);
    if (!w->slice->allowed) return;
    to += round_up((size_t)w->shard->config.longest * element, 4);
    for (int32_t i = 0; i < (w->shard->n + 31) / 32; i++, to += 4) pk_put_32(to, mask_word(w, i));
}

/* ---- a message ---- */

/* What is found when the slice is read. */
static pluck_status read_slice(slicer *w, pk_fpenv *caller) {
    TRY(begin_view(w, caller));
    if (w->layout.sums) return put_sums(w);
    TRY(scan(w));
    if (w->layout.glances)
        put_glances(w);
    else
        put_candidates(w);
    return PLUCK_OK;
}

static pluck_status put_message(slicer *w, pk_fpenv *caller) {
    const pluck_shard_config *c = &w->shard->config;
    memset(w->message, 0, w->layout.size);
    w->head = (shard_head){
        .n_vocab = c->n_vocab,
        .chain = pk_shard_digest(w->s),
        .request = pk_shard_request_digest(w->request),
        .first = c->first,
        .n = w->shard->n,
        .n_allowed = count_allowed(w),
        .flags = w->slice->allowed ? FLAG_MASKED : 0,
        .bound = -INFINITY,
        .max = -INFINITY,
    };
    if (w->layout.logits) {
        put_row(w);
    } else if (w->shard->n > 0) {
        const pluck_status status = read_slice(w, caller);
        if (status == PLUCK_ERR_NAN) {
            const shard_head *h = &w->head;
            memset(w->message, 0, w->layout.size);
            w->head = (shard_head){.n_vocab = h->n_vocab,
                                   .chain = h->chain,
                                   .request = h->request,
                                   .first = h->first,
                                   .n = h->n,
                                   .status = PLUCK_ERR_NAN,
                                   .bound = -INFINITY,
                                   .max = -INFINITY};
        } else if (status != PLUCK_OK && status != PLUCK_ERR_EMPTY) {
            return status;
        }
    } else if (w->layout.sums) {
        const shard_draw_part none = {.group = -1, .least = INFINITY};
        pk_shard_put_draw(w->message, &w->layout, &none);
    }
    pk_shard_put_head(w->message, &w->layout, &w->head);
    pk_shard_seal(w->message, &w->layout);
    return PLUCK_OK;
}

static PK_APART pluck_status write_message(pluck_shard *shard, pluck_sampler *s,
                                           const pluck_shard_slice *slice,
                                           const pluck_shard_request *request, void *message,
                                           size_t room, pluck_error *err, pk_fpenv *caller) {
    TRY(pk_shard_check(shard, s, request, err));
    slicer w = {.shard = shard, .s = s, .slice = slice, .request = request, .message = message};
    w.plan = pk_shard_plan(s, shard->config.n_candidates, request);
    w.layout = pk_shard_layout(&w.plan, shard->config.longest, request);
    if (shard->n > 0 && !slice->logits) return pk_fail(err, PLUCK_ERR_NULL, "logits is NULL");
    if (slice->n_allowed < 0)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_allowed is %d; allowed: 0 and above",
                       (int)slice->n_allowed);
    if (room < w.layout.size)
        return pk_fail(err, PLUCK_ERR_SIZE, "room is %lu; the message has %lu bytes",
                       (unsigned long)room, (unsigned long)w.layout.size);
    const pluck_status status = put_message(&w, caller);
    return status == PLUCK_OK ? status : pk_fail(err, status, "%s", pluck_status_string(status));
}

pluck_status pluck_shard_write(pluck_shard *shard, pluck_sampler *sampler,
                               const pluck_shard_slice *slice, const pluck_shard_request *request,
                               void *message, size_t room, pluck_error *err) {
    if (!shard || !sampler || !slice || !request || !message)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL",
                       !shard     ? "the shard"
                       : !sampler ? "the sampler"
                       : !slice   ? "the slice"
                       : !request ? "the request"
                                  : "the message");
    PK_IN_OWN_ENV(pluck_status,
                  write_message(shard, sampler, slice, request, message, room, err, &caller_));
}
