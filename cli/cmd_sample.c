/*
 * cmd_sample.c: `pluck sample`: draws tokens from the rows of a NumPy file, with a chain given as a
 * spec.
 *
 * One sampler goes through the rows in order, as in an engine. For each draw it prints what
 * pluck_sample_row returned and how long the call took; --candidates and --logprobs add what a
 * caller can read afterwards.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "npy.h"
#include "options.h"
#include "pluck.h"
#include "subcommands.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: pluck sample [OPTION]... FILE.npy\n"
    "Draws tokens from rows of logits: a NumPy array [n, V] or [V] of float32, float16, bfloat16\n"
    "or float64 (which is rounded to float32). FILE.npy may be -, standard input, or a pipe.\n\n"
    "  -s, --sampling SPEC   the chain, such as 'temp=0.8;top_k=40;top_p=0.95;min_p=0.05'\n"
    "                        (default: '', llama.cpp's default chain)\n"
    "      --seed N          seed of the random stages, 0 to 4294967295, or -1 for a random\n"
    "                        one (default: the spec's)\n"
    "      --rng KIND        mt19937 or philox (default: the spec's)\n"
    "  -r, --rows A:B        rows A to B - 1, from 0; 'A' alone is one row (default: all)\n"
    "  -n, --draws N         draws from each row (default: 1)\n"
    "      --history IDS     tokens accepted before the first draw, such as 11,7,11\n"
    "      --accept          accept every token drawn, so that penalties and DRY count it\n"
    "      --candidates N    print the N most likely candidates that the chain leaves\n"
    "      --logprobs N      print the N largest log-probabilities of the row before the chain\n"
    "      --json            print one JSON object for each draw instead of a table\n"
    "  -h, --help            this text\n\n"
    "Exit status: 0; 1 if a file, a spec or a row is refused; 2 if the command line is wrong.\n";

enum { NO_SEED = -2 };

typedef struct sample_options {
    const char *path;
    const char *spec;
    const char *rows;
    const char *history;
    int64_t seed; /* -1: a random one; NO_SEED: the spec's */
    int rng;      /* -1: the spec's */
    int64_t draws, candidates, logprobs;
    bool accept, json, help;
} sample_options;

/* A run: its options, its sampler and its buffers. */
typedef struct session {
    const sample_options *options;
    pluck_sampler *sampler;
    int32_t *ids;    /* room for --logprobs and --candidates */
    float *logprobs; /* room for --logprobs */
} session;

static int parse_options(int argc, char **argv, sample_options *o) {
    enum { SEED = 256, RNG, HISTORY, ACCEPT, CANDIDATES, LOGPROBS, JSON };
    static const struct option options[] = {{"sampling", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, SEED},
                                            {"rng", required_argument, NULL, RNG},
                                            {"rows", required_argument, NULL, 'r'},
                                            {"draws", required_argument, NULL, 'n'},
                                            {"history", required_argument, NULL, HISTORY},
                                            {"accept", no_argument, NULL, ACCEPT},
                                            {"candidates", required_argument, NULL, CANDIDATES},
                                            {"logprobs", required_argument, NULL, LOGPROBS},
                                            {"json", no_argument, NULL, JSON},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":s:r:n:h", options, NULL)) != -1;) {
        bool valid = true;
        switch (option) {
        case 's':
            o->spec = optarg;
            break;
        case 'r':
            o->rows = optarg;
            break;
        case 'n':
            valid = parse_integer(optarg, 1, INT32_MAX, &o->draws);
            break;
        case SEED:
            valid = parse_integer(optarg, -1, UINT32_MAX, &o->seed);
            break;
        case RNG:
            o->rng = strcmp(optarg, "mt19937") == 0  ? PLUCK_RNG_MT19937
                     : strcmp(optarg, "philox") == 0 ? PLUCK_RNG_PHILOX
                                                     : -1;
            valid = o->rng >= 0;
            break;
        case HISTORY:
            o->history = optarg;
            break;
        case ACCEPT:
            o->accept = true;
            break;
        case CANDIDATES:
            valid = parse_integer(optarg, 0, INT32_MAX, &o->candidates);
            break;
        case LOGPROBS:
            valid = parse_integer(optarg, 0, INT32_MAX, &o->logprobs);
            break;
        case JSON:
            o->json = true;
            break;
        case 'h':
            o->help = true;
            return EXIT_OK;
        case ':':
            return usage_error("sample", "option '%s' needs a value", argv[optind - 1]);
        default:
            return usage_error("sample", "unknown option '%s'", argv[optind - 1]);
        }
        if (!valid) return usage_error("sample", "'%s' is not a value this option takes", optarg);
    }
    if (optind == argc) return usage_error("sample", "a .npy file is missing");
    if (optind + 1 < argc) return usage_error("sample", "'%s' is not expected", argv[optind + 1]);
    o->path = argv[optind];
    return EXIT_OK;
}

/* The name of the file in messages. */
static const char *file_name(const sample_options *o) {
    return strcmp(o->path, "-") == 0 ? "standard input" : o->path;
}

/* The array's type as a pluck_dtype. npy_open converts float64 to float32. */
static pluck_dtype row_dtype(const npy_array *array) {
    switch (array->dtype) {
    case NPY_F16:
        return PLUCK_DTYPE_F16;
    case NPY_BF16:
        return PLUCK_DTYPE_BF16;
    case NPY_F32:
    case NPY_F64:
        break;
    }
    return PLUCK_DTYPE_F32;
}

/* Creates the sampler of the spec, with the seed and the generator of the command line. */
static int make_sampler(const sample_options *o, int32_t n_vocab, pluck_sampler **out) {
    pluck_spec *spec = NULL;
    pluck_error error;
    if (pluck_spec_parse(&spec, o->spec, n_vocab, &error) != PLUCK_OK) {
        return failure("sample", "%s", error.message);
    }
    pluck_config config = *pluck_spec_config(spec);
    if (o->seed != NO_SEED) config.seed = (uint32_t)o->seed; /* -1 is PLUCK_SEED_RANDOM */
    if (o->rng >= 0) config.rng = (pluck_rng_kind)o->rng;
    const pluck_status status = pluck_sampler_create(out, &config);
    pluck_spec_free(spec);
    return status == PLUCK_OK ? EXIT_OK : failure("sample", "%s", pluck_status_string(status));
}

static int accept_history(pluck_sampler *sampler, const char *text) {
    while (text != NULL && *text != '\0') {
        char item[16] = "";
        const size_t length = strcspn(text, ",");
        int64_t token = -1;
        if (length < sizeof item) memcpy(item, text, length);
        if (!parse_integer(item, 0, INT32_MAX, &token)) {
            return usage_error("sample", "'%.*s' in --history is not a token id", (int)length,
                               text);
        }
        const pluck_status status = pluck_accept(sampler, (int32_t)token);
        if (status != PLUCK_OK) {
            return failure("sample", "--history %s: %s", item, pluck_status_string(status));
        }
        text += length + (text[length] == ',');
    }
    return EXIT_OK;
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* JSON has no infinities: they become null. */
static void print_json_number(const char *before, double value) {
    if (isfinite(value)) {
        printf("%s%.9g", before, value);
    } else {
        printf("%snull", before);
    }
}

/* Writes the indices in *c of its `n` most likely candidates, most likely first; returns how many
 * there are. */
static int32_t most_likely(const pluck_candidates *c, int32_t n, int32_t *out) {
    int32_t found = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const float p = c->probabilities[i];
        if (found == n && !(p > c->probabilities[out[n - 1]])) continue;
        int32_t at = found < n ? found++ : n - 1;
        for (; at > 0 && p > c->probabilities[out[at - 1]]; at--) out[at] = out[at - 1];
        out[at] = i;
    }
    return found;
}

static int print_candidates(const session *s) {
    pluck_candidates c;
    const pluck_status status = pluck_workspace_candidates(pluck_sampler_workspace(s->sampler), &c);
    if (status != PLUCK_OK) return failure("sample", "%s", pluck_status_string(status));
    const int64_t wanted = s->options->candidates;
    const int32_t n = most_likely(&c, wanted < c.n ? (int32_t)wanted : c.n, s->ids);
    if (s->options->json) printf(", \"top\": [");
    for (int32_t k = 0; k < n; k++) {
        const int32_t i = s->ids[k];
        if (s->options->json) {
            printf("%s{\"id\": %" PRId32, k > 0 ? ", " : "", c.ids[i]);
            print_json_number(", \"logit\": ", c.logits[i]);
            print_json_number(", \"probability\": ", c.probabilities[i]);
            putchar('}');
        } else {
            printf("      candidate %8" PRId32 " %10.5f %12.8f\n", c.ids[i], c.logits[i],
                   c.probabilities[i]);
        }
    }
    if (s->options->json) putchar(']');
    return EXIT_OK;
}

static int print_logprobs(const session *s, pluck_row row, int32_t token) {
    const int64_t wanted = s->options->logprobs;
    int32_t n = 0;
    float token_logprob = 0;
    row.workspace = pluck_sampler_workspace(s->sampler);
    const pluck_status status = pluck_top_logprobs(&row, wanted < row.n ? (int32_t)wanted : row.n,
                                                   s->ids, s->logprobs, &n, token, &token_logprob);
    if (status != PLUCK_OK) return failure("sample", "%s", pluck_status_string(status));
    if (s->options->json) {
        print_json_number(", \"logprob\": ", token_logprob);
        printf(", \"logprobs\": [");
    } else {
        printf("      logprob   %8" PRId32 " %10.5f (the token's)\n", token, token_logprob);
    }
    for (int32_t i = 0; i < n; i++) {
        if (s->options->json) {
            printf("%s{\"id\": %" PRId32, i > 0 ? ", " : "", s->ids[i]);
            print_json_number(", \"logprob\": ", s->logprobs[i]);
            putchar('}');
        } else {
            printf("      logprob   %8" PRId32 " %10.5f\n", s->ids[i], s->logprobs[i]);
        }
    }
    if (s->options->json) putchar(']');
    return EXIT_OK;
}

/* Makes one draw from one row: samples, prints, accepts. */
static int draw_once(const session *s, const pluck_row *row, int64_t row_number,
                     int64_t draw_number) {
    const sample_options *o = s->options;
    pluck_draw draw;
    const double start = now_us();
    pluck_status status = pluck_sample_row(s->sampler, row, &draw);
    const double us = now_us() - start;
    if (status != PLUCK_OK) {
        return failure("sample", "row %" PRId64 ": %s", row_number, pluck_status_string(status));
    }
    if (o->json) {
        printf("{\"row\": %" PRId64 ", \"draw\": %" PRId64 ", \"token\": %" PRId32, row_number,
               draw_number, draw.token);
        print_json_number(", \"logit\": ", draw.logit);
        print_json_number(", \"probability\": ", draw.probability);
        printf(", \"candidates\": %" PRId32 ", \"us\": %.3f", draw.n_candidates, us);
    } else {
        printf("%5" PRId64 " %6" PRId64 " %9" PRId32 " %10.5f %12.8f %10" PRId32 " %9.1f\n",
               row_number, draw_number, draw.token, draw.logit, draw.probability, draw.n_candidates,
               us);
    }
    int code = EXIT_OK;
    if (o->candidates > 0) code = print_candidates(s);
    if (o->logprobs > 0 && code == EXIT_OK) code = print_logprobs(s, *row, draw.token);
    if (o->json) printf("}\n");
    if (code != EXIT_OK || !o->accept) return code;
    status = pluck_accept(s->sampler, draw.token);
    return status == PLUCK_OK ? EXIT_OK : failure("sample", "%s", pluck_status_string(status));
}

static int draw_all(const session *s, const npy_array *array, int64_t first, int64_t end) {
    if (!s->options->json) {
        printf("%5s %6s %9s %10s %12s %10s %9s\n", "row", "draw", "token", "logit", "probability",
               "candidates", "us");
    }
    for (int64_t r = first; r < end; r++) {
        const pluck_row row = {
            .logits = npy_row(array, (size_t)r),
            .dtype = row_dtype(array),
            .n = (int32_t)array->n_columns,
        };
        for (int64_t d = 0; d < s->options->draws; d++) {
            const int code = draw_once(s, &row, r, d);
            if (code != EXIT_OK) return code;
        }
    }
    return EXIT_OK;
}

/* Samples from an open file. */
static int sample_array(const sample_options *o, const npy_array *array) {
    if (array->n_columns > PLUCK_MAX_VOCAB) {
        return failure("sample", "%s: a row has %zu logits; at most %d are supported", file_name(o),
                       array->n_columns, PLUCK_MAX_VOCAB);
    }
    int64_t first = 0;
    int64_t end = (int64_t)array->n_rows;
    if (o->rows != NULL && !parse_range(o->rows, end, &first, &end)) {
        return usage_error("sample", "--rows %s: no range within the file's %zu rows", o->rows,
                           array->n_rows);
    }
    session s = {.options = o};
    int code = make_sampler(o, (int32_t)array->n_columns, &s.sampler);
    if (code != EXIT_OK) return code;
    code = accept_history(s.sampler, o->history);
    s.ids = calloc(array->n_columns, sizeof *s.ids);
    s.logprobs = calloc(array->n_columns, sizeof *s.logprobs);
    if (code == EXIT_OK && (s.ids == NULL || s.logprobs == NULL)) {
        code = failure("sample", "out of memory");
    }
    if (code == EXIT_OK) code = draw_all(&s, array, first, end);
    free(s.ids);
    free(s.logprobs);
    pluck_sampler_free(s.sampler);
    return code;
}

int cmd_sample(int argc, char **argv) {
    sample_options options = {.path = "", .spec = "", .seed = NO_SEED, .rng = -1, .draws = 1};
    int code = parse_options(argc, argv, &options);
    if (code != EXIT_OK) return code;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    npy_file file;
    char error[160];
    if (!npy_open(&file, options.path, error, sizeof error)) {
        return failure("sample", "%s: %s", file_name(&options), error);
    }
    code = sample_array(&options, &file.array);
    npy_close(&file);
    if (code == EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        code = failure("sample", "cannot write the output");
    }
    return code;
}
