/* no_opencl.c: replaces opencl.c if the build found no OpenCL. */
#include "device.h"

const gpu_backend_table *gpu_opencl_table(void) {
    return NULL;
}
