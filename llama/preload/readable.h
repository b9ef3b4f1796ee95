/* readable.h: reading memory that may be gone. */
#ifndef PLUCK_LLAMA_READABLE_H
#define PLUCK_LLAMA_READABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Copies n bytes (512 at most) from an address that may not be mapped any more; false if it is
 * not. */
bool plk_read_safely(void *to, const void *from, size_t n);

#endif
