/*
 * test_check.c - validators, guard pages and hashes: each must pass, and fail, in the right cases.
 */
#include "gate.h"
#include "host.h"
#include "modules.h"
#include "sha256.h"
#include "with_cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static perflab_host host;
static perflab_ctx ctx;

static int fresh(void **state) {
    (void)state;
    perflab_host_init(&host, PERFLAB_LAYOUT_END_FLUSH, 1, &perflab_real_clock);
    ctx = (perflab_ctx){.size = 1, .host = &host};
    return 0;
}

static int done(void **state) {
    (void)state;
    perflab_host_free(&host);
    return 0;
}

static void says(const char *part) {
    if (strstr(host.reason, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", host.reason, part);
}

static void test_ids(void **state) {
    (void)state;
    const int32_t a[] = {1, 2, 3};
    const int32_t b[] = {1, 9, 3};
    assert_true(perflab_check_ids(&ctx, "ids", a, a, 3));
    assert_int_equal(host.compared, 3);
    assert_false(perflab_check_ids(&ctx, "ids", a, b, 3));
    says("ids[1]: baseline 2, candidate 9");
    assert_true(perflab_check_index(&ctx, "selected", 4, 4));
    assert_false(perflab_check_index(&ctx, "selected", 4, 5));
    assert_false(perflab_check_bytes(&ctx, "bytes", a, b, sizeof a));
}

static void test_floats(void **state) {
    (void)state;
    const float a[] = {1, 1000, NAN, INFINITY, 0};
    const float near[] = {1.000005f, 1000.005f, NAN, INFINITY, 0.000009f};
    const float far[] = {1.00002f, 1000, NAN, INFINITY, 0};
    const float no_nan[] = {1, 1000, 0, INFINITY, 0};
    const float finite[] = {1, 1000, NAN, 3e38f, 0};
    assert_true(perflab_check_floats(&ctx, "x", a, near, 5, 1e-5, 1e-5));
    assert_false(perflab_check_floats(&ctx, "x", a, near, 5, 1e-5, 0));
    assert_false(perflab_check_floats(&ctx, "x", a, far, 5, 1e-5, 0));
    says("x[0]: baseline 1, candidate 1.0000");
    assert_false(perflab_check_floats(&ctx, "x", a, no_nan, 5, 1e-5, 1e-5));
    assert_false(perflab_check_floats(&ctx, "x", a, finite, 5, 1e-5, 1e-5));
}

static void test_reference(void **state) {
    (void)state;
    const double exact[] = {0.1, 0.2, 0.7};
    const float wrong_baseline[] = {0.101f, 0.2f, 0.7f};
    const float good[] = {0.1f, 0.2f, 0.7f};
    /* A right candidate passes although it differs from a wrong baseline ... */
    assert_true(perflab_check_reference(&ctx, "p", exact, wrong_baseline, good, 3, 1e-5, 0));
    assert_true(host.baseline_error > 0.0009 && host.baseline_error < 0.0011);
    assert_true(host.candidate_error < 1e-7);
    /* ... and a wrong one fails although it agrees with that. */
    assert_false(
        perflab_check_reference(&ctx, "p", exact, wrong_baseline, wrong_baseline, 3, 1e-5, 0));
    says("p[0]: reference 0.1");
}

static void test_entries(void **state) {
    (void)state;
    const perflab_entry a[] = {{5, 2, 0.7f}, {3, 1, 0.3f}};
    perflab_entry b[] = {{5, 2, 0.7f}, {3, 1, 0.3f}};
    assert_true(perflab_check_entries(&ctx, "list", a, 2, b, 2, 1e-5));
    assert_false(perflab_check_entries(&ctx, "list", a, 2, b, 1, 1e-5));
    says("baseline has 2 entries, candidate 1");
    b[1].p = 0.3001f;
    assert_false(perflab_check_entries(&ctx, "list", a, 2, b, 2, 1e-5));
    says("list[1].p");
    b[1] = (perflab_entry){4, 1, 0.3f};
    assert_false(perflab_check_entries(&ctx, "list", a, 2, b, 2, 1e-5));
    says("list[1].id: baseline 3, candidate 4");
}

static bool against_reference(const perflab_entry *base, size_t n_base, const perflab_entry *cand,
                              size_t n_cand) {
    /* Ids 1 and 2 tie; id 4 is just outside the boundary, id 3 just inside, id 5 far outside. */
    static const perflab_exact exact[] = {{1, 3, 0.4, HUGE_VAL},
                                          {2, 3, 0.4, 0.4},
                                          {3, 1, 0.15, 0.0004},
                                          {4, 0.9, 0.05, -0.0003},
                                          {5, -4, 0.001, -0.05}};
    return perflab_check_entries_reference(&ctx, "set", exact, 5, base, n_base, cand, n_cand, 1e-5);
}

static void test_entries_reference(void **state) {
    (void)state;
    const perflab_entry in_order[] = {{1, 3, 0.4f}, {2, 3, 0.4f}, {3, 1, 0.15f}, {4, 0.9f, 0.05f}};
    const perflab_entry swapped[] = {{2, 3, 0.4f}, {1, 3, 0.4f}, {3, 1, 0.15f}};
    const perflab_entry out_of_order[] = {{1, 3, 0.4f}, {3, 1, 0.15f}, {2, 3, 0.4f}};
    const perflab_entry twice[] = {{1, 3, 0.4f}, {2, 3, 0.4f}, {2, 3, 0.4f}};
    const perflab_entry stranger[] = {{1, 3, 0.4f}, {2, 3, 0.4f}, {3, 1, 0.15f}, {5, -4, 0.001f}};
    const perflab_entry off[] = {{1, 3, 0.401f}, {2, 3, 0.4f}, {3, 1, 0.15f}};
    /* The exact set, with ties swapped. */
    assert_true(against_reference(in_order, 3, in_order, 3));
    assert_true(against_reference(in_order, 3, swapped, 3));
    assert_false(against_reference(in_order, 3, out_of_order, 3));
    assert_false(against_reference(in_order, 3, twice, 3));
    assert_false(against_reference(in_order, 3, stranger, 4));
    assert_false(against_reference(in_order, 3, off, 3));
    /* One too few passes only if the baseline is as far off. */
    assert_false(against_reference(in_order, 3, in_order, 2));
    says("id 3 is missing");
    assert_true(against_reference(off, 3, in_order, 2));
    /* So does one too many. */
    assert_false(against_reference(in_order, 3, in_order, 4));
    assert_true(against_reference(off, 3, in_order, 4));
    assert_true(host.baseline_error > 0.0009);
}

static void test_distribution(void **state) {
    (void)state;
    const double p[] = {0.5, 0.25, 0.125, 0.125};
    perflab_rng rng = {99};
    uint64_t fair[4] = {0}, bent[4] = {0};
    for (int i = 0; i < 20000; i++) {
        const double u = perflab_rng_uniform(&rng);
        fair[u < 0.5 ? 0 : u < 0.75 ? 1 : u < 0.875 ? 2 : 3]++;
        bent[u < 0.52 ? 0 : u < 0.75 ? 1 : u < 0.875 ? 2 : 3]++;
    }
    assert_true(perflab_check_distribution(&ctx, "draws", fair, p, 4, 1e-6));
    assert_false(perflab_check_distribution(&ctx, "draws", bent, p, 4, 1e-6));
    const double not_one[] = {0.5, 0.25, 0.125, 0.1};
    assert_false(perflab_check_distribution(&ctx, "draws", fair, not_one, 4, 1e-6));
}

/* Canary bytes catch what guard pages cannot: a write into the slack beside a buffer. */
static void test_canaries(void **state) {
    (void)state;
    unsigned char *p = perflab_alloc(&ctx, 100, 64);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_int_equal(p[0], 0xA5);
    assert_true(perflab_host_intact(&ctx));
    p[-3] = 1;
    assert_false(perflab_host_intact(&ctx));
    says("3 bytes before the start");
    p[-3] = 0x5C;
    p[101] = 1;
    assert_false(perflab_host_intact(&ctx));
    says("2 bytes past the end");
    p[101] = 0x5C;
    assert_true(perflab_host_intact(&ctx));
    assert_int_equal(perflab_host_bytes(&host), 100);
}

static void test_random_offsets(void **state) {
    (void)state;
    uintptr_t seen[64];
    size_t different = 0;
    for (uint64_t i = 0; i < 64; i++) {
        perflab_host other;
        perflab_ctx c = {.size = 1, .host = &other};
        perflab_host_init(&other, PERFLAB_LAYOUT_RANDOM, i, &perflab_real_clock);
        seen[i] = (uintptr_t)perflab_alloc(&c, 10000, 0) % 4096;
        assert_int_equal(seen[i] % 64, 0);
        bool before = false;
        for (uint64_t k = 0; k < i; k++) before = before || seen[k] == seen[i];
        different += !before;
        perflab_host_free(&other);
    }
    assert_true(different > 20);
}

static void hash_of(const char *text, size_t times, char hex[65]) {
    sha256 s;
    sha256_start(&s);
    for (size_t i = 0; i < times; i++) sha256_add(&s, text, strlen(text));
    sha256_end(&s, hex);
}

/* The examples of FIPS 180-4. */
static void test_sha256(void **state) {
    (void)state;
    char hex[65];
    hash_of("abc", 1, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_of("", 1, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_of("a", 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_ids_in_order(void **state) {
    (void)state;
    static const char *const order[] = {"1.1", "1.2", "1.10", "2.1", "10.1", "G.1", "G.2", "W.1"};
    for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++) {
        assert_true(compare_ids(order[i], order[i + 1]) < 0);
        assert_true(compare_ids(order[i + 1], order[i]) > 0);
    }
    assert_int_equal(compare_ids("4.2", "4.2"), 0);
}

static void test_gate_sizes(void **state) {
    (void)state;
    static const size_t own[] = {5, 3, 0};
    size_t sizes[PERFLAB_MAX_GATE_SIZES];
    const perflab_benchmark usual = {.size = 33};
    const perflab_benchmark given = {.size = 4, .gate_sizes = own};
    assert_int_equal(perflab_gate_sizes_of(&usual, sizes), 5);
    assert_int_equal(sizes[3], 33);
    assert_int_equal(sizes[4], 1000);
    assert_int_equal(perflab_gate_sizes_of(&given, sizes), 3);
    assert_int_equal(sizes[0], 3);
    assert_int_equal(sizes[1], 4);
    assert_int_equal(sizes[2], 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids, fresh, done),
        cmocka_unit_test_setup_teardown(test_floats, fresh, done),
        cmocka_unit_test_setup_teardown(test_reference, fresh, done),
        cmocka_unit_test_setup_teardown(test_entries, fresh, done),
        cmocka_unit_test_setup_teardown(test_entries_reference, fresh, done),
        cmocka_unit_test_setup_teardown(test_distribution, fresh, done),
        cmocka_unit_test_setup_teardown(test_canaries, fresh, done),
        cmocka_unit_test(test_random_offsets),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_ids_in_order),
        cmocka_unit_test(test_gate_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
