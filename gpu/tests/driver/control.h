/* control.h: what a test tells the test driver, and what it can ask. dlsym finds
 * `plk_test_driver_control` in the library that is loaded as libcuda.so.1. */
#ifndef PLUCK_GPU_TESTS_CONTROL_H
#define PLUCK_GPU_TESTS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct driver_control {
    /* From a test: */
    long fail_at;        /* the call, counted from 1, that fails; 0: none */
    int fail_with;       /* how */
    bool fail_sticky;    /* as a kernel's fault: every later call in a context fails as well */
    bool eager;          /* work runs at once */
    bool refuse_images;  /* only modules that NVRTC made are loaded */
    bool expects_misuse; /* misuse is counted and does not end the program */
    size_t device_memory;
    /* To a test: */
    _Atomic long calls;      /* so far; a test may read it while threads of the library call */
    const char *failed_call; /* the one that fail_at failed */
    int misuses;
    char misuse[200];   /* the last one */
    int (*live)(void);  /* objects that exist */
    int (*depth)(void); /* contexts on this thread's stack */
} driver_control;

#define DRIVER_CONTROL "plk_test_driver_control"

/* How the images of the test NVRTC begin: code for a device, and PTX. */
#define TEST_CUBIN                                                                                 \
    "\x7f"                                                                                         \
    "ELF\nplk-test-nvrtc"
#define TEST_PTX "//\nplk-test-nvrtc\n"

#endif
