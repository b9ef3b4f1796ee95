/*
 * chart_forest.c - the claim of a row: its ratio and interval beside the lines at 1 and at the
 * threshold, and those of each kind of input.
 */
#include "chart_axis.h"
#include "format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 70, RIGHT = CHART_WIDTH - 8, HEAD = 26, EACH = 15, AXIS_HEIGHT = 20 };

void forest_range(const fact_list *list, double *lo, double *hi) {
    *lo = 1 / 1.1;
    *hi = 1.1;
    for (size_t i = 0; i < list->n; i++) {
        const facts *f = &list->all[i];
        for (size_t k = 0; f->has_speedup && k < f->n_inputs; k++) {
            const perflab_summary *s = &f->inputs[k].speedup, *any = &f->inputs[k].any;
            *lo = fmin(*lo, s->has_interval ? s->lo : s->median);
            *hi = fmax(*hi, s->has_interval ? s->hi : s->median);
            if (!any->has_interval) continue;
            *lo = fmin(*lo, any->lo);
            *hi = fmax(*hi, any->hi);
        }
    }
}

static axis forest_axis(double lo, double hi) {
    /* Logarithmic, so that a loss of a half is as far from 1 as a gain of two. */
    return (axis){lo / 1.03, hi * 1.03, LEFT, RIGHT, true};
}

/* The lines at 1 and at the practical threshold on both sides of it. */
static void add_limits(text_buffer *out, const axis *a, int height) {
    const double at[] = {1 / (1 + PRACTICAL_GAIN), 1, 1 + PRACTICAL_GAIN};
    for (int i = 0; i < 3; i++) {
        text_add(out, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>\n",
                 i == 1 ? "unit" : "one", axis_place(a, at[i]), axis_place(a, at[i]), height);
    }
}

static const char *tone(const perflab_summary *s) {
    switch (resolve(s)) {
    case RESOLUTION_FASTER:
        return "gain";
    case RESOLUTION_SLOWER:
        return "loss";
    default:
        return "same";
    }
}

/* An interval as a line, thick or thin, with its median as a square or a dot. */
static void add_interval(text_buffer *out, const axis *a, double y, const perflab_summary *s,
                         const char *class, bool thick, bool hollow) {
    const double at = axis_place(a, s->median);
    if (s->has_interval) {
        text_add(out,
                 "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" "
                 "stroke-width=\"%s\"/>\n",
                 class, axis_place(a, s->lo), axis_place(a, s->hi), y, y, thick ? "3" : "1.5");
    }
    const double r = thick ? 4.5 : 2.5;
    text_add(out, "<rect class=\"%s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"%s/>\n",
             class, hollow ? " hollow" : "", at - r, y - r, 2 * r, 2 * r,
             thick ? "" : " rx=\"2.5\"");
}

/* What the row claims, in words, for those who do not see it. To be freed. */
static char *claim_of(const facts *f) {
    char factor[FORMAT_ROOM];
    if (!f->has_speedup) {
        return text_format("%s: %s%s%s", f->id, status_name(f->status),
                           f->reason != NULL ? ", " : "", f->reason != NULL ? f->reason : "");
    }
    format_ratio(factor, deciding(&f->speedup, &f->any));
    return text_format("%s: %s%s%s, the line at 1 means no difference", f->id, factor,
                       f->any.n > 0 ? " at any placement" : "", f->noisy ? ", noisy" : "");
}

/* The outcome that refutes the candidate, such as "mismatch"; NULL if none does. */
static const char *refuted_by(const facts *f) {
    for (size_t i = 0; i < f->n_inputs; i++) {
        const char *outcome = f->inputs[i].gate_outcome;
        if (outcome != NULL && perflab_outcome_refutes(perflab_outcome_of(outcome))) return outcome;
    }
    return NULL;
}

/* A red cross instead of an interval. */
static void add_wrong(text_buffer *out, const axis *a, const char *outcome) {
    const double x = axis_place(a, 1), y = HEAD / 2.0;
    char text[64];
    text_add(out, "<path class=\"loss\" stroke-width=\"3\" d=\"M%.1f %.1fl10 10m0 -10l-10 10\"/>\n",
             x - 5, y - 5);
    snprintf(text, sizeof text, "wrong: %.40s", outcome);
    /* On the side where there is more room. */
    const bool after = x < (LEFT + RIGHT) / 2.0;
    chart_label(out, x + (after ? 12 : -12), y + 4, after ? "wrong" : "wrong end", text);
}

void chart_forest(text_buffer *out, const facts *f, double lo, double hi) {
    const axis a = forest_axis(lo, hi);
    const bool kinds = f->has_speedup && f->n_inputs > 1;
    const int height = HEAD + (kinds ? (int)f->n_inputs * EACH : 0);
    char *claim = claim_of(f);
    chart_open(out, height, claim);
    free(claim);
    add_limits(out, &a, height);
    const char *refuted = refuted_by(f);
    if (refuted != NULL) {
        add_wrong(out, &a, refuted);
    } else if (f->has_speedup) {
        const perflab_summary *s = deciding(&f->speedup, &f->any);
        const bool moved = f->any.n > 0;
        add_interval(out, &a, HEAD / 2.0, s, tone(s), true, f->quick);
        /* That of this build alone, above it. */
        if (moved) add_interval(out, &a, 4, &f->speedup, "here", false, false);
        if (f->noisy) chart_label(out, LEFT - 8, HEAD / 2.0 + 4, "noise end", "~ noisy");
    }
    for (size_t i = 0; kinds && i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        const perflab_summary *s = deciding(&in->speedup, &in->any);
        const double y = HEAD + ((double)i + 0.4) * EACH;
        char name[16];
        snprintf(name, sizeof name, "%.12s", in->input);
        chart_label(out, LEFT - 8, y + 3, "tick end", name);
        add_interval(out, &a, y, s, tone(s), false, in->quick);
        if (s->cv > NOISY_CV) chart_label(out, axis_place(&a, s->median) + 6, y + 3, "noise", "~");
    }
    text_add(out, "</svg>\n");
}

void chart_forest_axis(text_buffer *out, double lo, double hi) {
    const axis a = forest_axis(lo, hi);
    static const double round[] = {0.1, 0.2, 0.5, 0.8, 0.9, 1,   1.1, 1.25, 1.5, 2,
                                   3,   5,   10,  20,  50,  100, 200, 500,  1000};
    double last = -1e9;
    const double unit = axis_place(&a, 1);
    chart_open(out, AXIS_HEIGHT, "Scale of the ratios, logarithmic");
    chart_label(out, unit, 12, "tick mid name", "1");
    for (size_t i = 0; i < sizeof round / sizeof *round; i++) {
        const double x = axis_place(&a, round[i]);
        char text[16];
        if (round[i] < a.lo || round[i] > a.hi || x - last < 26 || fabs(x - unit) < 22) continue;
        snprintf(text, sizeof text, "%gx", round[i]);
        chart_label(out, x, 12, "tick mid", text);
        last = x;
    }
    text_add(out, "</svg>\n");
}
