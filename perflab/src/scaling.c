/*
 * scaling.c - derives the facts at each size and number of threads that were measured.
 */
#include "scaling.h"
#include "util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The cache sizes of the machine that measured. */
static void read_caches(ledger *l, const facts *f, scaling *out) {
    static const char *const names[] = {"l1_bytes", "l2_bytes", "l3_bytes"};
    cJSON *rows = ledger_rows(
        l, "SELECT environment FROM run WHERE machine = ?1 ORDER BY started DESC LIMIT 1",
        f->machine != NULL ? f->machine : "", NULL);
    cJSON *e = cJSON_Parse(json_text(cJSON_GetArrayItem(rows, 0), "environment", "{}"));
    for (int i = 0; i < 3; i++) out->cache[i] = json_number(e, names[i], 0);
    cJSON_Delete(e);
    cJSON_Delete(rows);
}

static void add_point(scaling *out, const facts *f, size_t size, size_t threads) {
    if (!f->has_baseline_us) return;
    out->points = must_grow(out->points, (out->n + 1) * sizeof *out->points);
    out->points[out->n++] =
        (scaling_point){.size = size,
                        .threads = threads,
                        .n = f->has_speedup ? f->n : f->inputs[0].n_baseline,
                        .us = {f->baseline_us, f->has_speedup ? f->candidate_us : 0},
                        .speedup = f->speedup,
                        .working_set = f->inputs[0].working_set};
}

bool scaling_read(ledger *l, const catalog *c, const facts *f, const fact_query *q, scaling *out) {
    *out = (scaling){0};
    cJSON *rows = ledger_rows(l,
                              "SELECT DISTINCT threads, size FROM run WHERE build = ?1 AND "
                              "machine = ?2 AND cache = ?3 AND partner IS NULL "
                              "ORDER BY threads, size",
                              f->measured != NULL ? f->measured : "",
                              f->machine != NULL ? f->machine : "", f->cache, NULL);
    bool good = rows != NULL;
    const cJSON *row;
    read_caches(l, f, out);
    cJSON_ArrayForEach(row, rows) {
        fact_list list;
        fact_query one = *q;
        one.size = (size_t)json_number(row, "size", 0);
        one.threads = (size_t)json_number(row, "threads", 1);
        one.ids = &(char *){f->id};
        one.n_ids = 1;
        good = good && facts_derive(l, c, &one, &list);
        if (good && list.n == 1) add_point(out, &list.all[0], one.size, one.threads);
        if (good) facts_free(&list);
    }
    cJSON_Delete(rows);
    return good;
}

void scaling_free(scaling *s) {
    free(s->points);
    *s = (scaling){0};
}

size_t scaling_side(const scaling *s, size_t threads, int side, double **size, double **us) {
    size_t n = 0;
    *size = must_alloc((s->n + 1) * sizeof **size);
    *us = must_alloc((s->n + 1) * sizeof **us);
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *p = &s->points[i];
        if (p->threads != threads || p->us[side] <= 0) continue;
        (*size)[n] = (double)p->size;
        (*us)[n++] = p->us[side];
    }
    return n;
}

double scaling_cache_end(const scaling *s, int level) {
    const scaling_point *before = NULL;
    const double bytes = s->cache[level];
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *p = &s->points[i];
        if (p->threads != 1 || p->working_set <= 0 || bytes <= 0) continue;
        if (p->working_set > bytes) {
            if (before == NULL) return 0;
            const double t =
                log(bytes / before->working_set) / log(p->working_set / before->working_set);
            return (double)before->size * pow((double)p->size / (double)before->size, t);
        }
        before = p;
    }
    return 0;
}
