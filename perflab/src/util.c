/*
 * util.c - strings, files, time.
 */
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void *must_grow(void *p, size_t bytes) {
    void *q = realloc(p, bytes == 0 ? 1 : bytes);
    if (q == NULL) {
        fputs("perflab: out of memory\n", stderr);
        exit(71);
    }
    return q;
}

void *must_alloc(size_t bytes) {
    void *p = must_grow(NULL, bytes);
    memset(p, 0, bytes);
    return p;
}

void text_add_bytes(text_buffer *b, const char *bytes, size_t n) {
    if (b->length + n + 1 > b->room) {
        b->room = (b->length + n + 1) * 2;
        b->text = must_grow(b->text, b->room);
    }
    memcpy(b->text + b->length, bytes, n);
    b->length += n;
    b->text[b->length] = '\0';
}

static char *format_args(const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *s = must_alloc((size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, format, args);
    return s;
}

void text_add(text_buffer *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *s = format_args(format, args);
    va_end(args);
    text_add_bytes(b, s, strlen(s));
    free(s);
}

char *text_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *s = format_args(format, args);
    va_end(args);
    return s;
}

char *text_copy(const char *s) {
    return s == NULL ? NULL : text_format("%s", s);
}

char *shell_word(const char *s) {
    text_buffer out = {0};
    text_add(&out, "'");
    for (; *s != '\0'; s++) {
        if (*s == '\'') {
            text_add(&out, "'\\''");
        } else {
            text_add_bytes(&out, s, 1);
        }
    }
    text_add(&out, "'");
    return out.text;
}

void complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *s = format_args(format, args);
    va_end(args);
    fprintf(stderr, "perflab: %s\n", s);
    free(s);
}

void make_uuid(char out[33]) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) abort();
    for (int i = 0; i < 16; i++) snprintf(out + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

void iso_time(char out[32]) {
    const time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

char *read_text(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    text_buffer b = {0};
    char chunk[65536];
    size_t n;
    text_add_bytes(&b, "", 0);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) text_add_bytes(&b, chunk, n);
    const bool bad = ferror(file) != 0;
    fclose(file);
    if (bad) {
        free(b.text);
        errno = EIO;
        return NULL;
    }
    if (length != NULL) *length = b.length;
    return b.text;
}

bool write_text(const char *path, const char *text, size_t length) {
    char *beside = text_format("%s.new.%ld", path, (long)getpid());
    FILE *file = fopen(beside, "wb");
    bool good = file != NULL && fwrite(text, 1, length, file) == length;
    if (file != NULL && fclose(file) != 0) good = false;
    if (good) good = rename(beside, path) == 0;
    if (!good) {
        const int why = errno;
        unlink(beside);
        complain("cannot write %s: %s", path, strerror(why));
    }
    free(beside);
    return good;
}

bool file_exists(const char *path) {
    struct stat s;
    return stat(path, &s) == 0;
}

bool make_folders(const char *path) {
    char *copy = text_copy(path);
    bool good = true;
    for (char *p = copy + 1; good && *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        good = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *p = '/';
    }
    if (good) good = mkdir(copy, 0777) == 0 || errno == EEXIST;
    if (!good) complain("cannot make the folder %s: %s", path, strerror(errno));
    free(copy);
    return good;
}

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
