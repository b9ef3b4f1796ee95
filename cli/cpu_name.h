/*
 * cpu_name.h: the name of this CPU.
 */
#ifndef PLUCK_CLI_CPU_NAME_H
#define PLUCK_CLI_CPU_NAME_H

#include <stddef.h>

/* Writes the CPU's model name if the system has it, else its architecture, to `size` bytes at out.
 * Always terminated. Contains no quotes, backslashes or control characters, so that it can be
 * printed in JSON as it is. */
void cpu_name(char *out, size_t size);

#endif /* PLUCK_CLI_CPU_NAME_H */
