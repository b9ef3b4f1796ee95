/*
 * elf_file.h: the little of a shared library's file (ELF, 64 bits, little-endian) that
 * `pluck llama-dir` reads and changes.
 */
#ifndef PLUCK_LLAMA_ELF_FILE_H
#define PLUCK_LLAMA_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of DT_SONAME where a library must not be known by its name any more: a tag that
 * loaders pass over. The name can still be read through it (preload/real.c does). */
enum { PLK_WAS_SONAME = 0x6000504b };

typedef struct plk_elf {
    unsigned char *bytes; /* the whole file; malloc'ed */
    size_t size;
} plk_elf;

/* Reads a file. False, and what is wrong in *problem (static text), where it cannot be read or is
 * no shared library for x86-64. */
bool plk_elf_read(plk_elf *elf, const char *path, const char **problem);
void plk_elf_free(plk_elf *elf);

/* The name that the library is known by; NULL if it has none. Lives as long as the bytes. */
const char *plk_elf_soname(const plk_elf *elf);

/* Does it define this symbol for others? */
bool plk_elf_defines(const plk_elf *elf, const char *symbol);

/* Hides the symbols that begin with `prefix` and that `other` does not define: under another name
 * nobody asks for them. */
void plk_elf_hide_more_than(plk_elf *elf, const plk_elf *other, const char *prefix);

/* The number of libraries it is linked with, and the name of one. */
size_t plk_elf_n_needed(const plk_elf *elf);
const char *plk_elf_needed(const plk_elf *elf, size_t i);

/* Makes the library nameless. */
void plk_elf_drop_soname(plk_elf *elf);

#endif
