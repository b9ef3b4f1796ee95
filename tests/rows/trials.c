/*
 * trials.c: reads PLUCK_TEST_TRIALS.
 */
#include "trials.h"

#include <stdio.h>
#include <stdlib.h>

static int32_t percentage(void) {
    const char *text = getenv("PLUCK_TEST_TRIALS");
    if (!text) return 20;
    char *end;
    const long value = strtol(text, &end, 10);
    if (end != text && *end == '\0' && value >= 1 && value <= 100) return (int32_t)value;
    fprintf(stderr, "PLUCK_TEST_TRIALS is '%s'; it must be a percentage, 1 to 100\n", text);
    abort();
}

int32_t trials_of(int32_t whole) {
    const int64_t n = ((int64_t)whole * percentage() + 99) / 100;
    return n > 0 ? (int32_t)n : 1;
}

bool trials_include(int32_t i) {
    return i % (100 / percentage()) == 0;
}
