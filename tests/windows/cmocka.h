/*
 * cmocka.h: the part of cmocka's interface that the unit tests use, for systems that have no package of it
 * (Windows). A test that fails prints where and why, and the program goes on with the next one.
 */
#ifndef PLUCK_TESTS_WINDOWS_CMOCKA_H
#define PLUCK_TESTS_WINDOWS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    CMFixtureFunction setup, teardown;
};

#define cmocka_unit_test(f)                                                                        \
    { #f, f, NULL, NULL }
#define cmocka_unit_test_setup_teardown(f, up, down)                                               \
    { #f, f, up, down }

/* One for all files of a program. */
__attribute__((weak)) jmp_buf cmocka_next_test;

static inline void cmocka_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "%s:%d: ", file, line);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    longjmp(cmocka_next_test, 1);
}

#define fail_msg(...) cmocka_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail()        fail_msg("fail()")
#define assert_true(c)                                                                             \
    do {                                                                                           \
        if (!(c)) fail_msg("%s", #c);                                                              \
    } while (0)
#define assert_false(c)               assert_true(!(c))
#define assert_null(p)                assert_true((p) == NULL)
#define assert_non_null(p)            assert_true((p) != NULL)
#define assert_ptr_equal(a, b)        assert_true((const void *)(a) == (const void *)(b))
#define assert_string_equal(a, b)     assert_true(strcmp((a), (b)) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp((a), (b)) != 0)
#define assert_memory_equal(a, b, n)  assert_true(memcmp((a), (b), (n)) == 0)
#define assert_int_equal(a, b)                                                                     \
    do {                                                                                           \
        const long long cmocka_a = (long long)(a), cmocka_b = (long long)(b);                      \
        if (cmocka_a != cmocka_b) fail_msg("%s is %lld, %s is %lld", #a, cmocka_a, #b, cmocka_b);  \
    } while (0)
#define assert_int_not_equal(a, b) assert_true((long long)(a) != (long long)(b))
#define assert_in_range(x, low, high)                                                              \
    assert_true((long long)(x) >= (long long)(low) && (long long)(x) <= (long long)(high))
#define print_message (void)printf

static inline int cmocka_run(const char *name, const struct CMUnitTest *tests, size_t n,
                             CMFixtureFunction setup, CMFixtureFunction teardown) {
    static void *group_state;
    static volatile int n_failed;
    if (setup && setup(&group_state) != 0) return 1;
    for (volatile size_t i = 0; i < n; i++) {
        void *state = group_state;
        bool done = false;
        if (setjmp(cmocka_next_test) == 0) {
            if (tests[i].setup && tests[i].setup(&state) != 0) fail_msg("the setup failed");
            tests[i].test(&state);
            if (tests[i].teardown && tests[i].teardown(&state) != 0)
                fail_msg("the teardown failed");
            done = true;
        }
        if (done) continue;
        n_failed++;
        (void)fprintf(stderr, "FAIL  %s: %s\n", name, tests[i].name);
    }
    if (teardown && teardown(&group_state) != 0) n_failed++;
    (void)printf("%s: %d passed, %d failed\n", name, (int)n - n_failed, n_failed);
    return n_failed;
}

#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cmocka_run(name, tests, sizeof(tests) / sizeof *(tests), setup, teardown)
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run_group_tests_name(#tests, tests, setup, teardown)

#endif /* PLUCK_TESTS_WINDOWS_CMOCKA_H */
