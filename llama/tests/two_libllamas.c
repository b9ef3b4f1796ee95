/*
 * two_libllamas.c: a program without llama.cpp that loads plugins privately, each with a libllama
 * of its own, and takes tokens from them alternately. Prints a line of ids for each.
 * usage: two_libllamas MODEL PLUGIN...
 */
#include "text_plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PLUGINS = 4, N_TOKENS = 24 };

typedef struct plugin {
    __typeof__(&text_plugin_open) open;
    __typeof__(&text_plugin_next) next;
    __typeof__(&text_plugin_close) close;
    text_plugin *text;
    int32_t tokens[N_TOKENS];
} plugin;

static void find(void *handle, const char *name, void *out) {
    void *symbol = dlsym(handle, name);
    memcpy(out, &symbol, sizeof symbol);
}

static int load(plugin *p, const char *path, const char *model) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    find(handle, "text_plugin_open", &p->open);
    find(handle, "text_plugin_next", &p->next);
    find(handle, "text_plugin_close", &p->close);
    p->text = p->open(model, 7);
    return p->text != NULL;
}

int main(int argc, char **argv) {
    plugin plugins[MAX_PLUGINS];
    int n = argc - 2;
    if (n < 1 || n > MAX_PLUGINS) return 2;
    for (int i = 0; i < n; i++) {
        if (!load(&plugins[i], argv[i + 2], argv[1])) return 1;
    }
    for (int t = 0; t < N_TOKENS; t++) {
        for (int i = 0; i < n; i++) plugins[i].tokens[t] = plugins[i].next(plugins[i].text);
    }
    for (int i = 0; i < n; i++) {
        for (int t = 0; t < N_TOKENS; t++) printf("%d ", plugins[i].tokens[t]);
        printf("\n");
        plugins[i].close(plugins[i].text);
    }
    return 0;
}
