/*
 * bytes.h: writes and reads what is saved: little-endian numbers, doubles as their bits, and a
 * checksum, FNV-1a of 64 bits (Fowler, Noll, Vo), at the end.
 */
#ifndef PLUCK_BYTES_H
#define PLUCK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SUM_SIZE = 8 };

/* Writes, or only counts if there is no room (any more). */
typedef struct writer {
    unsigned char *bytes;
    size_t used, room;
} writer;

static inline void put(writer *w, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++, w->used++)
        if (w->used < w->room) w->bytes[w->used] = (unsigned char)(value >> 8 * i);
}

static inline void put_32(writer *w, uint32_t value) {
    put(w, value, 4);
}

static inline void put_double(writer *w, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, bits, 8);
}

/* Four letters that say whose state follows. */
static inline void put_name(writer *w, const char *name) {
    for (int i = 0; i < 4; i++) put(w, (unsigned char)name[i], 1);
}

typedef struct reader {
    const unsigned char *bytes;
    size_t used, size;
    bool short_of; /* more was asked for than there is */
} reader;

static inline uint64_t get(reader *r, size_t n) {
    uint64_t value = 0;
    if (r->size - r->used < n) {
        r->short_of = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++) value |= (uint64_t)r->bytes[r->used++] << 8 * i;
    return value;
}

static inline uint32_t get_32(reader *r) {
    return (uint32_t)get(r, 4);
}

static inline double get_double(reader *r) {
    const uint64_t bits = get(r, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline bool get_name(reader *r, const char *name) {
    bool same = true;
    for (int i = 0; i < 4; i++) same &= get(r, 1) == (unsigned char)name[i];
    return same;
}

/* `sum` is that of what comes before. */
static inline uint64_t fnv(uint64_t sum, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static const uint64_t fnv_of_nothing = UINT64_C(0xcbf29ce484222325);

/* Ends what was written. */
static inline void put_sum(writer *w) {
    put(w, fnv(fnv_of_nothing, w->bytes, w->used), SUM_SIZE);
}

/* Whether the checksum that follows n bytes is theirs. */
static inline bool sum_is_right(const void *bytes, size_t n) {
    reader r = {(const unsigned char *)bytes + n, 0, SUM_SIZE, false};
    return get(&r, SUM_SIZE) == fnv(fnv_of_nothing, bytes, n);
}

#endif /* PLUCK_BYTES_H */
