/*
 * history.c - gathers a number at each commit, and finds where its level changes.
 */
#include "history.h"
#include "format.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

bool history_metric_parse(const char *name, history_metric *metric) {
    static const char *const names[] = {"speedup", "optimized", "baseline"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *metric = (history_metric)i;
        return true;
    }
    return false;
}

void history_add(history *h, const char *commit, const double *values, size_t n) {
    if (n == 0) return;
    h->points = must_grow(h->points, (h->n + 1) * sizeof *h->points);
    history_point *p = &h->points[h->n++];
    *p = (history_point){.commit = text_copy(commit),
                         .values = must_alloc(n * sizeof *values),
                         .n = n,
                         .level = perflab_summarize(values, n)};
    memcpy(p->values, values, n * sizeof *values);
}

/* Adds what the table showed at a commit: for each process the geometric mean over the inputs. */
static void add_facts(history *h, const facts *f) {
    size_t n = SIZE_MAX;
    const bool base = h->metric == HISTORY_BASELINE;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const size_t here = base ? f->inputs[i].n_baseline : f->inputs[i].n;
        if (here < n) n = here;
    }
    if (f->n_inputs == 0 || n == 0) return;
    double *values = must_alloc(n * sizeof *values);
    double *one = must_alloc(f->n_inputs * sizeof *one);
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < f->n_inputs; i++) {
            const input_facts *in = &f->inputs[i];
            one[i] = base                             ? in->baseline_us[p]
                     : h->metric == HISTORY_OPTIMIZED ? in->candidate_us[p]
                                                      : in->ratio[p];
        }
        values[p] = perflab_geometric_mean(one, f->n_inputs);
    }
    history_add(h, f->commit[0] != '\0' ? f->commit : "no commit", values, n);
    free(values);
    free(one);
}

bool history_read(ledger *l, const facts *f, const fact_query *q, history_metric metric,
                  history *out) {
    fact_list list;
    bool any_full = false;
    *out = (history){.metric = metric};
    const bool good = facts_history(l, f, q, &list);
    for (size_t i = 0; i < list.n; i++) {
        const facts *then = &list.all[i];
        any_full = any_full || (then->has_baseline_us && !then->quick);
    }
    for (size_t i = 0; good && i < list.n; i++) {
        const facts *then = &list.all[i];
        /* A candidate that is wrong has no numbers. */
        const bool has = metric == HISTORY_BASELINE ? then->has_baseline_us : then->has_speedup;
        if (has && !(any_full && then->quick)) add_facts(out, then);
    }
    facts_free(&list);
    history_split(out);
    return good;
}

void history_split(history *h) {
    step_point *points = must_alloc((h->n + 1) * sizeof *points);
    for (size_t i = 0; i < h->n; i++) {
        points[i] = (step_point){h->points[i].values, h->points[i].n};
    }
    free(h->segments);
    h->n_segments = steps_find(points, h->n, &h->segments);
    free(points);
}

void history_text(char out[96], const history *h, const perflab_summary *level) {
    if (h->metric == HISTORY_SPEEDUP) {
        format_ratio(out, level);
    } else {
        format_times(out, level);
    }
}

char *history_step(const history *h, size_t k) {
    const perflab_summary *a = &h->segments[k - 1].level, *b = &h->segments[k].level;
    char from[FORMAT_ROOM], to[FORMAT_ROOM];
    history_text(from, h, a);
    history_text(to, h, b);
    const double change = b->median / a->median - 1;
    return text_format("from %s to %s: %.1f %% %s", from, to, 100 * (change < 0 ? -change : change),
                       change < 0 ? "less" : "more");
}

void history_free(history *h) {
    for (size_t i = 0; i < h->n; i++) {
        free(h->points[i].commit);
        free(h->points[i].values);
    }
    free(h->points);
    free(h->segments);
    *h = (history){0};
}
