/*
 * launcher.h - measuring on another host, through a program that starts programs there.
 */
#ifndef PERFLAB_LAUNCHER_H
#define PERFLAB_LAUNCHER_H

#include <stddef.h>

/*
 * Runs `perflab run` with these arguments through a launcher, such as "ssh host" or "srun -n 1": in
 * the same folder there, into a ledger of its own, which is exported and imported here. --launcher
 * and --ledger among the arguments are left out. Returns the exit status of the run; 2 for
 * --missing, which only this ledger could answer; 3 if no results came back.
 */
int launcher_run(const char *launcher, char *const *args, size_t n_args, const char *ledger_path);

#endif
