/* child.h: a test on the test driver runs in a process of its own: the library loads a driver once
 * and keeps it. */
#ifndef PLUCK_GPU_TESTS_CHILD_H
#define PLUCK_GPU_TESTS_CHILD_H

#include "../../src/cuda_api.h"
#include "control.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: prints the condition that does not hold, and ends the child. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Runs it in a child; true if it ran to its end, and the checks at exit found nothing. */
static inline bool runs_in_child(void (*run)(void *ctx), void *ctx) {
    int status = -1;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        run(ctx);
        exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* The test driver's control; ends the child if another driver, or none, is found. */
static inline driver_control *load_driver_control(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    driver_control *control = library ? dlsym(library, DRIVER_CONTROL) : NULL;
    CHECK(control != NULL);
    return control;
}

/* The driver's calls, after load_driver. The map's entries are member names and parameter lists, which
 * must not be put in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
static struct driver {
#define MEMBER(symbol, parameters) CUresult(*symbol) parameters;
    CUDA_DRIVER_MAP(MEMBER)
#undef MEMBER
} cu;
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void load_driver(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol;
#define LOAD(name, parameters)                                                                     \
    symbol = dlsym(library, #name);                                                                \
    CHECK(symbol != NULL);                                                                         \
    memcpy(&cu.name, &symbol, sizeof symbol);
    CUDA_DRIVER_MAP(LOAD)
#undef LOAD
}

#endif
