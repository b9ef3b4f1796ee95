/*
 * order.c - the fitted order of growth, as Google Benchmark's complexity does it, but with a
 * constant, and by relative deviations, so that small sizes count as much as large ones.
 */
#include "order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ORDERS] = {"1", "log n", "n", "n log n", "n^2", "n^3"};

static double growth(int order, double n) {
    switch (order) {
    case 1:
        return log2(n);
    case 2:
        return n;
    case 3:
        return n * log2(n);
    case 4:
        return n * n;
    case 5:
        return n * n * n;
    default:
        return 0; /* only the constant */
    }
}

/* The sums of a weighted fit of time = a + b f(n), with weights 1 / time^2. */
typedef struct sums {
    double w, f, ff, t, ft;
} sums;

static sums sum_up(int order, const double *size, const double *time, size_t count) {
    sums s = {0};
    for (size_t i = 0; i < count; i++) {
        const double w = 1 / (time[i] * time[i]), f = growth(order, size[i]);
        s.w += w;
        s.f += w * f;
        s.ff += w * f * f;
        s.t += w * time[i];
        s.ft += w * f * time[i];
    }
    return s;
}

static order_fit fit_one(int order, const double *size, const double *time, size_t count) {
    const sums s = sum_up(order, size, time, count);
    const double det = s.w * s.ff - s.f * s.f;
    double a = s.t / s.w, b = 0;
    if (order > 0 && det > 1e-12 * s.w * s.ff) {
        b = (s.w * s.ft - s.f * s.t) / det;
        a = (s.t - b * s.f) / s.w;
    }
    if (b < 0) { /* it does not grow like that */
        b = 0;
        a = s.t / s.w;
    }
    if (a < 0) {
        a = 0;
        b = s.ft / s.ff;
    }
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = (a + b * growth(order, size[i])) / time[i] - 1;
        squares += off * off;
    }
    return (order_fit){names[order], a, b, sqrt(squares / (double)count)};
}

static int by_error(const void *x, const void *y) {
    const double a = ((const order_fit *)x)->error, b = ((const order_fit *)y)->error;
    return (a > b) - (a < b);
}

/*
 * Whether an error is at most `times` the smallest one. A perfect fit leaves rounding errors, which
 * say nothing.
 */
static bool nearly(double error, double times, double smallest) {
    return error < times * smallest + 1e-4;
}

bool order_fit_all(const double *size, const double *time, size_t count, order_fit fits[ORDERS]) {
    if (count < ORDER_LEAST) return false;
    for (int i = 0; i < ORDERS; i++) fits[i] = fit_one(i, size, time, count);
    const order_fit level = fits[0];
    qsort(fits, ORDERS, sizeof *fits, by_error);
    /* Growth has to halve the error: one more parameter fits some of the noise, too. */
    if (!nearly(level.error, 2, fits[0].error)) return true;
    int at = 0;
    while (fits[at].name != level.name) at++;
    memmove(&fits[1], &fits[0], (size_t)at * sizeof *fits);
    fits[0] = level;
    return true;
}

void order_words(const order_fit fits[ORDERS], char text[48]) {
    const bool level = fits[0].name == names[0];
    if (!level && nearly(fits[1].error, 1.2, fits[0].error)) {
        snprintf(text, 48, "%s or %s", fits[0].name, fits[1].name);
    } else {
        snprintf(text, 48, "%s", fits[0].name);
    }
}

double order_exponent(const double *size, const double *time, size_t count) {
    const size_t from = count >= 4 ? count / 2 - (count % 2 == 0) : 0;
    double x = 0, y = 0, xx = 0, xy = 0;
    const double n = (double)(count - from);
    for (size_t i = from; i < count; i++) {
        const double u = log(size[i]), v = log(time[i]);
        x += u / n;
        y += v / n;
        xx += u * u / n;
        xy += u * v / n;
    }
    const double spread = xx - x * x;
    return spread > 0 ? (xy - x * y) / spread : 0;
}
