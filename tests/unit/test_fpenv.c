/*
 * test_fpenv.c: a call has a floating-point environment of its own. Whatever the caller's is, the
 * results are the same to the last bit, nothing traps, and afterwards rounding, flushing, masks,
 * flags and errno are as they were.
 */
#include "caller_env.h"
#include "check.h"
#include "pluck_blocks.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- chains ---- */

enum { N = 5000, ODD = 4992, FEW = 40 };

static const char *const specs[] = {
    "",
    "top_k=0",
    "samplers=",
    "samplers=top_k;top_k=3000",
    "samplers=top_k;temp=0",
    "samplers=top_p;top_p=.9",
    "samplers=top_p;top_p=.9;min_keep=100",
    "samplers=top_p;top_p=0",
    "samplers=min_p;min_p=.0000001",
    "samplers=min_p;min_p=1",
    "samplers=typ_p;typ_p=.5",
    "samplers=temperature:typ_p;typ_p=.9;temp=1.5",
    "samplers=top_n_sigma;top_n_sigma=1",
    "samplers=xtc;xtc_probability=1;xtc_threshold=.1",
    "samplers=temperature;temp=1;dynatemp_range=.5",
    "samplers=temperature;temp=1e-30",
    "samplers=temperature;temp=1e30",
    "repeat_penalty=1.3;penalty_freq=.1;penalty_present=.2",
    "dry_multiplier=1;dry_base=3;dry_allowed_length=1",
    "logit_bias=3+2.5:7-inf:11-3",
    "mirostat=1",
    "mirostat=1;mirostat_tau=1000",
    "mirostat=2",
    "mirostat=2;mirostat_tau=1000",
    "samplers=adaptive_p;adaptive_target=.5",
};
enum { N_SPECS = sizeof specs / sizeof specs[0], N_CHAINS = 2 * N_SPECS + 2 };

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    (void)capacity;
    buffer[0] = (char)('a' + token % 7);
    return 1;
}

static bool is_eog(void *ctx, int32_t token) {
    (void)ctx;
    return token % 50 == 0;
}

static bool leave_alone(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    return view->n > 0;
}

/* Each spec with both generators, then the chains that a spec cannot express. */
static pluck_sampler *open_chain(int chain, int32_t n_vocab) {
    pluck_sampler *sampler = NULL;
    pluck_error error = {0};
    if (chain < 2 * N_SPECS) {
        char text[200];
        snprintf(text, sizeof text, "seed=3;rng=%s%s%s", chain % 2 ? "philox" : "mt19937",
                 specs[chain / 2][0] != '\0' ? ";" : "", specs[chain / 2]);
        if (pluck_sampler_from_spec(&sampler, text, n_vocab, &error)) fail_msg("%s", error.message);
    } else {
        pluck_stage stages[] = {with_top_p(0.9f, 0), with_dist(), with_dist()};
        stages[1].kind = chain % 2 ? PLUCK_STAGE_INFILL : PLUCK_STAGE_CUSTOM;
        if (chain % 2) {
            stages[1].as.infill = (pluck_stage_infill){piece, is_eog, 5, NULL};
        } else {
            stages[1].as.custom = (pluck_stage_custom){.apply = leave_alone};
        }
        const pluck_config config = with_chain(n_vocab, 3, PLUCK_RNG_MT19937, stages, 3);
        assert_int_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
    }
    for (int32_t i = 0; i < 40; i++) pluck_accept(sampler, i * 7 % 20);
    return sampler;
}

/* ---- rows ---- */

typedef enum row_kind {
    NORMAL,
    HALF_MASKED,
    DENORMAL,
    PLUS_INF,
    FAR,
    RAMP,
    HUGE_ROW,
    N_ROWS
} row_kind;

static float logits[N];

static void fill(row_kind kind) {
    static const rows_kind known[] = {[NORMAL] = ROWS_NORMAL,
                                      [HALF_MASKED] = ROWS_HALF_MASKED,
                                      [DENORMAL] = ROWS_DENORMAL,
                                      [PLUS_INF] = ROWS_INFINITE};
    if (kind <= PLUS_INF) {
        rows_fill(known[kind], 5, logits, N);
        return;
    }
    for (int32_t i = 0; i < N; i++) {
        /* More than 745 nats, so that exp underflows in double. */
        if (kind == FAR) logits[i] = i == 3 ? 0.0f : -2000.0f - (float)i;
        if (kind == RAMP) logits[i] = -0.25f * (float)(i * 7 % N);
        if (kind == HUGE_ROW) logits[i] = i == 5 ? 1e30f : i % 2 ? -1e30f : -FLT_MAX;
    }
}

/* ---- what a sampler does ---- */

/* All results of three calls: a hash of their bits, and the first token for the message. */
typedef struct outcome {
    uint64_t hash;
    int32_t first_token;
} outcome;

static uint64_t hash_of(uint64_t hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_candidates(uint64_t hash, pluck_sampler *sampler) {
    pluck_candidates c;
    if (pluck_workspace_candidates(pluck_sampler_workspace(sampler), &c) != PLUCK_OK) return hash;
    hash = hash_of(hash, c.ids, (size_t)c.n * sizeof *c.ids);
    hash = hash_of(hash, c.logits, (size_t)c.n * sizeof *c.logits);
    return hash_of(hash, c.probabilities, (size_t)c.n * sizeof *c.probabilities);
}

static uint64_t hash_draw(uint64_t hash, const pluck_draw *draw) {
    hash = hash_of(hash, &draw->token, sizeof draw->token);
    hash = hash_of(hash, &draw->logit, sizeof draw->logit);
    hash = hash_of(hash, &draw->probability, sizeof draw->probability);
    return hash_of(hash, &draw->n_candidates, sizeof draw->n_candidates);
}

static void run_sampler(pluck_sampler *sampler, outcome *out) {
    const pluck_row row = {.logits = logits};
    *out = (outcome){UINT64_C(0xcbf29ce484222325), -1};
    for (int call = 0; call < 3; call++) {
        pluck_draw draw = {0};
        const pluck_status status = pluck_sample_row(sampler, &row, &draw);
        out->hash = hash_of(out->hash, &status, sizeof status);
        if (status != PLUCK_OK) continue;
        if (call == 0) out->first_token = draw.token;
        out->hash = hash_candidates(hash_draw(out->hash, &draw), sampler);
        pluck_accept(sampler, draw.token);
    }
}

static void describe(char *text, size_t size, int chain, int32_t n_vocab, int row) {
    const char *name = chain < 2 * N_SPECS ? specs[chain / 2] : chain % 2 ? "infill" : "custom";
    snprintf(text, size, "'%s' %s, V = %d, row %d", name, chain % 2 ? "philox" : "mt19937",
             (int)n_vocab, row);
}

typedef struct run {
    pluck_sampler *sampler;
    outcome outcome;
} run;

static void run_it(void *context) {
    run *r = context;
    run_sampler(r->sampler, &r->outcome);
}

/* One chain on one row in one environment, against `expected`. */
static void run_chain(int chain, int32_t n_vocab, int row, int e, const outcome *expected) {
    char text[200];
    run got = {0};
    describe(text, sizeof text, chain, n_vocab, row);
    got.sampler = open_chain(chain, n_vocab);
    const caller_env before = caller_env_begin(e, 1234);
    const bool whole = caller_env_run(run_it, &got);
    caller_env_assert(before, 1234, whole ? text : "a trap", whole ? caller_envs[e].name : text);
    pluck_sampler_free(got.sampler);
    if (!whole) fail_msg("%s: a trap with %s", text, caller_envs[e].name);
    if (got.outcome.hash != expected->hash) {
        fail_msg("%s: other results with %s; first token %d, not %d", text, caller_envs[e].name,
                 (int)got.outcome.first_token, (int)expected->first_token);
    }
}

static void results_do_not_depend_on_the_environment(void **state) {
    (void)state;
    static const int32_t sizes[] = {FEW, ODD, N};
    for (int s = 0; s < 3; s++) {
        for (int row = 0; row < N_ROWS; row++) {
            fill((row_kind)row);
            for (int chain = 0; chain < N_CHAINS; chain++) {
                outcome expected;
                pluck_sampler *sampler = open_chain(chain, sizes[s]);
                run_sampler(sampler, &expected);
                pluck_sampler_free(sampler);
                for (int e = 0; e < CALLER_ENVS; e++) {
                    run_chain(chain, sizes[s], row, e, &expected);
                }
            }
        }
    }
}

/* Flags that the caller had set stay set, and no others are set. */
static void flags_are_kept(void **state) {
    (void)state;
    static const int flags[] = {0, FE_OVERFLOW, FE_INVALID | FE_DIVBYZERO, FE_ALL_EXCEPT};
    fill(RAMP);
    for (int chain = 0; chain < N_CHAINS; chain++) {
        pluck_sampler *sampler = open_chain(chain, N);
        for (int f = 0; f < 4; f++) {
            outcome got;
            char text[200];
            describe(text, sizeof text, chain, N, RAMP);
            caller_env_begin(0, 0);
            feraiseexcept(flags[f]);
            const caller_env before = caller_env_now();
            run_sampler(sampler, &got);
            caller_env_assert(before, 0, text, "flags");
        }
        pluck_sampler_free(sampler);
    }
}

/* ---- the other entry points ---- */

/* Every function of pluck.h and pluck_blocks.h that computes or allocates. */
static uint64_t call_everything_else(void) {
    static float out[N];
    static int32_t ids[N + 16];
    static float values[N + 16];
    uint64_t h = 1;
    double d = 0;
    size_t index = 0;
    int32_t n = 0;
    float logprob = 0;
    pluck_workspace *workspace = NULL;
    pluck_sampler *sampler = NULL;
    pluck_sampler *clone = NULL;
    pluck_error error;
    memset(&error, 0, sizeof error);
    pluck_exp(logits, N, out);
    h = hash_of(h, out, sizeof out);
    pluck_log(logits, N, out);
    h = hash_of(h, out, sizeof out);
    pluck_scale(logits, N, 1e-3f, out);
    h = hash_of(h, out, sizeof out);
    pluck_status status = pluck_argmax(logits, N, &index);
    h = hash_of(hash_of(h, &status, sizeof status), &index, sizeof index);
    status = pluck_logsumexp(logits, N, &d);
    h = hash_of(hash_of(h, &status, sizeof status), &d, sizeof d);
    status = pluck_entropy(logits, N, &d);
    h = hash_of(hash_of(h, &status, sizeof status), &d, sizeof d);
    status = pluck_softmax(logits, N, out);
    h = hash_of(hash_of(h, &status, sizeof status), out, sizeof out);
    n = pluck_filter(logits, N, -1.0f, ids, values);
    h = hash_of(h, ids, (size_t)n * sizeof *ids);
    status = pluck_workspace_create(&workspace, N, NULL);
    h = hash_of(h, &status, sizeof status);
    status = pluck_top_k(workspace, logits, N, 100, ids, values, &n);
    h = hash_of(hash_of(h, &status, sizeof status), ids, (size_t)n * sizeof *ids);
    const pluck_row row = {.logits = logits, .n = N, .workspace = workspace};
    status = pluck_top_logprobs(&row, 50, ids, values, &n, 3, &logprob);
    h = hash_of(hash_of(h, &status, sizeof status), values, (size_t)n * sizeof *values);
    h = hash_of(h, &logprob, sizeof logprob);
    status = pluck_sampler_from_spec(&sampler, "temp=1e-400", N, &error);
    h = hash_of(hash_of(h, &status, sizeof status), error.message, strlen(error.message));
    pluck_sampler_free(sampler);
    sampler = NULL;
    status = pluck_sampler_from_spec(&sampler, "samplers=adaptive_p;adaptive_target=.3;seed=1", N,
                                     &error);
    h = hash_of(h, &status, sizeof status);
    for (int i = 0; i < 5; i++) {
        int32_t token = -1;
        status = pluck_sample(sampler, logits, &token);
        h = hash_of(hash_of(h, &status, sizeof status), &token, sizeof token);
        pluck_accept(sampler, token);
        if (i == 2) pluck_sampler_reset(sampler);
    }
    status = pluck_sampler_clone(&clone, sampler);
    h = hash_of(h, &status, sizeof status);
    int32_t token = -1;
    status = pluck_sample(clone, logits, &token);
    h = hash_of(hash_of(h, &status, sizeof status), &token, sizeof token);
    pluck_sampler_free(clone);
    pluck_sampler_free(sampler);
    pluck_workspace_free(workspace);
    return h;
}

static void call_others(void *context) {
    *(uint64_t *)context = call_everything_else();
}

static void call_others_in(int e, int row, uint64_t expected) {
    uint64_t got = 0;
    const caller_env before = caller_env_begin(e, 77);
    const bool whole = caller_env_run(call_others, &got);
    caller_env_assert(before, 77, whole ? "other functions" : "a trap", caller_envs[e].name);
    if (!whole) fail_msg("row %d: a trap with %s", row, caller_envs[e].name);
    if (got != expected) fail_msg("row %d: other results with %s", row, caller_envs[e].name);
}

static void other_functions_do_the_same(void **state) {
    (void)state;
    for (int row = 0; row < N_ROWS; row++) {
        fill((row_kind)row);
        const uint64_t expected = call_everything_else();
        for (int e = 0; e < CALLER_ENVS; e++) call_others_in(e, row, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_do_not_depend_on_the_environment),
        cmocka_unit_test(flags_are_kept),
        cmocka_unit_test(other_functions_do_the_same),
    };
    return cmocka_run_group_tests_name("fpenv", tests, NULL, NULL);
}
