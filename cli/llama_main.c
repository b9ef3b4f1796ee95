/*
 * llama_main.c: pluck-llama, the subcommands of `pluck` that load a model. `pluck` runs it; it can
 * also be called directly.
 */
#include "commands.h"
#include "options.h"

#include <string.h>

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "generate") == 0) return pluck_cmd_generate(argc - 1, argv + 1);
    if (strcmp(name, "record") == 0) return pluck_cmd_record(argc - 1, argv + 1);
    if (strcmp(name, "e2e") == 0) return pluck_cmd_e2e(argc - 1, argv + 1);
    if (strcmp(name, "llama-dir") == 0) return pluck_cmd_llama_dir(argc - 1, argv + 1);
    return usage_error(NULL, "pluck-llama has the commands generate, record, e2e and llama-dir");
}
