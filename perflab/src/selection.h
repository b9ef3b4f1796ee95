/*
 * selection.h - which improvements a command is asked about, and whether there are such.
 */
#ifndef PERFLAB_SELECTION_H
#define PERFLAB_SELECTION_H

#include "ledger.h"
#include "modules.h"

typedef struct selection {
    char *const *ids; /* none: all */
    size_t n_ids;
    const char *variant; /* "native", "portable", or "both" if that is allowed */
    const char *input;   /* one kind of input; NULL: all */
} selection;

/*
 * Whether every id, the kind of input and the variant name something: registered in the catalog,
 * or, if `l` is not NULL, recorded in the ledger. Complains about what does not; that is wrong use.
 */
bool selection_known(const selection *s, const catalog *c, ledger *l);

/* Whether an entry has a kind of input; NULL is any. */
bool entry_has_input(const entry *e, const char *input);

/* Whether an entry is selected, and one of its kinds of input. */
bool selection_has(const selection *s, const entry *e);
bool selection_has_input(const selection *s, const char *input);

#endif
