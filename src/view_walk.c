/* view_walk.c: the candidates of any view, group by group, where they are: nothing is collected, and
 * what is noted stays noted. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

int32_t pk_view_chunks(const view *v) {
    return v->whole ? v->row.n_groups : (v->list.n + GROUP - 1) / GROUP;
}

void pk_view_chunk(view *v, int32_t c, view_chunk *out) {
    PLUCK_ASSERT(c >= 0 && c < pk_view_chunks(v) && !v->index);
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    out->n = 0;
    if (v->whole) {
        if (v->mass.group_max[c] < v->cut.x) return; /* the cut admits none of it */
        pk_row_group(&v->row, c, v->cut, out->x);
        for (int32_t i = 0; i < GROUP; i++) out->ids[i] = c * GROUP + i;
        out->n = (int32_t)min_i64(GROUP, v->n_vocab - c * GROUP);
    } else {
        out->n = (int32_t)min_i64(GROUP, v->list.n - c * GROUP);
        memcpy(out->ids, v->list.ids + c * GROUP, (size_t)out->n * sizeof *out->ids);
        memcpy(out->x, v->list.x + c * GROUP, (size_t)out->n * sizeof *out->x);
    }
    float e[GROUP];
    pk_mass_of(&v->mass, &s, out->x, (size_t)out->n, e);
    for (int32_t i = 0; i < out->n; i++)
        out->p[i] = out->x[i] > -INFINITY ? (double)e[i] / sum : 0.0;
}
