/*
 * edits.h - changes of a benchmark's inputs, which the gate makes after setup.
 */
#ifndef PERFLAB_EDITS_H
#define PERFLAB_EDITS_H

#include "any.h"
#include "json.h"

enum { MOST_EDITS = 32 };

/* One change: the element of a region gets a value, as bits of its type, or another's value. */
typedef struct edit {
    size_t region, index;
    bool copy;
    uint64_t value; /* or, with `copy`, the index of the element that is copied */
} edit;

typedef struct edit_list {
    edit all[MOST_EDITS];
    size_t n;
} edit_list;

/* Adds a random change of one of the regions. */
void edits_mutate(edit_list *list, const perflab_region *regions, size_t n, perflab_rng *rng);

/* Makes the changes. Those of regions and elements that are not there are left out. */
void edits_apply(const edit_list *list, const perflab_region *regions, size_t n);

/* As text: "input 1[17] = -9223372036854775808, ..."; to be freed. */
char *edits_text(const edit_list *list, const perflab_region *regions, size_t n);

/* As JSON, and back. */
cJSON *edits_json(const edit_list *list);
void edits_read(const cJSON *json, edit_list *list);

#endif
