/* row_mix.c: what is done to a few groups of a row at a time as they are read: a number added to
 * each logit, a second row, a cubic. See row.h. */
#include "arithmetic.h"

#include "row_impl.h"

/* Full groups of logits as floats, where they lie or in `room`. */
static const float *as_floats(const kernel_table *k, const void *x, pluck_dtype dtype, int32_t n,
                              float *room) {
    if (dtype == PLUCK_DTYPE_F32) return x;
    k->row[dtype][0]->widen(x, NULL, (size_t)n, room);
    return room;
}

/* Mixes full groups of both rows. */
static void mix(const logit_row *r, int32_t first, int32_t n, float *out) {
    const second_row *second = &r->second;
    const char *x = row_group_at(r, first);
    const char *y = second->x + (size_t)first * GROUP * dtype_size(second->dtype);
    if (second->dtype == r->dtype) {
        r->plain->widen_mix(x, y, NULL, (size_t)n, &second->mix, out);
        return;
    }
    float own[RUN_GROUPS * GROUP], other[RUN_GROUPS * GROUP];
    row_f32(r)->widen_mix(as_floats(r->kernels, x, r->dtype, n, own),
                          as_floats(r->kernels, y, second->dtype, n, other), NULL, (size_t)n,
                          &second->mix, out);
}

void pk_row_combine(const logit_row *r, int32_t first, int32_t n, float *out) {
    PLUCK_ASSERT(row_is_combined(r) && n <= RUN_GROUPS);
    const void *x = row_group_at(r, first);
    const float *wide = out;
    if (r->added)
        r->plain->widen_sum(x, NULL, (size_t)n, r->added + (size_t)first * GROUP, out);
    else if (r->second.x)
        mix(r, first, n, out);
    else
        wide = as_floats(r->kernels, x, r->dtype, n, out);
    if (r->bent) r->kernels->array.bend(wide, (size_t)n * GROUP, &r->bend, out);
}

/* Writes the second row's logits of the last group, which is short; 0 beyond them. */
static void widen_tail(const logit_row *r, const second_row *second, float *out) {
    const size_t element = dtype_size(second->dtype), from = (size_t)r->n_full * GROUP;
    PLUCK_ASSERT(from < (size_t)r->n && (size_t)r->n - from < GROUP);
    char padded[GROUP * sizeof(float)] = {0};
    memcpy(padded, second->x + from * element, ((size_t)r->n - from) * element);
    r->kernels->row[second->dtype][0]->widen(padded, NULL, 1, out);
}

void pk_row_mix(logit_row *r, const second_row *second) {
    PLUCK_ASSERT(second->x && !row_is_combined(r) && !r->flat && row_tail_is_alone(r));
    if (r->n_patches > 0) {
        float other[GROUP], mixed[GROUP];
        widen_tail(r, second, other);
        row_f32(r)->widen_mix(r->memory.patches, other, NULL, 1, &second->mix, mixed);
        memcpy(r->memory.patches, mixed, sizeof mixed);
    }
    r->second = *second;
}

logit_row pk_row_of_second(const logit_row *r, const second_row *second) {
    PLUCK_ASSERT(second->x && !row_is_combined(r) && !r->flat && row_tail_is_alone(r));
    logit_row s = *r;
    s.x = second->x;
    s.dtype = second->dtype;
    s.element = dtype_size(second->dtype);
    s.plain = r->kernels->row[second->dtype][0];
    s.of = r->kernels->row[second->dtype][r->allowed ? 1 : 0];
    if (r->n_patches == 0) return s;
    /* Its patch is behind the row's own, and is masked where that one is. */
    s.memory.patches += GROUP;
    widen_tail(r, second, s.memory.patches);
    for (int32_t i = 0; i < GROUP; i++)
        if (r->memory.patches[i] == -INFINITY) s.memory.patches[i] = -INFINITY;
    return s;
}

void pk_row_pick_second(const kernel_table *k, const second_row *second, const int32_t *ids,
                        int32_t n, float *out) {
    PLUCK_ASSERT(n >= 0 && n <= GROUP);
    if (second->dtype == PLUCK_DTYPE_F32) {
        const float *x = (const float *)(const void *)second->x;
        for (int32_t i = 0; i < n; i++) out[i] = x[ids[i]];
        return;
    }
    const uint16_t *x = (const uint16_t *)(const void *)second->x;
    uint16_t raw[GROUP] = {0};
    for (int32_t i = 0; i < n; i++) raw[i] = x[ids[i]];
    float wide[GROUP];
    k->row[second->dtype][0]->widen(raw, NULL, 1, wide);
    memcpy(out, wide, (size_t)n * sizeof *out);
}
