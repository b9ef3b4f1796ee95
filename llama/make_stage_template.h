/*
 * make_stage_template.h: makes llama.cpp's sampler of a stage, through a table of libllama's
 * functions. A template, since the drop-in and its tests have tables of different types: the
 * including file defines PLK_TABLE as the type, a struct with a member for each of
 * PLK_SAMPLER_FUNCTIONS (sampler_functions.h), and gets plk_make_stage.
 */

/* NULL for the kinds that need more than their parameters or are not in every version: logit
 * biases, penalties, DRY, infill, adaptive-p, and those that llama.cpp does not have. */
static struct llama_sampler *plk_make_stage(const PLK_TABLE *api, const pluck_stage *stage,
                                            int32_t n_vocab) {
    const pluck_stage_temperature *t = &stage->as.temperature;
    const pluck_stage_xtc *x = &stage->as.xtc;
    const pluck_stage_mirostat *m = &stage->as.mirostat;
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_N_SIGMA:
        return api->sampler_init_top_n_sigma(stage->as.top_n_sigma.n);
    case PLUCK_STAGE_TOP_K:
        return api->sampler_init_top_k(stage->as.top_k.k);
    case PLUCK_STAGE_TYPICAL:
        return api->sampler_init_typical(stage->as.typical.p, (size_t)stage->as.typical.min_keep);
    case PLUCK_STAGE_TOP_P:
        return api->sampler_init_top_p(stage->as.top_p.p, (size_t)stage->as.top_p.min_keep);
    case PLUCK_STAGE_MIN_P:
        return api->sampler_init_min_p(stage->as.min_p.p, (size_t)stage->as.min_p.min_keep);
    case PLUCK_STAGE_XTC:
        return api->sampler_init_xtc(x->probability, x->threshold, (size_t)x->min_keep, x->seed);
    case PLUCK_STAGE_TEMPERATURE:
        if (t->range > 0.0f) return api->sampler_init_temp_ext(t->t, t->range, t->exponent);
        return api->sampler_init_temp(t->t);
    case PLUCK_STAGE_GREEDY:
        return api->sampler_init_greedy();
    case PLUCK_STAGE_DIST:
        return api->sampler_init_dist(stage->as.dist.seed);
    case PLUCK_STAGE_MIROSTAT:
        return api->sampler_init_mirostat(n_vocab, m->seed, m->tau, m->eta, m->m);
    case PLUCK_STAGE_MIROSTAT_V2:
        return api->sampler_init_mirostat_v2(m->seed, m->tau, m->eta);
    default:
        return NULL;
    }
}
#undef PLK_TABLE
