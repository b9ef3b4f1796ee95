/*
 * test_dropin_copy.c: llama_sampler_copy, which came in August 2026: it copies the state of one
 * sampler into another. Afterwards the drop-in and llama.cpp draw the same tokens. Run with the
 * drop-in preloaded.
 */
#include "twin_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_copy(void **state) {
    (void)state;
    pair from = make(), to = make();
    go(from, 20);
    go(to, 7);
    by_name.sampler_copy(from.a, to.a);
    by_address.sampler_copy(from.b, to.b);
    go(to, 20);
    go(from, 10);
    by_name.sampler_copy(to.a, from.a); /* and back */
    by_address.sampler_copy(to.b, from.b);
    go(from, 10);
    drop(from);
    go(to, 10);
    drop(to);
}

static void test_copy_single(void **state) {
    (void)state;
    static const pluck_stage singles[] = {
        {.kind = PLUCK_STAGE_DIST, .as.dist = {41}},
        {.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = {4.0f, 0.1f, 100, 42}},
        {.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {4.0f, 0.1f, 2, 43}},
    };
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        pair from = make_stage(&singles[i]), to = make_stage(&singles[i]);
        go(from, 10);
        by_name.sampler_copy(from.a, to.a);
        by_address.sampler_copy(from.b, to.b);
        drop(from);
        go(to, 15);
        drop(to);
    }
}

/* The inner chain's samplers are copied, and some replaced, while the inner chain has a plan. */
static void test_copy_nested(void **state) {
    (void)state;
    pair from = make_nested(5), to = make_nested(9);
    go(from, 20);
    go(to, 7);
    by_name.sampler_copy(from.a, to.a);
    by_address.sampler_copy(from.b, to.b);
    go(to, 30);
    go(from, 10);
    by_name.sampler_copy(to.a, from.a);
    by_address.sampler_copy(to.b, from.b);
    drop(to);
    go(from, 10);
    drop(from);
}

/* A sampler that has not begun has the state of its own seed, and that is what is copied. A reset
 * goes back to the seed of the sampler that was copied onto. */
static void test_copy_other_seed(void **state) {
    (void)state;
    for (int n = 0; n < 2; n++) {
        pair from = make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {51}});
        pair to = make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {52}});
        go(to, n * 5);
        by_name.sampler_copy(from.a, to.a);
        by_address.sampler_copy(from.b, to.b);
        go(to, 15);
        by_name.sampler_reset(to.a);
        by_address.sampler_reset(to.b);
        go(to, 15);
        drop(from);
        drop(to);
    }
}

/* A copied history is penalised with the parameters of the sampler that it was copied into. */
static void test_copy_other_penalties(void **state) {
    (void)state;
    static const int32_t windows[] = {32, 8};
    for (int i = 0; i < 2; i++) {
        pluck_stage stage = {.kind = PLUCK_STAGE_PENALTIES,
                             .as.penalties = {.last_n = 32, .repeat = 1.1f}};
        pair from = make_stage(&stage);
        stage.as.penalties =
            (pluck_stage_penalties){.last_n = windows[i], .repeat = 3.0f, .present = 0.5f};
        pair to = make_stage(&stage);
        for (llama_token t = 0; t < 20; t++) accept_in_both(from, t);
        by_name.sampler_copy(from.a, to.a);
        by_address.sampler_copy(from.b, to.b);
        apply_few(to, 0, V, "a copied history");
        for (llama_token t = 30; t < 37; t++) accept_in_both(to, t);
        apply_few(to, 0, V, "a copied history that went on");
        drop(from);
        drop(to);
    }
}

int main(void) {
    if (!twin_begin()) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_single),
        cmocka_unit_test(test_copy_nested),
        cmocka_unit_test(test_copy_other_seed),
        cmocka_unit_test(test_copy_other_penalties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
