/*
 * ledger.h - what was measured and judged, in one SQLite file.
 *
 * Rows are cJSON objects, named by column. Every table's key is a uuid, so ledgers merge by union.
 */
#ifndef PERFLAB_LEDGER_H
#define PERFLAB_LEDGER_H

#include "json.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct ledger ledger;

/* The ledger a command uses: what --ledger says, else $PERFLAB_LEDGER, else perflab.ledger. */
const char *ledger_choice(const char *given);

/*
 * Opens the ledger, or makes it if `create`. NULL with a complaint if it is damaged, foreign,
 * newer than this perflab, missing, or cannot be written; the file is then as it was.
 */
ledger *ledger_open(const char *path, bool create);
void ledger_close(ledger *l);
const char *ledger_path(const ledger *l);

/* A transaction around several puts. Each returns false with a complaint. */
bool ledger_begin(ledger *l);
bool ledger_commit(ledger *l);
void ledger_rollback(ledger *l);

/*
 * Inserts a row; unknown columns and values of the wrong type are refused. `merge`: a row whose
 * uuid is there already is left alone. Outside ledger_begin it is a transaction of its own.
 */
bool ledger_put(ledger *l, const char *table, const cJSON *row, bool merge);

/* Sets columns of the row with that uuid. */
bool ledger_set(ledger *l, const char *table, const char *uuid, const cJSON *columns);

/*
 * All rows of a query as an array of objects; text parameters follow the query's ?1, ?2 ..., ended
 * by NULL. NULL with a complaint when the query fails.
 */
cJSON *ledger_rows(ledger *l, const char *sql, ...);

/* A condition on a build b: nothing recorded refutes its candidate. Wrong ones have no speedup. */
#define LEDGER_NOT_REFUTED                                                                         \
    "NOT EXISTS (SELECT 1 FROM gate g WHERE g.build = b.uuid AND g.outcome IN "                    \
    "(" PERFLAB_REFUTING_SQL ")) AND NOT EXISTS (SELECT 1 FROM process q JOIN run s ON q.run = "   \
    "s.uuid WHERE s.build = b.uuid AND q.outcome IN (" PERFLAB_REFUTING_SQL "))"

/* The tables that export writes and import reads, ended by NULL, in an order import can follow. */
extern const char *const ledger_tables[];

/*
 * ledger_io.c: all rows as JSON lines to a file, or to standard output ("-"). With `builds`, only
 * what belongs to these n_builds builds, and to no build.
 */
bool ledger_export(ledger *l, const char *path, const char *const *builds, size_t n_builds);

/* Reads them back, all or nothing; says how many rows there were, and how many were new. */
bool ledger_import(ledger *l, const char *path, size_t *n_rows, size_t *n_new);

#endif
