/*
 * npy_file.c: .npy files, mapped. Apart from npy.c so that the parser needs no operating system.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char *err, size_t err_size, const char *text) {
    if (err_size > 0) snprintf(err, err_size, "%s", text);
    return false;
}

/* Maps the whole file behind `fd`. */
static bool map_file(npy_file *out, int fd, char *err, size_t err_size) {
    struct stat info;
    if (fstat(fd, &info) != 0) return fail(err, err_size, strerror(errno));
    if (!S_ISREG(info.st_mode)) return fail(err, err_size, "not a regular file");
    if (info.st_size == 0) return fail(err, err_size, "the file is empty");
    if ((uintmax_t)info.st_size > SIZE_MAX) return fail(err, err_size, "the file is too large");
    out->mapping_size = (size_t)info.st_size;
    out->mapping = mmap(NULL, out->mapping_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (out->mapping == MAP_FAILED) return fail(err, err_size, strerror(errno));
    return true;
}

bool npy_open(npy_file *out, const char *path, char *err, size_t err_size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(err, err_size, strerror(errno));
    npy_file file = {0};
    const bool mapped = map_file(&file, fd, err, err_size);
    close(fd);
    if (!mapped) return false;
    if (!npy_parse(file.mapping, file.mapping_size, &file.array, err, err_size)) {
        npy_close(&file);
        return false;
    }
    *out = file;
    return true;
}

void npy_close(npy_file *file) {
    munmap(file->mapping, file->mapping_size);
    memset(file, 0, sizeof *file);
}
