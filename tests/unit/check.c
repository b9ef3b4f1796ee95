/*
 * check.c: pairs of a sampler and its oracle.
 */
#include "check.h"

#include <math.h>
#include <string.h>

void pair_open(pair *p, const pluck_config *config) {
    memset(p, 0, sizeof *p);
    p->config = *config;
    const pluck_status status = pluck_sampler_create(&p->sampler, config);
    if (status != PLUCK_OK) {
        char text[2048];
        check_describe(config, text, sizeof text);
        fail_msg("create: %s: %s", pluck_status_name(status), text);
    }
    p->oracle = oracle_create(config, pluck_sampler_seed(p->sampler));
    assert_non_null(p->oracle);
}

void pair_close(pair *p) {
    pluck_sampler_free(p->sampler);
    oracle_free(p->oracle);
}

void pair_accept(pair *p, int32_t token) {
    assert_int_equal(pluck_accept(p->sampler, token), PLUCK_OK);
    oracle_accept(p->oracle, token);
}

void pair_accept_prompt(pair *p, int32_t token) {
    assert_int_equal(pluck_accept_prompt(p->sampler, &token, 1), PLUCK_OK);
    oracle_accept_prompt(p->oracle, token);
}

static bool selects(const pluck_config *config) {
    for (int32_t i = 0; i < config->n_stages; ++i) {
        pluck_stage_traits traits;
        const pluck_stage *s = &config->stages[i];
        if (s->kind != PLUCK_STAGE_CUSTOM && pluck_stage_describe(s, &traits) && traits.selects) {
            return true;
        }
    }
    return false;
}

check_verdict pair_step(pair *p, const pluck_row *row, int32_t *token) {
    oracle_result want;
    oracle_sample(p->oracle, row, &want);
    pluck_draw draw = {-1, NAN, NAN, -1};
    pluck_draw *to = selects(&p->config) ? &draw : NULL;
    const pluck_status status = pluck_sample_row(p->sampler, row, to);
    pluck_workspace *workspace =
        row->workspace ? row->workspace : pluck_sampler_workspace(p->sampler);
    char why[CHECK_WHY];
    const check_verdict verdict = check_compare(&p->config, &want, status, to, workspace, why);
    if (verdict == CHECK_DIFFERS) {
        char text[2048];
        check_describe(&p->config, text, sizeof text);
        fail_msg("%s (case %llu): %s\n  %s", p->label ? p->label : "chain",
                 (unsigned long long)p->seed, why, text);
    }
    if (token) *token = draw.token;
    return verdict;
}

void check_same_state(const pluck_sampler *a, const pluck_sampler *b) {
    static char states[2][1 << 14];
    size_t sizes[2] = {0, 0};
    assert_int_equal(pluck_sampler_save(a, states[0], sizeof states[0], &sizes[0]), PLUCK_OK);
    assert_int_equal(pluck_sampler_save(b, states[1], sizeof states[1], &sizes[1]), PLUCK_OK);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(states[0], states[1], sizes[0]);
}
