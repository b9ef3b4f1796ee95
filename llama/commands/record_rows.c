/* record_rows.c: `pluck record`. */
#include "args.h"
#include "commands.h"
#include "model.h"
#include "sampling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: pluck record -m MODEL.gguf [-p PROMPT] [-n N] [--sampling SPEC] [--seed S] FILE.npy\n"
    "Generates N tokens and writes the row of logits before each to FILE.npy: float32 [N, "
    "n_vocab].\n\n"
    "  -m FILE          the model, in GGUF\n"
    "  -p TEXT          what to begin with (default: the model's first token)\n"
    "  -n N             rows (default 8)\n"
    "  --sampling SPEC  the chain that picks the tokens (default '', llama.cpp's default chain)\n"
    "  --seed S         0 to 4294967295 (default: the spec's, or a random one)\n"
    "  -t T             threads (default: one for each CPU)\n";

/* Writes the header of a .npy file of version 1.0, padded so that the data begins at a multiple of
 * 64 bytes. */
static bool write_header(FILE *file, int32_t n_rows, int32_t n_columns) {
    char text[118];
    int n =
        snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
                 n_rows, n_columns);
    memset(text + n, ' ', sizeof text - (size_t)n);
    text[sizeof text - 1] = '\n';
    static const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, sizeof text, 0};
    return fwrite(magic, 1, sizeof magic, file) == sizeof magic &&
           fwrite(text, 1, sizeof text, file) == sizeof text;
}

static int record(const plk_args *args, plk_model *m, pluck_sampler *sampler, llama_token *prompt,
                  int32_t n_prompt, FILE *file) {
    char err[512];
    if (!write_header(file, args->n, m->n_vocab))
        return plk_failure(args->command, "cannot write %s", args->file);
    if (!plk_model_decode(m, prompt, n_prompt, err, sizeof err))
        return plk_failure(args->command, "%s", err);
    for (int32_t i = 0; i < args->n; i++) {
        const float *logits = llama_get_logits_ith(m->ctx, -1);
        size_t n = (size_t)m->n_vocab;
        if (!logits || fwrite(logits, sizeof *logits, n, file) != n)
            return plk_failure(args->command, "cannot write %s", args->file);
        llama_token token;
        pluck_status status = pluck_llama_sample(sampler, m->ctx, -1, &token);
        if (status != PLUCK_OK)
            return plk_failure(args->command, "sampling failed: %s", pluck_status_string(status));
        if (i + 1 < args->n && !plk_model_decode(m, &token, 1, err, sizeof err))
            return plk_failure(args->command, "%s", err);
    }
    return PLK_EXIT_OK;
}

int pluck_cmd_record(int argc, char **argv) {
    plk_args args = {.prompt = "", .sampling = "", .n = 8};
    int status;
    if (!plk_args_read(&args, argc, argv, PLK_TAKES_FILE, help, &status)) return status;
    plk_model m;
    char err[512];
    int32_t n_ctx = args.n + 64 + (int32_t)strlen(args.prompt);
    if (!plk_model_open(&m, args.model, n_ctx, args.threads, err, sizeof err))
        return plk_failure(args.command, "%s", err);
    status = PLK_EXIT_FAILED;
    pluck_sampler *sampler = plk_sampling_create(&args, &m);
    FILE *file = sampler ? fopen(args.file, "wb") : NULL;
    if (file) {
        int32_t n_prompt;
        llama_token *prompt = plk_model_prompt(&m, args.prompt, &n_prompt);
        status = prompt ? record(&args, &m, sampler, prompt, n_prompt, file)
                        : plk_failure(args.command, "out of memory");
        free(prompt);
        if (fclose(file) != 0 && status == PLK_EXIT_OK)
            status = plk_failure(args.command, "cannot write %s", args.file);
        if (status != PLK_EXIT_OK) remove(args.file);
    } else if (sampler) {
        plk_failure(args.command, "cannot write %s", args.file);
    }
    pluck_sampler_free(sampler);
    plk_model_close(&m);
    return status;
}
