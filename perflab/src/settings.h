/*
 * settings.h - with what each benchmark was built last, beside its modules.
 *
 * One JSON file for each benchmark, NAME.build.json in the folder of modules. `perflab build` takes
 * from it what it is not told, and finds by it what a deleted source left behind.
 */
#ifndef PERFLAB_SETTINGS_H
#define PERFLAB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct settings {
    char *compiler, *cflags, *libs, *hash;
} settings;

/* Those of the benchmark `name`; all NULL if it was not built here before. */
settings settings_read(const char *folder, const char *name);
bool settings_write(const char *folder, const char *name, const char *source, const settings *s);
void settings_free(settings *s);

/* "bench-temp-scaling.c" -> "temp-scaling". To be freed. */
char *benchmark_name(const char *source);

/* Where the program of a benchmark goes: beside the folder .perflab/modules, else into the folder.
 * To be freed. */
char *benchmark_program(const char *folder, const char *name, bool native);

/* Removes modules and programs of a benchmark. `all`: what is remembered of it as well. */
void benchmark_remove(const char *folder, const char *name, bool all);

/* Removes everything of benchmarks whose source is gone, and says so. */
void settings_sweep(const char *folder);

#endif
