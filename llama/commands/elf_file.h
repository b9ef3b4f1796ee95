/*
 * elf_file.h: what `pluck llama-dir` reads and changes in the file of a shared library (ELF, 64
 * bits, little-endian). No state is shared between threads.
 */
#ifndef PLUCK_LLAMA_ELF_FILE_H
#define PLUCK_LLAMA_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tag that replaces DT_SONAME in a library that loaders must not know by its name. Loaders
 * ignore the tag; preload/real.c still reads the name through it. */
enum { PLK_WAS_SONAME = 0x6000504b };

typedef struct plk_elf {
    unsigned char *bytes; /* the whole file; malloc'ed */
    size_t size;
} plk_elf;

/* Reads a file. False if it cannot be read or is not a shared library for x86-64; *problem is then
 * a static text that says which. plk_elf_free frees what was read. */
bool plk_elf_read(plk_elf *elf, const char *path, const char **problem);
void plk_elf_free(plk_elf *elf);

/* The library's soname; NULL if it has none. Valid as long as the bytes. */
const char *plk_elf_soname(const plk_elf *elf);

/* Does it define and export this symbol? */
bool plk_elf_defines(const plk_elf *elf, const char *symbol);

/* Hides the symbols that begin with `prefix` and that `other` does not define, by changing the
 * first letter of their names. */
void plk_elf_hide_more_than(plk_elf *elf, const plk_elf *other, const char *prefix);

/* The number of libraries it is linked with, and the name of number i; NULL if i is too large. */
size_t plk_elf_n_needed(const plk_elf *elf);
const char *plk_elf_needed(const plk_elf *elf, size_t i);

/* Removes the library's soname; see PLK_WAS_SONAME. */
void plk_elf_drop_soname(plk_elf *elf);

#endif
