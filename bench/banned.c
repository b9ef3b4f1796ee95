/*
 * banned.c: see banned.h. The strings are of three words. One token in four goes on with a string
 * as far as its second word, so that tokens are held and released.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "banned.h"

#include "pluck_banned.h"
#include "rows.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_VOCAB = 32000, MOST = 4000, LENGTH = 40, TOKENS = 20000, ROUNDS = 7 };

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    const int n = snprintf(buffer, (size_t)capacity, " w%d", (int)token);
    return n;
}

static pluck_banned *make(int n_strings) {
    static char texts[MOST][LENGTH];
    static const char *strings[MOST];
    for (int i = 0; i < n_strings; i++) {
        (void)snprintf(texts[i], sizeof texts[i], " w%d w%d w%d", i, i + 1, N_VOCAB - 1 - i);
        strings[i] = texts[i];
    }
    const pluck_banned_config config = {.strings = strings,
                                        .n_strings = n_strings,
                                        .ignore_case = true,
                                        .n_vocab = N_VOCAB,
                                        .max_held = 64,
                                        .piece = piece};
    pluck_banned *banned = NULL;
    return pluck_banned_create(&banned, &config, NULL) == PLUCK_OK ? banned : NULL;
}

/* Accepts a text of TOKENS; returns the microseconds that it took, below 0 if a call failed. */
static double accept_text(pluck_banned *banned, int n_strings) {
    rows_random r = {1};
    pluck_banned_reset(banned);
    int32_t last = 0;
    const double start = timing_now_us();
    for (int i = 0; i < TOKENS; i++) {
        pluck_banned_step step;
        const bool begins = last < n_strings && rows_below(&r, 2) == 0;
        last = begins ? last + 1 : (int32_t)rows_below(&r, i % 2 ? N_VOCAB : (uint32_t)n_strings);
        if (pluck_banned_accept(banned, last, &step) != PLUCK_OK) return -1.0;
    }
    return timing_now_us() - start;
}

double banned_us(int n_strings) {
    pluck_banned *banned = n_strings <= MOST ? make(n_strings) : NULL;
    if (banned == NULL) return -1.0;
    double times[ROUNDS];
    bool good = true;
    for (int i = 0; i < ROUNDS; i++) {
        times[i] = accept_text(banned, n_strings);
        good = good && times[i] >= 0.0;
    }
    pluck_banned_free(banned);
    return good ? timing_median(times, ROUNDS) / TOKENS : -1.0;
}
