/* version.c: the version of the library, from the header. */
#include "arithmetic.h"

#include "pluck.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *pluck_version(void) {
    return TEXT(PLUCK_VERSION_MAJOR) "." TEXT(PLUCK_VERSION_MINOR) "." TEXT(PLUCK_VERSION_PATCH);
}
