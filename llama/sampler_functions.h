/* sampler_functions.h: the sampler functions of libllama, for the drop-in and its tests. */
#ifndef PLUCK_LLAMA_SAMPLER_FUNCTIONS_H
#define PLUCK_LLAMA_SAMPLER_FUNCTIONS_H

/* X(name): the functions llama_NAME that every version has. The arguments of init_penalties and
 * init_dry differ between versions (preload/hooks.h). */
#define PLK_SAMPLER_FUNCTIONS(X)                                                                   \
    X(sampler_init_greedy)                                                                         \
    X(sampler_init_dist)                                                                           \
    X(sampler_init_top_k)                                                                          \
    X(sampler_init_top_p)                                                                          \
    X(sampler_init_min_p)                                                                          \
    X(sampler_init_typical)                                                                        \
    X(sampler_init_temp)                                                                           \
    X(sampler_init_temp_ext)                                                                       \
    X(sampler_init_xtc)                                                                            \
    X(sampler_init_top_n_sigma)                                                                    \
    X(sampler_init_mirostat)                                                                       \
    X(sampler_init_mirostat_v2)                                                                    \
    X(sampler_init_penalties)                                                                      \
    X(sampler_init_dry)                                                                            \
    X(sampler_init_logit_bias)                                                                     \
    X(sampler_init_infill)                                                                         \
    X(sampler_chain_init)                                                                          \
    X(sampler_chain_add)                                                                           \
    X(sampler_chain_remove)                                                                        \
    X(sampler_apply)                                                                               \
    X(sampler_accept)                                                                              \
    X(sampler_reset)                                                                               \
    X(sampler_clone)                                                                               \
    X(sampler_free)                                                                                \
    X(sampler_sample)                                                                              \
    X(perf_sampler)                                                                                \
    X(perf_sampler_print)                                                                          \
    X(perf_sampler_reset)

#endif
