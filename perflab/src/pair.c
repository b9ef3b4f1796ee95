/*
 * pair.c - compares two builds of one benchmark in one process: their outputs and their times.
 *
 * Both are loaded with RTLD_LOCAL, so that each has functions and variables of its own. But if both
 * need a shared library of the same name, the process loads it only once, and the comparison would
 * be of that library with itself. That is refused.
 */
#include "job.h"
#include "util.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct build {
    const char *name; /* "A", "B" */
    worker w;
    void (*fn)(perflab_ctx *ctx);
    perflab_side side; /* which side of the benchmark `fn` is */
} build;

/*
 * Loads the build of the job's "other". If both builds are the same file, it loads a copy, so that
 * each has variables of its own.
 */
static const perflab_module *load_other(const worker *w) {
    const char *path = json_text(w->job, "other", "");
    if (strcmp(path, json_text(w->job, "module", "")) != 0) return worker_load(path);
    char copy[] = "/tmp/perflab-module-XXXXXX";
    size_t length = 0;
    char *bytes = read_text(path, &length);
    const int fd = bytes != NULL ? mkstemp(copy) : -1;
    const bool good = fd >= 0 && write(fd, bytes, length) == (ssize_t)length;
    if (fd >= 0) close(fd);
    free(bytes);
    if (!good) {
        fprintf(stderr, "cannot copy %s\n", path);
        exit(65);
    }
    const perflab_module *m = worker_load(copy);
    unlink(copy);
    return m;
}

static build make_build(const worker *from, const char *name, const perflab_module *m) {
    build b = {.name = name, .w = *from};
    b.w.benchmark = worker_find(m, json_text(from->job, "id", ""));
    b.w.c.benchmark = b.w.benchmark;
    b.w.c.phase = worker_phase;
    const bool candidate = b.w.benchmark->candidate != NULL;
    b.fn = candidate ? b.w.benchmark->candidate : b.w.benchmark->baseline;
    b.side = candidate ? PERFLAB_CANDIDATE : PERFLAB_BASELINE;
    return b;
}

/* A file of B's folder that A uses, to be freed; NULL if there is none. */
static char *shared_file(const worker *w) {
    const char *folder = json_text(w->job, "folder", NULL);
    if (folder == NULL) return NULL;
    cJSON *loads = worker_loads(json_text(w->job, "other", ""));
    const size_t n = strlen(folder);
    char *found = NULL;
    const cJSON *path;
    cJSON_ArrayForEach(path, loads) {
        const char *s = cJSON_GetStringValue(path);
        if (found == NULL && strncmp(s, folder, n) == 0 && s[n] == '/') found = text_copy(s);
    }
    cJSON_Delete(loads);
    return found;
}

static perflab_outcome open_build(build *b, size_t size, uint64_t seed, perflab_layout layout) {
    b->w.c.size = size;
    b->w.c.seed = seed;
    b->w.c.layout = layout;
    return perflab_case_open(&b->w.c, &b->w.ctx, &b->w.host);
}

/* Makes one call and collects its outputs. */
static perflab_outcome call(build *b) {
    perflab_ctx *ctx = &b->w.ctx;
    const perflab_benchmark *x = b->w.benchmark;
    ctx->side = b->side;
    char phase[16];
    snprintf(phase, sizeof phase, "a call of %.1s", b->name);
    worker_phase(NULL, phase);
    if (x->reset != NULL) x->reset(ctx);
    b->fn(ctx);
    if (!perflab_host_intact(ctx)) return PERFLAB_OUT_OF_BOUNDS;
    perflab_host_forget(&b->w.host);
    if (x->outputs != NULL) x->outputs(ctx);
    return PERFLAB_PASSED;
}

static bool floats_agree(const perflab_kept *a, const perflab_kept *b, const char *name, char *why,
                         size_t room) {
    const float *x = a->copy;
    const float *y = b->copy;
    for (size_t i = 0; i < a->bytes / sizeof *x; i++) {
        const double p = (double)x[i], q = (double)y[i];
        const bool odd = !isfinite(p) || !isfinite(q);
        if (odd ? (isnan(p) && isnan(q)) || p == q
                : fabs(p - q) <= a->abs_tol + a->rel_tol * fabs(p)) {
            continue;
        }
        snprintf(why, room, "%s[%zu]: A %.9g, %s %.9g", a->what, i, p, name, q);
        return false;
    }
    return true;
}

static bool bytes_agree(const perflab_kept *a, const perflab_kept *b, const char *name, char *why,
                        size_t room) {
    const unsigned char *x = a->copy;
    const unsigned char *y = b->copy;
    for (size_t i = 0; i < a->bytes; i++) {
        if (x[i] == y[i]) continue;
        snprintf(why, room, "%s: byte %zu: A 0x%02x, %s 0x%02x", a->what, i, (unsigned)x[i], name,
                 (unsigned)y[i]);
        return false;
    }
    return true;
}

static bool outputs_agree(const build *a, const build *b, char *why, size_t room) {
    const perflab_kept *x = a->w.host.kept;
    const perflab_kept *y = b->w.host.kept;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (strcmp(x->what, y->what) != 0 || x->bytes != y->bytes) {
            snprintf(why, room, "%s of %zu bytes in A, %s of %zu bytes in %s", x->what, x->bytes,
                     y->what, y->bytes, b->name);
            return false;
        }
        if (!(x->floats ? floats_agree : bytes_agree)(x, y, b->name, why, room)) return false;
    }
    if (x == NULL && y == NULL) return true;
    snprintf(why, room, "%s is an output of %s only", x != NULL ? x->what : y->what,
             x != NULL ? "A" : b->name);
    return false;
}

/* Calls both, in the given order, and compares their outputs. */
static perflab_outcome compare_calls(build *a, build *b, bool a_first, char *why, size_t room) {
    build *const order[2] = {a_first ? a : b, a_first ? b : a};
    for (int i = 0; i < 2; i++) {
        if (call(order[i]) == PERFLAB_PASSED) continue;
        snprintf(why, room, "%s %s", order[i]->name, order[i]->w.host.reason);
        return PERFLAB_OUT_OF_BOUNDS;
    }
    return outputs_agree(a, b, why, room) ? PERFLAB_PASSED : PERFLAB_MISMATCH;
}

/* Opens both on the same input. If this fails, neither is open. */
static perflab_outcome open_both(build *a, build *b, size_t size, uint64_t seed,
                                 perflab_layout layout, char *why, size_t room) {
    perflab_outcome v = open_build(a, size, seed, layout);
    if (v != PERFLAB_PASSED) {
        snprintf(why, room, "A: %s", a->w.host.reason);
        return v;
    }
    v = open_build(b, size, seed, layout);
    if (v == PERFLAB_PASSED) return v;
    snprintf(why, room, "%s: %s", b->name, b->w.host.reason);
    perflab_case_close(&a->w.c, &a->w.ctx);
    return v;
}

static void close_both(build *a, build *b) {
    perflab_case_close(&a->w.c, &a->w.ctx);
    perflab_case_close(&b->w.c, &b->w.ctx);
}

static cJSON *answer(perflab_outcome v, const char *why, const build *b) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "outcome", perflab_outcome_name(v));
    if (v != PERFLAB_PASSED) cJSON_AddStringToObject(out, "why", why);
    cJSON_AddBoolToObject(out, "has_outputs", b->w.benchmark->outputs != NULL);
    return out;
}

/* Loads both. Returns false, with the reason, if they cannot be compared in one process. */
static bool load_both(const worker *w, build *a, build *b, char *why, size_t room) {
    *a = make_build(w, "A", load_other(w));
    *b = make_build(w, json_text(w->job, "letter", "B"),
                    worker_load(json_text(w->job, "module", "")));
    a->w.c.layout_seed ^= 0x5bd1e995;
    char *file = shared_file(w);
    if (file != NULL) {
        snprintf(why, room,
                 "both builds load %s, which a process loads only once: link it statically", file);
    }
    const bool good = file == NULL && a->fn != NULL && b->fn != NULL;
    if (file == NULL && !good) snprintf(why, room, "one of the builds has no function to run");
    free(file);
    return good;
}

cJSON *worker_agree(worker *w) {
    static build a, b;
    char what[640] = "", why[900] = "";
    size_t sizes[PERFLAB_MAX_GATE_SIZES];
    if (!load_both(w, &a, &b, why, sizeof why)) return answer(PERFLAB_BROKEN, why, &b);
    const uint64_t first = (uint64_t)json_number(w->job, "seed", 1);
    const uint64_t seeds = (uint64_t)json_number(w->job, "seeds", 8);
    size_t n_sizes = perflab_gate_sizes_of(b.w.benchmark, sizes);
    const size_t more = (size_t)json_number(w->job, "size", 0);
    if (more != 0) {
        sizes[0] = more;
        n_sizes = 1;
    }
    worker_guard(&a.w.host);
    worker_guard(&b.w.host);
    perflab_outcome v = PERFLAB_PASSED;
    int cases = 0;
    for (size_t s = 0; s < n_sizes && v == PERFLAB_PASSED; s++) {
        for (uint64_t i = 0; i < seeds && v == PERFLAB_PASSED; i++) {
            const perflab_layout layout =
                i % 2 == 0 ? PERFLAB_LAYOUT_END_FLUSH : PERFLAB_LAYOUT_START_FLUSH;
            v = open_both(&a, &b, sizes[s], first + i, layout, what, sizeof what);
            if (v == PERFLAB_PASSED) {
                v = compare_calls(&a, &b, i % 4 < 2, what, sizeof what);
                close_both(&a, &b);
            }
            cases++;
            if (v != PERFLAB_PASSED) {
                snprintf(why, sizeof why, "seed %" PRIu64 ", size %zu, input %s: %s", first + i,
                         sizes[s], w->c.input, what);
            }
        }
    }
    cJSON *out = answer(v, why, &b);
    cJSON_AddNumberToObject(out, "cases", cases);
    return out;
}

cJSON *worker_pair(worker *w) {
    static build a, b;
    char why[800] = "";
    perflab_timing timing;
    if (!load_both(w, &a, &b, why, sizeof why)) return answer(PERFLAB_BROKEN, why, &b);
    worker_guard(&a.w.host);
    worker_guard(&b.w.host);
    perflab_outcome v =
        open_both(&a, &b, w->c.size, w->c.seed, PERFLAB_LAYOUT_RANDOM, why, sizeof why);
    if (v != PERFLAB_PASSED) return answer(v, why, &b);
    v = compare_calls(&a, &b, true, why, sizeof why);
    if (v != PERFLAB_PASSED) return answer(v, why, &b);
    const perflab_lane lanes[2] = {
        {a.fn, a.w.benchmark->reset, &a.w.ctx, a.side, a.w.benchmark->flags},
        {b.fn, b.w.benchmark->reset, &b.w.ctx, b.side, b.w.benchmark->flags}};
    const perflab_plan plan = {.seconds = json_number(w->job, "seconds", 1),
                               .seed = w->c.layout_seed,
                               .clock = w->c.clock};
    worker_phase(NULL, "timing");
    perflab_measure(lanes, &plan, &timing);
    v = compare_calls(&a, &b, false, why, sizeof why);
    char *late = text_format("after the timing: %s", why);
    cJSON *out = answer(v, late, &b);
    free(late);
    cJSON_AddItemToObject(out, "timing", worker_timing(&timing, lanes));
    cJSON_AddNumberToObject(out, "min_bytes", b.w.ctx.min_bytes);
    cJSON_AddNumberToObject(out, "min_ops", b.w.ctx.min_ops);
    cJSON_AddNumberToObject(out, "working_set", (double)perflab_host_bytes(&b.w.host));
    return out;
}
