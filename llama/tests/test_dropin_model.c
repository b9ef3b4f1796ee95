/*
 * test_dropin_model.c: the drop-in on a real model's context: generation through
 * llama_sampler_sample, with a grammar, DRY's breakers, infill, and chains that are registered with
 * a backend. Run with the drop-in preloaded; argument: the model.
 */
#include "commands/model.h"
#include "twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static plk_model m;

#define TOP_K(k_)                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_K, .as.top_k = { k_ }                                              \
    }
#define TOP_P(p)                                                                                   \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_P, .as.top_p = { p, 1 }                                            \
    }
#define MIN_P(p)                                                                                   \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIN_P, .as.min_p = { p, 1 }                                            \
    }
#define TEMP(t)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = { t, 0.0f, 1.0f }                       \
    }
#define DIST(s)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_DIST, .as.dist = { s }                                                 \
    }
#define PENALTIES                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_PENALTIES, .as.penalties = {.last_n = 64, .repeat = 1.1f }             \
    }
#define DRY                                                                                        \
    {                                                                                              \
        .kind = PLUCK_STAGE_DRY, .as.dry = {                                                       \
            .multiplier = 0.8f,                                                                    \
            .base = 1.75f,                                                                         \
            .allowed_length = 2,                                                                   \
            .last_n = 256                                                                          \
        }                                                                                          \
    }

typedef struct chain {
    const char *name;
    pluck_stage stages[10];
    int32_t n;
} chain;

static const chain chains[] = {
    {"default", {TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST(1)}, 5},
    {"penalties and DRY",
     {PENALTIES, DRY, TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST(2)},
     7},
    {"without top-k", {TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST(3)}, 4},
    {"temperature 0", {PENALTIES, TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.0f), DIST(4)}, 6},
    {"greedy", {{.kind = PLUCK_STAGE_GREEDY}}, 1},
    {"typical behind top-k",
     {TOP_K(100), {.kind = PLUCK_STAGE_TYPICAL, .as.typical = {0.9f, 1}}, TEMP(0.9f), DIST(5)},
     4},
    {"xtc",
     {TOP_K(50),
      {.kind = PLUCK_STAGE_XTC,
       .as.xtc = {.probability = 0.5f, .threshold = 0.1f, .min_keep = 1, .seed = 6}},
      DIST(6)},
     3},
    {"infill", {TOP_K(40), TOP_P(0.9f), {.kind = PLUCK_STAGE_INFILL}, DIST(7)}, 4},
    {"mirostat v2",
     {TEMP(0.9f), {.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {5.0f, 0.1f, 2, 8}}},
     2},
};

/* Generates n tokens with both chains on the same context; they must be the same. */
static void generate_same(struct llama_sampler *a, struct llama_sampler *b, int n,
                          const char *what) {
    char err[256];
    plk_model_clear(&m);
    int32_t n_prompt;
    llama_token *prompt = plk_model_prompt(&m, "And it came to pass", &n_prompt);
    assert_non_null(prompt);
    assert_true(plk_model_decode(&m, prompt, n_prompt, err, sizeof err));
    free(prompt);
    for (int i = 0; i < n; i++) {
        llama_token expected = by_address.sampler_sample(b, m.ctx, -1);
        llama_token token = by_name.sampler_sample(a, m.ctx, -1);
        if (token != expected)
            fail_msg("%s: token %d is %d, llama.cpp's %d", what, i, token, expected);
        if (llama_vocab_is_eog(m.vocab, token)) break;
        assert_true(plk_model_decode(&m, &token, 1, err, sizeof err));
    }
}

static void test_generation(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
        struct llama_sampler *a =
            twin_chain(&by_name, chains[c].stages, chains[c].n, m.n_vocab, m.vocab);
        struct llama_sampler *b =
            twin_chain(&by_address, chains[c].stages, chains[c].n, m.n_vocab, m.vocab);
        generate_same(a, b, 24, chains[c].name);
        struct llama_sampler *a2 = by_name.sampler_clone(a), *b2 = by_address.sampler_clone(b);
        generate_same(a2, b2, 8, chains[c].name);
        assert_int_equal(by_name.perf_sampler(a2).n_sample, by_address.perf_sampler(b2).n_sample);
        by_name.sampler_free(a2);
        by_address.sampler_free(b2);
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* A single sampler without a chain. */
static void test_single(void **state) {
    (void)state;
    struct llama_sampler *a = by_name.sampler_init_dist(11);
    struct llama_sampler *b = by_address.sampler_init_dist(11);
    generate_same(a, b, 20, "dist alone");
    by_name.sampler_free(a);
    by_address.sampler_free(b);
}

static const char grammar[] = "root ::= (\" \" [a-z]+)+ \".\"";

/* A grammar sampler keeps the place where the program put it: first, or behind top-k. */
static void test_grammar(void **state) {
    (void)state;
    static const pluck_stage rest[] = {TOP_K(40), TEMP(0.8f), DIST(21)};
    for (int at = 0; at < 2; at++) {
        struct llama_sampler *pair[2];
        const twin_api *api[2] = {&by_name, &by_address};
        for (int side = 0; side < 2; side++) {
            struct llama_sampler_chain_params params = {.no_perf = false};
            pair[side] = api[side]->sampler_chain_init(params);
            for (int i = 0; i < 3; i++) {
                if (i == at)
                    api[side]->sampler_chain_add(
                        pair[side], llama_sampler_init_grammar(m.vocab, grammar, "root"));
                api[side]->sampler_chain_add(pair[side],
                                             twin_stage(api[side], &rest[i], m.n_vocab, m.vocab));
            }
        }
        generate_same(pair[0], pair[1], 6, "grammar");
        by_name.sampler_free(pair[0]);
        by_address.sampler_free(pair[1]);
    }
}

#if TWIN_GENERATION >= 10
/* A chain that a context runs itself is left to libllama. */
static void test_backend(void **state) {
    (void)state;
    const chain *c = &chains[0];
    llama_token tokens[2][20];
    const twin_api *api[2] = {&by_name, &by_address};
    for (int side = 0; side < 2; side++) {
        struct llama_sampler *s = twin_chain(api[side], c->stages, c->n, m.n_vocab, m.vocab);
        bool registered = api[side]->set_sampler(m.ctx, 0, s);
        char err[256];
        plk_model_clear(&m);
        int32_t n_prompt;
        llama_token *prompt = plk_model_prompt(&m, "And it came to pass", &n_prompt);
        assert_true(plk_model_decode(&m, prompt, n_prompt, err, sizeof err));
        free(prompt);
        for (int i = 0; i < 20; i++) {
            tokens[side][i] = api[side]->sampler_sample(s, m.ctx, -1);
            assert_true(plk_model_decode(&m, &tokens[side][i], 1, err, sizeof err));
        }
        if (registered) api[side]->set_sampler(m.ctx, 0, NULL);
        api[side]->sampler_free(s);
    }
    assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
}

static char printed[512];

static void keep_printed(enum ggml_log_level level, const char *text, void *user_data) {
    (void)level;
    (void)user_data;
    snprintf(printed, sizeof printed, "%s", text);
}

static void test_perf_print(void **state) {
    (void)state;
    struct llama_sampler *a = twin_chain(&by_name, chains[0].stages, chains[0].n, m.n_vocab, NULL);
    struct llama_sampler *b =
        twin_chain(&by_address, chains[0].stages, chains[0].n, m.n_vocab, NULL);
    generate_same(a, b, 5, "before printing");
    ggml_log_callback before;
    void *user_data;
    llama_log_get(&before, &user_data);
    llama_log_set(keep_printed, NULL);
    by_name.perf_sampler_print(a);
    llama_log_set(before, user_data);
    static const char begin[] = "llama_perf_sampler_print:    samplers time = ";
    assert_memory_equal(printed, begin, sizeof begin - 1);
    char *end;
    assert_true(strtod(printed + sizeof begin - 1, &end) > 0);
    assert_string_equal(end, " ms /     5 runs\n");
    by_name.sampler_free(a);
    by_address.sampler_free(b);
}

#endif

int main(int argc, char **argv) {
    char err[512];
    if (argc != 2 || !twin_begin()) {
        fprintf(stderr, "usage: LD_PRELOAD=(the drop-in) test_dropin_model MODEL\n");
        return 1;
    }
    if (!plk_model_open(&m, argv[1], 512, 1, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generation),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_grammar),
#if TWIN_GENERATION >= 10
        cmocka_unit_test(test_backend),
        cmocka_unit_test(test_perf_print),
#endif
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plk_model_close(&m);
    return failed;
}
