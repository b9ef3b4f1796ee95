/*
 * cmd_sweep.c - `perflab sweep`: sizes and threads as parameters.
 *
 * Each size and number of threads is measured by `perflab run --missing`, so that an interrupted
 * sweep goes on where it was, and one that was made is only shown again.
 */
#include "child.h"
#include "commands.h"
#include "format.h"
#include "launch.h"
#include "options.h"
#include "order.h"
#include "scaling.h"
#include "selection.h"
#include "util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

typedef struct request {
    const char *sizes, *threads, *ledger, *modules, *variant, *input, *data, *launcher;
    size_t runs;
    double seconds;
    bool json;
    size_t size[MOST], n_sizes, thread[MOST], n_threads;
    char **ids;
    size_t n_ids;
} request;

/* ---- Ranges ------------------------------------------------------------------------------- */

/* A whole number with k, M or G behind it (times 1000). Returns false if the text is none. */
static bool take_number(char **at, size_t *n) {
    char *end;
    /* No fractions: in "100..200" the first dot is part of the range. */
    double x = (double)strtoull(*at, &end, 10);
    if (!isdigit((unsigned char)**at) || end == *at) return false;
    if (*end == 'k') x *= 1e3;
    if (*end == 'M') x *= 1e6;
    if (*end == 'G') x *= 1e9;
    end += *end == 'k' || *end == 'M' || *end == 'G';
    *at = end;
    *n = (size_t)x;
    return x >= 1 && x < 1e15 && x == (double)*n;
}

/* "1k..1M" (doubling), "1k..1M*4" (times 4), or "100,1000". Returns false for other text. */
static bool parse_range(const char *text, size_t *all, size_t *n) {
    char *copy = text_copy(text), *at = copy;
    size_t first, last, step = 2;
    bool good = true;
    *n = 0;
    if (strstr(copy, "..") != NULL) {
        good = take_number(&at, &first) && strncmp(at, "..", 2) == 0;
        at += good ? 2 : 0;
        good = good && take_number(&at, &last);
        if (good && *at == '*') {
            at++;
            good = take_number(&at, &step) && step >= 2;
        }
        good = good && *at == '\0' && first <= last;
        for (; good && *n < MOST && first <= last; first *= step) all[(*n)++] = first;
        good = good && first > last;
    } else {
        while (good && *at != '\0') {
            good = *n < MOST && take_number(&at, &all[*n]) && (*at == ',' || *at == '\0') &&
                   (*n == 0 || all[*n] > all[*n - 1]);
            at += *at == ',';
            (*n)++;
        }
    }
    free(copy);
    return good && *n > 0;
}

/* ---- Measuring ---------------------------------------------------------------------------- */

static void add_option(text_buffer *line, const char *name, const char *value) {
    if (value == NULL) return;
    char *word = shell_word(value);
    text_add(line, " %s %s", name, word);
    free(word);
}

/* Measures one size with one number of threads. Returns the exit status of `perflab run`. */
static int measure(const request *q, size_t size, size_t threads) {
    text_buffer line = {0};
    char *self = shell_word(own_path());
    text_add(&line, "%s run", self);
    for (size_t i = 0; i < q->n_ids; i++) add_option(&line, "", q->ids[i]);
    text_add(&line, "%s --size %zu --threads %zu --runs %zu --time %.17g",
             q->launcher != NULL ? "" : " --missing", size, threads, q->runs, q->seconds);
    add_option(&line, "--variant", q->variant);
    add_option(&line, "--input", q->input);
    add_option(&line, "--data", q->data);
    add_option(&line, "--launcher", q->launcher);
    add_option(&line, "--modules", q->modules);
    add_option(&line, "--ledger", q->ledger);
    text_add(&line, " >&2");
    const int code = child_shell(line.text);
    free(line.text);
    free(self);
    return code;
}

static int measure_all(const request *q) {
    int worst = EXIT_DONE;
    for (size_t t = 0; t < q->n_threads; t++) {
        for (size_t s = 0; s < q->n_sizes && worst <= EXIT_WRONG_RESULT; s++) {
            const int code = measure(q, q->size[s], q->thread[t]);
            if (code != EXIT_DONE) worst = code < 0 ? EXIT_TROUBLE : code;
        }
    }
    return worst;
}

/* ---- Output ------------------------------------------------------------------------------- */

static const char *const sides[] = {"baseline", "optimized"};

/* The fitted order of one side; false if there are too few sizes. */
static bool fit_side(const scaling *s, size_t threads, int side, order_fit fits[ORDERS],
                     double *exponent) {
    double *size, *us;
    const size_t n = scaling_side(s, threads, side, &size, &us);
    const bool good = order_fit_all(size, us, n, fits);
    if (good) *exponent = order_exponent(size, us, n);
    free(size);
    free(us);
    return good;
}

/* The time with one thread at the same size; 0 if that was not measured. */
static double alone(const scaling *s, const scaling_point *p) {
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *one = &s->points[i];
        if (one->threads != 1 || one->size != p->size) continue;
        return p->us[1] > 0 ? one->us[1] : one->us[0];
    }
    return 0;
}

static void print_points(const scaling *s) {
    printf("%12s %7s  %12s %12s  %-28s %s\n", "size", "threads", "baseline", "optimized", "speedup",
           "over one thread");
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *p = &s->points[i];
        char us[2][FORMAT_ROOM] = {"-", "-"}, factor[FORMAT_ROOM];
        for (int k = 0; k < 2; k++) {
            if (p->us[k] > 0) format_time(us[k], p->us[k]);
        }
        format_ratio(factor, &p->speedup);
        const double own = p->us[1] > 0 ? p->us[1] : p->us[0], one = alone(s, p);
        printf("%12zu %7zu  %12s %12s  %-28s", p->size, p->threads, us[0], us[1], factor);
        if (p->threads > 1 && one > 0) printf(" %.2fx", one / own);
        printf("\n");
    }
}

static void print_orders(const scaling *s) {
    size_t last = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->points[i].threads == last) continue;
        last = s->points[i].threads;
        for (int side = 0; side < 2; side++) {
            order_fit fits[ORDERS];
            char words[48];
            double exponent;
            if (!fit_side(s, last, side, fits, &exponent)) continue;
            order_words(fits, words);
            printf("%s, %zu thread%s: grows like %s (%.1f %% off), exponent %.2f over the larger "
                   "half\n",
                   sides[side], last, last == 1 ? "" : "s", words, 100 * fits[0].error, exponent);
        }
    }
    for (int level = 0; level < 3; level++) {
        const double end = scaling_cache_end(s, level);
        if (end > 0) printf("L%d ends at a size of about %.0f\n", level + 1, end);
    }
}

static cJSON *scaling_json(const facts *f, const scaling *s) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", f->id);
    cJSON *points = cJSON_AddArrayToObject(o, "points");
    for (size_t i = 0; i < s->n; i++) {
        const scaling_point *p = &s->points[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "size", (double)p->size);
        cJSON_AddNumberToObject(one, "threads", (double)p->threads);
        cJSON_AddNumberToObject(one, "baseline_us", p->us[0]);
        if (p->us[1] > 0) cJSON_AddNumberToObject(one, "candidate_us", p->us[1]);
        if (p->us[1] > 0) cJSON_AddNumberToObject(one, "speedup", p->speedup.median);
        cJSON_AddNumberToObject(one, "working_set", p->working_set);
        cJSON_AddItemToArray(points, one);
    }
    for (int side = 0; side < 2; side++) {
        order_fit fits[ORDERS];
        double exponent;
        if (!fit_side(s, 1, side, fits, &exponent)) continue;
        cJSON *one = cJSON_AddObjectToObject(o, sides[side]);
        cJSON_AddStringToObject(one, "order", fits[0].name);
        cJSON_AddNumberToObject(one, "error", fits[0].error);
        cJSON_AddNumberToObject(one, "exponent", exponent);
    }
    return o;
}

static bool show(ledger *l, const catalog *c, const request *q) {
    const fact_query query = {
        .variant = q->variant, .input = q->input, .ids = q->ids, .n_ids = q->n_ids};
    fact_list list = {0};
    cJSON *all = cJSON_CreateArray();
    bool good = facts_derive(l, c, &query, &list);
    for (size_t i = 0; good && i < list.n; i++) {
        const facts *f = &list.all[i];
        scaling s;
        good = scaling_read(l, c, f, &query, &s);
        if (good && q->json) {
            cJSON_AddItemToArray(all, scaling_json(f, &s));
        } else if (good) {
            printf("%s %s\n", f->id, f->component);
            print_points(&s);
            print_orders(&s);
        }
        scaling_free(&s);
    }
    if (good && q->json) {
        char *text = cJSON_Print(all);
        printf("%s\n", text);
        cJSON_free(text);
    }
    cJSON_Delete(all);
    facts_free(&list);
    return good;
}

int command_sweep(int argc, char **argv) {
    request q = {
        .sizes = "1k..1M*4", .threads = "1", .variant = "native", .runs = 6, .seconds = 0.2};
    const option options[] = {
        {"--sizes", OPTION_TEXT, &q.sizes, "RANGE", "1k..1M doubles, 1k..1M*4 (default), 100,1000"},
        {"--threads", OPTION_TEXT, &q.threads, "RANGE", "numbers of threads, in the same form (1)"},
        {"--runs", OPTION_COUNT, &q.runs, "N", "processes for each size and number of threads (6)"},
        {"--time", OPTION_SECONDS, &q.seconds, "SECONDS", "timed in each process (0.2)"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "one kind of input only"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native (default) or portable"},
        {"--json", OPTION_FLAG, &q.json, NULL, "points and fitted orders as JSON"},
        {"--launcher", OPTION_TEXT, &q.launcher, "CMD", "run there, as in `perflab run`"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "sweep [ID...] [options]",
        .about =
            "Measures improvements at many sizes and numbers of threads, fits the order of growth\n"
            "(1, log n, n, n log n, n^2, n^3), and shows where the caches end. What is recorded "
            "is\n"
            "not measured again. Benchmarks read the number of threads with perflab_threads.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!parse_range(q.sizes, q.size, &q.n_sizes) ||
        !parse_range(q.threads, q.thread, &q.n_threads)) {
        complain("sweep: a range is 1k..1M, 1k..1M*4 or 100,1000, and has at most %d numbers",
                 MOST);
        return EXIT_USAGE;
    }
    q.ids = line.words;
    q.n_ids = line.n_words;
    const int code = measure_all(&q);
    if (code > EXIT_WRONG_RESULT) return code;
    catalog c;
    catalog_or_none(&c, q.modules);
    ledger *l = ledger_open(ledger_choice(q.ledger), false);
    const bool good = l != NULL && show(l, &c, &q);
    ledger_close(l);
    catalog_free(&c);
    return good ? code : EXIT_TROUBLE;
}
