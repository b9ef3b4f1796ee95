/*
 * journal.h: what a step was like after each of the last accepted tokens, so that a sampler can be
 * rewound: the position of its stream, what it remembered, and the token that left its history. A
 * stream can go back to a position by itself (rng.h), so a mark is 16 bytes, or 64 of a step that
 * remembers averages. The memory has no pointers into itself.
 */
#ifndef PLUCK_JOURNAL_H
#define PLUCK_JOURNAL_H

#include "stage.h"

typedef struct mark {
    uint64_t position; /* of the stream */
    int32_t dropped;   /* that the history lost to this token, or one of the two below */
} mark;

/* The history lost no token to this one; it did not take this one. */
enum { MARK_NONE_DROPPED = -1, MARK_NOT_PUSHED = -2 };

typedef struct journal {
    int32_t room;   /* marks: one more than tokens that can be taken back */
    int32_t n;      /* marks held: the oldest is where it ends */
    int32_t newest; /* its place */
    bool remembers; /* each mark is followed by a stage_memory */
} journal;

/* Whether a kind of stage remembers more than stream and history hold. */
static inline bool journal_remembers(const stage_kind *kind) {
    return kind->create && !kind->calls_back;
}

/* Bytes of a journal that goes back up to max_rewind tokens. */
size_t pk_journal_size(const stage_kind *kind, int32_t max_rewind);

/* Makes an empty journal of memory of that size. */
void pk_journal_init(journal *j, const stage_kind *kind, int32_t max_rewind);

/* Adds a mark, dropping the oldest if there is no room. */
void pk_journal_push(journal *j, mark m, const stage_memory *memory);

/* The mark `back` before the newest (0); back < n. */
const mark *pk_journal_at(const journal *j, int32_t back);

/* What was remembered then; NULL if that is nothing. */
const stage_memory *pk_journal_memory(const journal *j, int32_t back);

/* Drops the newest n marks; one at least is left. */
void pk_journal_drop(journal *j, int32_t n);

#endif /* PLUCK_JOURNAL_H */
