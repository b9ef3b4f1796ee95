/*
 * commands.h - one function for each command. It is given the arguments after the command's name
 * and returns the exit status, which is one of these:
 */
#ifndef PERFLAB_COMMANDS_H
#define PERFLAB_COMMANDS_H

enum {
    EXIT_DONE = 0,         /* done; with --fail-on: resolved, no loss */
    EXIT_WRONG_RESULT = 1, /* done, and a result is wrong; with --fail-on: a resolved loss */
    EXIT_USAGE = 2,        /* wrong use: an unknown option, id, kind of input, variant, revision */
    EXIT_TROUBLE = 3,      /* it could not be done: no ledger, no compiler, a full disk */
    EXIT_UNRESOLVED = 4    /* with --fail-on: the interval does not decide it */
};

int command_new(int argc, char **argv);
int command_build(int argc, char **argv);
int command_hash(int argc, char **argv);
int command_run(int argc, char **argv);
int command_validate(int argc, char **argv);
int command_table(int argc, char **argv);
int command_status(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_env(int argc, char **argv);
int command_profile(int argc, char **argv);
int command_asm(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_ci(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_explore(int argc, char **argv);
int command_history(int argc, char **argv);
int command_bisect(int argc, char **argv);
int command_report(int argc, char **argv);
int command_export(int argc, char **argv);
int command_import(int argc, char **argv);
int command_record_integration(int argc, char **argv);
int command_machines(int argc, char **argv);
int command_selftest(int argc, char **argv);

#endif
