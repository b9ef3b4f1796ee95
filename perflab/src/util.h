/*
 * util.h - small things every command needs.
 */
#ifndef PERFLAB_UTIL_H
#define PERFLAB_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define UTIL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define UTIL_PRINTF(f, a)
#endif

/* A string that grows. Start it as {0}; free(text) ends it. text is NULL while it is empty. */
typedef struct text_buffer {
    char *text;
    size_t length;
    size_t room;
} text_buffer;

void text_add(text_buffer *b, const char *format, ...) UTIL_PRINTF(2, 3);
void text_add_bytes(text_buffer *b, const char *bytes, size_t n);

/* A formatted string on the heap. */
char *text_format(const char *format, ...) UTIL_PRINTF(1, 2);
char *text_copy(const char *s); /* NULL stays NULL */

/* Memory that is there or the program ends with a message. */
void *must_alloc(size_t bytes); /* zeroed */
void *must_grow(void *p, size_t bytes);

/* "perflab: ..." on stderr. */
void complain(const char *format, ...) UTIL_PRINTF(1, 2);

/* 32 hexadecimal digits of randomness. */
void make_uuid(char out[33]);

/* UTC, "2025-01-31T12:00:00Z". */
void iso_time(char out[32]);

/* The whole file as a string with a zero behind it, or NULL with errno set. */
char *read_text(const char *path, size_t *length);

/* Writes it beside the target and moves it there, so that no half file is ever seen. */
bool write_text(const char *path, const char *text, size_t length);

bool file_exists(const char *path);
bool make_folders(const char *path); /* like mkdir -p */

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

#endif
