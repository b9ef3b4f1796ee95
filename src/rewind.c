/* rewind.c: a sampler as it was some accepted tokens ago. See journal.h. */
#include "arithmetic.h"

#include "rewind.h"

static journal *journal_of(const pluck_sampler *s, const step *at) {
    return at->journal == NONE ? NULL : (journal *)(void *)(s->parts + at->journal);
}

void pk_rewind_note(pluck_sampler *s, int32_t i, int32_t dropped) {
    const step *at = &s->plan->steps[i];
    journal *j = journal_of(s, at);
    if (!j) return;
    const rng_stream *stream = pk_stream_of(s, at);
    pk_journal_push(j, (mark){stream ? stream->position : 0, dropped}, &s->memory[i]);
}

void pk_rewind_forget(pluck_sampler *s, int32_t i) {
    const step *at = &s->plan->steps[i];
    journal *j = journal_of(s, at);
    if (!j) return;
    pk_journal_init(j, at->kind, s->plan->config.max_rewind);
    pk_rewind_note(s, i, MARK_NONE_DROPPED);
}

void pk_rewind_forget_all(pluck_sampler *s) {
    for (int32_t i = 0; i < s->plan->n_steps; i++) pk_rewind_forget(s, i);
}

int32_t pk_rewind_room(const pluck_sampler *s) {
    int32_t room = s->plan->config.max_rewind;
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const step *at = &s->plan->steps[i];
        if (at->kind->can_rewind && !at->kind->can_rewind(at->stage)) return -1;
        const journal *j = journal_of(s, at);
        if (j && j->n - 1 < room) room = j->n - 1;
    }
    return room;
}

static void rewind_step(pluck_sampler *s, int32_t i, int32_t n) {
    const step *at = &s->plan->steps[i];
    journal *j = journal_of(s, at);
    history *h = pk_history_of(s, at);
    for (int32_t back = 0; h && back < n; back++) {
        const int32_t dropped = pk_journal_at(j, back)->dropped;
        if (dropped != MARK_NOT_PUSHED) pk_history_pop(h, dropped);
    }
    const stage_memory *memory = pk_journal_memory(j, n);
    if (memory) s->memory[i] = *memory;
    rng_stream *stream = pk_stream_of(s, at);
    if (stream) pk_stream_go_to(stream, pk_journal_at(j, n)->position);
    pk_journal_drop(j, n);
}

static PK_APART void call_back(const step *at, stage_memory *memory, int32_t n, pk_fpenv *caller) {
    if (caller) pk_fpenv_leave(caller);
    at->kind->rewind(at->stage, memory, n);
    if (caller) pk_fpenv_enter(caller);
}

void pk_rewind(pluck_sampler *s, int32_t n, pk_fpenv *caller) {
    PLUCK_ASSERT(n >= 0 && n <= pk_rewind_room(s));
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const step *at = &s->plan->steps[i];
        if (at->kind->rewind) call_back(at, &s->memory[i], n, caller);
        rewind_step(s, i, n);
    }
}

pluck_status pluck_sampler_rewind(pluck_sampler *sampler, int32_t n) {
    if (!sampler) return PLUCK_ERR_NULL;
    if (sampler->plan->config.max_rewind == 0) return PLUCK_ERR_REWIND;
    if (n < 0) return PLUCK_ERR_SIZE;
    if (n > pk_rewind_room(sampler)) return PLUCK_ERR_REWIND;
    pk_rewind(sampler, n, NULL);
    return PLUCK_OK;
}
