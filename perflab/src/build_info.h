/*
 * build_info.h - the C file that says what a module was built from.
 */
#ifndef PERFLAB_BUILD_INFO_H
#define PERFLAB_BUILD_INFO_H

#include <stdbool.h>

typedef struct build_info {
    const char *source_hash; /* in hex */
    const char *variant;     /* "native" or "portable" */
    const char *compiler;
    const char *flags;
    const char *sources; /* whole paths, one a line */
} build_info;

/* Writes it; false with a complaint if that fails. */
bool build_info_write(const char *path, const build_info *b);

#endif
