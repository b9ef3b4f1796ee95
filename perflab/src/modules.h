/*
 * modules.h - which benchmarks there are.
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
    size_t n_placements; /* of the module, besides its own: see placement.h */
    char *source_hash, *variant, *compiler, *flags, *sources;
    char *linked;   /* digest of the module as it is linked, and of the libraries it loads */
    char build[33]; /* the build's key in the ledger: a hash of what makes it this build */
} entry;

typedef struct catalog {
    entry *entries; /* sorted by id, then variant */
    size_t n;
    size_t n_broken; /* modules that could not be loaded; each was complained about */
} catalog;

/*
 * Asks every *.so of a folder, each in a process of its own. `folder` NULL: $PERFLAB_MODULES, else
 * .perflab/modules, else build/perflab-modules. An id registered twice for one variant is a
 * complaint, and the second is left out; if one of them was built from a source that is gone, that
 * one is, without a word. Returns false when there is no folder.
 */
bool catalog_read(catalog *c, const char *folder);
void catalog_free(catalog *c);

/*
 * The catalog for a command that can do without: an empty one if there are no modules and the
 * ledger alone speaks.
 */
void catalog_or_none(catalog *c, const char *folder);

/* Orders "2.1" before "10.1" and both before "G.1". */
int compare_ids(const char *a, const char *b);

/* Whether an id is among the wanted: any, if there are none. */
bool is_wanted(const char *id, char *const *wanted, size_t n_wanted);

#endif
