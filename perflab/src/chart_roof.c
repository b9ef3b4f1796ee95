/*
 * chart_roof.c - the roofline.
 */
#include "chart_axis.h"

#include <math.h>

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
    chart_open(out, HEIGHT, "Roofline: operations a second against operations a byte");
    chart_bottom(out, &x, TOP, BOTTOM, "operations a byte (log), against Gop/s (log)");
    chart_left(out, &y, LEFT, RIGHT);
    for (size_t i = 0; i < n_roofs; i++) {
        const double bend = peak / roofs[i].bytes_per_s;
        const double from = fmax(lo_x, y.lo * 1e9 / roofs[i].bytes_per_s);
        text_add(out, "<polyline class=\"roof\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n",
                 axis_place(&x, from), axis_place(&y, from * roofs[i].bytes_per_s / 1e9),
                 axis_place(&x, bend), axis_place(&y, peak / 1e9), (double)RIGHT,
                 axis_place(&y, peak / 1e9));
        /* The name goes left of the slope's upper end, where points are rare. */
        const double at = bend / 1.5 / pow(1.7, (double)(n_roofs - 1 - i));
        chart_label(out, axis_place(&x, at) - 4,
                    axis_place(&y, at * roofs[i].bytes_per_s / 1e9) - 3, "tick end", roofs[i].name);
    }
    for (size_t i = 0; i < n_points; i++) {
        static const char *const classes[] = {"base", "cand"};
        for (int side = 0; side < 2; side++) {
            const double ops = points[i].ops_per_s[side];
            if (ops <= 0) continue;
            text_add(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>",
                     classes[side], axis_place(&x, points[i].intensity), axis_place(&y, ops / 1e9));
            html_add(out, points[i].id);
            text_add(out, ": %.3g Gop/s</title></circle>\n", ops / 1e9);
        }
        const double top = fmax(points[i].ops_per_s[0], points[i].ops_per_s[1]);
        if (top > 0)
            chart_label(out, axis_place(&x, points[i].intensity) + 6, axis_place(&y, top / 1e9) + 3,
                        "name", points[i].id);
    }
    text_add(out, "</svg>\n");
}
