/*
 * table.h - the rows of the tracking table.
 */
#ifndef PERFLAB_TABLE_H
#define PERFLAB_TABLE_H

#include "facts.h"
#include "util.h"

enum { TABLE_COLUMNS = 8 };

/* ID, Component, Baseline (us), Optimized (us), Speedup, Status, Notes, Device. */
extern const char *const table_heads[TABLE_COLUMNS];

/* The values of the cells; 0: not measured. Times are microseconds per call. */
typedef struct table_numbers {
    double baseline, candidate, ratio, lo, hi;
    size_t n, size;
} table_numbers;

typedef struct table_row {
    char *cell[TABLE_COLUMNS];
    table_numbers numbers;
} table_row;

/* The row of an improvement, over all its kinds of input. */
table_row table_row_of(const facts *f);

/* The row of one kind of input. */
table_row table_row_of_input(const facts *f, const input_facts *in);

/* Fills in the cells with numbers: baseline, optimized, speedup. */
void table_number_cells(table_row *r, double baseline, double candidate,
                        const perflab_summary *ratio);

void table_row_free(table_row *r);

/* "| a | b |" with pipes in cells escaped; ends with a newline. */
void table_markdown_row(text_buffer *out, const table_row *r);

#endif
