/*
 * order.h - how a time grows with the size.
 */
#ifndef PERFLAB_ORDER_H
#define PERFLAB_ORDER_H

#include <stdbool.h>
#include <stddef.h>

enum { ORDERS = 6, ORDER_LEAST = 4 };

typedef struct order_fit {
    const char *name;        /* "1", "log n", "n", "n log n", "n^2", "n^3" */
    double constant, factor; /* time = constant + factor * f(n), neither below 0 */
    double error;            /* root of the mean square of the relative deviations */
} order_fit;

/*
 * Fits every order to the times of `count` sizes by least squares of the relative deviations, and
 * sorts them, the best first; the constant comes first unless growth halves its error. With less
 * than ORDER_LEAST sizes, returns false.
 */
bool order_fit_all(const double *size, const double *time, size_t count, order_fit fits[ORDERS]);

/*
 * The order in words: "n", or "n or n log n" if the second fits nearly as well. `text` has room for
 * 48 bytes.
 */
void order_words(const order_fit fits[ORDERS], char text[48]);

/* The slope of log time against log size over the larger half of the sizes, which ascend. */
double order_exponent(const double *size, const double *time, size_t count);

#endif
