/*
 * caller_env.h: the floating-point environments that a caller may have, and a check that a call
 * leaves them as they were.
 */
#ifndef PLUCK_TESTS_CALLER_ENV_H
#define PLUCK_TESTS_CALLER_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* Control and flags as the caller sees them. */
typedef struct caller_env {
    int rounding, flags;
    uint64_t control;
} caller_env;

typedef struct caller_env_kind {
    const char *name;
    void (*set)(void);
} caller_env_kind;

/* Rounding each way, flushing to zero, unmasked traps; those that this machine has. */
enum { CALLER_ENVS = 7 };
extern const caller_env_kind caller_envs[CALLER_ENVS];

/* Clears the flags, sets errno and the environment, and returns the environment. */
caller_env caller_env_begin(int kind, int error_number);
caller_env caller_env_now(void);

/* Sets the default environment and clears errno. */
void caller_env_end(void);

/* Restores the default environment, and fails the test if anything in it, or errno, had changed. */
void caller_env_assert(caller_env before, int error_number, const char *what, const char *name);

/* Runs a function; false if a floating-point trap ended it. */
bool caller_env_run(void (*run)(void *), void *context);

#endif /* PLUCK_TESTS_CALLER_ENV_H */
