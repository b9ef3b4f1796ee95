/* plan.h: the part of a sampler that never changes, shared by clones. */
#ifndef PLUCK_PLAN_H
#define PLUCK_PLAN_H

#include <stdatomic.h>

#include "chain.h"

typedef struct plan {
    atomic_int references;
    pluck_allocator allocator;
    size_t size;         /* of this block */
    size_t memory_size;  /* of the mutable memory that each sampler has */
    pluck_config config; /* points into this block; workspace as given */
    int32_t n_steps;
    step *steps; /* the enabled stages */
} plan;

/* Checks a config and copies it with everything it points to. The errors of pluck_sampler_create.
 */
pluck_status plan_create(plan **out, const pluck_config *config);

plan *plan_share(plan *p);

/* Frees the plan with its last user, and releases what its users shared. */
void plan_release(plan *p);

/* Frees a plan that no sampler came to use. */
void plan_discard(plan *p);

#endif /* PLUCK_PLAN_H */
