/*
 * sampler.h: a sampler's block of memory. It has this struct, two stage_memory for each step (the
 * second is the state before the call, for a rollback), and streams, histories and work memory at
 * the offsets that are in the plan.
 */
#ifndef PLUCK_SAMPLER_H
#define PLUCK_SAMPLER_H

#include "journal.h"
#include "plan.h"

struct pluck_sampler {
    plan *plan;
    pluck_workspace *workspace;
    bool owns_workspace;
    uint32_t seed; /* in use */
    size_t size;   /* of this block */
    stage_memory *memory, *saved;
    char *parts;        /* the steps' offsets are relative to it */
    const void *in_use; /* the batch that has it in a call */
};

/* A step's mutable parts; NULL if the stage does not have them. */
static inline rng_stream *pk_stream_of(const pluck_sampler *s, const step *at) {
    return at->stream == NONE ? NULL : (rng_stream *)(void *)(s->parts + at->stream);
}

static inline history *pk_history_of(const pluck_sampler *s, const step *at) {
    return at->history == NONE ? NULL : (history *)(void *)(s->parts + at->history);
}

static inline int32_t *pk_work_of(const pluck_sampler *s, const step *at) {
    return at->work == NONE ? NULL : (int32_t *)(void *)(s->parts + at->work);
}

#endif /* PLUCK_SAMPLER_H */
