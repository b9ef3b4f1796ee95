/*
 * npy_file.c: .npy files and pipes. Separate from npy.c so that the parser needs no operating
 * system.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(_WIN32)
enum { OPEN_FLAGS = O_RDONLY | O_BINARY };
#else
#include <sys/mman.h>
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC };
#endif

/* Windows counts with 32 bits what is read at once. */
enum { FIRST_CHUNK = 1 << 16, MOST_AT_ONCE = 1 << 30 };

static bool fail(char *err, size_t err_size, const char *text) {
    if (err_size > 0) (void)snprintf(err, err_size, "%s", text);
    return false;
}

#if !defined(_WIN32)
/* Maps the whole file `fd` into memory. */
static bool map_file(npy_file *out, int fd, off_t size, char *err, size_t err_size) {
    if (size == 0) return fail(err, err_size, "the file is empty");
    if ((uintmax_t)size > SIZE_MAX) return fail(err, err_size, "the file is too large");
    out->size = (size_t)size;
    out->memory = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (out->memory == MAP_FAILED) {
        out->memory = NULL;
        return fail(err, err_size, strerror(errno));
    }
    out->mapped = true;
    return true;
}
#endif

/* Reads n bytes, or fewer if the input ends; returns how many, -1 with errno set on an error. */
static ssize_t read_up_to(int fd, void *to, size_t n) {
    size_t got = 0;
    while (got < n) {
        const size_t left = n - got;
        const ssize_t part =
            read(fd, (char *)to + got, left < MOST_AT_ONCE ? (unsigned)left : MOST_AT_ONCE);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return -1;
        if (part == 0) break;
        got += (size_t)part;
    }
    return (ssize_t)got;
}

/* Reads until out->size is `wanted` or the stream ends. Allocates as data arrives and not at once,
 * because a damaged header may ask for any amount. */
static bool read_more(npy_file *out, int fd, size_t wanted, char *err, size_t err_size) {
    while (out->size < wanted) {
        size_t chunk = out->size > FIRST_CHUNK ? out->size : FIRST_CHUNK;
        if (chunk > wanted - out->size) chunk = wanted - out->size;
        void *larger = realloc(out->memory, out->size + chunk);
        if (larger == NULL) return fail(err, err_size, "there is not enough memory for the array");
        out->memory = larger;
        const ssize_t got = read_up_to(fd, (char *)out->memory + out->size, chunk);
        if (got < 0) return fail(err, err_size, strerror(errno));
        out->size += (size_t)got;
        if ((size_t)got < chunk) break;
    }
    return true;
}

/* Reads a pipe up to the size that its header says, then checks that it ends there. */
static bool read_stream(npy_file *out, int fd, char *err, size_t err_size) {
    for (size_t wanted = 0, next = 0;; wanted = next) {
        if (!npy_extent(out->memory, out->size, &next, err, err_size)) return false;
        if (next == wanted) break;
        if (!read_more(out, fd, next, err, err_size)) return false;
        if (out->size == 0) return fail(err, err_size, "the input is empty");
        if (out->size < next) return true; /* npy_parse reports what is missing */
    }
    char more;
    if (read_up_to(fd, &more, 1) > 0) {
        return fail(err, err_size, "the input goes on after the array");
    }
    return true;
}

static bool fetch(npy_file *out, int fd, char *err, size_t err_size) {
    struct stat info;
    if (fstat(fd, &info) != 0) return fail(err, err_size, strerror(errno));
    if (S_ISDIR(info.st_mode)) return fail(err, err_size, "it is a directory");
#if defined(_WIN32) /* files are read like pipes */
    (void)_setmode(fd, O_BINARY);
#else
    if (S_ISREG(info.st_mode) && fd != STDIN_FILENO) {
        return map_file(out, fd, info.st_size, err, err_size);
    }
#endif
    return read_stream(out, fd, err, err_size);
}

/* Replaces an array that is not plain by a plain copy. */
static bool make_plain(npy_file *file, char *err, size_t err_size) {
    if (npy_is_plain(&file->array)) return true;
    npy_file plain = {.size = npy_plain_size(&file->array)};
    plain.memory = malloc(plain.size);
    if (plain.memory == NULL) {
        return fail(err, err_size, "there is not enough memory for the array");
    }
    npy_make_plain(&file->array, plain.memory, &plain.array);
    npy_close(file);
    *file = plain;
    return true;
}

bool npy_open(npy_file *out, const char *path, char *err, size_t err_size) {
    const bool standard = strcmp(path, "-") == 0;
    const int fd = standard ? STDIN_FILENO : open(path, OPEN_FLAGS);
    if (fd < 0) return fail(err, err_size, strerror(errno));
    npy_file file = {0};
    const bool fetched = fetch(&file, fd, err, err_size);
    if (!standard) (void)close(fd);
    if (!fetched || !npy_parse(file.memory, file.size, &file.array, err, err_size) ||
        !make_plain(&file, err, err_size)) {
        npy_close(&file);
        return false;
    }
    *out = file;
    return true;
}

void npy_close(npy_file *file) {
#if !defined(_WIN32)
    if (file->mapped)
        (void)munmap(file->memory, file->size);
    else
#endif
        free(file->memory);
    memset(file, 0, sizeof *file);
}
