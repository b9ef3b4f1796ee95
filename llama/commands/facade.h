/* facade.h: the file that `pluck llama-dir` writes as libllama.so: the drop-in, linked with the
 * libllama behind it. It is embedded in the command. */
#ifndef PLUCK_LLAMA_FACADE_H
#define PLUCK_LLAMA_FACADE_H

#include <stddef.h>

/* The file's bytes and their number: NULL and 0 where there is no drop-in, which is everywhere but
 * on x86-64 Linux. */
extern const unsigned char *const plk_facade;
extern const size_t plk_facade_size;

/* The name of the library behind, as it is in the file: the command replaces the 16 zeros. */
#define PLK_FACADE_BEHIND "libllama-behind-pluck-"
#define PLK_FACADE_DIGITS "0000000000000000"

#endif
