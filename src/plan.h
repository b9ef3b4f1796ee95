/*
 * plan.h: the part of a sampler that never changes, shared by clones: the config with everything it
 * points to, and where each stage's mutable parts lie in a sampler's memory. Disabled stages stay in
 * the config but not among the steps.
 */
#ifndef PLUCK_PLAN_H
#define PLUCK_PLAN_H

#include <stdatomic.h>

#include "stage.h"

/* One enabled stage of a plan. NONE marks a part the stage has not. */
typedef struct step {
    const pluck_stage *stage;
    const stage_kind *kind;
    const void *prepared;         /* what the kind's copy made */
    int32_t index;                /* in the config */
    uint32_t stream_number;       /* among the random stages, from 0 */
    size_t stream, history, work; /* offsets in the sampler's memory, or NONE */
} step;

#define NONE ((size_t)-1)

typedef struct plan {
    atomic_int references;
    pluck_allocator allocator;
    size_t size;         /* of this block */
    size_t memory_size;  /* of the mutable memory that each sampler has */
    pluck_config config; /* points into this block; workspace as given */
    int32_t n_steps;
    step *steps; /* the enabled stages */
} plan;

/* Checks a config and copies it with everything it points to. The errors of pluck_sampler_create. */
pluck_status pk_plan_create(plan **out, const pluck_config *config);

void pk_plan_share(plan *p);

/* Frees the plan with its last user, and releases what its users shared. */
void pk_plan_release(plan *p);

/* Frees a plan that no sampler came to use. */
void pk_plan_discard(plan *p);

#endif /* PLUCK_PLAN_H */
