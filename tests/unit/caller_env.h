/*
 * caller_env.h: the floating-point environments that a caller may have, and what is left of them
 * after a call.
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

/* Clears flags, sets errno and the environment, and says what it then is. */
caller_env caller_env_begin(int kind, int error_number);
caller_env caller_env_now(void);

/* The default environment, no errno. */
void caller_env_end(void);

/* Ends the environment, and fails the test if anything in it, or errno, was not as before. */
void caller_env_assert(caller_env before, int error_number, const char *what, const char *name);

/* Runs a function; false if a floating-point trap ended it. */
bool caller_env_run(void (*run)(void *), void *context);

#endif /* PLUCK_TESTS_CALLER_ENV_H */
