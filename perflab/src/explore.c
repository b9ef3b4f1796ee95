/*
 * explore.c - inside the worker: changes inputs, and keeps the changes that reach new code.
 *
 * As coverage-guided fuzzers do (American Fuzzy Lop; libFuzzer): a change of inputs that makes a
 * counter reach another power of two is kept and changed further. The module is built by clang with
 * -fsanitize-coverage=inline-8bit-counters. Everything follows from the seed, so that the parent
 * can ask again for the case in which a process crashed.
 */
#include "job.h"
#include "util.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is run: a seed, a size and changes of the inputs. */
typedef struct attempt {
    uint64_t seed;
    size_t size;
    edit_list edits;
} attempt;

typedef struct explorer {
    worker *w;
    size_t (*coverage)(size_t k, unsigned char **counters);
    unsigned char *seen; /* for each counter, which powers of two it has reached */
    size_t n_seen, features;
    attempt *corpus;
    size_t n_corpus;
    perflab_rng rng;
    char why[512];
} explorer;

/* Applies the worker's changes to what setup has declared, and notes that. */
static void apply_edits(void *self) {
    worker *w = self;
    w->n_regions = 0;
    if (w->regions == NULL) return;
    const perflab_region *all = w->regions(&w->n_regions);
    memcpy(w->region, all, w->n_regions * sizeof *all);
    edits_apply(&w->edits, w->region, w->n_regions);
    w->forget();
}

/* A function that the worker's module exports; NULL if it has none of that name. */
static void *exported(const worker *w, const char *name) {
    void *handle = dlopen(json_text(w->job, "module", ""), RTLD_NOW | RTLD_NOLOAD);
    /* cppcheck-suppress resourceLeak ; a module stays loaded until its process ends */
    return handle != NULL ? dlsym(handle, name) : NULL;
}

void worker_edit(worker *w) {
    *(void **)&w->regions = exported(w, "perflab_any_regions");
    *(void **)&w->forget = exported(w, "perflab_any_forget");
    if (w->regions != NULL && w->forget != NULL) w->c.edit = apply_edits;
}

static void clear_counters(const explorer *x) {
    unsigned char *counters;
    size_t n;
    for (size_t k = 0; (n = x->coverage(k, &counters)) > 0; k++) memset(counters, 0, n);
}

/* The power of two that a counter has reached, as a bit. */
static unsigned char bucket(unsigned char count) {
    unsigned bit = 0;
    while (count >> bit > 1) bit++;
    return count == 0 ? 0 : (unsigned char)(1u << bit);
}

/* Adds the counters to what was seen. Returns whether there was anything new. */
static bool take_coverage(explorer *x) {
    unsigned char *counters;
    size_t n, at = 0;
    bool fresh = false;
    for (size_t k = 0; (n = x->coverage(k, &counters)) > 0; k++) {
        if (at + n > x->n_seen) {
            x->seen = must_grow(x->seen, at + n);
            memset(x->seen + x->n_seen, 0, at + n - x->n_seen);
            x->n_seen = at + n;
        }
        for (size_t i = 0; i < n; i++) {
            const unsigned char b = bucket(counters[i]);
            if ((x->seen[at + i] | b) == x->seen[at + i]) continue;
            x->seen[at + i] |= b;
            x->features++;
            fresh = true;
        }
        at += n;
    }
    return fresh;
}

/* Gates one attempt. */
static perflab_outcome run_attempt(explorer *x, const attempt *a) {
    worker *w = x->w;
    w->c.seed = a->seed;
    w->c.size = a->size;
    w->c.layout = a->seed % 2 == 0 ? PERFLAB_LAYOUT_END_FLUSH : PERFLAB_LAYOUT_START_FLUSH;
    w->edits = a->edits;
    clear_counters(x);
    return perflab_gate(&w->c, &w->host, x->why);
}

/* Leaves out changes without which it fails, too. */
static void minimise(explorer *x, attempt *a, perflab_outcome outcome) {
    for (size_t i = a->edits.n; i-- > 0;) {
        attempt without = *a;
        memmove(&without.edits.all[i], &without.edits.all[i + 1],
                (without.edits.n - i - 1) * sizeof *without.edits.all);
        without.edits.n--;
        if (run_attempt(x, &without) == outcome) *a = without;
    }
    run_attempt(x, a);
}

/* The n-th attempt: first each size with a few seeds, then changes of what was kept. */
static attempt next_attempt(explorer *x, size_t n, const size_t *sizes, size_t n_sizes) {
    enum { FIRST_SEEDS = 8 };
    if (n < FIRST_SEEDS * n_sizes || x->n_corpus == 0) {
        return (attempt){.seed = 1 + n / n_sizes, .size = sizes[n % n_sizes]};
    }
    attempt a = x->corpus[perflab_rng_u64(&x->rng) % x->n_corpus];
    if (perflab_rng_u64(&x->rng) % 8 == 0) a.seed = perflab_rng_u64(&x->rng) % 1000;
    /* The regions are those of the last case, which may have had another size: harmless ones. */
    for (uint64_t k = 1 + perflab_rng_u64(&x->rng) % 4; k > 0; k--) {
        edits_mutate(&a.edits, x->w->region, x->w->n_regions, &x->rng);
    }
    return a;
}

static void say_case(size_t n) {
    char text[40];
    snprintf(text, sizeof text, "case %zu", n);
    worker_phase(NULL, text);
}

static cJSON *answer(const explorer *x, const attempt *a, perflab_outcome v, size_t cases) {
    cJSON *out = cJSON_CreateObject();
    char *text = edits_text(&a->edits, x->w->region, x->w->n_regions);
    cJSON_AddStringToObject(out, "outcome", perflab_outcome_name(v));
    cJSON_AddStringToObject(out, "why", x->why);
    cJSON_AddStringToObject(out, "text", text);
    cJSON_AddItemToObject(out, "edits", edits_json(&a->edits));
    cJSON_AddNumberToObject(out, "seed", (double)a->seed);
    cJSON_AddNumberToObject(out, "size", (double)a->size);
    cJSON_AddNumberToObject(out, "cases", (double)cases);
    cJSON_AddNumberToObject(out, "kept", (double)x->n_corpus);
    cJSON_AddNumberToObject(out, "features", (double)x->features);
    cJSON_AddNumberToObject(out, "regions", (double)x->w->n_regions);
    free(text);
    return out;
}

cJSON *worker_explore(worker *w) {
    explorer x = {.w = w, .rng = {(uint64_t)json_number(w->job, "seed", 1)}};
    size_t sizes[PERFLAB_MAX_GATE_SIZES];
    const size_t n_sizes = perflab_gate_sizes_of(w->benchmark, sizes);
    const size_t stop = (size_t)json_number(w->job, "stop", 0);
    const double end = seconds_now() + json_number(w->job, "seconds", 10);
    *(void **)&x.coverage = exported(w, "perflab_coverage");
    worker_edit(w);
    w->c.self = w;
    w->c.phase = NULL;
    attempt a = {0};
    if (x.coverage == NULL || w->c.edit == NULL) return answer(&x, &a, PERFLAB_SKIPPED, 0);
    perflab_outcome v = PERFLAB_PASSED;
    size_t n = 0;
    bool asked = false; /* this is the case that was asked for: it is not run */
    for (; v == PERFLAB_PASSED && (stop > 0 || seconds_now() < end); n++) {
        a = next_attempt(&x, n, sizes, n_sizes);
        asked = stop > 0 && n + 1 == stop;
        if (asked) break;
        say_case(n + 1);
        v = run_attempt(&x, &a);
        if (v == PERFLAB_SKIPPED) v = PERFLAB_PASSED;
        if (v != PERFLAB_PASSED || !take_coverage(&x)) continue;
        x.corpus = must_grow(x.corpus, (x.n_corpus + 1) * sizeof *x.corpus);
        x.corpus[x.n_corpus++] = a;
    }
    if (!asked && (v == PERFLAB_MISMATCH || v == PERFLAB_OUT_OF_BOUNDS)) minimise(&x, &a, v);
    cJSON *out = answer(&x, &a, v, n);
    free(x.corpus);
    free(x.seen);
    return out;
}
