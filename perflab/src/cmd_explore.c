/*
 * cmd_explore.c - `perflab explore`: searches for inputs on which the candidate is wrong, guided by
 * the code that they reach.
 *
 * The benchmark is built by clang with coverage counters into a folder of its own, and a worker
 * explores. What it finds is then gated with the real module, and recorded as a counterexample.
 */
#include "child.h"
#include "commands.h"
#include "format.h"
#include "launch.h"
#include "options.h"
#include "recorder.h"
#include "selection.h"
#include "settings.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *modules, *ledger, *input, *data;
    double seconds;
    size_t seed;
    char **ids;
    size_t n_ids;
} request;

static void add_option(text_buffer *line, const char *name, const char *value) {
    char *word = shell_word(value);
    text_add(line, " %s %s", name, word);
    free(word);
}

/* Builds the source of an entry with coverage. Returns the folder, to be freed, or NULL. */
static char *build_covered(const request *q, const entry *e) {
    char *source = text_copy(e->sources);
    source[strcspn(source, "\n")] = '\0';
    char *name = benchmark_name(source);
    settings s = settings_read(q->modules, name);
    char *folder = text_format("%s/explore/%s", q->modules, name);
    char *ledger_path = text_format("%s/scratch.ledger", folder);
    const bool cpp = strlen(source) < 2 || strcmp(source + strlen(source) - 2, ".c") != 0;
    bool good = s.compiler != NULL;
    if (!good) complain("explore: %s was not built by perflab build", e->id);
    if (good && make_folders(folder)) {
        char *flags = text_format("%s -fsanitize-coverage=inline-8bit-counters", s.cflags);
        char *self = shell_word(own_path());
        text_buffer line = {0};
        text_add(&line, "%s build", self);
        add_option(&line, "", source);
        text_add(&line, " --fixed --variant native --no-program --compiler %s",
                 cpp ? "clang++" : "clang");
        add_option(&line, "--cflags", flags);
        add_option(&line, "--libs", s.libs);
        add_option(&line, "--modules", folder);
        add_option(&line, "--ledger", ledger_path);
        text_add(&line, " >&2");
        good = child_shell(line.text) == 0;
        free(line.text);
        free(self);
        free(flags);
    }
    settings_free(&s);
    free(source);
    free(name);
    free(ledger_path);
    if (good) return folder;
    free(folder);
    return NULL;
}

static launched explore(const recorder *r, const entry *e, const char *input, const request *q,
                        size_t stop) {
    cJSON *job = record_job(r, e, "explore", input);
    cJSON_AddNumberToObject(job, "seed", (double)q->seed);
    cJSON_AddNumberToObject(job, "seconds", q->seconds);
    if (stop > 0) cJSON_AddNumberToObject(job, "stop", (double)stop);
    const launch l = {.job = job, .timeout_s = 60, .tick = progress_draw, .self = r->progress};
    const launched got = launch_run(&l);
    cJSON_Delete(job);
    return got;
}

/* Gates what was found with the real module, and prints how that ends. Returns the exit status. */
static int confirm(recorder *r, const entry *e, const char *input, const cJSON *found,
                   const char *what) {
    gate_result result;
    const gate_plan plan = {.seeds = 1,
                            .first_seed = (uint64_t)json_number(found, "seed", 1),
                            .size = (size_t)json_number(found, "size", 0),
                            .edits = cJSON_GetObjectItem(found, "edits")};
    const bool good = record_gate(r, e, input, &plan, &result);
    const bool wrong = result.outcome != PERFLAB_PASSED && result.outcome != PERFLAB_SKIPPED;
    printf("%-6s %-24s %-8s found: %s%s%s\n", e->id, e->component, input,
           wrong ? perflab_outcome_name(result.outcome) : what,
           wrong ? ": " : ", but only as clang builds it: ",
           wrong && result.why != NULL ? result.why : json_text(found, "text", ""));
    free(result.why);
    return !good ? EXIT_TROUBLE : EXIT_WRONG_RESULT;
}

static int explore_input(recorder *r, const entry *real, const entry *covered, const char *input,
                         const request *q) {
    launched got = explore(r, covered, input, q, 0);
    int code = EXIT_DONE;
    progress_hide(r->progress);
    const char *outcome = json_text(got.result, "outcome", "failed");
    if (got.outcome != PERFLAB_PASSED) {
        /* It crashed or hung: ask for the case that it had begun. */
        const size_t at =
            strncmp(got.phase, "case ", 5) == 0 ? strtoul(got.phase + 5, NULL, 10) : 0;
        launched again = explore(r, covered, input, q, at > 0 ? at : 1);
        code = confirm(r, real, input, again.result, perflab_outcome_name(got.outcome));
        launched_free(&again);
    } else if (strcmp(outcome, "skipped") == 0) {
        printf("%-6s %-24s %-8s declares no inputs with perflab_any\n", real->id, real->component,
               input);
    } else if (strcmp(outcome, "passed") != 0) {
        code = confirm(r, real, input, got.result, outcome);
    } else {
        printf("%-6s %-24s %-8s %.0f cases, %.0f kept since they reached new code: no difference\n",
               real->id, real->component, input, json_number(got.result, "cases", 0),
               json_number(got.result, "kept", 0));
    }
    fflush(stdout);
    launched_free(&got);
    return code;
}

static int explore_entry(recorder *r, const entry *e, const request *q) {
    char *folder = build_covered(q, e);
    catalog c = {0};
    int code = folder != NULL && catalog_read(&c, folder) ? EXIT_DONE : EXIT_TROUBLE;
    const entry *covered = NULL;
    for (size_t i = 0; i < c.n; i++) {
        if (strcmp(c.entries[i].id, e->id) == 0) covered = &c.entries[i];
    }
    for (char **input = e->inputs; covered != NULL && *input != NULL; input++) {
        if (q->input != NULL && strcmp(q->input, *input) != 0) continue;
        const int one = explore_input(r, e, covered, *input, q);
        if (one > code) code = one;
    }
    catalog_free(&c);
    free(folder);
    return code;
}

static int explore_all(const request *q) {
    const char *const ask[] = {"clang", "--version", NULL};
    char *version = child_first_line(ask);
    if (version == NULL) complain("explore: needs clang, which cannot be run here");
    if (version == NULL) return EXIT_TROUBLE;
    free(version);
    catalog c;
    const selection s = {.ids = q->ids, .n_ids = q->n_ids, .variant = "native", .input = q->input};
    if (!catalog_read(&c, q->modules)) return EXIT_TROUBLE;
    const bool known = selection_known(&s, &c, NULL);
    ledger *l = known ? ledger_open(ledger_choice(q->ledger), true) : NULL;
    int code = !known ? EXIT_USAGE : l == NULL ? EXIT_TROUBLE : EXIT_DONE;
    if (code == EXIT_DONE) {
        progress bar;
        recorder r;
        progress_start(&bar, 1);
        recorder_start(&r, l, &bar);
        if (q->data != NULL) r.data = q->data;
        for (size_t i = 0; i < c.n; i++) {
            const entry *e = &c.entries[i];
            if (!selection_has(&s, e) || !e->has_baseline || !e->has_candidate) continue;
            const int one = explore_entry(&r, e, q);
            if (one > code) code = one;
        }
        recorder_end(&r);
    }
    ledger_close(l);
    catalog_free(&c);
    return code;
}

int command_explore(int argc, char **argv) {
    request q = {.modules = ".perflab/modules", .seconds = 10, .seed = 1};
    const option options[] = {
        {"--for", OPTION_SECONDS, &q.seconds, "SECONDS", "for each kind of input (10)"},
        {"--seed", OPTION_COUNT, &q.seed, "N", "of the search (1)"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "one kind of input only"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where modules are (.perflab/modules)"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "explore [ID...] [options]",
        .about =
            "Searches for inputs on which the candidate is wrong: changes the inputs that the\n"
            "benchmark declares with perflab_any, and keeps the changes that reach new code in "
            "it.\n"
            "Needs clang, and benchmarks that perflab build has built.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    q.ids = line.words;
    q.n_ids = line.n_words;
    return explore_all(&q);
}
