/* launch.c: a kernel's groups, one after another, with warps of 32 lanes as on the device. */
#include "driver.h"

#include "lanes.h"

#include <stdlib.h>
#include <string.h>

#define PLK_EMULATED_WARPS
#define PLK_WG  256 /* DEVICE_LANES */
#define PLK_VPT 16
#include "kernels_c.h"

int find_kernel(const char *name) {
    for (int k = 0; k < GPU_KERNELS; k++)
        if (strcmp(plain_kernels[k].name, name) == 0) return k;
    return -1;
}

const char *kernel_parameters(int kernel) {
    return plain_kernels[kernel].parameters;
}

size_t parameter_size(char letter) {
    _Static_assert(sizeof(plk_call) <= WORK_PARAMETER_SIZE, "a parameter fits");
    _Static_assert(sizeof(plk_softmax) <= WORK_PARAMETER_SIZE, "a parameter fits");
    return letter == 'c'   ? sizeof(plk_call)
           : letter == 's' ? sizeof(plk_softmax)
           : letter == 'u' ? sizeof(u32)
                           : sizeof(CUdeviceptr);
}

typedef struct running {
    const plain_kernel *kernel;
    void *parameters[WORK_PARAMETERS];
    u64 *shared;
} running;

static void run_lane(void *ctx) {
    const running *r = ctx;
    r->kernel->run(r->parameters, r->shared);
}

void run_launch(const test_work *w) {
    running r = {.kernel = plain_kernels + w->function->kernel};
    static bool ready;
    _Static_assert(PLK_WG == DEVICE_LANES, "a block is a group");
    if (!ready && !lanes_create(DEVICE_LANES)) abort();
    ready = true;
    for (int i = 0; i < WORK_PARAMETERS; i++) {
        const void *at = w->parameters[i];
        memcpy(&r.parameters[i], &at, sizeof at);
    }
    r.shared = malloc(w->shared + 1);
    if (!r.shared) abort();
    allow_memory(true);
    plk_emu.groups_x = w->groups_x;
    for (u32 y = 0; y < w->groups_y; y++) {
        for (u32 x = 0; x < w->groups_x; x++) {
            memset(r.shared, 0xA5, w->shared); /* its content is undefined */
            plk_emu.group_x = x;
            plk_emu.group_y = y;
            lanes_run_group(run_lane, &r, r.kernel->name);
        }
    }
    allow_memory(false);
    free(r.shared);
}
