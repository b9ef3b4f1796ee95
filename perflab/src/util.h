/*
 * util.h - strings, files, time and error messages, for all commands.
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

/* A string that grows. Start it as {0}; free `text` at the end. Empty, `text` may be NULL. */
typedef struct text_buffer {
    char *text;
    size_t length;
    size_t room;
} text_buffer;

void text_add(text_buffer *b, const char *format, ...) UTIL_PRINTF(2, 3);
void text_add_bytes(text_buffer *b, const char *bytes, size_t n);

/* A formatted string, and a copy of a string. To be freed. */
char *text_format(const char *format, ...) UTIL_PRINTF(1, 2);
char *text_copy(const char *s); /* NULL stays NULL */

/* A word for the shell, in single quotes. To be freed. */
char *shell_word(const char *s);

/* Memory. If there is none, the process ends with an error message. */
void *must_alloc(size_t bytes); /* zeroed */
void *must_grow(void *p, size_t bytes);

/* Prints an error message on stderr: "perflab: ...". */
void complain(const char *format, ...) UTIL_PRINTF(1, 2);

/* 32 random hexadecimal digits. */
void make_uuid(char out[33]);

/* The current time in UTC: "2025-01-31T12:00:00Z". */
void iso_time(char out[32]);

/* The contents of a file, zero-terminated, to be freed; NULL with errno set. length may be NULL. */
char *read_text(const char *path, size_t *length);

/* Writes a temporary file beside the target and renames it, so that nobody sees half a file.
 * Returns false, with an error message, if that fails. */
bool write_text(const char *path, const char *text, size_t length);

bool file_exists(const char *path);
bool make_folders(const char *path); /* as mkdir -p; prints an error message */

/* The time of a monotonic clock, in seconds. */
double seconds_now(void);

#endif
