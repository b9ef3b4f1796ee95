/* row_impl.h: inside a row; only for row.c and row_keep.c. */
#ifndef PLUCK_ROW_IMPL_H
#define PLUCK_ROW_IMPL_H

#include "row.h"

static inline const char *group_at(const logit_row *r, int32_t g) {
    return r->x + (size_t)g * GROUP * r->element;
}

static inline const uint64_t *allowed_at(const logit_row *r, int32_t g) {
    return r->allowed ? r->allowed + g : NULL;
}

#endif /* PLUCK_ROW_IMPL_H */
