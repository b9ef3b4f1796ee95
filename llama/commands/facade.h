/* facade.h: the drop-in as a library that is linked with the libllama behind it: what
 * `pluck llama-dir` writes. It is carried inside the command. */
#ifndef PLUCK_LLAMA_FACADE_H
#define PLUCK_LLAMA_FACADE_H

#include <stddef.h>

/* The file, and its size; 0 where the drop-in does not exist (elsewhere than on x86-64 Linux). */
extern const unsigned char *const plk_facade;
extern const size_t plk_facade_size;

/* The name in it of the library behind: 16 zeros stand for the digits to be written. */
#define PLK_FACADE_BEHIND "libllama-behind-pluck-"
#define PLK_FACADE_DIGITS "0000000000000000"

#endif
