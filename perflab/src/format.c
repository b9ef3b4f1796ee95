/*
 * format.c - numbers as text.
 */
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DECIMALS = 9 };

static int clamp(int decimals) {
    return decimals < 0 ? 0 : decimals > MOST_DECIMALS ? MOST_DECIMALS : decimals;
}

/* The decimals that show x with `digits` digits after rounding: 2 digits of 0.0995 are "0.10". */
static int decimals_for(double x, int digits) {
    if (!(fabs(x) > 0) || !isfinite(x)) return digits - 1;
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, fabs(x));
    const char *e = strchr(text, 'e');
    return digits - 1 - (int)strtol(e + 1, NULL, 10);
}

int format_decimals(double value, double spread) {
    const double shown = spread > 0 ? spread : fabs(value) / 1000;
    const int of_spread = decimals_for(shown, 2);
    const int of_value = decimals_for(value, 2);
    return clamp(of_spread > of_value ? of_spread : of_value);
}

void format_ratio_parts(char mid[32], char lo[32], char hi[32], const perflab_summary *ratio) {
    mid[0] = lo[0] = hi[0] = '\0';
    if (ratio->n == 0) return;
    if (!ratio->has_interval) {
        snprintf(mid, 32, "%.*f", clamp(decimals_for(ratio->median, 3)), ratio->median);
        return;
    }
    /* One digit of half the width: rounding moves each end by at most a quarter of the width. */
    const double half = (ratio->hi - ratio->lo) / 2;
    const int of_width = decimals_for(half > 0 ? half : ratio->median / 2000, 1);
    const int of_value = decimals_for(ratio->median, 2);
    const int d = clamp(of_width > of_value ? of_width : of_value);
    snprintf(mid, 32, "%.*f", d, ratio->median);
    snprintf(lo, 32, "%.*f", d, ratio->lo);
    snprintf(hi, 32, "%.*f", d, ratio->hi);
}

void format_ratio(char out[FORMAT_ROOM], const perflab_summary *ratio) {
    char mid[32], lo[32], hi[32];
    format_ratio_parts(mid, lo, hi, ratio);
    if (ratio->n == 0) {
        snprintf(out, FORMAT_ROOM, "-");
    } else if (ratio->has_interval) {
        snprintf(out, FORMAT_ROOM, "%sx [%s, %s]", mid, lo, hi);
    } else {
        snprintf(out, FORMAT_ROOM, "%sx (n=%zu, no interval)", mid, ratio->n);
    }
}

typedef struct scale {
    double factor;
    const char *unit;
} scale;

/* The largest unit in which x, with `digits` digits, is 1 or more; else the smallest. */
static scale scale_for(double x, const scale *units, size_t n, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, fabs(x));
    const double rounded = strtod(text, NULL);
    for (size_t i = 0; i + 1 < n; i++) {
        if (rounded >= units[i].factor * (1 - 1e-12)) return units[i];
    }
    return units[n - 1];
}

static scale time_scale(double us) {
    static const scale units[] = {{1e6, "s"}, {1e3, "ms"}, {1, "us"}, {1e-3, "ns"}};
    return scale_for(us, units, sizeof units / sizeof *units, 3);
}

void format_three(char out[FORMAT_ROOM], double x) {
    snprintf(out, FORMAT_ROOM, "%.*f", clamp(decimals_for(x, 3)), x);
}

void format_time(char out[FORMAT_ROOM], double us) {
    char number[FORMAT_ROOM];
    const scale s = time_scale(us);
    format_three(number, us / s.factor);
    snprintf(out, FORMAT_ROOM, "%.80s %s", number, s.unit);
}

void format_times(char out[FORMAT_ROOM], const perflab_summary *us) {
    const scale s = time_scale(us->mean);
    const double mean = us->mean / s.factor, deviation = us->stddev / s.factor;
    const int d = format_decimals(mean, deviation);
    snprintf(out, FORMAT_ROOM, "%.*f +- %.*f %s", d, mean, d, deviation, s.unit);
}

void format_rate(char out[FORMAT_ROOM], double us, double bytes, double ops) {
    static const scale units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
    out[0] = '\0';
    const double work = bytes > 0 ? bytes : ops;
    if (!(work > 0) || !(us > 0)) return;
    const double rate = work / us * 1e6;
    const scale s = scale_for(rate, units, sizeof units / sizeof *units, 3);
    char number[FORMAT_ROOM];
    format_three(number, rate / s.factor);
    snprintf(out, FORMAT_ROOM, "%.80s %s%s/s", number, s.unit, bytes > 0 ? "B" : "op");
}

void format_span(char out[FORMAT_ROOM], double seconds) {
    if (seconds < 90) {
        snprintf(out, FORMAT_ROOM, "%.0f s", seconds < 1 ? 1 : seconds);
    } else if (seconds < 90 * 60) {
        snprintf(out, FORMAT_ROOM, "%.0f min", seconds / 60);
    } else {
        snprintf(out, FORMAT_ROOM, "%.1f h", seconds / 3600);
    }
}
