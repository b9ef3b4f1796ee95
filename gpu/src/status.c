/* status.c: the messages of both libraries' statuses. OK, which both have, is listed once. */
#include "pluck_gpu.h"

const char *pluck_gpu_status_string(int32_t status) {
    switch (status) {
#define PLUCK_GPU_STATUS_CASE(name, code, message)                                                 \
    case code:                                                                                     \
        return message;
        PLUCK_GPU_STATUS_MAP(PLUCK_GPU_STATUS_CASE)
#undef PLUCK_GPU_STATUS_CASE
#define PLUCK_STATUS_CASE(name, code, message)                                                     \
    case (code) == 0 ? INT32_MAX:                                                                  \
        (code) : return message;
        PLUCK_STATUS_MAP(PLUCK_STATUS_CASE)
#undef PLUCK_STATUS_CASE
    default:
        return "unknown status";
    }
}
