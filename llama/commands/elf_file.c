/* elf_file.c: see elf_file.h. Every offset in the file is checked against its size. */
#include "elf_file.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part [offset, offset + size) of the file; NULL if it is not completely in the file. */
static void *part(const plk_elf *elf, uint64_t offset, uint64_t size) {
    if (offset > elf->size || size > elf->size - offset) return NULL;
    return elf->bytes + offset;
}

static const Elf64_Ehdr *header(const plk_elf *elf) {
    return part(elf, 0, sizeof(Elf64_Ehdr));
}

static const Elf64_Phdr *program_header(const plk_elf *elf, size_t i) {
    const Elf64_Ehdr *h = header(elf);
    return i < h->e_phnum ? part(elf, h->e_phoff + i * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr))
                          : NULL;
}

/* Finds the offset in the file of an address in the loaded library. */
static bool offset_of(const plk_elf *elf, uint64_t address, uint64_t *offset) {
    const Elf64_Phdr *p;
    for (size_t i = 0; (p = program_header(elf, i)) != NULL; i++) {
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz) {
            *offset = p->p_offset + (address - p->p_vaddr);
            return true;
        }
    }
    return false;
}

/* Entry i of the dynamic section; NULL behind its end. */
static Elf64_Dyn *dynamic(const plk_elf *elf, size_t i) {
    const Elf64_Phdr *p;
    for (size_t k = 0; (p = program_header(elf, k)) != NULL; k++) {
        if (p->p_type != PT_DYNAMIC || (i + 1) * sizeof(Elf64_Dyn) > p->p_filesz) continue;
        Elf64_Dyn *d = part(elf, p->p_offset + i * sizeof *d, sizeof *d);
        return d && d->d_tag != DT_NULL ? d : NULL;
    }
    return NULL;
}

/* The n-th entry with the tag, from 0; NULL if there is none. */
static Elf64_Dyn *tagged(const plk_elf *elf, int64_t tag, size_t n) {
    Elf64_Dyn *d;
    for (size_t i = 0; (d = dynamic(elf, i)) != NULL; i++) {
        if (d->d_tag == tag && n-- == 0) return d;
    }
    return NULL;
}

/* The dynamic strings; *size: how many bytes of the file there are from their beginning. */
static const char *strings(const plk_elf *elf, size_t *size) {
    const Elf64_Dyn *table = tagged(elf, DT_STRTAB, 0);
    uint64_t offset;
    *size = 0;
    if (!table || !offset_of(elf, table->d_un.d_ptr, &offset) || offset >= elf->size) return NULL;
    *size = elf->size - (size_t)offset;
    return (const char *)elf->bytes + offset;
}

/* The string at an offset in the dynamic strings; NULL if it does not end within the file. */
static const char *string_at(const plk_elf *elf, uint64_t at) {
    size_t size;
    const char *names = strings(elf, &size);
    return names && at < size && memchr(names + at, '\0', size - (size_t)at) ? names + at : NULL;
}

bool plk_elf_read(plk_elf *elf, const char *path, const char **problem) {
    *elf = (plk_elf){0};
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (size > 0) elf->bytes = malloc((size_t)size);
    bool complete = elf->bytes && fseek(file, 0, SEEK_SET) == 0 &&
                    fread(elf->bytes, 1, (size_t)size, file) == (size_t)size;
    if (file) fclose(file);
    elf->size = complete ? (size_t)size : 0;
    const Elf64_Ehdr *h = complete ? header(elf) : NULL;
    *problem = "it cannot be read";
    if (complete) *problem = "it is not a shared library for x86-64";
    if (h && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
        h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_type == ET_DYN && h->e_machine == EM_X86_64 &&
        h->e_phentsize == sizeof(Elf64_Phdr) && tagged(elf, DT_STRTAB, 0))
        return true;
    plk_elf_free(elf);
    return false;
}

void plk_elf_free(plk_elf *elf) {
    free(elf->bytes);
    *elf = (plk_elf){0};
}

const char *plk_elf_soname(const plk_elf *elf) {
    const Elf64_Dyn *d = tagged(elf, DT_SONAME, 0);
    return d ? string_at(elf, d->d_un.d_val) : NULL;
}

size_t plk_elf_n_needed(const plk_elf *elf) {
    size_t n = 0;
    while (tagged(elf, DT_NEEDED, n)) n++;
    return n;
}

const char *plk_elf_needed(const plk_elf *elf, size_t i) {
    const Elf64_Dyn *d = tagged(elf, DT_NEEDED, i);
    return d ? string_at(elf, d->d_un.d_val) : NULL;
}

/* The library's symbols. They are found by their section, which every shared library keeps even if
 * stripped: the dynamic section does not say how many there are. */
static const Elf64_Sym *symbols(const plk_elf *elf, size_t *n) {
    const Elf64_Ehdr *h = header(elf);
    for (size_t k = 0; k < h->e_shnum; k++) {
        const Elf64_Shdr *s = part(elf, h->e_shoff + k * sizeof *s, sizeof *s);
        if (!s || s->sh_type != SHT_DYNSYM) continue;
        *n = (size_t)(s->sh_size / sizeof(Elf64_Sym));
        const void *all = part(elf, s->sh_offset, s->sh_size);
        if (all) return all;
    }
    *n = 0;
    return NULL;
}

bool plk_elf_defines(const plk_elf *elf, const char *symbol) {
    size_t n, size;
    const Elf64_Sym *all = symbols(elf, &n);
    const char *names = strings(elf, &size);
    const size_t length = strlen(symbol) + 1;
    for (size_t i = 0; names && i < n; i++) {
        if (all[i].st_shndx != SHN_UNDEF && all[i].st_name < size &&
            length <= size - all[i].st_name && memcmp(names + all[i].st_name, symbol, length) == 0)
            return true;
    }
    return false;
}

void plk_elf_hide_more_than(plk_elf *elf, const plk_elf *other, const char *prefix) {
    size_t n;
    const Elf64_Sym *all = symbols(elf, &n);
    for (size_t i = 0; i < n; i++) {
        const char *name = all[i].st_shndx != SHN_UNDEF ? string_at(elf, all[i].st_name) : NULL;
        if (name && strncmp(name, prefix, strlen(prefix)) == 0 && !plk_elf_defines(other, name))
            elf->bytes[(const unsigned char *)name - elf->bytes] = '-';
    }
}

void plk_elf_drop_soname(plk_elf *elf) {
    Elf64_Dyn *d = tagged(elf, DT_SONAME, 0);
    if (d) d->d_tag = PLK_WAS_SONAME;
}
