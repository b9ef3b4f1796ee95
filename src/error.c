/* error.c: the names and messages of the statuses, from the list in pluck.h. */
#include "arithmetic.h"

#include "error.h"

#include <stdarg.h>
#include <stdio.h>

pluck_status pk_fail(pluck_error *err, pluck_status status, const char *format, ...) {
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

const char *pluck_status_string(pluck_status status) {
    switch (status) {
#define CASE(name, code, message)                                                                  \
    case PLUCK_##name:                                                                             \
        return message;
        PLUCK_STATUS_MAP(CASE)
#undef CASE
    }
    return "unknown status";
}

const char *pluck_status_name(pluck_status status) {
    switch (status) {
#define CASE(name, code, message)                                                                  \
    case PLUCK_##name:                                                                             \
        return "PLUCK_" #name;
        PLUCK_STATUS_MAP(CASE)
#undef CASE
    }
    return "PLUCK_UNKNOWN";
}
