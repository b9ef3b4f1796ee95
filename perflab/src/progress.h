/*
 * progress.h - a progress bar with the time left, shown only if stderr is a terminal.
 */
#ifndef PERFLAB_PROGRESS_H
#define PERFLAB_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
    bool shown;
    double started;
    double total; /* in any unit of work */
    double done;
    char label[80];
    double drawn;
} progress;

void progress_start(progress *p, double total);
void progress_label(progress *p, const char *label);
void progress_add(progress *p, double units);
void progress_draw(void *self); /* self is the progress; can be the tick of a launch */
void progress_hide(progress *p);

#endif
