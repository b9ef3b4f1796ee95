/*
 * commands.h: the subcommands of `pluck` that load a model. Each takes argv with its own name first
 * and returns the exit status: 0, 1 if something failed, 2 for a wrong command line.
 */
#ifndef PLUCK_LLAMA_COMMANDS_H
#define PLUCK_LLAMA_COMMANDS_H

/* Generates text and prints it as it comes. */
int pluck_cmd_generate(int argc, char **argv);

/* Generates text, and writes the row of logits that each token was drawn from to a NumPy file. */
int pluck_cmd_record(int argc, char **argv);

/* Generates with llama.cpp's chain and with Pluck's, alternating, and compares time and tokens. */
int pluck_cmd_e2e(int argc, char **argv);

/* Makes a folder whose libllama.so is the drop-in, which calls a real one beside it. */
int pluck_cmd_llama_dir(int argc, char **argv);

#endif
