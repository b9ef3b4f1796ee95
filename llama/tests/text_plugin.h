/* text_plugin.h: the functions of the plugins that two_libllamas.c loads. */
#ifndef PLUCK_LLAMA_TEXT_PLUGIN_H
#define PLUCK_LLAMA_TEXT_PLUGIN_H

#include <stdint.h>

typedef struct text_plugin text_plugin;

/* Loads a model and makes a seeded chain; NULL if that fails. */
text_plugin *text_plugin_open(const char *path, uint32_t seed);

/* The next token of a text; -1 if it fails. */
int32_t text_plugin_next(text_plugin *plugin);

/* Frees the plugin's model and chain. */
void text_plugin_close(text_plugin *plugin);

#endif
