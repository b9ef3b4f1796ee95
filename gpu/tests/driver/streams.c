/* streams.c: queues of work, and events. Work runs when a caller asks for an event behind it. */
#include "driver.h"

#include <stdlib.h>

extern driver_control plk_test_driver_control;

/* ---- all streams ---- */

test_stream *next_stream(test_stream *at) {
    test_object *o;
    if (at && at->base.kind == OBJECT_CONTEXT) { /* a context's default stream, see find_stream */
        test_context *c = at->base.owner;
        if (at == &c->defaults[0]) return &c->defaults[1];
        o = c->base.next;
    } else {
        o = at ? at->base.next : first_object();
    }
    while (o && o->kind != OBJECT_STREAM && o->kind != OBJECT_CONTEXT) o = o->next;
    if (!o) return NULL;
    return o->kind == OBJECT_STREAM ? (test_stream *)o : &((test_context *)o)->defaults[0];
}

test_stream *find_stream(CUstream handle) {
    test_context *c = current_context();
    const uintptr_t number = (uintptr_t)handle;
    test_stream *s;
    if (number <= 2) return &c->defaults[number == 2]; /* NULL, LEGACY, PER_THREAD */
    s = find_object(OBJECT_STREAM, handle);
    return s && !s->destroyed ? s : NULL;
}

/* Nothing waits for this stream any longer: its work has run, or never will. */
static void forget_stream(const test_stream *gone) {
    for (test_object *o = first_object(); o; o = o->next)
        if (o->kind == OBJECT_EVENT && ((test_event *)o)->on == gone) ((test_event *)o)->on = NULL;
    for (test_stream *s = next_stream(NULL); s; s = next_stream(s))
        for (test_work *w = s->first; w; w = w->next)
            if (w->wait_for == gone) w->wait_for = NULL;
}

/* ---- work ---- */

test_work *new_work(work_kind kind) {
    test_work *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->kind = kind;
    return w;
}

static test_work *take_first(test_stream *s) {
    test_work *w = s->first;
    s->first = w->next;
    if (!s->first) s->last = NULL;
    s->done++;
    return w;
}

void free_work(test_work *w) {
    free(w->staged);
    free(w);
}

void drop_work(test_stream *s) {
    while (s->first) free_work(take_first(s));
    forget_stream(s);
}

void lose_context(test_context *c, CUresult error) {
    c->sticky = error;
    for (test_stream *s = next_stream(NULL); s; s = next_stream(s))
        if (s->base.owner == c) drop_work(s);
}

static void reach(test_stream *s, test_event *e) {
    static double now;
    now += 0.001;
    e->time = now;
    if (e->on == s && e->position == s->done) e->on = NULL; /* else it was recorded again */
}

static void run_until(test_stream *s, uint64_t position) {
    CUresult error = CUDA_SUCCESS;
    while (s->first && s->done < position) {
        test_work *w = s->first;
        if (w->wait_for) run_until(w->wait_for, w->position);
        w = take_first(s);
        if (w->event && w->kind == WORK_RECORD) reach(s, w->event);
        if (w->kind == WORK_LAUNCH) run_launch(w);
        if (w->kind == WORK_COPY || w->kind == WORK_SET) error = run_copy(w);
        free_work(w);
        if (error != CUDA_SUCCESS) lose_context(s->base.owner, error);
    }
}

/* The default stream and blocking streams each wait for the work enqueued in the other before. */
static void order_by_default_stream(test_stream *s) {
    test_context *c = s->base.owner;
    test_stream *legacy = &c->defaults[0];
    if (!s->blocking) return;
    if (s != legacy) {
        run_until(legacy, legacy->submitted);
        return;
    }
    for (test_stream *other = next_stream(NULL); other; other = next_stream(other))
        if (other != s && other->base.owner == c && other->blocking)
            run_until(other, other->submitted);
}

CUresult submit(CUstream handle, test_work *w) {
    test_stream *s = find_stream(handle);
    if (!s) {
        free_work(w);
        return misuse(CUDA_ERROR_INVALID_HANDLE, "no such stream in this context");
    }
    order_by_default_stream(s);
    if (may_run_beside(s, w))
        (void)misuse(CUDA_SUCCESS, "work on another stream may use the memory at the same time");
    if (s->last)
        s->last->next = w;
    else
        s->first = w;
    s->last = w;
    s->submitted++;
    if (w->kind == WORK_RECORD) {
        w->event->recorded = true;
        w->event->on = s;
        w->event->position = s->submitted;
    }
    if (plk_test_driver_control.eager) run_until(s, s->submitted);
    return CUDA_SUCCESS;
}

bool is_to_launch(const test_function *f) {
    for (test_stream *s = next_stream(NULL); s; s = next_stream(s))
        for (const test_work *w = s->first; w; w = w->next)
            if (w->function == f) return true;
    return false;
}

/* ---- the driver's functions ---- */

CUresult cuStreamCreate(CUstream *out, unsigned flags) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_stream *s;
    if (r != CUDA_SUCCESS) return leave(r);
    if (flags > 1) return leave(misuse(CUDA_ERROR_INVALID_VALUE, "flags %u", flags));
    s = add_object(OBJECT_STREAM, sizeof *s, current_context());
    s->blocking = flags != CU_STREAM_NON_BLOCKING;
    *out = (CUstream)(void *)s;
    return leave(r);
}

/* Does not wait: the stream's work is still to be done, and the memory it uses must be kept. */
CUresult cuStreamDestroy_v2(CUstream handle) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    test_stream *s = find_stream(handle);
    if (!s || (void *)s != (void *)handle)
        return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such stream in this context"));
    s->destroyed = true;
    return leave(r);
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent which, unsigned flags) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_event *e = find_object(OBJECT_EVENT, which);
    test_work *w;
    if (r != CUDA_SUCCESS) return leave(r);
    if (!e || flags != 0)
        return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such event in this context"));
    w = new_work(WORK_WAIT);
    w->wait_for = e->on; /* NULL: there is nothing to wait for */
    w->position = e->position;
    return leave(submit(handle, w));
}

CUresult cuEventCreate(CUevent *out, unsigned flags) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_event *e;
    if (r != CUDA_SUCCESS) return leave(r);
    if (flags > 3) return leave(misuse(CUDA_ERROR_INVALID_VALUE, "flags %u", flags));
    e = add_object(OBJECT_EVENT, sizeof *e, current_context());
    e->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
    *out = (CUevent)(void *)e;
    return leave(r);
}

CUresult cuEventDestroy_v2(CUevent handle) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    test_event *e = find_object(OBJECT_EVENT, handle);
    if (!e) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such event in this context"));
    for (test_stream *s = next_stream(NULL); s; s = next_stream(s))
        for (test_work *w = s->first; w; w = w->next)
            if (w->event == e) w->event = NULL;
    remove_object(e);
    return leave(r);
}

CUresult cuEventRecord(CUevent handle, CUstream on) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_event *e = find_object(OBJECT_EVENT, handle);
    test_work *w;
    if (r != CUDA_SUCCESS) return leave(r);
    if (!e) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such event in this context"));
    w = new_work(WORK_RECORD);
    w->event = e;
    return leave(submit(on, w));
}

/* Each query lets one piece of work run, so that a caller that polls sees both answers. */
CUresult cuEventQuery(CUevent handle) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_event *e = find_object(OBJECT_EVENT, handle);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!e) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such event in this context"));
    if (e->on) run_until(e->on, e->on->done + 1);
    r = current_context()->sticky;
    return leave(r == CUDA_SUCCESS && e->on ? CUDA_ERROR_NOT_READY : r);
}

CUresult cuEventSynchronize(CUevent handle) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_event *e = find_object(OBJECT_EVENT, handle);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!e) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such event in this context"));
    if (e->on) run_until(e->on, e->position);
    return leave(current_context()->sticky);
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_event *a = find_object(OBJECT_EVENT, from), *b = find_object(OBJECT_EVENT, to);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!a || !b || !a->timed || !b->timed || !a->recorded || !b->recorded)
        return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "the event has no time"));
    if (a->on || b->on) return leave(CUDA_ERROR_NOT_READY);
    *milliseconds = (float)(b->time - a->time);
    return leave(r);
}
