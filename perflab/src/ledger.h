/*
 * ledger.h - all measurements and verdicts, in one SQLite file.
 *
 * A row is a cJSON object with a member for each column. Every table's key is a uuid, so ledgers
 * can be merged by adding the rows of one to the other.
 */
#ifndef PERFLAB_LEDGER_H
#define PERFLAB_LEDGER_H

#include "json.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct ledger ledger;

/* The ledger that a command uses: that of --ledger, else $PERFLAB_LEDGER, else perflab.ledger. */
const char *ledger_choice(const char *given);

/*
 * Opens the ledger; creates it if it is missing and `create` is set. Returns NULL, with an error
 * message, if it is damaged, of another program, newer than this perflab, missing, or not writable;
 * the file is then unchanged.
 */
ledger *ledger_open(const char *path, bool create);
void ledger_close(ledger *l);
const char *ledger_path(const ledger *l);

/* A transaction around several writes. If one fails, it returns false, with an error message. */
bool ledger_begin(ledger *l);
bool ledger_commit(ledger *l);
void ledger_rollback(ledger *l);

/*
 * Inserts a row; unknown columns and values of the wrong type are refused. With `merge`, a row
 * whose uuid exists is left as it is. Outside a transaction, this is one of its own. Returns false,
 * with an error message, if it fails.
 */
bool ledger_put(ledger *l, const char *table, const cJSON *row, bool merge);

/* Sets columns of the row with that uuid. */
bool ledger_set(ledger *l, const char *table, const char *uuid, const cJSON *columns);

/*
 * All rows of a query, as an array of objects. The arguments are texts for ?1, ?2 ... of the query,
 * then NULL. Returns NULL, with an error message, if the query fails.
 */
cJSON *ledger_rows(ledger *l, const char *sql, ...);

/* An SQL condition on a build b: nothing recorded refutes its candidate. */
#define LEDGER_NOT_REFUTED                                                                         \
    "NOT EXISTS (SELECT 1 FROM gate g WHERE g.build = b.uuid AND g.outcome IN "                    \
    "(" PERFLAB_REFUTING_SQL ")) AND NOT EXISTS (SELECT 1 FROM process q JOIN run s ON q.run = "   \
    "s.uuid WHERE s.build = b.uuid AND q.outcome IN (" PERFLAB_REFUTING_SQL "))"

/* The tables that are exported, then NULL. A table comes after those that it refers to. */
extern const char *const ledger_tables[];

/*
 * ledger_io.c: writes all rows as JSON lines to a file, or to standard output ("-"). With `builds`,
 * only rows of these n_builds builds, and rows that belong to no build.
 */
bool ledger_export(ledger *l, const char *path, const char *const *builds, size_t n_builds);

/* Imports such a file: all rows or, on an error, none. Counts the rows, and those that were new. */
bool ledger_import(ledger *l, const char *path, size_t *n_rows, size_t *n_new);

#endif
