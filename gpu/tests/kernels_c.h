/*
 * kernels_c.h: the kernels as plain C, compiled with the PLK_WG and PLK_VPT of the file that
 * includes this, and a table of them. Parameters come as cuLaunchKernel takes them: an array of
 * pointers to their values.
 */
#ifndef PLUCK_GPU_TESTS_KERNELS_C_H
#define PLUCK_GPU_TESTS_KERNELS_C_H

#include "device.h"

#include "../kernels/pluck.cl"

typedef struct plain_kernel {
    const char *name;
    /* One letter for each parameter: m a pointer to memory, r to memory that is only read, c plk_call,
     * s plk_softmax, u u32. */
    const char *parameters;
    void (*run)(void *const *p, u64 *local_base); /* one lane's work */
} plain_kernel;

/* A type cannot be put in parentheses, and all functions of the table need the same type. */
/* NOLINTBEGIN(bugprone-macro-parentheses,readability-non-const-parameter) */
#define MEMORY(i, type) (*(type *const *)p[i])
#define VALUE(i, type)  (*(const type *)p[i])

static void run_argmax(void *const *p, u64 *local_base) {
    pluck_argmax(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                 MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, u64),
                 MEMORY(6, plk_result), local_base);
}

static void run_survey(void *const *p, u64 *local_base) {
    pluck_survey(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                 MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile), local_base);
}

static void run_gather(void *const *p, u64 *local_base) {
    pluck_gather(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                 MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile), MEMORY(6, u64),
                 local_base);
}

static void run_moments(void *const *p, u64 *local_base) {
    pluck_moments(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                  MEMORY(3, const uchar), MEMORY(4, const plk_state), MEMORY(5, plk_tile),
                  local_base);
}

static void run_select(void *const *p, u64 *local_base) {
    pluck_select(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                 MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, u64), local_base);
}

static void run_reduce(void *const *p, u64 *local_base) {
    pluck_reduce(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                 MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile), MEMORY(6, u64),
                 MEMORY(7, plk_result), local_base);
}

static void run_draw_large(void *const *p, u64 *local_base) {
    pluck_draw_large(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, const plk_tile),
                     MEMORY(6, plk_result), local_base);
}

static void run_finish(void *const *p, u64 *local_base) {
    pluck_finish(VALUE(0, plk_call), MEMORY(1, const uchar), MEMORY(2, plk_state),
                 MEMORY(3, const u64), MEMORY(4, plk_result), MEMORY(5, i32), MEMORY(6, float),
                 local_base);
}

static void run_sum_exp(void *const *p, u64 *local_base) {
    pluck_sum_exp(MEMORY(0, const uchar), VALUE(1, plk_call), VALUE(2, plk_softmax),
                  MEMORY(3, plk_state), MEMORY(4, plk_tile), MEMORY(5, plk_result),
                  MEMORY(6, float), local_base);
}

static void run_softmax(void *const *p, u64 *local_base) {
    (void)local_base;
    pluck_softmax(MEMORY(0, const uchar), VALUE(1, plk_call), VALUE(2, plk_softmax),
                  MEMORY(3, const plk_state), MEMORY(4, float));
}

static void run_busy(void *const *p, u64 *local_base) {
    pluck_busy(MEMORY(0, float), VALUE(1, u32), local_base);
}

static const plain_kernel plain_kernels[GPU_KERNELS] = {
    [GPU_KERNEL_argmax] = {"pluck_argmax", "rcrrmmm", run_argmax},
    [GPU_KERNEL_survey] = {"pluck_survey", "rcrrmm", run_survey},
    [GPU_KERNEL_gather] = {"pluck_gather", "rcrrmmm", run_gather},
    [GPU_KERNEL_moments] = {"pluck_moments", "rcrrrm", run_moments},
    [GPU_KERNEL_select] = {"pluck_select", "rcrrmm", run_select},
    [GPU_KERNEL_reduce] = {"pluck_reduce", "rcrrmmmm", run_reduce},
    [GPU_KERNEL_draw_large] = {"pluck_draw_large", "rcrrmrm", run_draw_large},
    [GPU_KERNEL_finish] = {"pluck_finish", "crmrmmm", run_finish},
    [GPU_KERNEL_sum_exp] = {"pluck_sum_exp", "rcsmmmm", run_sum_exp},
    [GPU_KERNEL_softmax] = {"pluck_softmax", "rcsrm", run_softmax},
    [GPU_KERNEL_busy] = {"pluck_busy", "ru", run_busy}, /* never writes, see busy.cl */
};

#undef MEMORY
#undef VALUE
/* NOLINTEND(bugprone-macro-parentheses,readability-non-const-parameter) */

#endif
