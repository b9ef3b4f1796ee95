/* journal.c: see journal.h. */
#include "arithmetic.h"

#include "journal.h"

static size_t mark_size(bool remembers) {
    return sizeof(mark) + (remembers ? sizeof(stage_memory) : 0);
}

size_t pk_journal_size(const stage_kind *kind, int32_t max_rewind) {
    return sizeof(journal) + (size_t)(max_rewind + 1) * mark_size(journal_remembers(kind));
}

void pk_journal_init(journal *j, const stage_kind *kind, int32_t max_rewind) {
    *j = (journal){.room = max_rewind + 1, .newest = -1, .remembers = journal_remembers(kind)};
}

/* The mark `back` before the newest. */
static char *place_of(const journal *j, int32_t back) {
    PLUCK_ASSERT(back >= 0 && back < j->n && j->n <= j->room);
    const int32_t at = j->newest - back + (back > j->newest ? j->room : 0);
    return (char *)(uintptr_t)(j + 1) + (size_t)at * mark_size(j->remembers);
}

void pk_journal_push(journal *j, mark m, const stage_memory *memory) {
    j->newest = j->newest + 1 < j->room ? j->newest + 1 : 0;
    if (j->n < j->room) j->n++;
    char *at = place_of(j, 0);
    memcpy(at, &m, sizeof m);
    if (j->remembers) memcpy(at + sizeof m, memory, sizeof *memory);
}

const mark *pk_journal_at(const journal *j, int32_t back) {
    return (const mark *)(const void *)place_of(j, back);
}

const stage_memory *pk_journal_memory(const journal *j, int32_t back) {
    if (!j->remembers) return NULL;
    return (const stage_memory *)(const void *)(place_of(j, back) + sizeof(mark));
}

void pk_journal_drop(journal *j, int32_t n) {
    PLUCK_ASSERT(n >= 0 && n < j->n);
    j->newest = j->newest - n + (n > j->newest ? j->room : 0);
    j->n -= n;
}
