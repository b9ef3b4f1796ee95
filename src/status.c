/* status.c: names and messages of the statuses, from the one list in pluck.h; and the version. */
#include "common.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *pluck_version(void) {
    return TEXT(PLUCK_VERSION_MAJOR) "." TEXT(PLUCK_VERSION_MINOR) "." TEXT(PLUCK_VERSION_PATCH);
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
