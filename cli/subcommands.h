/*
 * subcommands.h: the subcommands that need only libpluck. Each gets argv with the subcommand's name
 * first, and returns the exit code.
 */
#ifndef PLUCK_CLI_SUBCOMMANDS_H
#define PLUCK_CLI_SUBCOMMANDS_H

int cmd_sample(int argc, char **argv);
int cmd_info(int argc, char **argv);

#endif /* PLUCK_CLI_SUBCOMMANDS_H */
