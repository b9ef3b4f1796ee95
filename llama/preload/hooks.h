/*
 * hooks.h: our functions behind the stubs. Each does what libllama's function of the same name
 * does, and takes its arguments. Calls that come from inside libllama are passed on to libllama.
 */
#ifndef PLUCK_LLAMA_HOOKS_H
#define PLUCK_LLAMA_HOOKS_H

#include "real.h"

#define PLK_DECLARE(name) __typeof__(llama_##name) plk_hook_##name;
PLK_HOOKED(PLK_DECLARE)
#undef PLK_DECLARE

/* llama_sampler_apply as it is called from inside libllama. */
__typeof__(llama_sampler_apply) plk_hook_apply_inside;

/* Before August 2026 two functions had other arguments: init_penalties had no n_vocab, and init_dry
 * had n_ctx_train, the context that the model was trained with. */
typedef struct llama_sampler *(*plk_penalties_without_n_vocab)(int32_t, float, float, float);
typedef struct llama_sampler *(*plk_dry_with_n_ctx)(const struct llama_vocab *, int32_t, float,
                                                    float, int32_t, int32_t, const char **, size_t);
__typeof__(struct llama_sampler *
           (int32_t, float, float, float)) plk_hook_penalties_without_n_vocab;
__typeof__(struct llama_sampler * (const struct llama_vocab *, int32_t, float, float, int32_t,
                                   int32_t, const char **, size_t)) plk_hook_dry_with_n_ctx;

/* libllama's own functions with those arguments. */
static inline plk_penalties_without_n_vocab plk_old_penalties(void) {
    return (plk_penalties_without_n_vocab)(plk_function)plk_libllama.sampler_init_penalties;
}
static inline plk_dry_with_n_ctx plk_old_dry(void) {
    return (plk_dry_with_n_ctx)(plk_function)plk_libllama.sampler_init_dry;
}

#endif
