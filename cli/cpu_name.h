/*
 * cpu_name.h: what this CPU calls itself.
 */
#ifndef PLUCK_CLI_CPU_NAME_H
#define PLUCK_CLI_CPU_NAME_H

#include <stddef.h>

/* The CPU's own name if the system shows it, else its architecture. Always terminated, and free
 * of quotes, backslashes and control characters, so that it may stand in JSON as it is. */
void cpu_name(char *out, size_t size);

#endif /* PLUCK_CLI_CPU_NAME_H */
