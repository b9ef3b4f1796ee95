/* facade.c: see facade.h. The build defines PLUCK_FACADE_FILE as the file to embed. */
#include "facade.h"

#ifdef PLUCK_FACADE_FILE
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden plk_facade_begin\n"
        ".globl plk_facade_begin\n"
        "plk_facade_begin:\n"
        ".incbin \"" PLUCK_FACADE_FILE "\"\n"
        ".hidden plk_facade_end\n"
        ".globl plk_facade_end\n"
        "plk_facade_end:\n"
        ".previous\n"
        ".globl plk_facade_size\n"
        ".section .rodata\n"
        ".balign 8\n"
        "plk_facade_size:\n"
        ".quad plk_facade_end - plk_facade_begin\n"
        ".previous\n");
extern const unsigned char plk_facade_begin[];
const unsigned char *const plk_facade = plk_facade_begin;
#else
const unsigned char *const plk_facade = NULL;
const size_t plk_facade_size = 0;
#endif
