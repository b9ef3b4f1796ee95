/*
 * settings.h - the compiler, flags and libraries that each benchmark was last built with.
 *
 * There is one JSON file for each benchmark, NAME.build.json in the folder of modules. `perflab
 * build` takes from it what the command line does not give, and finds the modules of deleted
 * sources.
 */
#ifndef PERFLAB_SETTINGS_H
#define PERFLAB_SETTINGS_H

#include "digest.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct settings {
    char *compiler, *cflags, *libs, *hash;
} settings;

/* The settings of the benchmark `name`; all NULL if it was not built here before. */
settings settings_read(const char *folder, const char *name);
bool settings_write(const char *folder, const char *name, const char *source, const settings *s);
void settings_free(settings *s);

/* The names of all benchmarks that were built into a folder; each once. */
void settings_names(const char *folder, path_list *names);

/* "bench-temp-scaling.c" -> "temp-scaling". To be freed. */
char *benchmark_name(const char *source);

/* The path of a program, to be freed: beside the folder .perflab/modules, else in the folder. */
char *benchmark_program(const char *folder, const char *name, bool native);

/* Removes the modules and programs of a benchmark and, if `all`, its settings. */
void benchmark_remove(const char *folder, const char *name, bool all);

/* Removes everything of benchmarks whose source no longer exists, with a message. */
void settings_sweep(const char *folder);

#endif
