/* sampling.c: see sampling.h. */
#include "sampling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pluck_sampler *plk_sampling_create(const plk_args *args, const plk_model *m) {
    size_t size = strlen(args->sampling) + 32;
    char *spec = malloc(size);
    if (!spec) {
        plk_failure(args->command, "out of memory");
        return NULL;
    }
    const char *between = args->sampling[0] ? ";" : "";
    if (args->seed_given)
        snprintf(spec, size, "%s%sseed=%u", args->sampling, between, args->seed);
    else
        snprintf(spec, size, "%s", args->sampling);
    pluck_sampler *sampler = NULL;
    pluck_error err = {0};
    if (pluck_llama_sampler_from_spec(&sampler, spec, m->vocab, NULL, &err) != PLUCK_OK)
        plk_failure(args->command, "%s", err.message);
    free(spec);
    return sampler;
}
