/*
 * table.c - the cells of the tracking table. A number that was not measured is "-".
 */
#include "table.h"
#include "format.h"

#include <stdlib.h>
#include <string.h>

const char *const table_heads[TABLE_COLUMNS] = {
    "ID", "Component", "Baseline (us)", "Optimized (us)", "Speedup", "Status", "Notes", "Device"};

static char *microseconds(double us) {
    char text[FORMAT_ROOM];
    if (us <= 0) return text_copy("-");
    format_three(text, us);
    return text_copy(text);
}

void table_number_cells(table_row *r, double baseline, double candidate,
                        const perflab_summary *ratio) {
    char factor[FORMAT_ROOM];
    format_ratio(factor, ratio);
    r->cell[2] = microseconds(baseline);
    r->cell[3] = microseconds(candidate);
    r->cell[4] = text_copy(factor);
    r->numbers.baseline = baseline;
    r->numbers.candidate = candidate;
    r->numbers.ratio = ratio->median;
    r->numbers.lo = ratio->lo;
    r->numbers.hi = ratio->hi;
    r->numbers.n = ratio->n;
}

static void note(text_buffer *notes, const char *text);

/* The speedup at any placement, if the code was moved. */
static void placement_note(text_buffer *notes, const perflab_summary *any, double share) {
    char factor[FORMAT_ROOM];
    if (any->n == 0) return;
    format_ratio(factor, any);
    char *text = share < 0
                     ? text_format("at any placement %s", factor)
                     : text_format("at any placement %s, placement has %.0f %% of the variance",
                                   factor, share * 100);
    note(notes, text);
    free(text);
}

static void note(text_buffer *notes, const char *text) {
    if (text == NULL || *text == '\0') return;
    text_add(notes, "%s%s", notes->length > 0 ? "; " : "", text);
}

/* perflab's own notes about a kind of input. */
static void input_notes(text_buffer *notes, const input_facts *in) {
    char text[200];
    if (in->baseline_error > 0 || in->candidate_error > 0) {
        snprintf(text, sizeof text, "error against the reference: baseline %.1e, candidate %.1e",
                 in->baseline_error, in->candidate_error);
        note(notes, text);
    }
    if (in->n > 1 && in->speedup.cv > NOISY_CV) {
        snprintf(text, sizeof text, "noisy (CV %.0f %%)", in->speedup.cv * 100);
        note(notes, text);
    }
    if (in->clock_share > 0.05) {
        snprintf(text, sizeof text, "clock: %.0f %% of an interval, subtracted",
                 in->clock_share * 100);
        note(notes, text);
    }
    if (in->n_failed > 0) {
        snprintf(text, sizeof text, "%zu processes failed, last %.100s", in->n_failed, in->failure);
        note(notes, text);
    }
}

table_row table_row_of_input(const facts *f, const input_facts *in) {
    table_row r = {.numbers.size = f->size};
    text_buffer notes = {0};
    text_add(&notes, "%s", "");
    note(&notes, f->title);
    placement_note(&notes, &in->any,
                   placement_share(in->ratio, in->n, in->moved, in->any.n > 0 ? in->n_moved : 0));
    input_notes(&notes, in);
    table_number_cells(&r, in->n_baseline > 0 ? in->baseline.median : 0,
                       in->n > 0 ? in->candidate.median : 0, &in->speedup);
    r.cell[0] = text_format("%s", f->id);
    r.cell[1] = text_format("%s (%s)", f->component, in->input);
    r.cell[5] = text_copy(status_name(f->status));
    r.cell[6] = notes.text;
    r.cell[7] = text_copy(f->device != NULL && *f->device ? f->device : "-");
    return r;
}

static void by_input(text_buffer *notes, const facts *f) {
    text_buffer each = {0};
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->n == 0) continue;
        char factor[32], lo[32], hi[32];
        format_ratio_parts(factor, lo, hi, &in->speedup);
        text_add(&each, "%s%s %sx", each.length > 0 ? ", " : "", in->input, factor);
    }
    note(notes, each.text);
    free(each.text);
}

/* The same notes for the worst values over the kinds of input. */
static void whole_notes(text_buffer *notes, const facts *f) {
    input_facts worst = {.baseline_error = -1, .candidate_error = -1};
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->baseline_error > worst.baseline_error) worst.baseline_error = in->baseline_error;
        if (in->candidate_error > worst.candidate_error)
            worst.candidate_error = in->candidate_error;
        if (in->clock_share > worst.clock_share) worst.clock_share = in->clock_share;
        worst.n_failed += in->n_failed;
        if (in->failure != NULL) worst.failure = in->failure;
        if (in->n > 1 && in->speedup.cv > worst.speedup.cv) {
            worst.n = in->n;
            worst.speedup.cv = in->speedup.cv;
        }
    }
    input_notes(notes, &worst);
}

table_row table_row_of(const facts *f) {
    table_row r = {.numbers.size = f->size};
    text_buffer notes = {0};
    text_add(&notes, "%s", "");
    note(&notes, f->notes[0] != '\0' ? f->notes : f->title);
    note(&notes, f->reason);
    if (f->has_speedup && f->n_inputs > 1) by_input(&notes, f);
    placement_note(&notes, &f->any, f->placement_share);
    whole_notes(&notes, f);
    table_number_cells(&r, f->has_baseline_us ? f->baseline_us : 0,
                       f->has_speedup ? f->candidate_us : 0, &f->speedup);
    r.cell[0] = text_copy(f->id);
    r.cell[1] = text_copy(f->component);
    r.cell[5] = text_copy(status_name(f->status));
    r.cell[6] = notes.text;
    r.cell[7] = text_copy(f->device != NULL && *f->device ? f->device : "-");
    return r;
}

void table_row_free(table_row *r) {
    for (int i = 0; i < TABLE_COLUMNS; i++) free(r->cell[i]);
}

void table_markdown_row(text_buffer *out, const table_row *r) {
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        text_add(out, "| ");
        for (const char *p = r->cell[i]; *p != '\0'; p++) {
            if (*p == '|') text_add_bytes(out, "\\", 1);
            text_add_bytes(out, *p == '\n' ? " " : p, 1);
        }
        text_add(out, " ");
    }
    text_add(out, "|\n");
}
