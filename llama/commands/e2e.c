/*
 * e2e.c: `pluck e2e`, the integration test: what the samplers cost in actual generation.
 *
 * The same model generates the same number of tokens with llama.cpp's own chain and with Pluck's,
 * with the same seed; which of them begins alternates. Decoding and sampling are timed separately:
 * a decode ends when the logits can be read, so the time of sampling has none of it.
 */
#define _POSIX_C_SOURCE 200809L
#include "args.h"
#include "clock.h"
#include "commands.h"
#include "llama_chain.h"
#include "model.h"
#include "sampling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: pluck e2e -m MODEL.gguf [-p N] [-n N] [-r R] [--sampling SPEC] [--seed S] [--json]\n"
    "Generates with llama.cpp's own samplers and with Pluck's, alternating, and compares them.\n\n"
    "  -m FILE          the model, in GGUF\n"
    "  -p N             tokens of prompt before the generation (default 0)\n"
    "  -n N             tokens to generate (default 512)\n"
    "  -r R             repetitions (default 5)\n"
    "  --sampling SPEC  the chain (default '', llama.cpp's default chain); see docs/spec.md\n"
    "  --seed S         0 to 4294967295 (default 1); repetition number i adds i\n"
    "  -t T             threads of the model (default: one for each CPU)\n"
    "  --json           one JSON object instead of the table\n"
    "  --record FILE    the JSON object to a file, as `perflab record-integration` reads it\n";

/* Milliseconds per token over the repetitions of one side. */
typedef struct side {
    double *decode, *sampling, *tokens_per_second;
    llama_token *tokens; /* of the current repetition */
} side;

typedef struct run {
    const plk_args *args;
    plk_model *m;
    pluck_sampler *pluck;
    struct llama_sampler *chain;
    llama_token *prompt;
    int32_t n_prompt;
    side before, after;
    int64_t n_same, n_tokens; /* over all repetitions */
    int32_t n_identical;      /* repetitions without a difference */
} run;

static bool sample(run *r, bool with_pluck, llama_token *token) {
    if (!with_pluck) {
        *token = llama_sampler_sample(r->chain, r->m->ctx, -1);
        return true;
    }
    pluck_status status = pluck_llama_sample(r->pluck, r->m->ctx, -1, token);
    if (status != PLUCK_OK)
        plk_failure(r->args->command, "sampling failed: %s", pluck_status_string(status));
    return status == PLUCK_OK;
}

/* Runs one generation; the times go to index `rep`. It does not stop at an end-of-generation
 * token. */
static bool generate(run *r, bool with_pluck, int32_t rep) {
    side *s = with_pluck ? &r->after : &r->before;
    char err[512];
    plk_model_clear(r->m);
    if (!plk_model_decode(r->m, r->prompt, r->n_prompt, err, sizeof err)) {
        plk_failure(r->args->command, "%s", err);
        return false;
    }
    int64_t decode = 0, sampling = 0;
    int32_t n = r->args->n;
    for (int32_t i = 0; i < n; i++) {
        int64_t t0 = plk_now_ns();
        if (!sample(r, with_pluck, &s->tokens[i])) return false;
        int64_t t1 = plk_now_ns();
        llama_token token = s->tokens[i];
        if (!plk_model_decode(r->m, &token, 1, err, sizeof err)) {
            plk_failure(r->args->command, "%s", err);
            return false;
        }
        sampling += t1 - t0;
        decode += plk_now_ns() - t1;
    }
    s->decode[rep] = 1e-6 * (double)decode / n;
    s->sampling[rep] = 1e-6 * (double)sampling / n;
    s->tokens_per_second[rep] = 1e9 * n / (double)(decode + sampling);
    return true;
}

/* Makes the samplers of one repetition, with its seed. */
static bool make_samplers(run *r, int32_t rep) {
    plk_args args = *r->args;
    args.seed += (uint32_t)rep;
    args.seed_given = true;
    pluck_sampler_free(r->pluck);
    if (r->chain) llama_sampler_free(r->chain);
    r->chain = NULL;
    r->pluck = plk_sampling_create(&args, r->m);
    if (!r->pluck) return false;
    r->chain =
        plk_llama_chain(pluck_sampler_config(r->pluck), pluck_sampler_seed(r->pluck), r->m->vocab);
    if (!r->chain) plk_failure(args.command, "llama.cpp has no such chain");
    return r->chain;
}

static bool repeat(run *r) {
    for (int32_t rep = 0; rep < r->args->repetitions; rep++) {
        if (!make_samplers(r, rep)) return false;
        bool pluck_first = rep % 2 == 1;
        if (!generate(r, pluck_first, rep) || !generate(r, !pluck_first, rep)) return false;
        int32_t same = 0;
        for (int32_t i = 0; i < r->args->n; i++) same += r->before.tokens[i] == r->after.tokens[i];
        r->n_same += same;
        r->n_tokens += r->args->n;
        r->n_identical += same == r->args->n;
    }
    return true;
}

/* ---- Report ---------------------------------------------------------------------------------- */

typedef struct summary {
    double mean, deviation;
} summary;

static summary summarise(const double *x, int32_t n) {
    summary s = {0, 0};
    for (int32_t i = 0; i < n; i++) s.mean += x[i] / n;
    for (int32_t i = 0; i < n && n > 1; i++)
        s.deviation += (x[i] - s.mean) * (x[i] - s.mean) / (n - 1);
    s.deviation = sqrt(s.deviation);
    return s;
}

static void print_row(const char *name, const side *s, int32_t n) {
    summary decode = summarise(s->decode, n), sampling = summarise(s->sampling, n);
    summary speed = summarise(s->tokens_per_second, n);
    printf("%-10s %8.3f +- %5.3f  %8.4f +- %6.4f  %8.1f +- %5.1f  %6.1f %%\n", name, decode.mean,
           decode.deviation, sampling.mean, sampling.deviation, speed.mean, speed.deviation,
           100 * sampling.mean / (decode.mean + sampling.mean));
}

static void print_table(const run *r) {
    int32_t n = r->args->repetitions;
    printf("%s\n%d tokens, %d repetitions, n_vocab %d, chain: %s\n\n", r->args->model, r->args->n,
           n, r->m->n_vocab, r->args->sampling[0] ? r->args->sampling : "(default)");
    printf("samplers     decode, ms/token   sampling, ms/token          tokens/s    sampling's "
           "share\n");
    print_row("llama.cpp", &r->before, n);
    print_row("pluck", &r->after, n);
    double before = summarise(r->before.sampling, n).mean;
    double after = summarise(r->after.sampling, n).mean;
    printf("\nBefore: %.3f ms/token sampling\nAfter:  %.3f ms/token sampling (%.1f times faster)\n",
           before, after, before / after);
    printf("Same tokens: %lld of %lld; %d of %d texts identical\n", (long long)r->n_same,
           (long long)r->n_tokens, r->n_identical, n);
}

static void print_string(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static void print_json_side(FILE *out, const char *name, const side *s, int32_t n) {
    summary decode = summarise(s->decode, n), sampling = summarise(s->sampling, n);
    summary speed = summarise(s->tokens_per_second, n);
    fprintf(out,
            ",\"%s\":{\"decode_ms\":%.6f,\"decode_ms_sd\":%.6f,\"sampling_ms\":%.6f,"
            "\"sampling_ms_sd\":%.6f,\"tokens_per_second\":%.3f,\"tokens_per_second_sd\":%.3f,"
            "\"sampling_share\":%.6f}",
            name, decode.mean, decode.deviation, sampling.mean, sampling.deviation, speed.mean,
            speed.deviation, sampling.mean / (decode.mean + sampling.mean));
}

/* Prints one number for each repetition, as `perflab record-integration` reads them. */
static void print_samples(FILE *out, const char *name, const double *sampling, int32_t n) {
    fprintf(out, ",\"%s\":[", name);
    for (int32_t i = 0; i < n; i++) fprintf(out, "%s%.6f", i > 0 ? "," : "", sampling[i]);
    fputc(']', out);
}

static void print_json(FILE *out, const run *r) {
    int32_t n = r->args->repetitions;
    fprintf(out, "{\"name\":\"e2e: ms/token of sampling, n_vocab %d\",\"notes\":", r->m->n_vocab);
    print_string(out, r->args->sampling);
    print_samples(out, "before_ms", r->before.sampling, n);
    print_samples(out, "after_ms", r->after.sampling, n);
    fprintf(out, ",\"model\":");
    print_string(out, r->args->model);
    fprintf(out, ",\"sampling\":");
    print_string(out, r->args->sampling);
    fprintf(out, ",\"seed\":%u,\"n\":%d,\"repetitions\":%d,\"n_vocab\":%d", r->args->seed,
            r->args->n, n, r->m->n_vocab);
    print_json_side(out, "before", &r->before, n);
    print_json_side(out, "after", &r->after, n);
    fprintf(out, ",\"tokens\":%lld,\"tokens_same\":%lld,\"texts_identical\":%d}\n",
            (long long)r->n_tokens, (long long)r->n_same, r->n_identical);
}

/* Writes the JSON object to the file of --record. */
static bool record(const run *r) {
    FILE *out = fopen(r->args->record, "w");
    if (!out) return false;
    print_json(out, r);
    const bool written = !ferror(out);
    return fclose(out) == 0 && written;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static bool side_init(side *s, int32_t n, int32_t repetitions) {
    s->decode = calloc((size_t)repetitions, sizeof *s->decode);
    s->sampling = calloc((size_t)repetitions, sizeof *s->sampling);
    s->tokens_per_second = calloc((size_t)repetitions, sizeof *s->tokens_per_second);
    s->tokens = calloc((size_t)n, sizeof *s->tokens);
    return s->decode && s->sampling && s->tokens_per_second && s->tokens;
}

static void side_clear(side *s) {
    free(s->decode);
    free(s->sampling);
    free(s->tokens_per_second);
    free(s->tokens);
}

/* A prompt of n tokens: the model's first token, then ordinary ones. */
static bool make_prompt(run *r, int32_t n) {
    r->prompt = plk_model_prompt(r->m, "", &r->n_prompt);
    llama_token *larger =
        r->prompt ? realloc(r->prompt, sizeof *larger * (size_t)(n > 1 ? n : 1)) : NULL;
    if (!larger) {
        plk_failure(r->args->command, "out of memory");
        return false;
    }
    r->prompt = larger;
    for (int32_t i = 1; i < n; i++) r->prompt[i] = (100 + i) % r->m->n_vocab;
    r->n_prompt = n > 1 ? n : 1;
    return true;
}

int pluck_cmd_e2e(int argc, char **argv) {
    plk_args args = {.prompt = "0", .sampling = "", .n = 512, .repetitions = 5, .seed = 1};
    int status;
    if (!plk_args_read(&args, argc, argv, PLK_TAKES_REPETITIONS | PLK_TAKES_JSON, help, &status))
        return status;
    char *end;
    long n_prompt = strtol(args.prompt, &end, 10);
    if (end == args.prompt || *end || n_prompt < 0 || n_prompt > 1 << 20) {
        plk_failure(args.command, "-p takes a number of tokens, not '%s'", args.prompt);
        return PLK_EXIT_USAGE;
    }
    plk_model m;
    char err[512];
    int32_t n_ctx = args.n + (int32_t)n_prompt + 8;
    if (!plk_model_open(&m, args.model, n_ctx, args.threads, err, sizeof err))
        return plk_failure(args.command, "%s", err);
    run r = {.args = &args, .m = &m};
    bool room = side_init(&r.before, args.n, args.repetitions);
    room = side_init(&r.after, args.n, args.repetitions) && room;
    bool done = room && make_prompt(&r, (int32_t)n_prompt) && repeat(&r);
    if (done && args.json)
        print_json(stdout, &r);
    else if (done)
        print_table(&r);
    if (done && args.record && !record(&r)) {
        plk_failure(args.command, "cannot write %s", args.record);
        done = false;
    }
    side_clear(&r.before);
    side_clear(&r.after);
    free(r.prompt);
    if (r.chain) llama_sampler_free(r.chain);
    pluck_sampler_free(r.pluck);
    plk_model_close(&m);
    return done ? PLK_EXIT_OK : PLK_EXIT_FAILED;
}
