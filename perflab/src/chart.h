/*
 * chart.h - the report's charts as inline SVG.
 *
 * A chart is 360 units wide, so that a unit is about a pixel on a phone. Colours and fonts come
 * from the page's style sheet, by class.
 */
#ifndef PERFLAB_CHART_H
#define PERFLAB_CHART_H

#include "history.h"
#include "scaling.h"
#include "util.h"

enum { CHART_WIDTH = 360 };

/* Adds text with the special characters of HTML escaped. */
void html_add(text_buffer *out, const char *text);

/* The range of all ratios and intervals of a list, with 1 in it. */
void forest_range(const fact_list *list, double *lo, double *hi);

/*
 * The claim of a row on the scale [lo, hi]: ratio and interval of the whole row, which is red if
 * the candidate is slower or wrong, and of each kind of input; with the scale's own chart.
 */
void chart_forest(text_buffer *out, const facts *f, double lo, double hi);
void chart_forest_axis(text_buffer *out, double lo, double hi);

/*
 * Every process of both sides with their density: one strip for each side and kind of input. Adds
 * nothing if nothing was timed.
 */
void chart_distribution(text_buffer *out, const facts *f);

/* The ratios of the processes on a kind of input, in the order they ran. */
void chart_order(text_buffer *out, const input_facts *in);

/* A number at each commit, oldest first, and the levels between its change points. */
void chart_history(text_buffer *out, const history *h);

/* Times by size with the fitted order. Returns false, without a chart, for less than 3 sizes. */
bool chart_scaling(text_buffer *out, const scaling *s);

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
