/*
 * chart.c - axes, ticks and three kinds of chart.
 */
#include "chart.h"
#include "format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void html_add(text_buffer *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            text_add(out, "&lt;");
            break;
        case '>':
            text_add(out, "&gt;");
            break;
        case '&':
            text_add(out, "&amp;");
            break;
        case '"':
            text_add(out, "&quot;");
            break;
        default:
            text_add_bytes(out, text, 1);
            break;
        }
    }
}

typedef struct axis {
    double lo, hi;   /* values */
    double from, to; /* their coordinates */
    bool log;
} axis;

static double place(const axis *a, double v) {
    const double t = a->log ? log(v / a->lo) / log(a->hi / a->lo) : (v - a->lo) / (a->hi - a->lo);
    return a->from + t * (a->to - a->from);
}

/* An axis for [lo, hi] with some margin; logarithmic if the values are far apart. */
static axis fit(double lo, double hi, double from, double to) {
    axis a = {.from = from, .to = to, .log = lo > 0 && hi / lo > 5};
    if (a.log) {
        a.lo = lo / pow(hi / lo, 0.05);
        a.hi = hi * pow(hi / lo, 0.05);
    } else {
        const double air = hi > lo ? (hi - lo) * 0.08 : fabs(hi) * 0.05 + 1e-12;
        a.lo = lo - air;
        a.hi = hi + air;
    }
    return a;
}

/* Round values along an axis; returns how many. */
static size_t ticks(const axis *a, double *at, size_t room, size_t wanted) {
    size_t n = 0;
    if (a->log) {
        const double decades = log10(a->hi / a->lo);
        const bool dense = decades < 2;
        for (int e = (int)floor(log10(a->lo)); e <= (int)ceil(log10(a->hi)); e++) {
            const double steps[] = {1, 2, 5};
            for (int k = 0; k < (dense ? 3 : 1); k++) {
                const double v = steps[k] * pow(10, e);
                const bool thin = !dense && decades > 6 && e % 2 != 0;
                if (v >= a->lo && v <= a->hi && n < room && !thin) at[n++] = v;
            }
        }
        return n;
    }
    const double rough = (a->hi - a->lo) / (double)wanted;
    const double unit = pow(10, floor(log10(rough)));
    const double step = rough / unit < 1.5   ? unit
                        : rough / unit < 3.5 ? 2 * unit
                        : rough / unit < 7.5 ? 5 * unit
                                             : 10 * unit;
    const double first = ceil(a->lo / step) * step;
    while (n < room && first + (double)n * step <= a->hi) {
        at[n] = first + (double)n * step;
        n++;
    }
    return n;
}

static void number(char *out, size_t room, double v) {
    if (fabs(v) < 1e-12) v = 0;
    snprintf(out, room, fabs(v) >= 1e5 || (v != 0 && fabs(v) < 1e-3) ? "%.0e" : "%.4g", v);
}

static void open_chart(text_buffer *out, int height, const char *what) {
    text_add(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", CHART_WIDTH, height);
    html_add(out, what);
    text_add(out, "\">\n");
}

static void label(text_buffer *out, double x, double y, const char *class, const char *text) {
    text_add(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_add(out, text);
    text_add(out, "</text>\n");
}

/* Vertical grid lines with numbers below them, and the name of the axis. */
static void bottom_axis(text_buffer *out, const axis *a, double top, double bottom,
                        const char *name) {
    double at[24];
    const size_t n = ticks(a, at, 24, 5);
    double last = -1e9;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        const double x = place(a, at[i]);
        text_add(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x,
                 x, top, bottom);
        if (x - last < 34) continue;
        last = x;
        number(text, sizeof text, at[i]);
        label(out, x, bottom + 12, "tick mid", text);
    }
    label(out, (a->from + a->to) / 2, bottom + 25, "tick mid", name);
}

static void left_axis(text_buffer *out, const axis *a, double left, double right) {
    double at[24];
    const size_t n = ticks(a, at, 24, 4);
    for (size_t i = 0; i < n; i++) {
        char text[32];
        const double y = place(a, at[i]);
        text_add(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                 left, right, y, y);
        number(text, sizeof text, at[i]);
        label(out, left - 4, y + 3, "tick end", text);
    }
}

/* ---- Dots --------------------------------------------------------------------------------- */

/* A dot for each process, spread vertically so that all are visible; a bar at the median. */
static void strip(text_buffer *out, const axis *a, double y, const double *us, size_t n,
                  double median, const char *class) {
    for (size_t i = 0; i < n; i++) {
        const double off = ((double)((i * 7) % 5) - 2) * 1.6;
        text_add(out,
                 "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.4g "
                 "us</title></circle>\n",
                 class, place(a, us[i]), y + off, us[i]);
    }
    text_add(out, "<line class=\"median\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
             place(a, median), place(a, median), y - 8, y + 8);
}

void chart_dots(text_buffer *out, const facts *f) {
    enum { LEFT = 66, TOP = 8, STRIP = 20, GAP = 8, FOOT = 32 };
    double lo = HUGE_VAL, hi = 0;
    size_t strips = 0;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->n_baseline == 0) continue;
        strips += in->n > 0 ? 2 : 1;
        lo = fmin(lo, fmin(in->baseline.min, in->n > 0 ? in->candidate.min : HUGE_VAL));
        hi = fmax(hi, fmax(in->baseline.max, in->n > 0 ? in->candidate.max : 0));
    }
    if (strips == 0) return;
    const double bottom = TOP + (double)strips * STRIP + (double)(f->n_inputs - 1) * GAP;
    const axis a = fit(lo, hi, LEFT, CHART_WIDTH - 16);
    char *what = text_format("Microseconds of every process of %s", f->id);
    open_chart(out, (int)bottom + FOOT, what);
    free(what);
    bottom_axis(out, &a, TOP, bottom,
                a.log ? "microseconds a call (logarithmic)" : "microseconds a call");
    double y = TOP + STRIP / 2.0;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->n_baseline == 0) continue;
        char name[16];
        snprintf(name, sizeof name, "%.10s", in->input);
        label(out, LEFT - 8, y + (in->n > 0 ? STRIP / 2.0 : 0) + 3, "tick end", name);
        strip(out, &a, y, in->baseline_us, in->n_baseline, in->baseline.median, "base");
        y += STRIP;
        if (in->n > 0) {
            strip(out, &a, y, in->candidate_us, in->n, in->candidate.median, "cand");
            y += STRIP;
        }
        y += GAP;
    }
    text_add(out, "</svg>\n");
}

/* ---- History ------------------------------------------------------------------------------ */

/* The plot area of a history. */
enum { HISTORY_LEFT = 44, HISTORY_TOP = 10, HISTORY_BOTTOM = 110, HISTORY_HEIGHT = 140 };

/* A level between two change points: a line at its median, and a band for its interval. */
static void level_lines(text_buffer *out, const history *h, const axis *y, double step) {
    for (size_t k = 0; k < h->n_segments; k++) {
        const step_segment *s = &h->segments[k];
        const double from = HISTORY_LEFT + (double)s->first * step;
        const double width = (double)s->n * step, at = place(y, s->level.median);
        if (s->level.has_interval) {
            const double top = place(y, s->level.hi);
            text_add(
                out,
                "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                from, top, width, fmax(1, place(y, s->level.lo) - top));
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
    const axis y = fit(lo, hi, HISTORY_BOTTOM, HISTORY_TOP);
    const double step = (CHART_WIDTH - 8 - HISTORY_LEFT) / (double)h->n;
    open_chart(out, HISTORY_HEIGHT, ratio ? "Speedup by commit" : "Microseconds by commit");
    left_axis(out, &y, HISTORY_LEFT, CHART_WIDTH - 8);
    if (ratio) {
        text_add(out, "<line class=\"one\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                 HISTORY_LEFT, CHART_WIDTH - 8, place(&y, 1), place(&y, 1));
    }
    level_lines(out, h, &y, step);
    for (size_t i = 0; i < h->n; i++) {
        const history_point *p = &h->points[i];
        const double x = HISTORY_LEFT + ((double)i + 0.5) * step, at = place(&y, p->level.median);
        if (p->level.has_interval) {
            text_add(out, "<line class=\"bar\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                     x, x, place(&y, p->level.lo), place(&y, p->level.hi));
        }
        text_add(out, "<circle class=\"cand\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>", x, at);
        html_add(out, p->commit);
        char level[96];
        history_text(level, h, &p->level);
        text_add(out, ": %s</title></circle>\n", level);
        if (x - last_label > 58) {
            char name[10];
            snprintf(name, sizeof name, "%.8s", p->commit);
            label(out, x, HISTORY_BOTTOM + 15, "tick mid", name);
            last_label = x;
        }
    }
    text_add(out, "</svg>\n");
}

/* ---- Roofline ----------------------------------------------------------------------------- */

void chart_roofline(text_buffer *out, const roof_line *roofs, size_t n_roofs, double peak,
                    const roof_point *points, size_t n_points) {
    enum { LEFT = 44, TOP = 10, BOTTOM = 220, HEIGHT = 256, RIGHT = CHART_WIDTH - 10 };
    double lo_x = 0.05, hi_x = 10, lo_y = peak;
    for (size_t i = 0; i < n_points; i++) {
        lo_x = fmin(lo_x, points[i].intensity / 1.5);
        hi_x = fmax(hi_x, points[i].intensity * 1.5);
        for (int side = 0; side < 2; side++) {
            if (points[i].ops_per_s[side] > 0) lo_y = fmin(lo_y, points[i].ops_per_s[side]);
        }
    }
    for (size_t i = 0; i < n_roofs; i++) hi_x = fmax(hi_x, peak / roofs[i].bytes_per_s * 1.5);
    const axis x = {lo_x, hi_x, LEFT, RIGHT, true};
    const axis y = {lo_y / 3e9, peak * 1.6 / 1e9, BOTTOM, TOP, true};
    open_chart(out, HEIGHT, "Roofline: operations a second against operations a byte");
    bottom_axis(out, &x, TOP, BOTTOM, "operations a byte (log), against Gop/s (log)");
    left_axis(out, &y, LEFT, RIGHT);
    for (size_t i = 0; i < n_roofs; i++) {
        const double bend = peak / roofs[i].bytes_per_s;
        const double from = fmax(lo_x, y.lo * 1e9 / roofs[i].bytes_per_s);
        text_add(out, "<polyline class=\"roof\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n",
                 place(&x, from), place(&y, from * roofs[i].bytes_per_s / 1e9), place(&x, bend),
                 place(&y, peak / 1e9), (double)RIGHT, place(&y, peak / 1e9));
        /* The name goes left of the slope's upper end, where points are rare. */
        const double at = bend / 1.5;
        label(out, place(&x, at) - 4, place(&y, at * roofs[i].bytes_per_s / 1e9) - 3, "tick end",
              roofs[i].name);
    }
    for (size_t i = 0; i < n_points; i++) {
        static const char *const classes[] = {"base", "cand"};
        for (int side = 0; side < 2; side++) {
            const double ops = points[i].ops_per_s[side];
            if (ops <= 0) continue;
            text_add(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>",
                     classes[side], place(&x, points[i].intensity), place(&y, ops / 1e9));
            html_add(out, points[i].id);
            text_add(out, ": %.3g Gop/s</title></circle>\n", ops / 1e9);
        }
        const double top = fmax(points[i].ops_per_s[0], points[i].ops_per_s[1]);
        if (top > 0)
            label(out, place(&x, points[i].intensity) + 6, place(&y, top / 1e9) + 3, "name",
                  points[i].id);
    }
    text_add(out, "</svg>\n");
}
