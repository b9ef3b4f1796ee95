/*
 * build_info.h - writing the C file that records what a module was built from.
 */
#ifndef PERFLAB_BUILD_INFO_H
#define PERFLAB_BUILD_INFO_H

#include <stdbool.h>

typedef struct build_info {
    const char *source_hash; /* in hex */
    const char *variant;     /* "native" or "portable" */
    const char *compiler;
    const char *flags;
    const char *sources; /* absolute paths, one per line */
} build_info;

/* Writes the file. Returns false, with an error message, if that fails. */
bool build_info_write(const char *path, const build_info *b);

#endif
