/* model.c: see model.h. */
#define _GNU_SOURCE
#include "model.h"

#include "ggml-backend.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libllama's first error since this was cleared. Later ones only say that something failed. */
static char first_error[256];

static void keep_errors(enum ggml_log_level level, const char *text, void *user_data) {
    (void)user_data;
    if (level != GGML_LOG_LEVEL_ERROR || first_error[0]) return;
    snprintf(first_error, sizeof first_error, "%s", text);
    first_error[strcspn(first_error, "\n")] = '\0';
}

/* The CPU backends are plugins beside libllama, but ggml searches beside the program. */
static void load_backends(void) {
    struct llama_model_params (*known)(void) = llama_model_default_params;
    void *address;
    memcpy(&address, &known, sizeof address);
    Dl_info info;
    if (dladdr(address, &info) && info.dli_fname && strchr(info.dli_fname, '/')) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s", info.dli_fname);
        *strrchr(folder, '/') = '\0';
        ggml_backend_load_all_from_path(folder);
    }
    if (ggml_backend_reg_count() == 0) ggml_backend_load_all();
}

static bool fail(char *err, size_t err_size, const char *what, const char *path) {
    bool told = first_error[0] != '\0';
    snprintf(err, err_size, "%s %s%s%s", what, path, told ? ": " : "", first_error);
    return false;
}

bool plk_model_open(plk_model *out, const char *path, int32_t n_ctx, int32_t n_threads, char *err,
                    size_t err_size) {
    memset(out, 0, sizeof *out);
    llama_log_set(keep_errors, NULL);
    first_error[0] = '\0';
    load_backends();
    if (access(path, R_OK) != 0) {
        snprintf(err, err_size, "cannot read %s", path);
        return false;
    }
    out->model = llama_model_load_from_file(path, llama_model_default_params());
    if (!out->model) return fail(err, err_size, "cannot load the model", path);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t)n_ctx;
    params.n_batch = (uint32_t)n_ctx;
    params.n_threads = n_threads > 0 ? n_threads : (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    params.n_threads_batch = params.n_threads;
    out->ctx = llama_init_from_model(out->model, params);
    if (!out->ctx) {
        plk_model_close(out);
        return fail(err, err_size, "cannot make a context for", path);
    }
    out->vocab = llama_model_get_vocab(out->model);
    out->n_vocab = llama_vocab_n_tokens(out->vocab);
    return true;
}

void plk_model_close(plk_model *m) {
    if (m->ctx) llama_free(m->ctx);
    if (m->model) llama_model_free(m->model);
    memset(m, 0, sizeof *m);
}

void plk_model_clear(plk_model *m) {
    llama_memory_clear(llama_get_memory(m->ctx), true);
}

bool plk_model_decode(plk_model *m, llama_token *tokens, int32_t n, char *err, size_t err_size) {
    first_error[0] = '\0';
    int32_t status = llama_decode(m->ctx, llama_batch_get_one(tokens, n));
    llama_synchronize(m->ctx);
    if (status == 0) return true;
    char number[32];
    snprintf(number, sizeof number, "(status %d)", status);
    return fail(err, err_size, "the model could not be evaluated", number);
}

llama_token *plk_model_prompt(const plk_model *m, const char *text, int32_t *n) {
    int32_t length = (int32_t)strlen(text);
    int32_t capacity = length + 8;
    llama_token *tokens = malloc(sizeof *tokens * (size_t)capacity);
    if (!tokens) return NULL;
    *n = llama_tokenize(m->vocab, text, length, tokens, capacity, true, true);
    if (*n < 0) {
        capacity = -*n;
        free(tokens);
        tokens = malloc(sizeof *tokens * (size_t)capacity);
        if (!tokens) return NULL;
        *n = llama_tokenize(m->vocab, text, length, tokens, capacity, true, true);
    }
    if (*n <= 0) {
        llama_token first = llama_vocab_bos(m->vocab);
        tokens[0] = first >= 0 ? first : 0;
        *n = 1;
    }
    return tokens;
}

int32_t plk_model_piece(const plk_model *m, llama_token token, char *buffer, int32_t size) {
    int32_t n = llama_token_to_piece(m->vocab, token, buffer, size - 1, 0, false);
    n = n < 0 ? 0 : n;
    buffer[n] = '\0';
    return n;
}
