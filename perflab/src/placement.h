/*
 * placement.h - the same code at other addresses.
 *
 * How fast a loop is depends on where its instructions lie: the same code moved by a few bytes can
 * differ by several per cent, and any change of a program moves what comes after it. So a benchmark
 * is also linked with its functions at random distances, several times, and processes run these in
 * turn: their spread contains what placement does. Only code that perflab compiles can be moved,
 * and what is linked statically behind it; shared libraries and prebuilt modules cannot.
 */
#ifndef PERFLAB_PLACEMENT_H
#define PERFLAB_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

/* What it takes to link a module again: see cmd_build.c. */
typedef struct placement_build {
    const char *compile; /* a command line up to the files: compiler and flags, for the shell */
    const char *source;  /* quoted for the shell */
    const char *info;    /* the build's facts, likewise */
    const char *link;    /* what comes behind the files when a module is linked */
    const char *module;  /* the module's path */
} placement_build;

/*
 * Links n placements beside the module. False if the code cannot be moved: the compiler's assembly
 * has no function that starts a section. None is left then.
 */
bool placement_make(const placement_build *b, size_t n);

/* How many there are of a module, no older than itself. */
size_t placement_count(const char *module);

/* The path of the k-th placement, from 1, to be freed. */
char *placement_path(const char *module, size_t k);

/* Removes all of a module. */
void placement_remove(const char *module);

/*
 * Puts a random distance, up to a page, before each function of an assembly text in which every
 * function has a section of its own (-ffunction-sections). Returns the new text, to be freed, and
 * how many functions were moved.
 */
char *placement_shift(const char *assembly, unsigned long long seed, size_t *moved);

#endif
