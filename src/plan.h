/*
 * plan.h: the part of a sampler that never changes and that clones share: the config with
 * everything it points to, and where each stage's mutable parts are in a sampler's memory. Disabled
 * stages are in the config but not among the steps.
 */
#ifndef PLUCK_PLAN_H
#define PLUCK_PLAN_H

#include <stdatomic.h>

#include "stage.h"

/* One enabled stage of a plan. NONE: the stage does not have that part. */
typedef struct step {
    const pluck_stage *stage;
    const stage_kind *kind;
    const void *prepared;                  /* what the kind's `copy` returned */
    int32_t index;                         /* of the stage in the config */
    bool level;                            /* as in stage_run */
    uint32_t stream_number;                /* number among the random stages, from 0 */
    size_t stream, history, work, journal; /* offsets in the sampler's memory, or NONE */
} step;

#define NONE ((size_t)-1)

typedef struct plan {
    atomic_int references;
    pluck_allocator allocator;
    size_t size;         /* of this block */
    size_t memory_size;  /* of the mutable memory that each sampler needs */
    pluck_config config; /* its pointers, except the workspace, are into this block */
    int32_t n_steps;
    step *steps;        /* the enabled stages */
    atomic_uint digest; /* of the chain (shard.h); 0: nobody has asked for it yet */
} plan;

/* Checks a config, and copies it with everything it points to. Errors: those of
 * pluck_sampler_create. */
pluck_status pk_plan_create(plan **out, const pluck_config *config);

void pk_plan_share(plan *p);

/* Ends one use of the plan. The last one releases what the samplers shared, and frees the plan. */
void pk_plan_release(plan *p);

/* Frees a plan that no sampler uses, without releasing anything of the caller's. */
void pk_plan_discard(plan *p);

#endif /* PLUCK_PLAN_H */
