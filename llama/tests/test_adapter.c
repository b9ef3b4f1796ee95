/*
 * test_adapter.c: pluck_llama.h on a real model: whole generations against llama.cpp's own chain,
 * the wrapper as a llama_sampler, inputs as text, and what is refused. Arguments: the model, a path
 * that may be written to, for broken copies of it.
 */
#include "commands/llama_chain.h"
#include "commands/model.h"
#include "pluck_llama.h"
#include "rows/trials.h"
#include "vocab.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONTEXT = 512 };

static plk_model m;
static const char *model_path, *broken_path;

static pluck_sampler *create(const char *spec, uint32_t seed, const pluck_llama_text *text) {
    char full[256];
    snprintf(full, sizeof full, "%s%sseed=%u", spec, spec[0] ? ";" : "", seed);
    pluck_sampler *s = NULL;
    pluck_error err = {0};
    pluck_status status = pluck_llama_sampler_from_spec(&s, full, m.vocab, text, &err);
    if (status != PLUCK_OK) fail_msg("%s: %s", full, err.message);
    return s;
}

static void start(const char *text) {
    char err[256];
    int32_t n;
    llama_token *prompt = plk_model_prompt(&m, text, &n);
    assert_non_null(prompt);
    plk_model_clear(&m);
    assert_true(plk_model_decode(&m, prompt, n, err, sizeof err));
    free(prompt);
}

static void decode(llama_token token) {
    char err[256];
    assert_true(plk_model_decode(&m, &token, 1, err, sizeof err));
}

/* Generates n tokens with both samplers on the same logits; they must be the same. */
static void generate_same(pluck_sampler *s, struct llama_sampler *chain, int n) {
    /* One token, so that 512 more fit into the context. */
    start("And");
    for (int i = 0; i < n; i++) {
        llama_token token = -1;
        assert_int_equal(pluck_llama_sample(s, m.ctx, -1, &token), PLUCK_OK);
        llama_token expected = llama_sampler_sample(chain, m.ctx, -1);
        if (token != expected) fail_msg("token %d is %d, llama.cpp's %d", i, token, expected);
        if (i + 1 < n) decode(token);
    }
}

static void compare(const char *spec, uint32_t seed, int n) {
    pluck_sampler *s = create(spec, seed, NULL);
    struct llama_sampler *chain = plk_llama_chain(pluck_sampler_config(s), seed, m.vocab);
    assert_non_null(chain);
    generate_same(s, chain, n);
    llama_sampler_free(chain);
    pluck_sampler_free(s);
}

/* The default chain, with and without penalties; each text fills the model's context. */
static void test_generations(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < (uint32_t)trials_of(10); seed++) {
        compare("", 100 + seed, CONTEXT);
        compare("repeat_penalty=1.1", 100 + seed, CONTEXT);
    }
}

static void test_chains(void **state) {
    (void)state;
    compare("dry_multiplier=0.8;dry_penalty_last_n=256;repeat_penalty=1.05", 7, 120);
    compare("top_k=0", 8, 40);
    compare("mirostat=2", 9, 20);
    compare("temp=0", 10, 40);
}

/* The wrapper in a llama.cpp chain draws what the sampler itself draws. */
static void test_wrapper(void **state) {
    (void)state;
    pluck_sampler *alone = create("repeat_penalty=1.2", 5, NULL);
    pluck_sampler *inner = create("repeat_penalty=1.2", 5, NULL);
    struct llama_sampler *wrapper = pluck_llama_sampler_init(inner);
    assert_non_null(wrapper);
    assert_ptr_equal(pluck_llama_sampler_get(wrapper), inner);
    assert_string_equal(llama_sampler_name(wrapper), "pluck");
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    assert_null(pluck_llama_sampler_get(chain));
    assert_int_equal(pluck_llama_status(chain), PLUCK_ERR_NULL);
    llama_sampler_chain_add(chain, wrapper);
    generate_same(alone, chain, 40);
    assert_int_equal(pluck_llama_status(wrapper), PLUCK_OK);

    struct llama_sampler *clone = llama_sampler_clone(chain);
    pluck_sampler *alone_too;
    assert_int_equal(pluck_sampler_clone(&alone_too, alone), PLUCK_OK);
    generate_same(alone, clone, 20);
    generate_same(alone_too, chain, 20);
    llama_sampler_copy(clone, chain);
    llama_sampler_reset(clone);
    pluck_sampler_reset(alone_too);
    generate_same(alone, chain, 10);
    generate_same(alone_too, clone, 10);
    pluck_sampler_free(alone);
    pluck_sampler_free(alone_too);
    llama_sampler_free(clone);
    llama_sampler_free(chain);
}

static void test_wrapper_arrays(void **state) {
    (void)state;
    pluck_sampler *s;
    assert_int_equal(pluck_sampler_from_spec(&s, "top_k=3;top_p=1;min_p=0;temp=1;seed=1", 8, NULL),
                     PLUCK_OK);
    struct llama_sampler *w = pluck_llama_sampler_init(s);
    llama_token_data data[8];
    for (int i = 0; i < 8; i++) data[i] = (llama_token_data){i, (float)(i * 3 % 8), 0.0f};
    llama_token_data_array cur = {data, 8, -1, false};
    llama_sampler_apply(w, &cur);
    assert_int_equal(pluck_llama_status(w), PLUCK_OK);
    assert_int_equal(cur.size, 3);
    assert_true(cur.selected >= 0 && cur.selected < 3);
    float sum = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(data[i].logit == (float)(7 - i));
        assert_int_equal(data[i].id * 3 % 8, 7 - i);
        sum += data[i].p;
    }
    assert_true(fabsf(sum - 1) < 1e-6f);

    /* refused: the array is unchanged, nothing is selected, and the status says why */
    for (int i = 0; i < 8; i++) data[i] = (llama_token_data){i, i == 4 ? NAN : 0.0f, 0.5f};
    cur = (llama_token_data_array){data, 8, 3, false};
    llama_sampler_apply(w, &cur);
    assert_int_equal(pluck_llama_status(w), PLUCK_ERR_NAN);
    assert_int_equal(cur.selected, -1);
    assert_int_equal(cur.size, 8);
    assert_true(data[7].p == 0.5f);
    data[4] = (llama_token_data){8, 0, 0}; /* not in the vocabulary */
    llama_sampler_apply(w, &cur);
    assert_int_equal(pluck_llama_status(w), PLUCK_ERR_TOKEN);
    cur.size = 0;
    llama_sampler_apply(w, &cur);
    assert_true(pluck_llama_status(w) != PLUCK_OK);
    llama_sampler_free(w);
    assert_null(pluck_llama_sampler_init(NULL));
}

/* Text is tokenised with the model's vocabulary. */
static void test_text(void **state) {
    (void)state;
    const pluck_llama_bias forced[] = {{" Moses", 500.0f}};
    pluck_llama_text text = {.biases = forced, .n_biases = 1};
    pluck_sampler *s = create("", 3, &text);
    start("And it came to pass");
    llama_token token;
    char piece[64];
    assert_int_equal(pluck_llama_sample(s, m.ctx, -1, &token), PLUCK_OK);
    plk_model_piece(&m, token, piece, sizeof piece);
    assert_string_equal(piece, " Moses");
    pluck_sampler_free(s);

    /* infill: the same as llama.cpp's behind top-k */
    text = (pluck_llama_text){.infill = true};
    s = create("top_k=40;top_p=0.9;min_p=0;temp=1", 4, &text);
    const pluck_config *config = pluck_sampler_config(s);
    struct llama_sampler *chain = plk_llama_chain(config, 4, m.vocab);
    generate_same(s, chain, 15);
    llama_sampler_free(chain);
    pluck_sampler_free(s);
}

/* How many breakers the DRY stage of a spec gets. */
static int32_t breakers_of(const char *spec, const pluck_llama_text *text) {
    pluck_sampler *s = create(spec, 5, text);
    const pluck_config *config = pluck_sampler_config(s);
    int32_t n = -1;
    for (int32_t i = 0; i < config->n_stages; i++) {
        if (config->stages[i].kind == PLUCK_STAGE_DRY) n = config->stages[i].as.dry.n_breakers;
    }
    pluck_sampler_free(s);
    return n;
}

/* llama.cpp's breakers unless the text or the spec names others; "none" names none. */
static void test_breakers(void **state) {
    (void)state;
    const char *const breakers[] = {",", "", NULL,
                                    "a breaker that is longer than forty bytes in all"};
    const pluck_llama_text text = {.dry_breakers = breakers, .n_dry_breakers = 4};
    const pluck_llama_text empty = {.dry_breakers = breakers + 1, .n_dry_breakers = 2};
    const pluck_llama_text none = {.dry_breakers = breakers, .n_dry_breakers = 0};
    assert_true(breakers_of("dry_multiplier=0.8", NULL) > 1000);
    assert_true(breakers_of("dry_multiplier=0.8", &text) > 1);
    assert_int_equal(breakers_of("dry_multiplier=0.8", &empty), 0);
    assert_int_equal(breakers_of("dry_multiplier=0.8", &none), 0);
    static const char *const specs[] = {
        "dry_multiplier=0.8;dry_sequence_breakers=none",
        "dry_sequence_breakers=none,dry_multiplier=0.8",
        "dry_multiplier=0.8;dry_sequence_breaker=none",
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        assert_int_equal(breakers_of(specs[i], NULL), 0);
        assert_int_equal(breakers_of(specs[i], &text), 0);
    }
    assert_int_equal(breakers_of("dry_multiplier=0.8;dry_sequence_breakers=5:7/8", NULL), 2);
}

static void test_refused(void **state) {
    (void)state;
    pluck_sampler *s = NULL;
    pluck_error err = {0};
    assert_int_equal(pluck_llama_sampler_from_spec(&s, "foo=1", m.vocab, NULL, &err),
                     PLUCK_ERR_SPEC_KEY);
    assert_non_null(strstr(err.message, "foo"));
    const pluck_llama_bias bad[] = {{"x", NAN}};
    pluck_llama_text text = {.biases = bad, .n_biases = 1};
    assert_int_equal(pluck_llama_sampler_from_spec(&s, "", m.vocab, &text, &err), PLUCK_ERR_PARAM);
    assert_int_equal(pluck_llama_sampler_from_spec(NULL, "", m.vocab, NULL, NULL), PLUCK_ERR_NULL);
    assert_null(s);

    /* another vocabulary than the model's */
    assert_int_equal(pluck_sampler_from_spec(&s, "", m.n_vocab - 1, NULL), PLUCK_OK);
    start("And it came to pass");
    llama_token token = -5;
    assert_int_equal(pluck_llama_sample(s, m.ctx, -1, &token), PLUCK_ERR_VOCAB);
    assert_int_equal(token, -5);
    assert_int_equal(pluck_llama_sample(s, NULL, -1, &token), PLUCK_ERR_NULL);
    pluck_sampler_free(s);
}

/* A missing or truncated model file gives a clear error. */
static void test_broken_models(void **state) {
    (void)state;
    plk_model broken;
    char err[512] = "";
    assert_false(plk_model_open(&broken, "/nonexistent/model.gguf", 64, 1, err, sizeof err));
    assert_non_null(strstr(err, "cannot read"));
    static const long cuts[] = {0, 3, 100, 4000000, 12000000};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        FILE *in = fopen(model_path, "rb"), *out = fopen(broken_path, "wb");
        assert_true(in && out);
        char block[4096];
        for (long left = cuts[i]; left > 0;) {
            size_t n = fread(block, 1, left < 4096 ? (size_t)left : 4096, in);
            assert_int_equal(fwrite(block, 1, n, out), n);
            left -= (long)n;
        }
        fclose(in);
        fclose(out);
        err[0] = '\0';
        assert_false(plk_model_open(&broken, broken_path, 64, 1, err, sizeof err));
        assert_non_null(strstr(err, "cannot load the model"));
    }
    remove(broken_path);
}

int main(int argc, char **argv) {
    char err[512];
    if (argc != 3) {
        fprintf(stderr, "usage: test_adapter MODEL SCRATCH-FILE\n");
        return 1;
    }
    model_path = argv[1];
    broken_path = argv[2];
    if (!plk_model_open(&m, argv[1], CONTEXT, 1, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generations), cmocka_unit_test(test_chains),
        cmocka_unit_test(test_wrapper),     cmocka_unit_test(test_wrapper_arrays),
        cmocka_unit_test(test_text),        cmocka_unit_test(test_breakers),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_broken_models),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plk_model_close(&m);
    return failed;
}
