/* generate.c: `pluck generate`. */
#include "args.h"
#include "commands.h"
#include "model.h"
#include "sampling.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: pluck generate -m MODEL.gguf [-p PROMPT] [-n N] [--sampling SPEC] [--seed S] [-t T]\n"
    "Generates N tokens after the prompt and prints their text as it comes.\n\n"
    "  -m FILE          the model, in GGUF\n"
    "  -p TEXT          what to begin with (default: the model's first token)\n"
    "  -n N             tokens to generate (default 128); fewer if the model ends the text\n"
    "  --sampling SPEC  the chain (default '', llama.cpp's default chain); see docs/spec.md\n"
    "  --seed S         0 to 4294967295 (default: the spec's, or a random one)\n"
    "  -t T             threads (default: one for each CPU)\n";

static int generate(const plk_args *args, plk_model *m, pluck_sampler *sampler, llama_token *prompt,
                    int32_t n_prompt) {
    char err[512];
    if (!plk_model_decode(m, prompt, n_prompt, err, sizeof err))
        return plk_failure(args->command, "%s", err);
    for (int32_t i = 0; i < args->n; i++) {
        llama_token token;
        pluck_status status = pluck_llama_sample(sampler, m->ctx, -1, &token);
        if (status != PLUCK_OK)
            return plk_failure(args->command, "sampling failed: %s", pluck_status_string(status));
        if (llama_vocab_is_eog(m->vocab, token)) break;
        char piece[256] = "";
        fwrite(piece, 1, (size_t)plk_model_piece(m, token, piece, sizeof piece), stdout);
        fflush(stdout);
        if (i + 1 < args->n && !plk_model_decode(m, &token, 1, err, sizeof err))
            return plk_failure(args->command, "%s", err);
    }
    putchar('\n');
    return PLK_EXIT_OK;
}

int pluck_cmd_generate(int argc, char **argv) {
    plk_args args = {.prompt = "", .sampling = "", .n = 128};
    int status;
    if (!plk_args_read(&args, argc, argv, 0, help, &status)) return status;
    plk_model m;
    char err[512];
    int32_t n_ctx = args.n + 64;
    for (const char *c = args.prompt; *c; c++) n_ctx++; /* a token is at least one byte */
    if (!plk_model_open(&m, args.model, n_ctx, args.threads, err, sizeof err))
        return plk_failure(args.command, "%s", err);
    status = PLK_EXIT_FAILED;
    pluck_sampler *sampler = plk_sampling_create(&args, &m);
    if (sampler) {
        int32_t n_prompt;
        llama_token *prompt = plk_model_prompt(&m, args.prompt, &n_prompt);
        status = prompt ? generate(&args, &m, sampler, prompt, n_prompt)
                        : plk_failure(args.command, "out of memory");
        free(prompt);
    }
    pluck_sampler_free(sampler);
    plk_model_close(&m);
    return status;
}
