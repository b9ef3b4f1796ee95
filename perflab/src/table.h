/*
 * table.h - the tracking table's rows as text.
 */
#ifndef PERFLAB_TABLE_H
#define PERFLAB_TABLE_H

#include "facts.h"
#include "util.h"

enum { TABLE_COLUMNS = 8 };

/* ID, Component, Baseline (us), Optimized (us), Speedup, Status, Notes, Device. */
extern const char *const table_heads[TABLE_COLUMNS];

typedef struct table_row {
    char *cell[TABLE_COLUMNS];
} table_row;

/* The row of an improvement, over all its kinds of input. */
table_row table_row_of(const facts *f);

/* The row of one kind of input. */
table_row table_row_of_input(const facts *f, const input_facts *in);

void table_row_free(table_row *r);

/* "| a | b |" with pipes in cells escaped; ends with a newline. */
void table_markdown_row(text_buffer *out, const table_row *r);

/* Microseconds with as many digits as they mean: 8913, 167, 4.72, 0.781. */
void table_microseconds(char *out, size_t room, double us);

/* "1.22x [1.214, 1.257]"; "-" for nothing measured. */
void table_speedup(char *out, size_t room, const perflab_summary *ratio);

#endif
