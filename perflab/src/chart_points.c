/*
 * chart_points.c - the distribution of the times: the density, and every process as a point.
 */
#include "chart_axis.h"
#include "format.h"

#include <math.h>
#include <stdlib.h>

/* Where the points of a side and their density are drawn. */
typedef struct strip {
    const axis *a;
    double y; /* of the points; the density is above them */
    const double *us;
    size_t n;
    const perflab_summary *s;
    const char *class;
} strip;

enum { STRIP = 40, DENSITY = 24, LEFT = 66, RIGHT = CHART_WIDTH - 62 };

/* Percent above the median, which is what the charts show: the medians themselves are far apart. */
static double percent(const perflab_summary *s, double us) {
    return 100 * (us / s->median - 1);
}

static double place_us(const strip *p, double us) {
    return axis_place(p->a, percent(p->s, us));
}

/* The bandwidth of Silverman's rule, in units of the chart; robust, since timings have tails. */
static double bandwidth(const strip *p) {
    const double robust = p->s->mad * 1.4826, plain = p->s->stddev;
    const double spread = robust > 0 && robust < plain ? robust : plain;
    const double units = place_us(p, p->s->median + spread) - place_us(p, p->s->median);
    return fmax(1.5, 0.9 * units * pow((double)p->n, -0.2));
}

/* The density as an area above the points, as high as the strip allows. */
static void add_density(text_buffer *out, const strip *p) {
    enum { STEPS = 80 };
    double height[STEPS + 1], most = 0;
    const double h = bandwidth(p);
    const double left = fmax(place_us(p, p->s->min) - 3 * h, p->a->from);
    const double right = fmin(place_us(p, p->s->max) + 3 * h, p->a->to);
    for (int i = 0; i <= STEPS; i++) {
        const double x = left + (right - left) * i / STEPS;
        height[i] = 0;
        for (size_t k = 0; k < p->n; k++) {
            const double z = (x - place_us(p, p->us[k])) / h;
            height[i] += exp(-z * z / 2);
        }
        most = fmax(most, height[i]);
    }
    text_add(out, "<polygon class=\"%s-area\" points=\"%.1f,%.1f", p->class, left, p->y - 6);
    for (int i = 0; i <= STEPS; i++) {
        text_add(out, " %.1f,%.1f", left + (right - left) * i / STEPS,
                 p->y - 6 - DENSITY * height[i] / most);
    }
    text_add(out, " %.1f,%.1f\"/>\n", right, p->y - 6);
}

/* A dot for each process, spread vertically so that all are visible; a bar at the median. */
static void add_strip(text_buffer *out, const strip *p) {
    char time[FORMAT_ROOM];
    if (p->n > 2) add_density(out, p);
    for (size_t i = 0; i < p->n; i++) {
        const double off = ((double)((i * 7) % 5) - 2) * 1.6;
        text_add(out,
                 "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"><title>%.4g "
                 "us</title></circle>\n",
                 p->class, place_us(p, p->us[i]), p->y + off, p->us[i]);
    }
    const double at = place_us(p, p->s->median);
    text_add(out, "<line class=\"median\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", at,
             at, p->y - 6 - DENSITY, p->y + 6);
    format_time(time, p->s->median);
    chart_label(out, RIGHT + 6, p->y - 4, "name", time);
}

/* The range of all strips, in percent of their medians. Returns how many strips there are. */
static size_t range_of(const facts *f, double *lo, double *hi) {
    size_t strips = 0;
    *lo = -0.1;
    *hi = 0.1;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        const perflab_summary *const sides[] = {&in->baseline, &in->candidate};
        for (int k = 0; k < 2; k++) {
            if (sides[k]->n == 0) continue;
            strips++;
            *lo = fmin(*lo, percent(sides[k], sides[k]->min));
            *hi = fmax(*hi, percent(sides[k], sides[k]->max));
        }
    }
    return strips;
}

void chart_distribution(text_buffer *out, const facts *f) {
    enum { TOP = 4, GAP = 6, FOOT = 32 };
    double lo, hi;
    const size_t strips = range_of(f, &lo, &hi);
    if (strips == 0) return;
    const double bottom = TOP + (double)strips * STRIP + (double)(f->n_inputs - 1) * GAP;
    const axis a = axis_fit(lo, hi, LEFT, RIGHT);
    char *what = text_format("Times of every process of %s, with their density", f->id);
    chart_open(out, (int)bottom + FOOT, what);
    free(what);
    chart_bottom(out, &a, TOP, bottom, "percent above the median, which is on the right");
    double y = TOP + STRIP - 8;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->baseline.n == 0) continue;
        char name[16];
        const bool both = in->candidate.n > 0;
        snprintf(name, sizeof name, "%.10s", in->input);
        chart_label(out, LEFT - 8, y + (both ? STRIP / 2.0 : 0) - 6, "tick end", name);
        const strip base = {&a, y, in->baseline_us, in->n_baseline, &in->baseline, "base"};
        const strip cand = {&a, y + STRIP, in->candidate_us, in->n, &in->candidate, "cand"};
        add_strip(out, &base);
        if (both) add_strip(out, &cand);
        y += (both ? 2 : 1) * STRIP + GAP;
    }
    text_add(out, "</svg>\n");
}
