/* sampling.h: the sampler that --sampling and --seed describe. */
#ifndef PLUCK_LLAMA_SAMPLING_H
#define PLUCK_LLAMA_SAMPLING_H

#include "args.h"
#include "model.h"
#include "pluck_llama.h"

/* Makes the sampler that args->sampling describes for a model, with args->seed if seed_given. On
 * failure prints the reason and returns NULL. To be freed with pluck_sampler_free. */
pluck_sampler *plk_sampling_create(const plk_args *args, const plk_model *m);

#endif
