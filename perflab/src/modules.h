/*
 * modules.h - the catalog of the benchmarks in a folder of modules.
 */
#ifndef PERFLAB_MODULES_H
#define PERFLAB_MODULES_H

#include <stdbool.h>
#include <stddef.h>

/* One improvement in one module. Strings are owned by the catalog. */
typedef struct entry {
    char *module; /* path of the shared object */
    char *id, *component, *title, *notes, *device;
    char **inputs; /* ends with NULL */
    size_t size;
    bool has_baseline, has_candidate;
    size_t n_placements; /* other placements of the module: see placement.h */
    char *source_hash, *variant, *compiler, *flags, *sources;
    char *linked;   /* digest of the module as linked, and of the libraries that it loads */
    char build[33]; /* its key in the ledger: a hash of id, sources, flags and linked code */
} entry;

typedef struct catalog {
    entry *entries; /* sorted by id, then variant */
    size_t n;
    size_t n_broken; /* modules that could not be loaded, each with an error message */
} catalog;

/*
 * Reads every *.so of a folder, each in a process of its own. If `folder` is NULL, it is
 * $PERFLAB_MODULES, else .perflab/modules, else build/perflab-modules. If an id is registered twice
 * for one variant, the second is left out with an error message; but if the source of either no
 * longer exists, that one is left out, without a message. Returns false, with an error message, if
 * there is no folder.
 */
bool catalog_read(catalog *c, const char *folder);
void catalog_free(catalog *c);

/*
 * The same for a command that can work from the ledger alone: if there is no folder, the catalog is
 * empty.
 */
void catalog_or_none(catalog *c, const char *folder);

/* Orders "2.1" before "10.1" and both before "G.1". */
int compare_ids(const char *a, const char *b);

/* Whether an id is among the wanted ones; true if none are given. */
bool is_wanted(const char *id, char *const *wanted, size_t n_wanted);

#endif
