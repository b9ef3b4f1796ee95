/*
 * facts.c - derives statuses and numbers from the ledger.
 *
 * A build is an improvement's sources, compiler, flags and linked code. Only what was recorded for
 * the build that is registered now counts, so a change of the source takes a status back to what is
 * still true. All processes of a build count together, so that nobody can run again until the
 * numbers look good and keep only those.
 */
#include "facts.h"
#include "family.h"
#include "machine.h"
#include "util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *status_name(status_kind s) {
    static const char *const names[] = {"NOT_STARTED", "BENCHMARKED", "IMPLEMENTED",
                                        "VALIDATED",   "COMPLETE",    "REJECTED"};
    return names[s];
}

const perflab_summary *deciding(const perflab_summary *here, const perflab_summary *any) {
    return any->n > 0 ? any : here;
}

static double log_variance(const double *x, size_t n) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++) mean += log(x[i]) / (double)n;
    for (size_t i = 0; i < n; i++) sum += (log(x[i]) - mean) * (log(x[i]) - mean);
    return sum / (double)(n - 1);
}

double placement_share(const double *here, size_t n, const double *moved, size_t n_moved) {
    if (n < 3 || n_moved < 3) return -1;
    const double all = log_variance(moved, n_moved);
    return all > 0 ? fmax(0, 1 - log_variance(here, n) / all) : 0;
}

/* ---- The gate ----------------------------------------------------------------------------- */

static void set_text(char **to, const char *value) {
    free(*to);
    *to = text_copy(value);
}

/* Takes a wrong result while timing, at any size and on any machine, for one of the gate. */
static bool read_refuting(ledger *l, const facts *f, input_facts *in) {
    cJSON *rows = ledger_rows(l,
                              "SELECT p.outcome, p.why FROM process p JOIN run r ON p.run = r.uuid "
                              "WHERE r.build IN (?1, ?3) AND r.input = ?2 AND r.partner IS NULL "
                              "AND p.outcome IN (" PERFLAB_REFUTING_SQL ") LIMIT 1",
                              f->build, in->input, f->measured, NULL);
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    if (row != NULL) {
        in->gated = false;
        set_text(&in->gate_outcome, json_text(row, "outcome", NULL));
        set_text(&in->gate_why, json_text(row, "why", NULL));
    }
    cJSON_Delete(rows);
    return rows != NULL;
}

static bool read_gates(ledger *l, const facts *f, input_facts *in) {
    cJSON *rows =
        ledger_rows(l,
                    "SELECT outcome, why, whole, baseline_error, candidate_error FROM gate "
                    "WHERE build IN (?1, ?3) AND input = ?2 ORDER BY at, rowid",
                    f->build, in->input, f->measured, NULL);
    bool refuted = false;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        const perflab_outcome outcome = perflab_outcome_of(json_text(row, "outcome", ""));
        in->baseline_error = fmax(in->baseline_error, json_number(row, "baseline_error", -1));
        in->candidate_error = fmax(in->candidate_error, json_number(row, "candidate_error", -1));
        if (refuted) continue;
        const bool passed = outcome == PERFLAB_PASSED;
        if (passed && json_number(row, "whole", 0) == 0) continue;
        in->gated = passed;
        set_text(&in->gate_outcome, perflab_outcome_name(outcome));
        set_text(&in->gate_why, json_text(row, "why", NULL));
        refuted = perflab_outcome_refutes(outcome);
    }
    cJSON_Delete(rows);
    return rows != NULL && (refuted || read_refuting(l, f, in));
}

/* ---- Processes ---------------------------------------------------------------------------- */

static void take_process(input_facts *in, const cJSON *row) {
    const bool moved = json_number(row, "placement", 0) != 0;
    const double base = moved ? 0 : json_number(row, "baseline_us", 0);
    const double ratio = json_number(row, "ratio", 0);
    const perflab_outcome outcome = perflab_outcome_of(json_text(row, "outcome", ""));
    if (outcome != PERFLAB_PASSED && outcome != PERFLAB_BASELINE_ONLY) {
        in->n_failed++;
        char *why = text_format("%s: %s", perflab_outcome_name(outcome), json_text(row, "why", ""));
        set_text(&in->failure, why);
        free(why);
    }
    if (base > 0) in->baseline_us[in->n_baseline++] = base;
    if (ratio > 0 && moved) in->moved[in->n_moved++] = ratio;
    if (ratio > 0 && !moved) {
        in->candidate_us[in->n] = json_number(row, "candidate_us", 0);
        in->ratio[in->n++] = ratio;
    }
    in->min_bytes = json_number(row, "min_bytes", 0);
    in->min_ops = json_number(row, "min_ops", 0);
    in->working_set = json_number(row, "working_set", 0);
    in->clock_share = fmax(in->clock_share, json_number(row, "clock_share", 0));
}

/* Reads the processes on one kind of input: full ones if there are any, else quick ones. */
static bool read_processes(ledger *l, const facts *f, const fact_query *q, input_facts *in) {
    char size[32], threads[32];
    snprintf(size, sizeof size, "%zu", f->size);
    snprintf(threads, sizeof threads, "%zu", q->threads != 0 ? q->threads : 1);
    cJSON *rows = ledger_rows(
        l,
        "SELECT p.*, r.quick, r.min_bytes, r.min_ops, r.working_set FROM process p "
        "JOIN run r ON p.run = r.uuid WHERE r.build = ?1 AND r.input = ?2 AND r.cache = ?3 "
        "AND r.size = CAST(?4 AS INTEGER) AND r.machine = ?5 AND r.device_kind = ?6 "
        "AND r.device = ?7 AND r.partner IS NULL AND (?8 = '*' OR r.commit_id = ?8) "
        "AND r.threads = CAST(?9 AS INTEGER) "
        "ORDER BY r.started, r.rowid, p.position",
        f->measured, in->input, f->cache, size, f->machine, f->needs, f->device,
        q->commit != NULL ? q->commit : "*", threads, NULL);
    const size_t n = (size_t)cJSON_GetArraySize(rows);
    bool any_full = false;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        any_full =
            any_full || (json_number(row, "quick", 0) == 0 && json_number(row, "ratio", 0) > 0);
    }
    in->baseline_us = must_alloc((n + 1) * sizeof(double));
    in->candidate_us = must_alloc((n + 1) * sizeof(double));
    in->ratio = must_alloc((n + 1) * sizeof(double));
    in->moved = must_alloc((n + 1) * sizeof(double));
    cJSON_ArrayForEach(row, rows) {
        if (any_full && json_number(row, "quick", 0) != 0) continue;
        take_process(in, row);
    }
    in->quick = !any_full && in->n > 0;
    in->baseline = perflab_summarize(in->baseline_us, in->n_baseline);
    if (in->gated) {
        in->candidate = perflab_summarize(in->candidate_us, in->n);
        in->speedup = summarize_in_family(in->ratio, in->n, f->family);
        in->any = summarize_in_family(in->moved, in->n_moved, f->family);
    } else {
        in->n = 0; /* a candidate that has not passed its gate gets no time */
    }
    cJSON_Delete(rows);
    return rows != NULL;
}

/*
 * Chooses whose numbers a row shows: build, machine and device. On this machine only the registered
 * build counts. Another machine links the same sources to other code, so there the build that was
 * measured last counts.
 */
static bool choose_measured(ledger *l, facts *f, const fact_query *q) {
    const char *here = machine_here()->key;
    cJSON *rows = ledger_rows(
        l,
        "SELECT r.build, r.machine, r.device, max(r.started) AS last FROM run r "
        "JOIN build b ON r.build = b.uuid WHERE (r.build = ?1 OR (?5 = 'any' AND r.machine <> ?6 "
        "AND b.id = ?7 AND b.variant = ?8 AND b.source_hash = ?9)) AND r.device_kind = ?2 "
        "AND r.cache = ?3 AND r.partner IS NULL GROUP BY r.build, r.machine, r.device "
        "ORDER BY r.machine = ?4 DESC, last DESC",
        f->build, f->needs, f->cache, q->machine != NULL ? q->machine : here,
        q->exact ? "exact" : "any", here, f->id, f->variant, f->source_hash, NULL);
    const cJSON *first = cJSON_GetArrayItem(rows, 0);
    const bool wrong =
        q->machine != NULL && strcmp(json_text(first, "machine", ""), q->machine) != 0;
    if (wrong) first = NULL;
    set_text(&f->measured, json_text(first, "build", f->build));
    set_text(&f->machine, json_text(first, "machine", ""));
    set_text(&f->device, json_text(first, "device", ""));
    cJSON_Delete(rows);
    return rows != NULL;
}

/* ---- The verdict -------------------------------------------------------------------------- */

/* For each process, the geometric mean of its ratios over the kinds of input. To be freed. */
static double *means_of(const facts *f, bool moved, size_t n) {
    double *mean = must_alloc((n + 1) * sizeof *mean);
    double *one = must_alloc((f->n_inputs + 1) * sizeof *one);
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < f->n_inputs; i++) {
            one[i] = moved ? f->inputs[i].moved[p] : f->inputs[i].ratio[p];
        }
        mean[p] = perflab_geometric_mean(one, f->n_inputs);
    }
    free(one);
    return mean;
}

/* Computes means over the kinds of input, and intervals from the per-process geometric means. */
static void aggregate(facts *f) {
    double *base = must_alloc((f->n_inputs + 1) * sizeof *base);
    double *cand = must_alloc((f->n_inputs + 1) * sizeof *cand);
    size_t n_base = 0, n_cand = 0, n_moved = SIZE_MAX;
    f->n = SIZE_MAX;
    f->placement_share = -1;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (in->n_baseline > 0) base[n_base++] = in->baseline.median;
        if (in->n > 0) cand[n_cand++] = in->candidate.median;
        if (in->n < f->n) f->n = in->n;
        if (in->n_moved < n_moved) n_moved = in->n_moved;
        f->quick = f->quick || in->quick;
        f->noisy = f->noisy || (in->n > 1 && in->speedup.cv > NOISY_CV);
    }
    if (f->n_inputs == 0) f->n = n_moved = 0;
    f->has_baseline_us = n_base == f->n_inputs && n_base > 0;
    f->baseline_us = f->has_baseline_us ? perflab_geometric_mean(base, n_base) : 0;
    f->has_speedup = f->validated && f->n > 0;
    if (f->has_speedup) {
        double *here = means_of(f, false, f->n);
        double *moved = means_of(f, true, n_moved);
        f->candidate_us = perflab_geometric_mean(cand, n_cand);
        f->speedup = summarize_in_family(here, f->n, f->family);
        f->any = summarize_in_family(moved, n_moved, f->family);
        f->placement_share = placement_share(here, f->n, moved, n_moved);
        free(here);
        free(moved);
    }
    free(base);
    free(cand);
}

static void conclude(facts *f, status_kind s, const char *reason) {
    f->status = s;
    set_text(&f->reason, reason);
}

/* Judges a validated row: COMPLETE, REJECTED, or not measured enough yet. */
static void judge_numbers(facts *f) {
    if (!f->has_speedup) {
        const bool gpu = strcmp(f->needs, "cpu") != 0;
        conclude(f, STATUS_VALIDATED, gpu ? "not measured on a GPU" : "not measured");
        return;
    }
    if (f->quick) {
        conclude(f, STATUS_VALIDATED, "quick runs, under 1 s each");
        return;
    }
    if (!f->speedup.has_interval) {
        conclude(f, STATUS_VALIDATED, "fewer than 6 runs");
        return;
    }
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        if (resolve(deciding(&in->speedup, &in->any)) != RESOLUTION_SLOWER) continue;
        char *why = text_format("slower on %s", f->inputs[i].input);
        conclude(f, STATUS_REJECTED, f->n_inputs > 1 ? why : "slower");
        free(why);
        return;
    }
    const resolution said = resolve(deciding(&f->speedup, &f->any));
    const bool here_alone = f->any.n > 0 && resolve(&f->speedup) != RESOLUTION_UNRESOLVED;
    switch (said) {
    case RESOLUTION_FASTER:
        conclude(f, STATUS_COMPLETE, NULL);
        break;
    case RESOLUTION_SLOWER:
        conclude(f, STATUS_REJECTED, "slower");
        break;
    case RESOLUTION_NEGLIGIBLE:
        conclude(f, STATUS_REJECTED, "difference under 2 %");
        break;
    case RESOLUTION_NONE: /* the build has six runs, its other placements do not */
        conclude(f, STATUS_VALIDATED, "fewer than 6 runs at other placements");
        break;
    default:
        conclude(f, STATUS_REJECTED,
                 here_alone ? "no difference resolved that holds at any placement"
                            : "no difference resolved");
        break;
    }
}

static void judge(facts *f) {
    const input_facts *against = NULL;
    f->validated = f->has_candidate && f->n_inputs > 0;
    for (size_t i = 0; i < f->n_inputs; i++) {
        if (f->inputs[i].gated) continue;
        f->validated = false;
        if (against == NULL || against->gate_outcome == NULL) against = &f->inputs[i];
    }
    aggregate(f);
    if (!f->has_baseline) {
        conclude(f, STATUS_NOT_STARTED, "no baseline is registered");
    } else if (!f->has_candidate) {
        const bool recorded = f->has_baseline_us;
        conclude(f, recorded ? STATUS_BENCHMARKED : STATUS_NOT_STARTED,
                 recorded ? "no candidate is registered" : "no baseline is recorded");
    } else if (!f->validated) {
        char *why = against == NULL || against->gate_outcome == NULL
                        ? text_copy("not validated")
                        : text_format("%s on %s: %s", against->gate_outcome, against->input,
                                      against->gate_why != NULL ? against->gate_why : "");
        conclude(f, STATUS_IMPLEMENTED, why);
        free(why);
    } else {
        judge_numbers(f);
    }
}

/* ---- Gathering ---------------------------------------------------------------------------- */

/* Reads what is recorded for the chosen build, and judges it. */
static bool read_all(ledger *l, facts *f, const fact_query *q) {
    bool good = true;
    for (size_t i = 0; i < f->n_inputs; i++) {
        input_facts *in = &f->inputs[i];
        in->baseline_error = in->candidate_error = -1;
        if (l == NULL || !good) continue;
        good = read_gates(l, f, in) && read_processes(l, f, q, in);
    }
    judge(f);
    return good;
}

static bool fill(ledger *l, facts *f, const fact_query *q) {
    set_text(&f->cache, q->cache != NULL ? q->cache : "hot");
    if (q->size != 0) f->size = q->size;
    const bool chosen = l == NULL || choose_measured(l, f, q);
    return read_all(chosen ? l : NULL, f, q) && chosen;
}

static void add_input(facts *f, const char *name, const fact_query *q) {
    if (q->input != NULL && strcmp(q->input, name) != 0) return;
    f->inputs = must_grow(f->inputs, (f->n_inputs + 1) * sizeof *f->inputs);
    memset(&f->inputs[f->n_inputs], 0, sizeof *f->inputs);
    f->inputs[f->n_inputs++].input = text_copy(name);
}

static facts *add_facts(fact_list *out) {
    out->all = must_grow(out->all, (out->n + 1) * sizeof *out->all);
    memset(&out->all[out->n], 0, sizeof *out->all);
    return &out->all[out->n++];
}

static void from_entry(fact_list *out, const entry *e, const fact_query *q) {
    facts *f = add_facts(out);
    f->id = text_copy(e->id);
    f->component = text_copy(e->component);
    f->title = text_copy(e->title);
    f->notes = text_copy(e->notes);
    f->variant = text_copy(e->variant);
    f->source_hash = text_copy(e->source_hash);
    f->needs = text_copy(e->device);
    f->sources = text_copy(e->sources);
    f->build = text_copy(e->build);
    f->size = e->size;
    f->has_baseline = e->has_baseline;
    f->has_candidate = e->has_candidate;
    for (char **k = e->inputs; *k != NULL; k++) add_input(f, *k, q);
}

static void from_row(fact_list *out, const cJSON *row, const fact_query *q) {
    facts *f = add_facts(out);
    f->id = text_copy(json_text(row, "id", ""));
    f->component = text_copy(json_text(row, "component", ""));
    f->title = text_copy(json_text(row, "title", ""));
    f->notes = text_copy(json_text(row, "notes", ""));
    f->variant = text_copy(json_text(row, "variant", ""));
    f->source_hash = text_copy(json_text(row, "source_hash", ""));
    f->needs = text_copy(json_text(row, "device", "cpu"));
    f->sources = text_copy(json_text(row, "sources", ""));
    f->build = text_copy(json_text(row, "uuid", ""));
    f->size = (size_t)json_number(row, "size", 0);
    f->has_baseline = json_number(row, "has_baseline", 0) != 0;
    f->has_candidate = json_number(row, "has_candidate", 0) != 0;
    char *names = text_copy(json_text(row, "inputs", ""));
    for (char *k = strtok(names, " "); k != NULL; k = strtok(NULL, " ")) add_input(f, k, q);
    free(names);
}

static bool has_id(const fact_list *list, const char *id) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->all[i].id, id) == 0) return true;
    }
    return false;
}

static int by_id(const void *a, const void *b) {
    return compare_ids(((const facts *)a)->id, ((const facts *)b)->id);
}

bool facts_derive(ledger *l, const catalog *c, const fact_query *q, fact_list *out) {
    bool good = true;
    const char *variant = q->variant != NULL ? q->variant : "native";
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        if (strcmp(e->variant, variant) != 0 || !is_wanted(e->id, q->ids, q->n_ids)) continue;
        from_entry(out, e, q);
    }
    cJSON *builds =
        l == NULL
            ? NULL
            : ledger_rows(l,
                          "SELECT b.*, (SELECT max(started) FROM run WHERE build = "
                          "b.uuid AND partner IS NULL) AS last FROM build b WHERE variant = ?1 "
                          "ORDER BY last DESC, first_seen DESC",
                          variant, NULL);
    if (l != NULL && builds == NULL) good = false;
    const cJSON *row;
    cJSON_ArrayForEach(row, builds) {
        const char *id = json_text(row, "id", "");
        if (has_id(out, id) || !is_wanted(id, q->ids, q->n_ids)) continue;
        from_row(out, row, q);
    }
    cJSON_Delete(builds);
    if (out->n > 0) qsort(out->all, out->n, sizeof *out->all, by_id);
    size_t family = 0;
    for (size_t i = 0; i < out->n; i++) family += q->together && out->all[i].has_candidate;
    for (size_t i = 0; good && i < out->n; i++) {
        out->all[i].family = family;
        good = fill(l, &out->all[i], q);
    }
    return good;
}

bool facts_history(ledger *l, const facts *f, const fact_query *asked, fact_list *out) {
    cJSON *rows = ledger_rows(
        l,
        "SELECT b.*, r.commit_id FROM run r JOIN build b ON r.build = b.uuid WHERE b.id = ?1 "
        "AND b.variant = ?2 AND r.cache = ?3 AND r.machine = ?4 AND r.device = ?5 "
        "AND r.device_kind = ?6 AND r.partner IS NULL GROUP BY r.commit_id, r.build "
        "ORDER BY min(r.started)",
        f->id, f->variant, f->cache, f->machine, f->device, f->needs, NULL);
    bool good = rows != NULL;
    const cJSON *row;
    memset(out, 0, sizeof *out);
    cJSON_ArrayForEach(row, rows) {
        const fact_query q = {.commit = json_text(row, "commit_id", ""),
                              .input = asked != NULL ? asked->input : NULL};
        from_row(out, row, &q);
        facts *then = &out->all[out->n - 1];
        then->size = f->size;
        then->commit = text_copy(q.commit);
        then->measured = text_copy(then->build);
        then->machine = text_copy(f->machine);
        then->device = text_copy(f->device);
        then->cache = text_copy(f->cache);
        good = good && read_all(l, then, &q);
    }
    cJSON_Delete(rows);
    return good;
}

void facts_free(fact_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        facts *f = &list->all[i];
        char *const strings[] = {f->id,          f->component, f->title,   f->notes,    f->variant,
                                 f->source_hash, f->needs,     f->sources, f->build,    f->device,
                                 f->machine,     f->cache,     f->reason,  f->measured, f->commit};
        for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
        for (size_t k = 0; k < f->n_inputs; k++) {
            input_facts *in = &f->inputs[k];
            free(in->input);
            free(in->gate_outcome);
            free(in->gate_why);
            free(in->failure);
            free(in->baseline_us);
            free(in->candidate_us);
            free(in->ratio);
            free(in->moved);
        }
        free(f->inputs);
    }
    free(list->all);
    memset(list, 0, sizeof *list);
}
