/*
 * tune.h - quietening the machine, and putting it back.
 */
#ifndef PERFLAB_TUNE_H
#define PERFLAB_TUNE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sets governor and turbo if it may, and prints what it did. What was before is put back by
 * tune_restore, at a normal exit, and on SIGINT, SIGTERM and SIGHUP. Returns how many settings
 * changed.
 */
size_t tune_apply(void);
void tune_restore(void);

#endif
