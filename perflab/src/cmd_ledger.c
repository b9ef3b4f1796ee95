/*
 * cmd_ledger.c - `perflab export` and `perflab import`.
 */
#include "commands.h"
#include "ledger.h"
#include "modules.h"
#include "options.h"
#include "util.h"

#include <stdlib.h>

int command_export(int argc, char **argv) {
    const char *name = NULL, *modules = NULL;
    bool current = false;
    catalog c = {0};
    const option options[] = {
        {"--current", OPTION_FLAG, &current, NULL,
         "only results of the benchmarks as they are built now"},
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &name, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {.usage = "export [FILE] [options]",
                         .about =
                             "Writes the whole ledger as JSON lines, to FILE or standard output.",
                         .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    ledger *l = ledger_open(ledger_choice(name), false);
    const char *path = line.n_words > 0 ? line.words[0] : "-";
    bool good = l != NULL && (!current || catalog_read(&c, modules));
    const char **builds = current ? must_alloc((c.n + 1) * sizeof *builds) : NULL;
    for (size_t i = 0; current && i < c.n; i++) builds[i] = c.entries[i].build;
    good = good && ledger_export(l, path, builds, c.n);
    free(builds);
    catalog_free(&c);
    ledger_close(l);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

int command_import(int argc, char **argv) {
    const char *name = NULL;
    const option options[] = {
        {"--ledger", OPTION_TEXT, &name, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "import FILE... [options]",
        .about = "Adds the exported rows that the ledger lacks. A file that is damaged or no\n"
                 "export of a ledger is refused as a whole.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words == 0) {
        complain("import: name a file");
        return EXIT_USAGE;
    }
    ledger *l = ledger_open(ledger_choice(name), true);
    bool good = l != NULL;
    for (size_t i = 0; good && i < line.n_words; i++) {
        size_t n_rows, n_new;
        good = ledger_import(l, line.words[i], &n_rows, &n_new);
        if (good) printf("%s: %zu rows, %zu new\n", line.words[i], n_rows, n_new);
    }
    ledger_close(l);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
