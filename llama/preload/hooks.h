/*
 * hooks.h: our functions behind the stubs. Each behaves as libllama's of the same name does; calls
 * that come from inside libllama are passed on.
 */
#ifndef PLUCK_LLAMA_HOOKS_H
#define PLUCK_LLAMA_HOOKS_H

#include "real.h"

#define PLK_DECLARE(name) __typeof__(llama_##name) plk_hook_##name;
PLK_HOOKED(PLK_DECLARE)
#undef PLK_DECLARE

/* llama_sampler_apply as it is called from inside libllama. */
__typeof__(llama_sampler_apply) plk_hook_apply_inside;

/* Before August 2026 the two that take a window had other arguments: penalties no n_vocab, and DRY
 * the context the model was trained with. */
typedef struct llama_sampler *(*plk_penalties_without_n_vocab)(int32_t, float, float, float);
typedef struct llama_sampler *(*plk_dry_with_n_ctx)(const struct llama_vocab *, int32_t, float,
                                                    float, int32_t, int32_t, const char **, size_t);
__typeof__(struct llama_sampler *
           (int32_t, float, float, float)) plk_hook_penalties_without_n_vocab;
__typeof__(struct llama_sampler * (const struct llama_vocab *, int32_t, float, float, int32_t,
                                   int32_t, const char **, size_t)) plk_hook_dry_with_n_ctx;

/* libllama's own functions, as those were. */
static inline plk_penalties_without_n_vocab plk_old_penalties(void) {
    return (plk_penalties_without_n_vocab)(plk_function)plk_libllama.sampler_init_penalties;
}
static inline plk_dry_with_n_ctx plk_old_dry(void) {
    return (plk_dry_with_n_ctx)(plk_function)plk_libllama.sampler_init_dry;
}

#endif
