/*
 * test_dropin_cases.c: the assertions of llama.cpp v0.5.0's own test program for samplers: what a
 * sampler leaves of a few probabilities, and how sequences of samplers cut 10,000 candidates whose
 * logits are the logarithms of their ids. Run with the drop-in preloaded; argument: a model, for
 * the vocabulary that a DRY breaker needs.
 */
#include "commands/model.h"
#include "twin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct llama_model *model;

/* Applies a sampler and frees it. */
static void apply(struct llama_sampler *sampler, llama_token_data_array *cur) {
    llama_sampler_apply(sampler, cur);
    llama_sampler_free(sampler);
}

/* Up to six probabilities, and how many there are. */
typedef struct few {
    int n;
    float p[6];
} few;

static llama_token_data_array array_of(few probabilities, llama_token_data *data) {
    for (int i = 0; i < probabilities.n; i++)
        data[i] = (llama_token_data){i, logf(probabilities.p[i]), probabilities.p[i]};
    return (llama_token_data_array){data, (size_t)probabilities.n, -1, false};
}

/* The sampler, followed by dist if `draw`, must leave these probabilities. */
static void check(few given, struct llama_sampler *sampler, bool draw, few expected) {
    llama_token_data data[6];
    llama_token_data_array cur = array_of(given, data);
    apply(sampler, &cur);
    if (draw) apply(llama_sampler_init_dist(0), &cur);
    assert_int_equal(cur.size, expected.n);
    for (int i = 0; i < expected.n; i++) assert_true(fabsf(cur.data[i].p - expected.p[i]) < 1e-5f);
}

static const few rising = {4, {0.1f, 0.2f, 0.3f, 0.4f}};
static const few falling = {4, {0.4f, 0.3f, 0.2f, 0.1f}};
static const few maximum = {4, {0, 0, 0, 1}};
static const few five = {5, {0.2f, 0.2f, 0.2f, 0.2f, 0.2f}};

static llama_token draw_from(struct llama_sampler *sampler, int n) {
    llama_token_data data[256];
    for (int i = 0; i < n; i++) data[i] = (llama_token_data){i, 0, 0};
    llama_token_data_array cur = {data, (size_t)n, -1, false};
    llama_sampler_apply(sampler, &cur);
    assert_true(cur.selected >= 0 && (size_t)cur.selected < cur.size);
    return cur.data[cur.selected].id;
}

/* A draw from one candidate takes as many random numbers as a draw from two; before August 2026 it
 * took none. */
static void test_singleton(void **state) {
    (void)state;
    struct llama_sampler *one = llama_sampler_init_dist(4242);
    struct llama_sampler *two = llama_sampler_init_dist(4242);
    draw_from(one, 1);
    if (TWIN_GENERATION >= 12) draw_from(two, 2);
    for (int i = 0; i < 4; i++) assert_int_equal(draw_from(one, 256), draw_from(two, 256));
    llama_sampler_free(one);
    llama_sampler_free(two);
}

static void test_temperature(void **state) {
    (void)state;
    check(rising, llama_sampler_init_temp(1), true, rising);
    check(rising, llama_sampler_init_temp(0), true, maximum);
    check(rising, llama_sampler_init_temp_ext(1, 0, 1), true, rising);
    check(rising, llama_sampler_init_temp_ext(0, 0, 1), true, maximum);
}

static void test_top_k(void **state) {
    (void)state;
    check(rising, llama_sampler_init_top_k(1), true, (few){1, {1}});
    check(rising, llama_sampler_init_top_k(3), true, (few){3, {0.44444f, 0.33333f, 0.22222f}});
    check(rising, llama_sampler_init_top_k(4), true, falling);
    check(rising, llama_sampler_init_top_k(0), true, rising);
}

static void test_top_p(void **state) {
    (void)state;
    check(rising, llama_sampler_init_top_p(0, 0), true, (few){1, {1}});
    check(rising, llama_sampler_init_top_p(0.7f, 0), true, (few){2, {0.571429f, 0.428571f}});
    check(rising, llama_sampler_init_top_p(0.8f, 0), true,
          (few){3, {0.44444f, 0.33333f, 0.22222f}});
    check(rising, llama_sampler_init_top_p(1, 0), true, rising);
}

static void test_min_p(void **state) {
    (void)state;
    static const struct {
        float p;
        int first; /* of the rising ones that stay */
    } cases[] = {{0.00f, 0}, {0.24f, 0}, {0.26f, 1}, {0.49f, 1}, {0.51f, 2},
                 {0.74f, 2}, {0.76f, 3}, {1.00f, 3}, {1.05f, 3}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        few expected = {0};
        float sum = 0;
        for (int i = cases[c].first; i < 4; i++) sum += rising.p[i];
        for (int i = cases[c].first; i < 4; i++) expected.p[expected.n++] = rising.p[i] / sum;
        check(rising, llama_sampler_init_min_p(cases[c].p, 0), true, expected);
    }
}

static void test_xtc(void **state) {
    (void)state;
    check(falling, llama_sampler_init_xtc(0.99f, 0.09f, 0, 0), false, (few){1, {0.1f}});
    check(falling, llama_sampler_init_xtc(0.99f, 0.19f, 0, 0), false, (few){2, {0.2f, 0.1f}});
    check(falling, llama_sampler_init_xtc(0.99f, 0.29f, 0, 0), false, (few){3, {0.3f, 0.2f, 0.1f}});
    check(falling, llama_sampler_init_xtc(0.99f, 0.39f, 0, 0), false, falling);
}

static void test_typical(void **state) {
    (void)state;
    check((few){4, {0.97f, 0.01f, 0.01f, 0.01f}}, llama_sampler_init_typical(0.5f, 0), false,
          (few){1, {0.97f}});
    check((few){4, {0.4f, 0.2f, 0.2f, 0.2f}}, llama_sampler_init_typical(0.5f, 0), false,
          (few){3, {0.2f, 0.2f, 0.2f}});
}

static void accept_all(struct llama_sampler *sampler, const llama_token *tokens, int n) {
    for (int i = 0; i < n; i++) llama_sampler_accept(sampler, tokens[i]);
}

static void test_penalties(void **state) {
    (void)state;
    static const llama_token history[] = {0, 1, 2, 0, 0};
    static const struct {
        int n;
        float repeat, freq, present;
        few expected;
    } cases[] = {
        {1, 50, 0, 0, {5, {0, 0.25f, 0.25f, 0.25f, 0.25f}}},
        {3, 50, 0, 0, {5, {0, 0, 0, 0.5f, 0.5f}}},
        {5, 50, 0, 0, {5, {0, 0, 0, 0.5f, 0.5f}}},
        {1, 1, 5, 5, {5, {0.000011f, 0.249997f, 0.249997f, 0.249997f, 0.249997f}}},
        {3, 1, 5, 5, {5, {0.000023f, 0.000023f, 0.000023f, 0.499966f, 0.499966f}}},
        {5, 1, 5, 5, {5, {0.000000f, 0.000023f, 0.000023f, 0.499977f, 0.499977f}}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct llama_sampler *sampler = twin_penalties(&by_name, 5, cases[c].n, cases[c].repeat,
                                                       cases[c].freq, cases[c].present);
        accept_all(sampler, history, cases[c].n);
        check(five, sampler, true, cases[c].expected);
    }
}

/* DRY with token 3 of the model's vocabulary as its breaker. */
static struct llama_sampler *dry_with_breaker(void) {
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    char text[32];
    int32_t n = llama_token_to_piece(vocab, 3, text, sizeof text - 1, 0, true);
    assert_true(n > 0);
    text[n] = '\0';
    const char *breakers[] = {text};
    const pluck_stage_dry dry = {.multiplier = 1, .base = 1.1f, .allowed_length = 2, .last_n = 6};
    return twin_dry(&by_name, vocab, &dry, breakers, 1);
}

/* DRY without breakers. */
static struct llama_sampler *plain_dry(float multiplier, int32_t allowed_length, int32_t last_n) {
    const pluck_stage_dry dry = {
        .multiplier = multiplier, .base = 1.1f, .allowed_length = allowed_length, .last_n = last_n};
    return twin_dry(&by_name, NULL, &dry, NULL, 0);
}

static void test_dry(void **state) {
    (void)state;
    static const few four = {4, {0.25f, 0.25f, 0.25f, 0.25f}};
    struct llama_sampler *dry = plain_dry(1, 2, 4);
    accept_all(dry, (const llama_token[]){0, 1}, 2);
    check(four, dry, true, four);

    dry = plain_dry(1, 2, 5);
    accept_all(dry, (const llama_token[]){0, 1, 2, 0, 1}, 5);
    check(four, dry, true, (few){4, {0.296923f, 0.296923f, 0.109232f, 0.296923f}});

    dry = dry_with_breaker();
    accept_all(dry, (const llama_token[]){0, 1, 3, 4, 0, 1}, 6);
    check(five, dry, true, five);

    dry = plain_dry(2, 2, 5);
    accept_all(dry, (const llama_token[]){0, 1, 2, 0, 1}, 5);
    check(five, dry, true, (few){5, {0.241818f, 0.241818f, 0.032727f, 0.241818f, 0.241818f}});

    dry = plain_dry(1, 4, 7);
    accept_all(dry, (const llama_token[]){0, 1, 2, 3, 4, 0, 1}, 7);
    check(five, dry, true, five);
}

static void test_top_n_sigma(void **state) {
    (void)state;
#ifdef TWIN_SIGMA_SORTS /* and ends with a softmax, until spring 2026 */
    check(rising, llama_sampler_init_top_n_sigma(1), true, (few){4, {0.571429f, 0.428571f, 0, 0}});
    check(rising, llama_sampler_init_top_n_sigma(3), false, falling);
#else
    check(rising, llama_sampler_init_top_n_sigma(1), true, (few){4, {0, 0, 0.428571f, 0.571429f}});
    check(rising, llama_sampler_init_top_n_sigma(3), true, rising);
#endif
    check(rising, llama_sampler_init_top_n_sigma(0), true, rising);
}

/* ---- Queues of samplers on 10,000 candidates ------------------------------------------------- */

enum { N = 10000 };

typedef struct queue {
    const char *samplers; /* k: top-k, p: top-p, m: min-p; dist after each */
    int top_k;
    float top_p, min_p;
} queue;

/* How many candidates the sampler of this kind must leave of `size`; *min_id: the lowest id
 * left. */
static int expect_size(const queue *q, char kind, int size, int *min_id) {
    int expected = 0;
    if (kind == 'k') {
        int lowest = N - q->top_k;
        *min_id = *min_id > lowest ? *min_id : lowest;
        expected = size < q->top_k ? size : q->top_k;
    } else if (kind == 'p') {
        int all = N * (N - 1) / 2 - *min_id * (*min_id - 1) / 2;
        int target = (int)ceilf(q->top_p * (float)all), sum = 0;
        *min_id = N;
        do {
            sum += --*min_id;
            expected++;
        } while (sum < target);
        if (*min_id == 1) { /* token 0 has probability 0, so the sum is reached without it */
            --*min_id;
            expected++;
        }
    } else {
        expected = (int)ceilf((1 - q->min_p) * N);
        expected = expected < 1 ? 1 : expected > size ? size : expected;
        *min_id = (int)floorf(q->min_p * N);
        *min_id = *min_id < 1 ? 1 : *min_id;
        *min_id = *min_id < N - size ? N - size : *min_id;
        *min_id = *min_id > N - 1 ? N - 1 : *min_id;
    }
    return expected;
}

static struct llama_sampler *sampler_of(const queue *q, char kind) {
    return kind == 'k'   ? llama_sampler_init_top_k(q->top_k)
           : kind == 'p' ? llama_sampler_init_top_p(q->top_p, 1)
                         : llama_sampler_init_min_p(q->min_p, 1);
}

static void run_queue(const queue *q) {
    llama_token_data *data = malloc(N * sizeof *data);
    assert_non_null(data);
    for (int i = 0; i < N; i++) data[i] = (llama_token_data){i, logf((float)i), 0};
    llama_token_data_array cur = {data, N, -1, false};
    int min_id = 0;
    for (const char *kind = q->samplers; *kind; kind++) {
        apply(sampler_of(q, *kind), &cur);
        apply(llama_sampler_init_dist(0), &cur);
        /* as in llama.cpp's program, the size is read after the sampler */
        int size = (int)cur.size;
        int expected = expect_size(q, *kind, size, &min_id);
        assert_int_equal(size, expected);
        bool ordered = *kind == 'k' || cur.sorted;
        assert_true(!ordered || cur.data[0].id == N - 1);
        assert_true(!ordered || cur.data[expected - 1].id == min_id);
    }
    free(data);
}

static void test_queues(void **state) {
    (void)state;
    static const queue queues[] = {
        {"k", 10000, 1, 1},
        {"k", 1, 1, 1},
        {"p", 10000, 1, 1},
        {"p", 10000, 0, 1},
        {"m", 10000, 1, 1},
        {"m", 10000, 1, 1e-12f},
        {"k", 100, 1, 1},
        {"p", 10000, 0.0003f, 1},
        {"p", 10000, 0.8f, 1},
        {"m", 10000, 1, 9997.9f / 9999.0f},
        {"m", 10000, 1, 0.1f},
        {"kp", 100, 0.8f, 0.1f},
        {"km", 100, 0.8f, 0.1f},
        {"pk", 100, 0.8f, 0.1f},
        {"pm", 100, 0.8f, 0.1f},
        {"mk", 100, 0.8f, 0.1f},
        {"mp", 100, 0.8f, 9997.9f / 9999.0f},
        {"mp", 100, 0.8f, 0.1f},
        {"kpm", 100, 0.8f, 0.1f},
        {"kmp", 100, 0.8f, 0.1f},
        {"pkm", 100, 0.8f, 0.1f},
        {"pmk", 100, 0.8f, 0.1f},
        {"mkp", 100, 0.8f, 0.1f},
        {"mpk", 100, 0.8f, 0.1f},
    };
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) run_queue(&queues[i]);
}

int main(int argc, char **argv) {
    if (argc != 2 || !twin_begin()) {
        fprintf(stderr, "usage: LD_PRELOAD=(the drop-in) test_dropin_cases MODEL\n");
        return 1;
    }
    struct llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    model = llama_model_load_from_file(argv[1], params);
    if (!model) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_singleton), cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_top_k),     cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_min_p),     cmocka_unit_test(test_xtc),
        cmocka_unit_test(test_typical),   cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_dry),       cmocka_unit_test(test_top_n_sigma),
        cmocka_unit_test(test_queues),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    llama_model_free(model);
    return failed;
}
