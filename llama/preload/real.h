/*
 * real.h: the libllama that the program has loaded, and which of our functions stand before its.
 *
 * The drop-in is linked with no libllama. It exports the names of the sampler functions as stubs of
 * one jump each; on the first call of any of them the loaded libllama is looked for among the
 * objects of the process (a program may have loaded it privately, as Node does), and each stub is
 * pointed at our function or, where nothing is to be taken over, straight at libllama's. A stub
 * passes whatever it is given, so another version of libllama, with other parameters, is not
 * disturbed.
 */
#ifndef PLUCK_LLAMA_REAL_H
#define PLUCK_LLAMA_REAL_H

#include "llama.h"

#include <stdbool.h>
#include <stdint.h>

/* X(name): the functions that have a stub; llama_NAME is ours as plk_hook_NAME. */
#define PLK_HOOKED(X)                                                                              \
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
    X(sampler_init_adaptive_p)                                                                     \
    X(sampler_init_logit_bias)                                                                     \
    X(sampler_init_infill)                                                                         \
    X(sampler_chain_init)                                                                          \
    X(sampler_chain_add)                                                                           \
    X(sampler_chain_remove)                                                                        \
    X(sampler_apply)                                                                               \
    X(sampler_accept)                                                                              \
    X(sampler_reset)                                                                               \
    X(sampler_clone)                                                                               \
    X(sampler_copy)                                                                                \
    X(sampler_free)                                                                                \
    X(sampler_sample)                                                                              \
    X(perf_sampler)                                                                                \
    X(perf_sampler_print)                                                                          \
    X(perf_sampler_reset)                                                                          \
    X(set_sampler)

/* X(name): functions of libllama that are called but not stood before. */
#define PLK_CALLED(X)                                                                              \
    X(sampler_name)                                                                                \
    X(sampler_chain_get)                                                                           \
    X(sampler_chain_n)                                                                             \
    X(sampler_get_seed)                                                                            \
    X(get_logits_ith)                                                                              \
    X(get_sampled_token_ith)                                                                       \
    X(get_sampled_probs_ith)                                                                       \
    X(get_sampled_logits_ith)                                                                      \
    X(get_model)                                                                                   \
    X(model_get_vocab)                                                                             \
    X(vocab_n_tokens)                                                                              \
    X(tokenize)                                                                                    \
    X(detokenize)                                                                                  \
    X(token_to_piece)                                                                              \
    X(vocab_is_eog)                                                                                \
    X(vocab_eot)                                                                                   \
    X(vocab_eos)                                                                                   \
    X(log_get)

typedef struct plk_real {
#define PLK_MEMBER(name) __typeof__(&llama_##name) name;
    PLK_HOOKED(PLK_MEMBER)
    PLK_CALLED(PLK_MEMBER)
#undef PLK_MEMBER
    uintptr_t begin, end; /* where libllama's code and data lie */
    bool log;             /* PLUCK_LLAMA=log */
} plk_real;

/* Filled before any of our functions is reached. */
extern plk_real plk_libllama;

/* Was the function whose return address this is called from inside libllama? It calls its own
 * public functions through its PLT, and so arrives here; then it must get its own code. */
static inline bool plk_from_inside(const void *return_address) {
    uintptr_t at = (uintptr_t)return_address;
    return at >= plk_libllama.begin && at < plk_libllama.end;
}
#define PLK_FROM_INSIDE() plk_from_inside(__builtin_return_address(0))

#endif
