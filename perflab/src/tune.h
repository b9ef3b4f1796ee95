/*
 * tune.h - makes the machine quieter, and restores it.
 */
#ifndef PERFLAB_TUNE_H
#define PERFLAB_TUNE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sets governor and turbo if permitted, and prints what it did. Returns how many settings changed.
 * They are restored by tune_restore, at a normal exit, and on SIGINT, SIGTERM and SIGHUP.
 */
size_t tune_apply(void);
void tune_restore(void);

#endif
