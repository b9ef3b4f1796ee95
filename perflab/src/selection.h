/*
 * selection.h - which improvements a command works on, and whether they exist.
 */
#ifndef PERFLAB_SELECTION_H
#define PERFLAB_SELECTION_H

#include "ledger.h"
#include "modules.h"

typedef struct selection {
    char *const *ids; /* if n_ids is 0: all */
    size_t n_ids;
    const char *variant; /* "native", "portable", or "both" if that is allowed */
    const char *input;   /* one kind of input; NULL: all */
} selection;

/*
 * Whether every id, the kind of input and the variant exist: in the catalog or, if `l` is not NULL,
 * in the ledger. If one does not, there is an error message, and the exit status should be
 * EXIT_USAGE.
 */
bool selection_known(const selection *s, const catalog *c, ledger *l);

/* Whether an entry has a kind of input; true if that is NULL. */
bool entry_has_input(const entry *e, const char *input);

/* Whether an entry is selected; whether a kind of input is. */
bool selection_has(const selection *s, const entry *e);
bool selection_has_input(const selection *s, const char *input);

#endif
