/* readable.h: reading memory that may no longer be mapped. */
#ifndef PLUCK_LLAMA_READABLE_H
#define PLUCK_LLAMA_READABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Copies n bytes (512 at most) from an address that may no longer be mapped. False if it is not
 * mapped or no pipe could be made; `to` may then be partly written. Leaves errno alone. Any
 * thread. */
bool plk_read_safely(void *to, const void *from, size_t n);

#endif
