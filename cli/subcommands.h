/*
 * subcommands.h: the subcommands that need nothing but libpluck. Each gets argv with its own name
 * first and returns the process's exit code.
 */
#ifndef PLUCK_CLI_SUBCOMMANDS_H
#define PLUCK_CLI_SUBCOMMANDS_H

int cmd_sample(int argc, char **argv);
int cmd_info(int argc, char **argv);

#endif /* PLUCK_CLI_SUBCOMMANDS_H */
