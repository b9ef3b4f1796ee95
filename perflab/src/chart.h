/*
 * chart.h - the report's charts as inline SVG.
 *
 * A chart is 360 units wide, so that a unit is about a pixel on a phone. Colours and fonts come
 * from the page's style sheet, by class.
 */
#ifndef PERFLAB_CHART_H
#define PERFLAB_CHART_H

#include "history.h"
#include "util.h"

enum { CHART_WIDTH = 360 };

/* Adds text with the special characters of HTML escaped. */
void html_add(text_buffer *out, const char *text);

/*
 * Every process of both sides: one strip for each side and kind of input. Adds nothing if nothing
 * was timed.
 */
void chart_dots(text_buffer *out, const facts *f);

/* A number at each commit, oldest first, and the levels between its change points. */
void chart_history(text_buffer *out, const history *h);

/* A line of the roofline, and an improvement's point below it. */
typedef struct roof_line {
    char name[24];
    double bytes_per_s;
} roof_line;

typedef struct roof_point {
    char id[32];
    double intensity;    /* operations per byte */
    double ops_per_s[2]; /* baseline, candidate; 0: none */
} roof_point;

void chart_roofline(text_buffer *out, const roof_line *roofs, size_t n_roofs, double peak,
                    const roof_point *points, size_t n_points);

#endif
