/*
 * test_dropin_fork.c: a process that has sampled forks. Child and parent go on sampling, also while
 * other threads of the parent sample. Run with the drop-in preloaded.
 */
#define _DEFAULT_SOURCE
#include "rows/rows.h"
#include "twin_pair.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* GCC's AddressSanitizer, up to version 12 at least, does not hold its allocator's locks over fork:
 * a child of a fork during another thread's malloc() waits for ever in its own first malloc(). glibc
 * holds them, so that only this sanitizer keeps children from going on. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FORK_LOSES_MALLOC 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FORK_LOSES_MALLOC 1
#endif
#ifndef FORK_LOSES_MALLOC
#define FORK_LOSES_MALLOC 0
#endif

/* Steps with both samplers; false if the tokens differ. It runs in children and threads, so it
 * asserts nothing. */
static bool steps(pair p, uint64_t first, int n) {
    float logits[V];
    for (int i = 0; i < n; i++) {
        rows_fill(ROWS_NORMAL, first + (uint64_t)i, logits, V);
        if (twin_step(&by_name, p.a, logits, V) != twin_step(&by_address, p.b, logits, V))
            return false;
    }
    return true;
}

/* What a child does: samples from a chain that it inherited, clones it, and makes a new one. If it
 * waits for a lock that nobody holds, the alarm ends it. */
static bool child_goes_on(pair p) {
    alarm(300); /* thousands of times as long as it takes */
    pair clone = clone_of(p), other = make();
    bool same = steps(p, 900, 10) && steps(other, 950, 10) && steps(clone, 980, 10);
    drop(clone);
    drop(other);
    return same;
}

static void wait_for(pid_t child) {
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void fork_and_go_on(pair p) {
    pid_t child = fork();
    if (child == 0) _exit(child_goes_on(p) ? 0 : 1);
    wait_for(child);
}

/* A child whose parent has not called libllama: the child is the first to. */
static void test_fork_before_use(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        alarm(300); /* as in child_goes_on */
        _exit(child_goes_on(make()) ? 0 : 1);
    }
    wait_for(child);
}

static void test_fork(void **state) {
    (void)state;
    pair p = make();
    fork_and_go_on(p); /* made, but not sampled from yet */
    assert_true(steps(p, 1, 20));
    fork_and_go_on(p);
    assert_true(steps(p, 30, 20));
    drop(p);
}

static atomic_bool stop, wrong;

/* Most calls do little but look the sampler up, so a fork is likely to happen during one. */
static void *sample_until_stopped(void *argument) {
    uint64_t row = *(const uint64_t *)argument;
    struct llama_sampler *greedy = by_name.sampler_init_greedy();
    while (!atomic_load(&stop)) {
        pair p = make();
        if (!steps(p, row++, 3)) atomic_store(&wrong, true);
        drop(p);
        for (int i = 0; i < 20000; i++) by_name.sampler_accept(greedy, 1);
    }
    by_name.sampler_free(greedy);
    return NULL;
}

static void test_fork_among_threads(void **state) {
    (void)state;
    if (FORK_LOSES_MALLOC) {
        print_message("AddressSanitizer's malloc is lost in a child of a fork among threads\n");
        skip();
    }
    enum { N_THREADS = 2, N_FORKS = 60 };
    pthread_t threads[N_THREADS];
    uint64_t rows[N_THREADS];
    pair p = make();
    assert_true(steps(p, 1, 5));
    for (int t = 0; t < N_THREADS; t++) {
        rows[t] = 100000 * (uint64_t)(t + 1);
        assert_int_equal(pthread_create(&threads[t], NULL, sample_until_stopped, &rows[t]), 0);
    }
    for (int i = 0; i < N_FORKS; i++) {
        usleep(1000); /* let them run */
        fork_and_go_on(p);
    }
    atomic_store(&stop, true);
    for (int t = 0; t < N_THREADS; t++) pthread_join(threads[t], NULL);
    assert_false(atomic_load(&wrong));
    drop(p);
}

int main(void) {
    if (!twin_begin()) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork_before_use), /* comes first */
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
