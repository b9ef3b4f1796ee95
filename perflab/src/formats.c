/*
 * formats.c - Bencher's and Google Benchmark's formats.
 */
#include "formats.h"
#include "json.h"
#include "machine.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static char *printed(cJSON *root) {
    char *json = cJSON_Print(root);
    char *text = text_format("%s\n", json);
    cJSON_free(json);
    cJSON_Delete(root);
    return text;
}

/* ---- Bencher ------------------------------------------------------------------------------ */

static void add_measure(cJSON *benchmark, const char *measure, const perflab_summary *s,
                        double factor) {
    cJSON *o = cJSON_AddObjectToObject(benchmark, measure);
    cJSON_AddNumberToObject(o, "value", s->median * factor);
    if (!s->has_interval) return;
    cJSON_AddNumberToObject(o, "lower_value", s->lo * factor);
    cJSON_AddNumberToObject(o, "upper_value", s->hi * factor);
}

/* "ID component/kind/side": the object of a benchmark, which is added. */
static cJSON *add_benchmark(cJSON *root, const facts *f, const input_facts *in, const char *side) {
    char *name = text_format("%s %s/%s/%s", f->id, f->component, in->input, side);
    cJSON *o = cJSON_AddObjectToObject(root, name);
    free(name);
    return o;
}

char *formats_bencher(const fact_list *list) {
    cJSON *root = cJSON_CreateObject();
    for (size_t i = 0; i < list->n; i++) {
        const facts *f = &list->all[i];
        for (size_t k = 0; k < f->n_inputs; k++) {
            const input_facts *in = &f->inputs[k];
            if (in->baseline.n > 0) {
                add_measure(add_benchmark(root, f, in, "baseline"), "latency", &in->baseline, 1000);
            }
            if (in->candidate.n == 0) continue;
            cJSON *o = add_benchmark(root, f, in, "optimized");
            add_measure(o, "latency", &in->candidate, 1000);
            add_measure(o, "speedup", deciding(&in->speedup, &in->any), 1);
        }
    }
    return printed(root);
}

char *formats_bencher_comparison(const comparison *c) {
    cJSON *root = cJSON_CreateObject();
    for (size_t i = 0; i < c->n; i++) {
        const comparison_row *r = &c->rows[i];
        if (r->wrong != NULL) continue;
        char *title = comparison_title(r);
        char *name = c->n_candidates > 1
                         ? text_format("%s (%s)", title, c->candidates[r->candidate])
                         : text_copy(title);
        const bool times = r->unit == UNIT_MICROSECONDS;
        cJSON *o = cJSON_AddObjectToObject(root, name);
        cJSON *value = cJSON_AddObjectToObject(o, times ? "latency" : "memory");
        cJSON_AddNumberToObject(value, "value", times ? r->b * 1000 : r->b);
        add_measure(o, "speedup", &r->summary, 1);
        free(title);
        free(name);
    }
    return printed(root);
}

/* ---- Google Benchmark --------------------------------------------------------------------- */

static void add_repetitions(cJSON *all, const facts *f, const input_facts *in, const char *side,
                            const double *us, size_t n) {
    char *name = text_format("%s/%s/%s", f->id, in->input, side);
    for (size_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", name);
        cJSON_AddStringToObject(o, "run_name", name);
        cJSON_AddStringToObject(o, "run_type", "iteration");
        cJSON_AddNumberToObject(o, "repetitions", (double)n);
        cJSON_AddNumberToObject(o, "repetition_index", (double)i);
        cJSON_AddNumberToObject(o, "threads", 1);
        cJSON_AddNumberToObject(o, "real_time", us[i]);
        cJSON_AddNumberToObject(o, "cpu_time", us[i]);
        cJSON_AddStringToObject(o, "time_unit", "us");
        cJSON_AddItemToArray(all, o);
    }
    free(name);
}

char *formats_google(const fact_list *list) {
    cJSON *root = cJSON_CreateObject();
    cJSON *context = cJSON_AddObjectToObject(root, "context");
    char now[32];
    iso_time(now);
    cJSON_AddStringToObject(context, "date", now);
    cJSON_AddStringToObject(context, "executable", "perflab");
    cJSON_AddNumberToObject(context, "num_cpus", machine_here()->threads);
    cJSON_AddStringToObject(context, "library_build_type", "release");
    cJSON *all = cJSON_AddArrayToObject(root, "benchmarks");
    for (size_t i = 0; i < list->n; i++) {
        const facts *f = &list->all[i];
        for (size_t k = 0; k < f->n_inputs; k++) {
            const input_facts *in = &f->inputs[k];
            add_repetitions(all, f, in, "baseline", in->baseline_us, in->n_baseline);
            add_repetitions(all, f, in, "optimized", in->candidate_us, in->n);
        }
    }
    return printed(root);
}

/* Microseconds in a unit of time; 0 for another text. */
static double unit_us(const char *unit) {
    return strcmp(unit, "ns") == 0   ? 1e-3
           : strcmp(unit, "us") == 0 ? 1
           : strcmp(unit, "ms") == 0 ? 1e3
           : strcmp(unit, "s") == 0  ? 1e6
                                     : 0;
}

bool formats_google_read(const char *text, formats_timing_fn take, void *self, size_t *ignored) {
    cJSON *root = cJSON_Parse(text);
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(root, "benchmarks");
    const bool good = cJSON_IsArray(all);
    const cJSON *one;
    for (one = good ? all->child : NULL; one != NULL; one = one->next) {
        const double us = unit_us(json_text(one, "time_unit", "ns"));
        const double time = json_number(one, "real_time", 0);
        const bool single = strcmp(json_text(one, "run_type", "iteration"), "iteration") == 0;
        const bool failed = cJSON_IsTrue(cJSON_GetObjectItem(one, "error_occurred"));
        if (single && !failed && us > 0 && time > 0) {
            take(self, json_text(one, "run_name", json_text(one, "name", "")), time * us);
        } else {
            (*ignored)++;
        }
    }
    cJSON_Delete(root);
    return good;
}
