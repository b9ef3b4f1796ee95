/* twin.c: see twin.h. */
#define _GNU_SOURCE
#include "twin.h"

#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

twin_api by_name = {
#define BY_NAME(name) .name = llama_##name,
    TWIN_FUNCTIONS(BY_NAME)
#undef BY_NAME
};
twin_api by_address;
float twin_tolerance = 1e-5f;
char twin_story[4096];
size_t twin_n_seen;

void twin_tell(const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t n = strlen(twin_story);
    if (n < sizeof twin_story) vsnprintf(twin_story + n, sizeof twin_story - n, format, args);
    va_end(args);
}

static void see(struct llama_sampler *smpl, llama_token_data_array *cur) {
    (void)smpl;
    twin_n_seen = cur->size;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].id % 3 == 0) cur->data[i].logit = -INFINITY;
    }
}

static const char *see_name(const struct llama_sampler *smpl) {
    (void)smpl;
    return "see";
}

struct llama_sampler_i twin_seeing = {.name = see_name, .apply = see};

/* The drop-in does not export llama_backend_init, so it leads to libllama itself. */
static bool libllama_info(Dl_info *info) {
    void *handle = dlopen(NULL, RTLD_LAZY);
    void *known = handle ? dlsym(handle, "llama_backend_init") : NULL;
    return known && dladdr(known, info);
}

static void *own; /* a handle of libllama */

void *twin_own(const char *name) {
    return own ? dlsym(own, name) : NULL;
}

static bool find_own(void) {
    Dl_info info;
    if (!libllama_info(&info)) return false;
    own = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!own) return false;
    bool complete = true;
#define BY_ADDRESS(name)                                                                           \
    do {                                                                                           \
        void *f = twin_own("llama_" #name);                                                        \
        memcpy(&by_address.name, &f, sizeof f);                                                    \
        complete = complete && f;                                                                  \
    } while (0);
    TWIN_FUNCTIONS(BY_ADDRESS)
#undef BY_ADDRESS
    return complete;
}

bool twin_begin(void) {
    const char *problem = NULL;
    if (!find_own())
        problem = "libllama's own functions are not found";
    else if (by_name.sampler_apply == by_address.sampler_apply)
        problem = "the drop-in is not preloaded";
    if (problem) fprintf(stderr, "%s\n", problem);
    return !problem;
}

struct llama_sampler *twin_penalties(const twin_api *api, int32_t n_vocab, int32_t last_n,
                                     float repeat, float freq, float present) {
#if TWIN_GENERATION >= 12
    return api->sampler_init_penalties(n_vocab, last_n, repeat, freq, present);
#else
    (void)n_vocab;
    return api->sampler_init_penalties(last_n, repeat, freq, present);
#endif
}

struct llama_sampler *twin_dry(const twin_api *api, const struct llama_vocab *vocab,
                               const pluck_stage_dry *dry, const char **breakers,
                               size_t n_breakers) {
#if TWIN_GENERATION >= 12
    return api->sampler_init_dry(vocab, dry->multiplier, dry->base, dry->allowed_length,
                                 dry->last_n, breakers, n_breakers);
#else
    enum { N_CTX_TRAIN = 512 };
    return api->sampler_init_dry(vocab, N_CTX_TRAIN, dry->multiplier, dry->base,
                                 dry->allowed_length, dry->last_n, breakers, n_breakers);
#endif
}

#define PLK_TABLE twin_api
#include "make_stage_template.h"

struct llama_sampler *twin_stage(const twin_api *api, const pluck_stage *stage, int32_t n_vocab,
                                 const struct llama_vocab *vocab) {
    static const char *breakers[] = {"\n", ":", "\"", "*"};
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS: {
        llama_logit_bias biases[16];
        int32_t n = stage->as.logit_bias.n_biases;
        for (int32_t i = 0; i < n && i < 16; i++)
            biases[i] = (llama_logit_bias){stage->as.logit_bias.biases[i].token,
                                           stage->as.logit_bias.biases[i].bias};
        return api->sampler_init_logit_bias(n_vocab, n, biases);
    }
    case PLUCK_STAGE_PENALTIES:
        return twin_penalties(api, n_vocab, stage->as.penalties.last_n, stage->as.penalties.repeat,
                              stage->as.penalties.freq, stage->as.penalties.present);
    case PLUCK_STAGE_DRY:
        return twin_dry(api, vocab, &stage->as.dry, vocab ? breakers : NULL, vocab ? 4 : 0);
    case PLUCK_STAGE_INFILL:
        return api->sampler_init_infill(vocab);
#if TWIN_GENERATION >= 10
    case PLUCK_STAGE_ADAPTIVE_P:
        return api->sampler_init_adaptive_p(stage->as.adaptive_p.target, stage->as.adaptive_p.decay,
                                            stage->as.adaptive_p.seed);
#endif
    default: {
        struct llama_sampler *made = plk_make_stage(api, stage, n_vocab);
        if (!made) fail_msg("libllama has no stage of kind %d", (int)stage->kind);
        return made;
    }
    }
}

struct llama_sampler *twin_chain(const twin_api *api, const pluck_stage *stages, int32_t n,
                                 int32_t n_vocab, const struct llama_vocab *vocab) {
    struct llama_sampler_chain_params params = {.no_perf = false};
    struct llama_sampler *chain = api->sampler_chain_init(params);
    for (int32_t i = 0; i < n; i++)
        api->sampler_chain_add(chain, twin_stage(api, &stages[i], n_vocab, vocab));
    return chain;
}

twin_array twin_array_of(const float *logits, int32_t n) {
    twin_array a = {.data = malloc(sizeof *a.data * (size_t)n)};
    assert_non_null(a.data);
    for (int32_t i = 0; i < n; i++) a.data[i] = (llama_token_data){i, logits[i], 0.25f};
    a.cur = (llama_token_data_array){a.data, (size_t)n, -1, false};
    return a;
}

static int by_logit(const void *a, const void *b) {
    const llama_token_data *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

twin_array twin_array_sorted(const float *logits, int32_t n) {
    twin_array a = twin_array_of(logits, n);
    qsort(a.data, (size_t)n, sizeof *a.data, by_logit);
    a.cur.sorted = true;
    return a;
}

void twin_array_free(twin_array *a) {
    free(a->data);
    a->data = NULL;
}

static bool close_to(float a, float b, float relative) {
    if (a == b || (isnan(a) && isnan(b))) return true;
    return fabsf(a - b) <= relative * (1.0f + fabsf(b));
}

void twin_assert_same(const llama_token_data_array *a, const llama_token_data_array *b,
                      const char *what, int step) {
    if (a->size != b->size || a->selected != b->selected || a->sorted != b->sorted)
        fail_msg("%s, step %d: size %zu, selected %d, sorted %d; llama.cpp: %zu, %d, %d", what,
                 step, a->size, (int)a->selected, a->sorted, b->size, (int)b->selected, b->sorted);
    for (size_t i = 0; i < a->size; i++) {
        const llama_token_data *x = &a->data[i], *y = &b->data[i];
        /* masked candidates tie with dropped ones, too */
        bool tied = (i > 0 && y[-1].logit == y->logit) ||
                    (i + 1 < b->size && y[1].logit == y->logit) || y->logit == -INFINITY;
        bool same_id = x->id == y->id || (tied && close_to(x->logit, y->logit, 1e-6f));
        bool other = x->id != y->id && y->logit == -INFINITY; /* masked, with a p of its own */
        if (!same_id || !close_to(x->logit, y->logit, twin_tolerance) ||
            !(other || close_to(x->p, y->p, twin_tolerance)))
            fail_msg("%s, step %d, candidate %zu of %zu: id %d logit %.7g p %.7g; llama.cpp: %d "
                     "%.7g %.7g",
                     what, step, i, a->size, x->id, (double)x->logit, (double)x->p, y->id,
                     (double)y->logit, (double)y->p);
    }
}

llama_token twin_step(const twin_api *api, struct llama_sampler *sampler, const float *logits,
                      int32_t n) {
    twin_array a = twin_array_of(logits, n);
    api->sampler_apply(sampler, &a.cur);
    bool selected = a.cur.selected >= 0 && (size_t)a.cur.selected < a.cur.size;
    llama_token token = selected ? a.cur.data[a.cur.selected].id : -1;
    if (selected) api->sampler_accept(sampler, token);
    twin_array_free(&a);
    return token;
}
