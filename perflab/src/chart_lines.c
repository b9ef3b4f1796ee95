/*
 * chart_lines.c - a number over commits, over sizes, and over processes in the order they ran.
 */
#include "chart_axis.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>

/* ---- History ------------------------------------------------------------------------------ */

/* The plot area of a history. */
enum { HISTORY_LEFT = 44, HISTORY_TOP = 10, HISTORY_BOTTOM = 110, HISTORY_HEIGHT = 140 };

/* A level between two change points: a line at its median, and a band for its interval. */
static void level_lines(text_buffer *out, const history *h, const axis *y, double step) {
    for (size_t k = 0; k < h->n_segments; k++) {
        const step_segment *s = &h->segments[k];
        const double from = HISTORY_LEFT + (double)s->first * step;
        const double width = (double)s->n * step, at = axis_place(y, s->level.median);
        if (s->level.has_interval) {
            const double top = axis_place(y, s->level.hi);
            text_add(
                out,
                "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                from, top, width, fmax(1, axis_place(y, s->level.lo) - top));
        }
        text_add(out, "<line class=\"level\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                 from, from + width, at, at);
        if (k == 0) continue;
        text_add(out, "<line class=\"step\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", from,
                 from, HISTORY_TOP, HISTORY_BOTTOM);
    }
}

void chart_history(text_buffer *out, const history *h) {
    const bool ratio = h->metric == HISTORY_SPEEDUP;
    double lo = ratio ? 1 : HUGE_VAL, hi = ratio ? 1 : 0, last_label = -1e9;
    for (size_t i = 0; i < h->n; i++) {
        const perflab_summary *s = &h->points[i].level;
        lo = fmin(lo, s->has_interval ? s->lo : s->median);
        hi = fmax(hi, s->has_interval ? s->hi : s->median);
    }
    const axis y = axis_fit(lo, hi, HISTORY_BOTTOM, HISTORY_TOP);
    const double step = (CHART_WIDTH - 8 - HISTORY_LEFT) / (double)h->n;
    chart_open(out, HISTORY_HEIGHT, ratio ? "Speedup by commit" : "Microseconds by commit");
    chart_left(out, &y, HISTORY_LEFT, CHART_WIDTH - 8);
    if (ratio) {
        text_add(out, "<line class=\"one\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                 HISTORY_LEFT, CHART_WIDTH - 8, axis_place(&y, 1), axis_place(&y, 1));
    }
    level_lines(out, h, &y, step);
    for (size_t i = 0; i < h->n; i++) {
        const history_point *p = &h->points[i];
        const double x = HISTORY_LEFT + ((double)i + 0.5) * step,
                     at = axis_place(&y, p->level.median);
        if (p->level.has_interval) {
            text_add(out, "<line class=\"bar\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                     x, x, axis_place(&y, p->level.lo), axis_place(&y, p->level.hi));
        }
        text_add(out, "<circle class=\"cand\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>", x, at);
        html_add(out, p->commit);
        char level[96];
        history_text(level, h, &p->level);
        text_add(out, ": %s</title></circle>\n", level);
        if (x - last_label > 58) {
            char name[10];
            snprintf(name, sizeof name, "%.8s", p->commit);
            chart_label(out, x, HISTORY_BOTTOM + 15, "tick mid", name);
            last_label = x;
        }
    }
    text_add(out, "</svg>\n");
}

/* ---- Scaling ------------------------------------------------------------------------------ */

/* The points of one side, joined by a line, with the fitted order above or below its end. */
static void scaling_line(text_buffer *out, const scaling *s, const axis *x, const axis *y, int side,
                         bool above) {
    double *size, *us;
    const size_t n = scaling_side(s, 1, side, &size, &us);
    static const char *const classes[] = {"base", "cand"};
    order_fit fits[ORDERS];
    for (size_t i = 0; i < n; i++) {
        const double at = axis_place(x, size[i]), up = axis_place(y, us[i]);
        if (i > 0) {
            text_add(out,
                     "<line class=\"%s-path\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                     classes[side], axis_place(x, size[i - 1]), axis_place(y, us[i - 1]), at, up);
        }
        text_add(out,
                 "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.0f: %.4g "
                 "us</title></circle>\n",
                 classes[side], at, up, size[i], us[i]);
    }
    if (order_fit_all(size, us, n, fits)) {
        char words[48];
        order_words(fits, words);
        chart_label(out, axis_place(x, size[n - 1]) - 6,
                    axis_place(y, us[n - 1]) + (above ? -6 : 14), "end name", words);
    }
    free(size);
    free(us);
}

bool chart_scaling(text_buffer *out, const scaling *s) {
    enum { LEFT = 50, TOP = 14, BOTTOM = 150, HEIGHT = 184, RIGHT = CHART_WIDTH - 12 };
    double lo = HUGE_VAL, hi = 0, least = HUGE_VAL, most = 0;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *p = &s->points[i];
        if (p->threads != 1) continue;
        n++;
        lo = fmin(lo, (double)p->size);
        hi = fmax(hi, (double)p->size);
        for (int side = 0; side < 2; side++) {
            if (p->us[side] <= 0) continue;
            least = fmin(least, p->us[side]);
            most = fmax(most, p->us[side]);
        }
    }
    if (n < 3 || !(most > 0)) return false;
    const axis x = {lo / 1.2, hi * 1.2, LEFT, RIGHT, true};
    const axis y = {least / 1.5, most * 1.5, BOTTOM, TOP, true};
    chart_open(out, HEIGHT, "Scaling: microseconds a call by size");
    chart_bottom(out, &x, TOP, BOTTOM, "size (log), against microseconds a call (log)");
    chart_left(out, &y, LEFT, RIGHT);
    for (int level = 0; level < 3; level++) {
        const double end = scaling_cache_end(s, level);
        char name[16];
        if (end <= 0) continue;
        snprintf(name, sizeof name, "L%d ends", level + 1);
        text_add(out, "<line class=\"one\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
                 axis_place(&x, end), axis_place(&x, end), TOP, BOTTOM);
        chart_label(out, axis_place(&x, end) + 3, TOP + 8, "tick", name);
    }
    /* The label of the slower side is above its line, that of the other below. */
    const scaling_point *end = NULL;
    for (size_t i = 0; i < s->n; i++) end = s->points[i].threads == 1 ? &s->points[i] : end;
    const bool base_above = end == NULL || end->us[0] >= end->us[1];
    for (int side = 0; side < 2; side++)
        scaling_line(out, s, &x, &y, side, (side == 0) == base_above);
    text_add(out, "</svg>\n");
    return true;
}

/* ---- Order in time ------------------------------------------------------------------------ */

void chart_order(text_buffer *out, const input_facts *in) {
    enum { LEFT = 50, TOP = 8, BOTTOM = 90, HEIGHT = 122, RIGHT = CHART_WIDTH - 12 };
    const perflab_summary *s = &in->speedup;
    const axis y = axis_fit(s->min, s->max, BOTTOM, TOP);
    const axis x = {0.5, (double)in->n + 0.5, LEFT, RIGHT, false};
    char what[160];
    snprintf(what, sizeof what, "Ratio of each process on %.60s, in the order they ran", in->input);
    chart_open(out, HEIGHT, what);
    chart_left(out, &y, LEFT, RIGHT);
    if (s->has_interval) {
        const double top = axis_place(&y, s->hi);
        text_add(out, "<rect class=\"band\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n",
                 LEFT, top, RIGHT - LEFT, fmax(1, axis_place(&y, s->lo) - top));
    }
    text_add(out, "<line class=\"level\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT,
             RIGHT, axis_place(&y, s->median), axis_place(&y, s->median));
    for (size_t i = 0; i < in->n; i++) {
        const bool far = perflab_is_outlier(in->ratio[i], s->median, s->mad);
        text_add(out,
                 "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>process %zu: "
                 "%.4gx%s</title></circle>\n",
                 far ? "far" : "cand", axis_place(&x, (double)i + 1), axis_place(&y, in->ratio[i]),
                 i + 1, in->ratio[i], far ? ", an outlier" : "");
    }
    snprintf(what, sizeof what, "processes on %.60s in the order they ran, against the ratio",
             in->input);
    chart_label(out, (LEFT + RIGHT) / 2.0, BOTTOM + 22, "tick mid", what);
    text_add(out, "</svg>\n");
}
