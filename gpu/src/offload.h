/* offload.h: a chain as the device runs it. */
#ifndef PLUCK_GPU_OFFLOAD_H
#define PLUCK_GPU_OFFLOAD_H

#include "device.h"

struct pluck_gpu_plan {
    pluck_gpu_placement placement;
    int32_t n_vocab;
    plk_chain chain;
    int32_t last_n;   /* tokens that the penalties count, 0: no penalties */
    plk_edit *biases; /* ascending by id, each id once */
    int32_t n_biases;
    uint32_t seed;     /* of the draw's stage; PLUCK_SEED_RANDOM: the row's */
    uint32_t stream;   /* of the draw */
    int32_t first_cpu; /* the first stage of the config that the CPU runs */
    pluck_config tail;
    pluck_stage *tail_stages;
};

/* Which kernels a chain of operations goes through; sets route, k and needs_sigma. */
void gpu_choose_route(plk_chain *chain);

/* x as kernels take it (kernels/pair.h). A triple is exact, or the next number above that a sum with
 * a float can tell from it. */
plk_pair gpu_pair(double x);
plk_triple gpu_triple(double x);

/* A share in [0, 1], times 2^64. */
uint64_t gpu_share(double share);

/* Does the stage do nothing with these parameters? libpluck knows. */
bool gpu_stage_is_disabled(const pluck_stage *stage);

#endif /* PLUCK_GPU_OFFLOAD_H */
