/*
 * chart_axis.h - inside the charts: scales, ticks and grid lines.
 */
#ifndef PERFLAB_CHART_AXIS_H
#define PERFLAB_CHART_AXIS_H

#include "chart.h"

typedef struct axis {
    double lo, hi;   /* values */
    double from, to; /* their coordinates */
    bool log;
} axis;

/* The coordinate of a value. */
double axis_place(const axis *a, double v);

/* An axis for [lo, hi] with some margin; logarithmic if the values are far apart. */
axis axis_fit(double lo, double hi, double from, double to);

/* Starts a chart of that height; `what` is read to people who do not see it. */
void chart_open(text_buffer *out, int height, const char *what);
void chart_label(text_buffer *out, double x, double y, const char *class, const char *text);

/* A number as it stands at a tick. */
void chart_number(char *out, size_t room, double v);

/* Vertical grid lines with numbers below them, and the name of the axis. */
void chart_bottom(text_buffer *out, const axis *a, double top, double bottom, const char *name);

/* Horizontal grid lines with numbers left of them. */
void chart_left(text_buffer *out, const axis *a, double left, double right);

#endif
