/*
 * dlopen_generate.c: a program that is not linked with libllama. It opens libllama.so in each
 * folder that it is given, finds functions with dlsym, as bindings for other languages do, and
 * draws seeded tokens. Then it opens the libraries beside it. Prints a line for each folder.
 * usage: dlopen_generate FOLDER...
 */
#include "llama.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *open_in(const char *folder, const char *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (access(path, F_OK) != 0) return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return handle;
}

/* The function of a handle; ends the program if there is none. */
static void find(void *handle, const char *name, void *out) {
    void *symbol = dlsym(handle, name);
    if (!symbol) {
        fprintf(stderr, "there is no %s\n", name);
        exit(1);
    }
    memcpy(out, &symbol, sizeof symbol);
}
/* Declares a variable with the function's name and sets it. */
#define FIND(handle, name)                                                                         \
    __typeof__(&llama_##name) name; /* NOLINT(bugprone-macro-parentheses) */                       \
    find(handle, "llama_" #name, &(name))

static void draw_tokens(void *handle) {
    FIND(handle, sampler_chain_init);
    FIND(handle, sampler_chain_default_params);
    FIND(handle, sampler_chain_add);
    FIND(handle, sampler_init_top_k);
    FIND(handle, sampler_init_top_p);
    FIND(handle, sampler_init_dist);
    FIND(handle, sampler_apply);
    FIND(handle, sampler_accept);
    FIND(handle, sampler_free);
    struct llama_sampler *chain = sampler_chain_init(sampler_chain_default_params());
    sampler_chain_add(chain, sampler_init_top_k(40));
    sampler_chain_add(chain, sampler_init_top_p(0.9f, 1));
    sampler_chain_add(chain, sampler_init_dist(12));
    for (int step = 0; step < 20; step++) {
        llama_token_data data[500];
        for (int i = 0; i < 500; i++)
            data[i] = (llama_token_data){i, (float)((i * 7919 + step * 104729) % 997) / 150.0f, 0};
        llama_token_data_array cur = {data, 500, -1, false};
        sampler_apply(chain, &cur);
        llama_token token = cur.data[cur.selected].id;
        printf("%d ", token);
        sampler_accept(chain, token);
    }
    sampler_free(chain);
}

/* Functions of libllama that are found through a library linked with it must be libllama.so's. */
static void check_sibling(void *handle, void *sibling, const char *file) {
    if (!sibling) return;
    if (dlsym(sibling, "llama_sampler_apply") != dlsym(handle, "llama_sampler_apply")) {
        fprintf(stderr, "%s is linked with another libllama\n", file);
        exit(1);
    }
    printf("%s ", file);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        void *handle = open_in(argv[i], "libllama.so");
        if (!handle) return 1;
        draw_tokens(handle);
        FIND(handle, max_devices); /* Pluck does not export this one */
        printf("%d ", max_devices() > 0);
        check_sibling(handle, open_in(argv[i], "libllama-common.so"), "libllama-common.so");
        check_sibling(handle, open_in(argv[i], "libmtmd.so"), "libmtmd.so");
        printf("\n");
    }
    return 0;
}
