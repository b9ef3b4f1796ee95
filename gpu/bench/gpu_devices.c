/* gpu_devices.c: lists the devices; with --gpu or --cuda fails unless there is one of that kind. */
#include "pluck_gpu.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const char *wanted = argc > 1 ? argv[1] : "";
    pluck_gpu_device_info info;
    int found = 0;
    for (int32_t i = 0; pluck_gpu_describe(i, &info); i++) {
        const int cuda = info.backend == PLUCK_GPU_CUDA;
        printf("device %d: %s, %s, %llu MiB, %d units%s\n", (int)i, info.name, info.driver,
               (unsigned long long)(info.memory >> 20), (int)info.compute_units,
               info.is_cpu ? " (this processor)" : "");
        if (strcmp(wanted, "--cuda") == 0 ? cuda : strcmp(wanted, "--gpu") != 0 || !info.is_cpu)
            found = 1;
    }
    if (!found) printf("no such device\n");
    return found ? 0 : 1;
}
