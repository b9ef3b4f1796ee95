/*
 * verdict.c - held, loss, or cannot tell.
 */
#include "verdict.h"
#include "util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *verdict_name(verdict v) {
    static const char *const names[] = {"held", "loss", "cannot tell"};
    return names[v];
}

verdict verdict_of(const perflab_summary *ratio, double threshold) {
    const double least = 1 / (1 + threshold);
    if (!ratio->has_interval) return VERDICT_UNKNOWN;
    if (ratio->lo > least) return VERDICT_HELD;
    return ratio->hi < 1 && ratio->median <= least ? VERDICT_LOSS : VERDICT_UNKNOWN;
}

size_t verdict_more(const perflab_summary *ratio, double threshold, size_t least) {
    const size_t n = ratio->n;
    if (!ratio->has_interval) return n < least ? least - n : 1;
    const double limit = -log1p(threshold);
    const double middle = log(ratio->median);
    /* How far the deciding end is from the median, and how far it may be. */
    const double half = middle > limit ? middle - log(ratio->lo) : log(ratio->hi) - middle;
    const double room = middle > limit ? middle - limit : -middle;
    if (!(room > 0) || half / room > 30) return 0;
    const double wanted = ceil((double)n * (half / room) * (half / room) * 1.1);
    return wanted > (double)n ? (size_t)wanted - n : 1;
}

bool verdict_threshold(const char *text, double *threshold) {
    static const char word[] = "regression";
    const size_t n = sizeof word - 1;
    *threshold = 0.02;
    bool good = strncmp(text, word, n) == 0;
    if (good && text[n] == '=') {
        char *end;
        const double percent = strtod(text + n + 1, &end);
        good = end != text + n + 1 && (strcmp(end, "%") == 0 || *end == '\0') && percent >= 0 &&
               percent < 1000;
        *threshold = percent / 100;
    } else {
        good = good && text[n] == '\0';
    }
    return good;
}

bool verdict_parse(const char *text, double *threshold) {
    const bool good = verdict_threshold(text, threshold);
    if (!good) complain("--fail-on must be regression or regression=2%%, not %s", text);
    return good;
}
