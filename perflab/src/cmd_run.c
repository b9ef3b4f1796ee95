/*
 * cmd_run.c - `perflab run` and `perflab validate`.
 */
#include "commands.h"
#include "facts.h"
#include "format.h"
#include "launcher.h"
#include "machine.h"
#include "measure.h"
#include "options.h"
#include "recorder.h"
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *ledger, *modules, *input, *cache, *variant, *data, *launcher;
    size_t runs, size, threads, seed, seeds, memory_mb;
    double seconds, timeout;
    double limit; /* seconds after which nothing new is started; 0: none */
    bool quick, no_pin, fixed;
    bool missing; /* only the processes that this build still lacks */
    char **ids;
    size_t n_ids;
} request;

static selection selection_of(const request *q) {
    return (selection){.ids = q->ids, .n_ids = q->n_ids, .variant = q->variant, .input = q->input};
}

/* How many pairs of entry and kind of input are selected. */
static size_t count_work(const selection *s, const catalog *c) {
    size_t work = 0;
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        for (char **input = e->inputs; selection_has(s, e) && *input; input++) {
            work += selection_has_input(s, *input);
        }
    }
    return work;
}

static void settle(recorder *r, const request *q) {
    if (q->data != NULL) r->data = q->data;
    if (q->memory_mb != 0) r->memory = (double)q->memory_mb * 1048576;
    r->timeout_s = q->timeout;
    r->pin = !q->no_pin;
}

static const char *variant_note(const entry *e) {
    return strcmp(e->variant, "native") == 0 ? "" : " (portable)";
}

/* ---- The gate ----------------------------------------------------------------------------- */

/* Gates one entry on one input and prints a line. Returns false if the ledger fails. */
static bool gate_one(recorder *r, const entry *e, const char *input, const gate_plan *plan,
                     bool *passed, bool *wrong) {
    gate_result result;
    char label[120], amount[64] = "";
    snprintf(label, sizeof label, "%s %s: gate", e->id, input);
    progress_label(r->progress, label);
    const bool good = record_gate(r, e, input, plan, &result);
    *passed = result.outcome == PERFLAB_PASSED;
    *wrong = !*passed && result.outcome != PERFLAB_SKIPPED;
    if (*passed) {
        snprintf(amount, sizeof amount, " (%zu cases, %zu values)", result.cases, result.compared);
    }
    progress_hide(r->progress);
    printf("%-6s %-24s %-8s gate %s%s%s%s%s\n", e->id, e->component, input,
           perflab_outcome_name(result.outcome), amount, variant_note(e),
           result.why != NULL ? ": " : "", result.why != NULL ? result.why : "");
    fflush(stdout);
    free(result.why);
    return good;
}

/* What the ledger has for one entry on one input, at the plan's size and cache if plan is not NULL;
 * NULL if it has nothing. Free the list with facts_free either way. */
static const input_facts *facts_of(ledger *l, const catalog *c, const entry *e, const char *input,
                                   const measure_plan *plan, fact_list *list) {
    char *ids[] = {e->id};
    fact_query q = {.variant = e->variant, .input = input, .exact = true, .ids = ids, .n_ids = 1};
    if (plan) {
        q.cache = plan->cache;
        q.size = plan->size;
        q.threads = plan->threads;
    }
    const bool one = facts_derive(l, c, &q, list) && list->n == 1 && list->all[0].n_inputs == 1;
    return one ? &list->all[0].inputs[0] : NULL;
}

/* Whether the ledger has a whole gate that passed, and no counterexample. */
static bool already_gated(ledger *l, const catalog *c, const entry *e, const char *input) {
    fact_list list;
    const input_facts *in = facts_of(l, c, e, input, NULL, &list);
    const bool gated = in && in->gated;
    facts_free(&list);
    return gated;
}

/* ---- Measuring ---------------------------------------------------------------------------- */

/* Prints what was just measured. `candidate` is false if the candidate is wrong: it has no time. */
static void print_now(const entry *e, const char *input, const measure_plan *plan,
                      const run_result *r, bool candidate) {
    char text[FORMAT_ROOM];
    const perflab_summary base = perflab_summarize(r->baseline_us, r->good);
    const perflab_summary ratio = perflab_summarize(r->ratio, candidate ? r->n : 0);
    format_times(text, &base);
    printf("%-6s %-24s %-8s baseline %s", e->id, e->component, input, text);
    format_rate(text, base.median, r->min_bytes, r->min_ops);
    if (text[0] != '\0') printf(" (%s)", text);
    if (ratio.n > 0) {
        const perflab_summary cand = perflab_summarize(r->candidate_us, r->n);
        format_times(text, &cand);
        printf(", optimized %s", text);
        format_rate(text, cand.median, r->min_bytes, r->min_ops);
        if (text[0] != '\0') printf(" (%s)", text);
        format_ratio(text, &ratio);
        printf(", %s", text);
        if (resolve(&ratio) == RESOLUTION_UNRESOLVED) printf(", no difference resolved");
        if (ratio.cv > NOISY_CV) printf(", noisy");
    }
    printf(" (n=%zu%s)%s\n", r->good, plan->seconds < 1 ? ", quick" : "", variant_note(e));
    const perflab_summary any = perflab_summarize(r->moved, candidate ? r->n_moved : 0);
    if (any.n == 0) return;
    const double share = placement_share(r->ratio, r->n, r->moved, r->n_moved);
    format_ratio(text, &any);
    printf("%-6s %-24s %-8s at any placement: %s", "", "", "", text);
    if (share >= 0) printf(", placement has %.0f %% of the variance", share * 100);
    printf("%s (n=%zu)\n", resolve(&any) == RESOLUTION_UNRESOLVED ? ", no difference resolved" : "",
           any.n);
}

/* Prints this run and, if the table counts more processes, all of them. */
static void print_numbers(ledger *l, const catalog *c, const entry *e, const char *input,
                          const measure_plan *plan, const run_result *r) {
    fact_list list;
    const input_facts *in = facts_of(l, c, e, input, plan, &list);
    if (in != NULL && in->n_baseline == 0) {
        printf("%-6s %-24s %-8s measured, but not on a %s, which the row needs\n", e->id,
               e->component, input, e->device);
    } else if (in != NULL) {
        print_now(e, input, plan, r, in->n > 0);
        if (in->n > 0 && in->n != r->n) {
            char text[FORMAT_ROOM];
            format_ratio(text, &in->speedup);
            printf("%-6s %-24s %-8s recorded in all: %s (n=%zu%s)\n", "", "", "", text, in->n,
                   in->quick ? ", quick" : "");
        }
    }
    fflush(stdout);
    facts_free(&list);
}

/* How many processes are recorded for a build that count as much as those of the plan. */
static size_t recorded_runs(ledger *l, const catalog *c, const entry *e, const char *input,
                            const measure_plan *plan) {
    fact_list list;
    const input_facts *in = facts_of(l, c, e, input, plan, &list);
    size_t n = 0;
    if (in) {
        const bool here = strcmp(list.all[0].machine, machine_here()->key) == 0;
        const bool counts = here && (!in->quick || plan->seconds < 1);
        n = !counts ? 0 : plan->candidate ? in->n : in->n_baseline;
    }
    facts_free(&list);
    return n;
}

static bool measure_one(recorder *r, const catalog *c, const entry *e, const char *input,
                        const measure_plan *plan, bool *wrong) {
    char label[120];
    run_result result;
    snprintf(label, sizeof label, "%s %s", e->id, input);
    progress_label(r->progress, label);
    const double before = r->progress->done;
    const bool good = record_run(r, e, input, plan, &result);
    progress_add(r->progress, (double)plan->runs - (r->progress->done - before));
    progress_hide(r->progress);
    if (result.failed > 0) {
        printf("%-6s %-24s %-8s %s: %s\n", e->id, e->component, input,
               perflab_outcome_name(result.outcome), result.why != NULL ? result.why : "");
        *wrong = *wrong || result.outcome != PERFLAB_SKIPPED;
    }
    if (good && result.good > 0) print_numbers(r->ledger, c, e, input, plan, &result);
    run_result_free(&result);
    return good;
}

/* Gates the candidate if that is due, then measures the sides that may be measured. */
static bool run_one(recorder *r, const catalog *c, const entry *e, const char *input,
                    const request *q, bool *wrong) {
    measure_plan plan = {.runs = q->runs,
                         .seconds = q->seconds,
                         .size = q->size,
                         .threads = q->threads,
                         .cache = q->cache,
                         .seed = q->seed,
                         .candidate = e->has_candidate,
                         .fixed = q->fixed};
    if (!e->has_baseline) {
        printf("%-6s %-24s %-8s not started\n", e->id, e->component, input);
        progress_add(r->progress, (double)plan.runs);
        return record_build(r, e);
    }
    if (plan.candidate && !already_gated(r->ledger, c, e, input)) {
        const gate_plan gate = {.seeds = q->seeds, .first_seed = 1};
        bool passed, failed;
        if (!gate_one(r, e, input, &gate, &passed, &failed)) return false;
        plan.candidate = passed && already_gated(r->ledger, c, e, input);
        *wrong = *wrong || failed;
        if (!passed && !failed) {
            progress_add(r->progress, (double)plan.runs);
            return true; /* skipped: it cannot run here */
        }
    }
    if (q->missing) {
        const size_t have = recorded_runs(r->ledger, c, e, input, &plan);
        const size_t known = have < plan.runs ? have : plan.runs;
        progress_add(r->progress, (double)known);
        plan.runs -= known;
        if (plan.runs == 0) return true;
    }
    return measure_one(r, c, e, input, &plan, wrong);
}

typedef bool (*work_fn)(recorder *r, const catalog *c, const entry *e, const char *input,
                        const request *q, bool *wrong);

static int for_all(const request *q, double units, work_fn work) {
    catalog c;
    if (!catalog_read(&c, q->modules)) return EXIT_TROUBLE;
    const selection s = selection_of(q);
    if (!selection_known(&s, &c, NULL)) {
        catalog_free(&c);
        return EXIT_USAGE;
    }
    const size_t pairs = count_work(&s, &c);
    ledger *l = pairs > 0 ? ledger_open(ledger_choice(q->ledger), true) : NULL;
    int code = l == NULL ? EXIT_TROUBLE : EXIT_DONE;
    if (pairs == 0) complain("nothing is selected");
    if (l != NULL) {
        progress p;
        recorder r;
        const double start = seconds_now();
        size_t left = 0;
        bool good = true, wrong = c.n_broken > 0;
        progress_start(&p, (double)pairs * units);
        recorder_start(&r, l, &p);
        settle(&r, q);
        for (size_t i = 0; good && i < c.n; i++) {
            const entry *e = &c.entries[i];
            if (!selection_has(&s, e)) continue;
            for (char **input = e->inputs; good && *input != NULL; input++) {
                if (!selection_has_input(&s, *input)) continue;
                if (q->limit > 0 && seconds_now() - start > q->limit) {
                    left++;
                } else {
                    good = work(&r, &c, e, *input, q, &wrong);
                }
            }
        }
        progress_hide(&p);
        if (left > 0) {
            printf("%zu of %zu left when the time was up: run again with --missing\n", left, pairs);
        }
        recorder_end(&r);
        code = !good ? EXIT_TROUBLE : wrong ? EXIT_WRONG_RESULT : EXIT_DONE;
    }
    ledger_close(l);
    catalog_free(&c);
    return code;
}

int command_run(int argc, char **argv) {
    request q = {.runs = 0, .seed = 42, .seeds = GATE_SEEDS, .cache = "hot", .variant = "native"};
    const option options[] = {
        {"--runs", OPTION_COUNT, &q.runs, "N",
         "fresh processes per kind of input (10; with --quick 6; at least 5)"},
        {"--time", OPTION_SECONDS, &q.seconds, "SECONDS",
         "least time to measure in each process (1)"},
        {"--quick", OPTION_FLAG, &q.quick, NULL, "0.1 s per process; statuses stop at VALIDATED"},
        {"--missing", OPTION_FLAG, &q.missing, NULL,
         "only the processes that are not recorded yet for this build"},
        {"--for", OPTION_SECONDS, &q.limit, "SECONDS", "start nothing new after this time"},
        {"--size", OPTION_COUNT, &q.size, "N", "another size than the benchmark's own"},
        {"--threads", OPTION_COUNT, &q.threads, "N", "what perflab_threads returns (1)"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "one kind of input only"},
        {"--cache", OPTION_TEXT, &q.cache, "MODE", "hot (default), l2 or evicted"},
        {"--seed", OPTION_COUNT, &q.seed, "N", "makes the input (42)"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native (default), portable or both"},
        {"--fixed", OPTION_FLAG, &q.fixed, NULL,
         "only the placement of the code that the build has"},
        {"--launcher", OPTION_TEXT, &q.launcher, "CMD",
         "run there, such as \"ssh host\" or \"srun -n 1\", and import the results"},
        {"--no-pin", OPTION_FLAG, &q.no_pin, NULL, "let the system move processes between CPUs"},
        {"--timeout", OPTION_SECONDS, &q.timeout, "SECONDS",
         "limit for each step of a process (300 plus 20 times --time)"},
        {"--memory", OPTION_COUNT, &q.memory_mb, "MIB", "cap per process (4096)"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {.usage = "run [ID...] [options]",
                         .about =
                             "Gates each candidate that is not validated yet, then measures "
                             "baseline and candidate,\n"
                             "interleaved (ABBA) in fresh processes, and records every sample.",
                         .options = options};
    perflab_cache cache;
    char **given = must_alloc(((size_t)argc + 1) * sizeof *given); /* parsing reorders argv */
    memcpy(given, argv, (size_t)argc * sizeof *given);
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) {
        free(given);
        return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    }
    if (q.runs == 0) q.runs = q.quick ? 6 : 10;
    if (q.seconds == 0) q.seconds = q.quick ? 0.1 : 1;
    if (q.runs < LEAST_RUNS || !perflab_cache_parse(q.cache, &cache)) {
        complain(q.runs < LEAST_RUNS ? "--runs: at least 5 are needed"
                                     : "--cache: hot, l2 or evicted");
        free(given);
        return EXIT_USAGE;
    }
    if (q.launcher != NULL) {
        const int code = launcher_run(q.launcher, given, (size_t)argc, ledger_choice(q.ledger));
        free(given);
        return code;
    }
    free(given);
    q.ids = line.words;
    q.n_ids = line.n_words;
    if (q.seconds < 1) {
        printf("quick: %.2g s timed per process instead of 1 s; statuses stop at VALIDATED\n",
               q.seconds);
    }
    return for_all(&q, (double)q.runs, run_one);
}

static bool validate_one(recorder *r, const catalog *c, const entry *e, const char *input,
                         const request *q, bool *wrong) {
    (void)c;
    const gate_plan plan = {.seeds = q->seeds, .first_seed = q->seed, .size = q->size};
    bool passed, failed;
    if (e->has_baseline && e->has_candidate) {
        if (!gate_one(r, e, input, &plan, &passed, &failed)) return false;
        *wrong = *wrong || failed;
    } else {
        printf("%-6s %-24s %-8s no %s registered\n", e->id, e->component, input,
               e->has_baseline ? "candidate" : "baseline");
        if (!record_build(r, e)) return false;
    }
    progress_add(r->progress, 1);
    return true;
}

int command_validate(int argc, char **argv) {
    request q = {.seed = 1, .seeds = GATE_SEEDS, .variant = "both"};
    const option options[] = {
        {"--seeds", OPTION_COUNT, &q.seeds, "N", "seeds per size (8; fewer do not validate)"},
        {"--seed", OPTION_COUNT, &q.seed, "N", "the first seed (1)"},
        {"--size", OPTION_COUNT, &q.size, "N", "this size only (does not validate alone)"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "one kind of input only"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native, portable or both (default)"},
        {"--timeout", OPTION_SECONDS, &q.timeout, "SECONDS",
         "limit for each step of a process (300)"},
        {"--memory", OPTION_COUNT, &q.memory_mb, "MIB", "cap per process (4096)"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {.usage = "validate [ID...] [options]",
                         .about =
                             "Runs only the gate: every size, kind of input and seed, in both "
                             "orders, with buffers against\n"
                             "guard pages. A mismatch prints seed, size, index and both values.",
                         .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    q.ids = line.words;
    q.n_ids = line.n_words;
    return for_all(&q, 1, validate_one);
}
