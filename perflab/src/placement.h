/*
 * placement.h - the same code at other addresses.
 *
 * The speed of a loop depends on its address: moved by a few bytes, the same code can differ by
 * several per cent, and any change of a program moves the code after it. So a benchmark is also
 * linked several times with random distances between its functions, and processes run these
 * placements in turn, so that their spread includes the effect of placement. This only works for
 * code that perflab compiles, and code that is linked statically after it, not for shared libraries
 * and prebuilt modules.
 */
#ifndef PERFLAB_PLACEMENT_H
#define PERFLAB_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

/* How a module is compiled and linked: see cmd_build.c. */
typedef struct placement_build {
    const char *compile; /* the start of a shell command: compiler and flags */
    const char *source;  /* the source, quoted for the shell */
    const char *info;    /* the file that build_info_write made, quoted */
    const char *link;    /* the end of the command that links: libraries */
    const char *module;  /* the module's path */
} placement_build;

/*
 * Links n placements into the folder "placements" beside the module. If the code cannot be moved
 * (the assembly has no function with a section of its own, or it does not link), it returns false
 * and leaves none.
 */
bool placement_make(const placement_build *b, size_t n);

/* How many placements of a module there are that are not older than the module. */
size_t placement_count(const char *module);

/* The path of the k-th placement, from 1, to be freed. */
char *placement_path(const char *module, size_t k);

/* Removes all placements of a module. */
void placement_remove(const char *module);

/*
 * Inserts a random gap of up to a page before each function of an assembly text in which every
 * function has a section of its own (-ffunction-sections). Returns the new text, to be freed, and
 * sets *moved to the number of functions.
 */
char *placement_shift(const char *assembly, unsigned long long seed, size_t *moved);

#endif
