/*
 * test_cpu.c: PLUCK_DISABLE_CPU. A name that does not exist ends a checked build with a message
 * that names it. Names that exist, also those of other architectures, are accepted and remove
 * instruction sets.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "check.h"
#include "kernels/kernels.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a process that detects the CPU with this value of PLUCK_DISABLE_CPU. Returns how it ends;
 * `printed` receives its stderr. Its exit status is the set of features that are left. */
static int look(const char *disable, char *printed, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setenv("PLUCK_DISABLE_CPU", disable, 1) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
            _exit(100);
        _exit((int)pk_cpu_features());
    }
    (void)close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n + 1 < size && (got = read(ends[0], printed + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    printed[n] = '\0';
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void unknown_names(void **state) {
    (void)state;
    static const struct {
        const char *list, *name;
    } cases[] = {
        {"avx521", "'avx521'"},        {"AVX2", "'AVX2'"}, {"avx2, avx512", "' avx512'"},
        {"avx512,scalar", "'scalar'"}, {"avx", "'avx'"},   {"avx2;avx512", "'avx2;avx512'"},
        {"neon,avx5122", "'avx5122'"}, {"avx2,,x", "'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        char printed[512];
        const int status = look(cases[i].list, printed, sizeof printed);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            fail_msg("'%s' did not abort", cases[i].list);
        if (!strstr(printed, "PLUCK_DISABLE_CPU names ") || !strstr(printed, cases[i].name))
            fail_msg("'%s': '%s' does not name %s", cases[i].list, printed, cases[i].name);
    }
}

static void known_names(void **state) {
    (void)state;
    char printed[512];
    const int all = WEXITSTATUS(look("", printed, sizeof printed));
    static const struct {
        const char *list;
        int removed;
    } cases[] = {
        {"avx512", CPU_AVX512},
        {"avx2", CPU_AVX2 | CPU_AVX512},
        {"neon", CPU_NEON},
        {",avx512,,neon,", CPU_AVX512 | CPU_NEON},
        {"avx512,avx2,neon", CPU_AVX2 | CPU_AVX512 | CPU_NEON},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const int status = look(cases[i].list, printed, sizeof printed);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), all & ~cases[i].removed);
        assert_string_equal(printed, "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(known_names),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
