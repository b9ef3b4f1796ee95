/* worker.cpp: see worker.h. */
#include "worker.h"

#include "settings.h"

#include "ggml-backend.h"
#include "llama-cpp.h"

extern "C" {
#include "rows/rows.h"
}

#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

enum { N_CTX = 512 };

void quiet(ggml_log_level, const char *, void *) {
}

/* The CPU backends are plugins beside ggml's library. */
void load_backends() {
    Dl_info info;
    auto known = &ggml_backend_load_all_from_path;
    void *address;
    memcpy(&address, &known, sizeof address);
    if (dladdr(address, &info) && info.dli_fname && strchr(info.dli_fname, '/')) {
        std::string folder = info.dli_fname;
        ggml_backend_load_all_from_path(folder.substr(0, folder.rfind('/')).c_str());
    }
}

class worker {
  public:
    bool load(const char *path);
    std::string answer(const std::string &line);

  private:
    void open(size_t which);
    void put_row(rows_kind kind, uint64_t seed);
    std::string sample();
    void begin();
    void take(llama_token token);
    std::string shown();
    void decode(const llama_token *tokens, int n);

    llama_model_ptr model;
    llama_context_ptr ctx;
    common_sampler_ptr sampler;
    const llama_vocab *vocab = nullptr;
    int32_t n_vocab = 0, n_decoded = 0;
};

bool worker::load(const char *path) {
    llama_log_set(quiet, nullptr);
    load_backends();
    model.reset(llama_model_load_from_file(path, llama_model_default_params()));
    if (!model) return false;
    llama_context_params params = llama_context_default_params();
    params.n_ctx = N_CTX;
    params.n_threads = params.n_threads_batch = 1;
    ctx.reset(llama_init_from_model(model.get(), params));
    vocab = llama_model_get_vocab(model.get());
    n_vocab = llama_vocab_n_tokens(vocab);
    if (ctx) begin();
    return (bool)ctx;
}

void worker::decode(const llama_token *tokens, int n) {
    std::vector<llama_token> copy(tokens, tokens + n);
    if (llama_decode(ctx.get(), llama_batch_get_one(copy.data(), n)) != 0)
        throw std::runtime_error("llama_decode failed");
}

/* Makes the sampler of a setting. Its history has few tokens that occur often, and phrases that
 * repeat. */
void worker::open(size_t which) {
    const setting &s = all_settings().at(which);
    common_params_sampling params = params_of(s);
    sampler.reset(common_sampler_init(model.get(), params));
    rows_random r = {which};
    for (int i = 0; i < s.n_history; i++) {
        double u = rows_uniform(&r);
        llama_token token = 259 + (llama_token)(pow(u, 3.0) * (n_vocab - 300));
        if (i % 32 >= 24) token = 259 + i % 8;
        common_sampler_accept(sampler.get(), token, false);
    }
}

void worker::put_row(rows_kind kind, uint64_t seed) {
    enum { RECORDED = 151936 };
    float *logits = llama_get_logits_ith(ctx.get(), -1);
    rows_fill(kind, seed, logits, n_vocab);
    /* recorded rows are repeated to fill the vocabulary; repeated logits are changed, so none
     * occurs twice */
    for (int32_t i = RECORDED; kind == ROWS_REAL && i < n_vocab; i++)
        logits[i] = 0.97f * logits[i] - 0.5f;
}

std::string worker::sample() {
    auto begin = std::chrono::steady_clock::now();
    llama_token token = common_sampler_sample(sampler.get(), ctx.get(), -1);
    auto end = std::chrono::steady_clock::now();
    auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count();
    return std::to_string(ns) + " " + std::to_string(token);
}

void worker::begin() {
    llama_memory_clear(llama_get_memory(ctx.get()), true);
    const llama_token prompt[] = {3036, 432, 3697, 311, 1494};
    decode(prompt, 5);
    n_decoded = 5;
}

void worker::take(llama_token token) {
    bool over = llama_vocab_is_eog(vocab, token);
    if (!over) common_sampler_accept(sampler.get(), token, true);
    if (over || n_decoded == N_CTX) {
        begin();
    } else {
        decode(&token, 1);
        n_decoded++;
    }
}

/* The number of candidates, the selected one, and a sum of their probabilities that depends on
 * their order. */
std::string worker::shown() {
    const llama_token_data_array *a = common_sampler_get_candidates(sampler.get(), true);
    double sum = 0;
    for (size_t i = 0; i < a->size && i < 100; i++) sum += (double)(i + 1) * (double)a->data[i].p;
    char line[128];
    snprintf(line, sizeof line, "%zu %d %.3f", a->size, a->data[a->selected].id, sum);
    return line;
}

std::string worker::answer(const std::string &line) {
    int kind = 0;
    unsigned long long number = 0;
    if (sscanf(line.c_str(), "open %llu", &number) == 1) {
        open((size_t)number);
    } else if (sscanf(line.c_str(), "row %d %llu", &kind, &number) == 2) {
        put_row((rows_kind)kind, number);
    } else if (line == "sample") {
        return sample();
    } else if (line == "prompt") {
        begin();
    } else if (sscanf(line.c_str(), "take %llu", &number) == 1) {
        take((llama_token)number);
    } else if (line == "shown") {
        return shown();
    } else {
        return "what?";
    }
    return "ok";
}

} // namespace

int run_worker(const char *model_path) {
    worker w;
    if (!w.load(model_path)) {
        fprintf(stderr, "bench_common: cannot load %s\n", model_path);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    char *line = nullptr;
    size_t capacity = 0;
    int status = 0;
    try {
        while (getline(&line, &capacity, stdin) > 0) {
            line[strcspn(line, "\n")] = '\0';
            puts(w.answer(line).c_str());
            fflush(stdout);
        }
    } catch (const std::exception &e) {
        fprintf(stderr, "bench_common: %s: %s\n", line, e.what());
        status = 1;
    }
    free(line);
    return status;
}
