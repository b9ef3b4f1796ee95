/*
 * machine_table.h - the same improvements on several machines, side by side.
 */
#ifndef PERFLAB_MACHINE_TABLE_H
#define PERFLAB_MACHINE_TABLE_H

#include "facts.h"
#include "machines.h"
#include "util.h"

typedef struct machine_table {
    const machine_info **machines;
    fact_list *lists; /* one for each machine, with the same improvements in the same order */
    size_t n;
} machine_table;

/*
 * Derives the facts of each machine. `q->machine` is ignored. Returns false if the ledger cannot be
 * read. Free it in either case.
 */
bool machine_table_derive(ledger *l, const catalog *c, const fact_query *q,
                          const machine_info **machines, size_t n, machine_table *out);
void machine_table_free(machine_table *t);

typedef enum table_format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_CSV } table_format;

/* Adds the table: for each machine the optimized time, the speedup and the status. */
void machine_table_add(text_buffer *out, const machine_table *t, table_format format);

#endif
