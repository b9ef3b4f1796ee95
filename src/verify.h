/* verify.h: a draft verified inside a call, for whoever wants more of it than the tokens. */
#ifndef PLUCK_VERIFY_INSIDE_H
#define PLUCK_VERIFY_INSIDE_H

#include "pluck_verify.h"
#include "run.h"

/* What a caller does during a verification; each may be NULL. */
typedef struct verify_hooks {
    /* Looks at each place's row before the chain runs on it (run.h). */
    void (*look)(void *arg, view *v);
    /* Reads the workspace at the place that gave the last token, before that is accepted; `row`: that
     * place's. An error ends the call, which then changes nothing. */
    pluck_status (*read)(void *arg, const pluck_row *row);
    void *arg;
} verify_hooks;

/* pluck_verify in the library's environment. An error of `read` is not put into words. */
pluck_status pk_verify(pluck_sampler *s, const pluck_draft *draft, const verify_hooks *hooks,
                       pluck_verified *out, pluck_error *err, pk_fpenv *caller);

#endif /* PLUCK_VERIFY_INSIDE_H */
