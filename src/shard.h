/*
 * shard.h: a row spread over ranks (pluck_shard.h), inside.
 *
 * shard_plan.c says what of a chain is done where, shard_slice.c sums up a slice, shard_bytes.c
 * turns that into bytes and back, shard_merge.c checks that messages fit together and runs the rest of
 * the chain on their candidates, shard_draw.c finds the token of a plain draw.
 */
#ifndef PLUCK_SHARD_INTERNAL_H
#define PLUCK_SHARD_INTERNAL_H

#include "pluck_shard.h"
#include "run.h"

enum { BLOCK = GROUP * BLOCK_GROUPS };

/* So many groups can be heavy (mass.h). */
enum { MOST_HEAVY = 128 };

/* ---- shard_plan.c ---- */

/* What the first stage that is not done by the ranks needs to know. */
typedef enum shard_need {
    NEED_TOP,   /* the k greatest */
    NEED_FLOOR, /* min-p: those above a value that depends on the maximum */
    NEED_MASS,  /* top-p: the greatest, and the mass of all */
    NEED_DRAW,  /* a plain draw */
    NEED_ROW    /* the row */
} shard_need;

typedef struct shard_plan {
    shard_need need;
    int32_t n_edits; /* steps that the ranks do */
    int32_t from;    /* the step with which the merged candidates begin */
    int32_t at;      /* the step that decides; the number of steps if there is none */
    int32_t k;       /* candidates of a message: at least so many if there are, */
    int32_t most;    /* and at most so many */
    bool sorted;     /* they are sent descending, of equals the lower id first; else by id */
    bool sums;       /* masses are sent */
    double scale;    /* of the logits before step `at` */
} shard_plan;

shard_plan pk_shard_plan(const pluck_sampler *s, int32_t n_candidates,
                         const pluck_shard_request *request);

/* A digest of what must be equal on all ranks: the chain with its parameters, and what the sampler
 * remembers; of a history only its length and end. */
uint64_t pk_shard_digest(const pluck_sampler *s);

uint64_t pk_shard_request_digest(const pluck_shard_request *request);

/* ---- shard_bytes.c ---- */

enum { FLAG_MASKED = 1, FLAG_INFINITE = 2, FLAG_OUT_OF_RANGE = 4, ALL_FLAGS = 7 };

/* Where the parts of a message are, in bytes; 0: it has none of them. */
typedef struct shard_layout {
    size_t candidates; /* n_candidates ids, then as many x */
    int32_t n_candidates;
    size_t glances; /* MASS_GLANCES floats, then block sums */
    size_t sums;    /* block sums, those put right, and what is said of the draw */
    size_t logits;  /* then the mask */
    int32_t n_blocks, n_heavy;
    size_t sum; /* the checksum */
    size_t size;
} shard_layout;

shard_layout pk_shard_layout(const shard_plan *p, int32_t longest,
                             const pluck_shard_request *request);

/* What stands at the head of a message. */
typedef struct shard_head {
    int32_t n_vocab;
    uint64_t chain, request;
    int32_t first, n; /* without padding */
    int32_t status;   /* of the slice: OK, or ERR_NAN */
    uint32_t flags;
    int32_t n_alive, n_allowed; /* alive: of the tokens at +inf if there are any */
    int32_t n_candidates;
    float bound;     /* every candidate at or above it is in the message */
    float max;       /* -inf: none is alive */
    float reference; /* of the mass: exp((x - reference) * scale) */
    double mass;
} shard_head;

void pk_shard_put_head(unsigned char *message, const shard_layout *layout, const shard_head *head);

/* Checks a message as such, and reads its head. `i`: its number, for the words. Errors: ERR_SHARD. */
pluck_status pk_shard_get_head(const unsigned char *message, const shard_layout *layout, int32_t i,
                               shard_head *head, pluck_error *err);

/* Writes the checksum over all that has been written. */
void pk_shard_seal(unsigned char *message, const shard_layout *layout);

/* ---- numbers as bytes ---- */

/* Whether numbers of four bytes are in memory as they are in messages. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { IS_LITTLE_ENDIAN = 1 };
#else
enum { IS_LITTLE_ENDIAN = 0 };
#endif

static inline void pk_put_32(unsigned char *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> 8 * i);
}

static inline void pk_put_64(unsigned char *to, uint64_t value) {
    for (int i = 0; i < 8; i++) to[i] = (unsigned char)(value >> 8 * i);
}

static inline void pk_put_float(unsigned char *to, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    pk_put_32(to, bits);
}

static inline void pk_put_double(unsigned char *to, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pk_put_64(to, bits);
}

static inline uint32_t pk_get_32(const unsigned char *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static inline uint64_t pk_get_64(const unsigned char *from) {
    return (uint64_t)pk_get_32(from) | (uint64_t)pk_get_32(from + 4) << 32;
}

static inline float pk_get_float(const unsigned char *from) {
    const uint32_t bits = pk_get_32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double pk_get_double(const unsigned char *from) {
    const uint64_t bits = pk_get_64(from);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* n numbers of four bytes. */
static inline void pk_put_words(unsigned char *to, const void *from, int32_t n) {
    if (IS_LITTLE_ENDIAN) {
        if (n > 0) memcpy(to, from, 4 * (size_t)n);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)from + 4 * (size_t)i, sizeof word);
        pk_put_32(to + 4 * (size_t)i, word);
    }
}

static inline void pk_get_words(const unsigned char *from, void *to, int32_t n) {
    if (IS_LITTLE_ENDIAN) {
        if (n > 0) memcpy(to, from, 4 * (size_t)n);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        const uint32_t word = pk_get_32(from + 4 * (size_t)i);
        memcpy((char *)to + 4 * (size_t)i, &word, sizeof word);
    }
}

/* What ASK_SUMS says beside the block sums; `n_heavy` deltas of the layout's room follow. */
typedef struct shard_draw_part {
    int32_t group;             /* of the slice, whose x follow; -1: the block is another rank's */
    int32_t n_heavy;           /* groups that were put right; -1: too many */
    double least, greatest;    /* the least heavy sum (+inf: none), the greatest light one */
    double sums[BLOCK_GROUPS]; /* of the block's groups */
    float x[GROUP];
} shard_draw_part;

size_t pk_shard_draw_at(const shard_layout *layout); /* where that begins */
void pk_shard_put_draw(unsigned char *message, const shard_layout *layout,
                       const shard_draw_part *part);
void pk_shard_get_draw(const unsigned char *message, const shard_layout *layout,
                       shard_draw_part *part);
size_t pk_shard_delta_at(const shard_layout *layout, int32_t i);

/* ---- shard.c ---- */

/* Checks that a request is one, and the sampler the shard's. Errors: ERR_VOCAB, ERR_ROW, ERR_PARAM. */
pluck_status pk_shard_check(const pluck_shard *shard, const pluck_sampler *s,
                            const pluck_shard_request *request, pluck_error *err);

/* A place among the candidates of a message that are sorted. */
typedef struct shard_cursor {
    float x;      /* of the next candidate; -inf: there are no more */
    int32_t left; /* behind it */
    const unsigned char *ids, *next_x;
    uint32_t first, n; /* tokens of the slice */
} shard_cursor;

struct pluck_shard {
    pluck_shard_config config;
    size_t size;
    int32_t n;                       /* without padding */
    pluck_workspace *workspace;      /* for the slice; NULL: it is empty */
    int32_t order[PLUCK_MAX_SHARDS]; /* of messages, by `first` */
    shard_head heads[PLUCK_MAX_SHARDS];
    shard_cursor cursors[PLUCK_MAX_SHARDS];
    double *blocks[2];  /* a number for each block of the vocabulary */
    unsigned char *row; /* room for the whole row, */
    uint32_t *allowed;  /* and its mask */
};

/* All that a merge works on. */
typedef struct shard_merge {
    pluck_shard *shard;
    pluck_sampler *s;
    const pluck_shard_request *request;
    shard_plan plan;
    shard_layout layout;
    const unsigned char *messages;
    size_t stride;
    int32_t n;
    pluck_error *err;
    pk_fpenv *caller;

    /* What the heads come to: */
    int64_t n_alive, n_candidates;
    double mass;      /* of all, relative to max; 0: it is not known */
    float max, bound; /* every candidate at or above `bound` has been sent; -inf: all have been */
    bool infinite, in_range;
    bool few; /* the whole row's mask allows so few that they would be a list */
} shard_merge;

static inline const unsigned char *shard_message(const shard_merge *m, int32_t i) {
    return m->messages + (size_t)m->shard->order[i] * m->stride;
}

static inline const shard_head *shard_head_of(const shard_merge *m, int32_t i) {
    return &m->shard->heads[m->shard->order[i]];
}

/* Makes the outcome that one more round must gather the row because of step `at` of the plan. */
void pk_shard_ask_row(const shard_merge *m, pluck_shard_outcome *out);

/* ---- shard_draw.c: a plain draw ---- */

/* After the first round: says where the draw is expected. */
void pk_shard_expect_draw(const shard_merge *m, pluck_shard_outcome *out);

/* After the second: selects the token, or asks for the row. Errors: ERR_SHARD. */
pluck_status pk_shard_draw(const shard_merge *m, pluck_shard_outcome *out);

#endif /* PLUCK_SHARD_INTERNAL_H */
