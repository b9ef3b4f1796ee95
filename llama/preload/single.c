/* single.c: see single.h. */
#include "single.h"

static bool draws(const plk_segment *segment, const pluck_config *config) {
    return config->stages[segment->n_stages - 1].kind == PLUCK_STAGE_DIST;
}

pluck_status plk_single_prepare(plk_segment *segment) {
    const pluck_config *config = pluck_sampler_config(segment->sampler);
    if (!plk_libllama.single_takes_no_number || !draws(segment, config)) return PLUCK_OK;
    pluck_config one = {.n_vocab = 1,
                        .stages = &config->stages[segment->n_stages - 1],
                        .n_stages = 1,
                        .workspace = plk_shared_workspace(1)};
    if (!one.workspace) return PLUCK_ERR_MEMORY;
    return pluck_sampler_create(&segment->stream, &one);
}

void plk_single_before(const plk_segment *segment) {
    if (segment->stream)
        pluck_sampler_copy_stage(segment->stream, 0, segment->sampler, segment->n_stages - 1);
}

void plk_single_after(const plk_segment *segment, size_t n) {
    if (segment->stream && n == 1)
        pluck_sampler_copy_stage(segment->sampler, segment->n_stages - 1, segment->stream, 0);
}

size_t plk_single_left(const plk_segment *segment, pluck_workspace *workspace, int32_t n) {
    pluck_candidates found;
    if (!segment->stream || n > 1 || pluck_workspace_candidates(workspace, &found) != PLUCK_OK)
        return (size_t)n;
    return (size_t)n + (size_t)found.n_masked;
}

bool plk_single_is(const pluck_stage *stage, const llama_token_data_array *cur) {
    return plk_libllama.single_takes_no_number && stage->kind == PLUCK_STAGE_DIST && cur->size == 1;
}
