/*
 * progress.c - draws the bar on stderr, at most five times a second.
 */
#include "progress.h"
#include "util.h"

#include <string.h>
#include <unistd.h>

enum { WIDTH = 24 };

void progress_start(progress *p, double total) {
    memset(p, 0, sizeof *p);
    p->shown = isatty(STDERR_FILENO) == 1;
    p->started = seconds_now();
    p->total = total;
}

void progress_label(progress *p, const char *label) {
    snprintf(p->label, sizeof p->label, "%s", label);
    p->drawn = 0;
    progress_draw(p);
}

void progress_add(progress *p, double units) {
    p->done += units;
    p->drawn = 0;
    progress_draw(p);
}

void progress_draw(void *self) {
    progress *p = self;
    const double now = seconds_now();
    if (!p->shown || now - p->drawn < 0.2) return;
    p->drawn = now;
    const double share = p->total > 0 ? p->done / p->total : 1;
    const int full = (int)(share * WIDTH + 0.5);
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++) bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s", bar, share * 100, p->label);
    if (share > 0.02 && share < 1) {
        const int left = (int)((now - p->started) * (1 - share) / share + 0.5);
        fprintf(stderr, "  %d:%02d left", left / 60, left % 60);
    }
    fflush(stderr);
}

void progress_hide(progress *p) {
    if (p->shown) fprintf(stderr, "\r\033[K");
}
