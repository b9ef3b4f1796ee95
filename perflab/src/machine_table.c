/*
 * machine_table.c - a row for each improvement, three columns for each machine.
 */
#include "machine_table.h"
#include "format.h"

#include <stdlib.h>
#include <string.h>

bool machine_table_derive(ledger *l, const catalog *c, const fact_query *q,
                          const machine_info **machines, size_t n, machine_table *out) {
    bool good = true;
    *out = (machine_table){machines, must_alloc((n + 1) * sizeof *out->lists), n};
    for (size_t i = 0; good && i < n; i++) {
        fact_query one = *q;
        one.machine = machines[i]->key;
        good = facts_derive(l, c, &one, &out->lists[i]);
    }
    return good;
}

void machine_table_free(machine_table *t) {
    for (size_t i = 0; i < t->n; i++) facts_free(&t->lists[i]);
    free(t->lists);
    *t = (machine_table){0};
}

enum { FIXED = 2, EACH = 3 };

/* The cells of a row, to be freed; row 0 has the heads. */
static char **cells_of(const machine_table *t, size_t row) {
    char **cells = must_alloc((FIXED + EACH * t->n) * sizeof *cells);
    const facts *first = row > 0 ? &t->lists[0].all[row - 1] : NULL;
    cells[0] = text_copy(first != NULL ? first->id : "ID");
    cells[1] = text_copy(first != NULL ? first->component : "Component");
    for (size_t i = 0; i < t->n; i++) {
        char **of = &cells[FIXED + EACH * i];
        const char *name = t->machines[i]->name;
        if (row == 0) {
            of[0] = text_format("%s: optimized", name);
            of[1] = text_format("%s: speedup", name);
            of[2] = text_format("%s: status", name);
            continue;
        }
        const facts *f = &t->lists[i].all[row - 1];
        char text[FORMAT_ROOM] = "-";
        if (f->has_speedup) format_time(text, f->candidate_us);
        of[0] = text_copy(text);
        format_ratio(text, &f->speedup);
        of[1] = text_copy(text);
        of[2] = text_copy(status_name(f->status));
    }
    return cells;
}

static void add_cell(text_buffer *out, const char *cell, table_format format, int width,
                     bool last) {
    if (format == FORMAT_TEXT) {
        text_add(out, "%-*s%s", last ? 0 : width, cell, last ? "\n" : "  ");
        return;
    }
    text_add(out, "%s", format == FORMAT_CSV ? "\"" : "| ");
    for (const char *p = cell; *p != '\0'; p++) {
        if (format == FORMAT_CSV && *p == '"') text_add_bytes(out, "\"", 1);
        if (format == FORMAT_MARKDOWN && *p == '|') text_add_bytes(out, "\\", 1);
        text_add_bytes(out, p, 1);
    }
    if (format == FORMAT_CSV) {
        text_add(out, last ? "\"\n" : "\",");
    } else {
        text_add(out, last ? " |\n" : " ");
    }
}

void machine_table_add(text_buffer *out, const machine_table *t, table_format format) {
    const size_t rows = t->n > 0 ? t->lists[0].n + 1 : 0, columns = FIXED + EACH * t->n;
    char ***cells = must_alloc((rows + 1) * sizeof *cells);
    int *width = must_alloc(columns * sizeof *width);
    for (size_t r = 0; r < rows; r++) {
        cells[r] = cells_of(t, r);
        for (size_t i = 0; i < columns; i++) {
            const int w = (int)strlen(cells[r][i]);
            if (w > width[i]) width[i] = w;
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            add_cell(out, cells[r][i], format, width[i], i + 1 == columns);
            free(cells[r][i]);
        }
        for (size_t i = 0; r == 0 && format == FORMAT_MARKDOWN && i < columns; i++) {
            text_add(out, i + 1 == columns ? "|----|\n" : "|----");
        }
        free(cells[r]);
    }
    free(cells);
    free(width);
}
