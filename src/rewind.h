/* rewind.h: keeping the journals of a sampler's steps. */
#ifndef PLUCK_REWIND_H
#define PLUCK_REWIND_H

#include "sampler.h"

/* Notes how step i is after an accepted token; dropped: see `mark`. */
void pk_rewind_note(pluck_sampler *s, int32_t i, int32_t dropped);

/* Forgets what came before: step i, or all, can go back to how it is now and no further. */
void pk_rewind_forget(pluck_sampler *s, int32_t i);
void pk_rewind_forget_all(pluck_sampler *s);

/* How many accepted tokens every step can take back; -1 if a step cannot go back at all. */
int32_t pk_rewind_room(const pluck_sampler *s);

/* pluck_sampler_rewind, which must be possible. `caller`: whose environment callbacks run in; NULL:
 * that of whoever runs. */
void pk_rewind(pluck_sampler *s, int32_t n, pk_fpenv *caller);

#endif /* PLUCK_REWIND_H */
