/*
 * commands.h - one function a command: given what stands behind its name, returns the exit status:
 * 0 done, 1 done but something measured or judged is wrong, 2 wrong use, 3 could not be done.
 */
#ifndef PERFLAB_COMMANDS_H
#define PERFLAB_COMMANDS_H

enum { EXIT_DONE = 0, EXIT_WRONG_RESULT = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3 };

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
int command_report(int argc, char **argv);
int command_export(int argc, char **argv);
int command_import(int argc, char **argv);
int command_record_integration(int argc, char **argv);
int command_selftest(int argc, char **argv);

#endif
