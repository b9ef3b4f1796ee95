/*
 * compare_builds.c - times A's function against B's, both loaded into each process.
 */
#include "compare_builds.h"
#include "commands.h"
#include "launch.h"
#include "machine.h"
#include "placement.h"
#include "recorder.h"
#include "selection.h"
#include "util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct pairing {
    const entry *a, *b;
    const char *input;
    size_t size;
    const compare_request *q;
    recorder *r;
    comparison *out;
} pairing;

static cJSON *pair_job(const pairing *p, const char *what) {
    cJSON *job = record_job(p->r, p->b, what, p->input);
    cJSON_AddStringToObject(job, "other", p->a->module);
    cJSON_AddNumberToObject(job, "size", (double)p->size);
    if (p->q->folder != NULL) cJSON_AddStringToObject(job, "folder", p->q->folder);
    const char letter[] = {comparison_letter(p->out->candidate), '\0'};
    cJSON_AddStringToObject(job, "letter", letter);
    return job;
}

/* Chooses placements for a process, so that each runs both builds at other addresses. */
static void place(cJSON *job, const pairing *p, size_t i) {
    const entry *const sides[2] = {p->a, p->b};
    static const char *const names[2] = {"other", "module"};
    for (int k = 0; k < 2; k++) {
        const size_t n = p->q->fixed ? 0 : sides[k]->n_placements;
        /* In different orders, so that the placement of one does not predict that of the other. */
        const size_t at = n > 0 ? (k == 0 ? i : i * 7 + 3) % (n + 1) : 0;
        if (at == 0) continue;
        char *path = placement_path(sides[k]->module, at);
        cJSON_ReplaceItemInObject(job, names[k], cJSON_CreateString(path));
        free(path);
    }
}

static launched run_job(const pairing *p, cJSON *job) {
    const double timeout = p->q->timeout;
    const launch l = {.job = job,
                      .timeout_s = timeout > 0 ? timeout : 300 + 20 * p->q->seconds,
                      .strict = timeout > 0,
                      .tick = progress_draw,
                      .self = p->r->progress};
    const launched got = launch_run(&l);
    cJSON_Delete(job);
    return got;
}

/* What went wrong in a job, to be freed; NULL if nothing did. */
static char *complaint_of(const launched *got) {
    if (got->outcome != PERFLAB_PASSED) {
        return text_format("%s: %s", perflab_outcome_name(got->outcome), got->detail);
    }
    const char *outcome = json_text(got->result, "outcome", "failed");
    if (strcmp(outcome, "passed") == 0) return NULL;
    return text_format("%s: %s", outcome, json_text(got->result, "why", ""));
}

/* Compares the outputs at all sizes of the gate. Returns the difference, to be freed, or NULL. */
static char *disagreement(const pairing *p, bool *compared) {
    cJSON *job = pair_job(p, "agree");
    cJSON_DeleteItemFromObject(job, "size");
    cJSON_AddNumberToObject(job, "seed", 1);
    cJSON_AddNumberToObject(job, "seeds", GATE_SEEDS);
    launched got = run_job(p, job);
    char *why = complaint_of(&got);
    *compared = cJSON_IsTrue(cJSON_GetObjectItem(got.result, "has_outputs"));
    launched_free(&got);
    return why;
}

/*
 * Times the pair in q->runs processes, and stores their ratios in `ratio`. Returns false if the
 * ledger fails.
 */
static bool time_pair(const pairing *p, comparison_row *row, double *ratio) {
    const compare_request *q = p->q;
    const entry *const sides[2] = {p->a, p->b};
    const measure_plan plan = {
        .runs = q->runs, .seconds = q->seconds, .size = p->size, .cache = "hot", .seed = 42};
    char runs[2][33];
    int cpus[1024];
    const size_t n_cpus = allowed_cpus(cpus, 1024);
    double *us[2] = {must_alloc(q->runs * sizeof **us), must_alloc(q->runs * sizeof **us)};
    size_t n = 0;
    bool recorded = true;
    for (size_t i = 0; i < q->runs && row->wrong == NULL && recorded; i++) {
        cJSON *job = pair_job(p, "pair");
        cJSON_AddNumberToObject(job, "seed", (double)plan.seed);
        cJSON_AddNumberToObject(job, "layout_seed", (double)(i + 1));
        cJSON_AddNumberToObject(job, "seconds", plan.seconds);
        if (n_cpus > 0) cJSON_AddNumberToObject(job, "cpu", cpus[i % n_cpus]);
        place(job, p, i);
        launched got = run_job(p, job);
        row->wrong = complaint_of(&got);
        const cJSON *timing = cJSON_GetObjectItem(got.result, "timing");
        ratio[n] = row->wrong == NULL ? json_number(timing, "ratio", 0) : 0;
        if (ratio[n] > 0) {
            if (n == 0) {
                recorded =
                    record_pair_start(p->r, sides, p->input, &plan, got.result, q->commits, runs);
            }
            if (recorded) recorded = record_pair_process(p->r, runs, i, timing);
            us[0][n] = json_number(timing, "baseline_us", 0);
            us[1][n++] = json_number(timing, "candidate_us", 0);
        }
        progress_add(p->r->progress, 1);
        launched_free(&got);
    }
    row->ratio = ratio;
    row->n = n;
    row->a = perflab_median(us[0], n);
    row->b = perflab_median(us[1], n);
    free(us[0]);
    free(us[1]);
    return recorded;
}

static bool compare_pair(const pairing *p) {
    bool compared = true;
    comparison_row row = {.id = p->b->id,
                          .component = p->b->component,
                          .input = (char *)(uintptr_t)p->input,
                          .metric = (char *)(uintptr_t) "",
                          .size = p->size,
                          .judged = true};
    char label[160];
    snprintf(label, sizeof label, "%s %s %zu", p->b->id, p->input, p->size);
    progress_label(p->r->progress, label);
    double *ratio = must_alloc(p->q->runs * sizeof *ratio);
    row.wrong = disagreement(p, &compared);
    const bool good = row.wrong != NULL || time_pair(p, &row, ratio);
    const bool same = strcmp(p->a->linked, p->b->linked) == 0;
    row.note =
        text_format("%s%s", same ? " (the same code)" : "",
                    compared ? "" : " (outputs not compared: the benchmark hands over none)");
    progress_hide(p->r->progress);
    comparison_add(p->out, &row);
    free(row.wrong);
    free(row.note);
    free(ratio);
    return good;
}

/* ---- All pairs ---------------------------------------------------------------------------- */

static const entry *find_entry(const catalog *c, const char *id, const char *variant) {
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        if (strcmp(e->id, id) == 0 && strcmp(e->variant, variant) == 0) return e;
    }
    return NULL;
}

/* A's entry for one of B, if it is selected and both have a function to run; else NULL. */
static const entry *counterpart(const catalog *a, const entry *new, const selection *s) {
    const entry *old = find_entry(a, new->id, new->variant);
    if (old == NULL || !selection_has(s, new) || !entry_has_input(new, s->input)) return NULL;
    const bool candidates = old->has_candidate && new->has_candidate;
    return candidates || (old->has_baseline && new->has_baseline) ? old : NULL;
}

/* Parses a list of sizes. Returns false, with an error message, if the text is not one. */
static bool parse_sizes(const char *text, size_t *sizes, size_t room, size_t *n) {
    char *copy = text_copy(text != NULL ? text : "");
    bool good = true;
    *n = 0;
    for (char *word = strtok(copy, ","); good && word != NULL; word = strtok(NULL, ",")) {
        char *end;
        const unsigned long long size = strtoull(word, &end, 10);
        good = isdigit((unsigned char)*word) != 0 && *end == '\0' && size > 0 && *n < room;
        if (good) sizes[(*n)++] = (size_t)size;
    }
    free(copy);
    if (!good) complain("--sizes: %s is not a list of sizes, such as 100 or 100,1000", text);
    return good;
}

static bool compare_all(const catalog *a, const catalog *b, const selection *s, recorder *r,
                        const compare_request *q, const size_t *sizes, size_t n_sizes,
                        comparison *out) {
    bool good = true;
    for (size_t i = 0; i < b->n; i++) {
        const entry *new = &b->entries[i];
        const entry *old = counterpart(a, new, s);
        for (char **input = new->inputs; old != NULL &&*input != NULL; input++) {
            if (!selection_has_input(s, *input)) continue;
            for (size_t k = 0; good && k < (n_sizes > 0 ? n_sizes : 1); k++) {
                const pairing p = {.a = old,
                                   .b = new,
                                   .input = *input,
                                   .size = n_sizes > 0 ? sizes[k] : new->size,
                                   .q = q,
                                   .r = r,
                                   .out = out};
                good = compare_pair(&p);
            }
        }
    }
    return good;
}

int compare_builds(const char *folder_a, const char *folder_b, const compare_request *q,
                   comparison *out) {
    size_t sizes[64], n_sizes;
    if (!parse_sizes(q->sizes, sizes, 64, &n_sizes)) return EXIT_USAGE;
    catalog a = {0}, b = {0};
    ledger *l = ledger_open(ledger_choice(q->ledger), true);
    char *ids[] = {(char *)(uintptr_t)q->id};
    const selection s = {
        .ids = ids, .n_ids = q->id != NULL, .variant = q->variant, .input = q->input};
    bool good = l != NULL && catalog_read(&a, folder_a) && catalog_read(&b, folder_b);
    const bool known = !good || (selection_known(&s, &a, NULL) && selection_known(&s, &b, NULL));
    if (good && known) {
        size_t pairs = 0;
        progress bar;
        recorder r;
        for (size_t i = 0; i < b.n; i++) {
            const bool both = counterpart(&a, &b.entries[i], &s) != NULL;
            for (char **k = b.entries[i].inputs; both && *k != NULL; k++) {
                pairs += selection_has_input(&s, *k);
            }
        }
        progress_start(&bar, (double)(pairs * q->runs * (n_sizes > 0 ? n_sizes : 1)));
        recorder_start(&r, l, &bar);
        if (q->data != NULL) r.data = q->data;
        good = compare_all(&a, &b, &s, &r, q, sizes, n_sizes, out);
        recorder_end(&r);
        if (pairs == 0)
            complain("%s and %s have nothing in common that can be run", folder_a, folder_b);
        good = good && pairs > 0;
    }
    ledger_close(l);
    catalog_free(&a);
    catalog_free(&b);
    return !known ? EXIT_USAGE : good ? EXIT_DONE : EXIT_TROUBLE;
}
