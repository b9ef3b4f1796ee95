/*
 * chart_axis.c - what all charts have in common: text, scales, ticks and grid lines.
 */
#include "chart_axis.h"

#include <math.h>
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

double axis_place(const axis *a, double v) {
    const double t = a->log ? log(v / a->lo) / log(a->hi / a->lo) : (v - a->lo) / (a->hi - a->lo);
    return a->from + t * (a->to - a->from);
}

axis axis_fit(double lo, double hi, double from, double to) {
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
static size_t axis_ticks(const axis *a, double *at, size_t room, size_t wanted) {
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

void chart_number(char *out, size_t room, double v) {
    if (fabs(v) < 1e-12) v = 0;
    snprintf(out, room, fabs(v) >= 1e5 || (v != 0 && fabs(v) < 1e-3) ? "%.0e" : "%.4g", v);
}

void chart_open(text_buffer *out, int height, const char *what) {
    text_add(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", CHART_WIDTH, height);
    html_add(out, what);
    text_add(out, "\">\n");
}

void chart_label(text_buffer *out, double x, double y, const char *class, const char *text) {
    text_add(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_add(out, text);
    text_add(out, "</text>\n");
}

void chart_bottom(text_buffer *out, const axis *a, double top, double bottom, const char *name) {
    double at[24];
    const size_t n = axis_ticks(a, at, 24, 5);
    double last = -1e9;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        const double x = axis_place(a, at[i]);
        text_add(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x,
                 x, top, bottom);
        if (x - last < 34) continue;
        last = x;
        chart_number(text, sizeof text, at[i]);
        chart_label(out, x, bottom + 12, "tick mid", text);
    }
    chart_label(out, (a->from + a->to) / 2, bottom + 25, "tick mid", name);
}

void chart_left(text_buffer *out, const axis *a, double left, double right) {
    double at[24];
    const size_t n = axis_ticks(a, at, 24, 4);
    for (size_t i = 0; i < n; i++) {
        char text[32];
        const double y = axis_place(a, at[i]);
        text_add(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                 left, right, y, y);
        chart_number(text, sizeof text, at[i]);
        chart_label(out, left - 4, y + 3, "tick end", text);
    }
}
