/*
 * progress.h - a bar with the time left, on a terminal; nothing elsewhere.
 */
#ifndef PERFLAB_PROGRESS_H
#define PERFLAB_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
    bool shown;
    double started;
    double total; /* units of work, of any kind */
    double done;
    char label[80];
    double drawn;
} progress;

void progress_start(progress *p, double total);
void progress_label(progress *p, const char *label);
void progress_add(progress *p, double units);
void progress_draw(void *self); /* a launch's tick: self is the progress */
void progress_hide(progress *p);

#endif
