/* order.c: which memory work uses, and what orders two pieces of work: their stream, or an event that
 * one stream waits for. */
#include "driver.h"

typedef struct use {
    uint64_t from, to;
    bool writes;
} use;

/* The memory at an address that a kernel is given: where it ends is not in its parameters. */
static use use_by_kernel(uint64_t address, bool writes) {
    const test_memory *m = memory_at(address, OBJECT_MEMORY);
    if (!m) m = memory_at(address, OBJECT_HOST);
    return m ? (use){(uintptr_t)m->bytes, (uintptr_t)m->bytes + m->size, writes}
             : (use){0, 0, false};
}

static use use_by_copy(const test_work *w, uint64_t at, size_t pitch, bool writes) {
    return (use){at, at + (w->rows ? (w->rows - 1) * pitch + w->width : 0), writes};
}

/* Returns how many. */
static int uses_of(const test_work *w, use uses[WORK_PARAMETERS]) {
    int n = 0;
    if (w->kind == WORK_COPY || w->kind == WORK_SET)
        uses[n++] = use_by_copy(w, w->to, w->to_pitch, true);
    if (w->kind == WORK_COPY && !w->staged)
        uses[n++] = use_by_copy(w, w->from, w->from_pitch, false);
    if (w->kind != WORK_LAUNCH) return n;
    for (const char *p = kernel_parameters(w->function->kernel), *first = p; *p; p++)
        if (*p == 'm' || *p == 'r')
            uses[n++] =
                use_by_kernel(*(const uint64_t *)(const void *)w->parameters[p - first], *p == 'm');
    return n;
}

static bool overlap(use a, use b) {
    return a.from < b.to && b.from < a.to;
}

static bool conflict(const test_work *a, const test_work *b) {
    use of_a[WORK_PARAMETERS], of_b[WORK_PARAMETERS];
    const int n_a = uses_of(a, of_a), n_b = uses_of(b, of_b);
    for (int i = 0; i < n_a; i++)
        for (int j = 0; j < n_b; j++)
            if ((of_a[i].writes || of_b[j].writes) && overlap(of_a[i], of_b[j])) return true;
    return false;
}

/* Has the work on a stream in front of `before` to wait until `other` has come to `position`? */
static bool waits_for(const test_stream *s, uint64_t before, const test_stream *other,
                      uint64_t position) {
    uint64_t at = s->done + 1;
    for (const test_work *w = s->first; w && at < before; w = w->next, at++)
        if (w->wait_for && ((w->wait_for == other && w->position >= position) ||
                            waits_for(w->wait_for, w->position + 1, other, position)))
            return true;
    return false;
}

bool may_run_beside(const test_stream *s, const test_work *w) {
    for (test_stream *other = next_stream(NULL); other; other = next_stream(other)) {
        uint64_t position = other->done + 1;
        for (const test_work *o = other->first; o && other != s; o = o->next, position++)
            if (conflict(w, o) && !waits_for(s, s->submitted + 1, other, position)) return true;
    }
    return false;
}

bool is_in_use(const test_memory *m) {
    const use all = {(uintptr_t)m->bytes, (uintptr_t)m->bytes + m->size, true};
    use uses[WORK_PARAMETERS];
    for (test_stream *s = next_stream(NULL); s; s = next_stream(s))
        for (const test_work *w = s->first; w; w = w->next)
            for (int i = uses_of(w, uses) - 1; i >= 0; i--)
                if (overlap(uses[i], all)) return true;
    return false;
}
