/*
 * launcher.c - sends a script to a shell that the launcher starts.
 *
 * The script goes through standard input, since ssh joins the words of its command and another
 * shell splits them again, whereas srun does not. Standard output brings the exported ledger back.
 */
#include "launcher.h"
#include "child.h"
#include "commands.h"
#include "launch.h"
#include "ledger.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_word(text_buffer *out, const char *text) {
    char *word = shell_word(text);
    text_add(out, " %s", word);
    free(word);
}

/* Whether an argument is this option; *with_value: and its value is the next argument. */
static bool is_option(const char *arg, const char *option, bool *with_value) {
    const size_t n = strlen(option);
    *with_value = strcmp(arg, option) == 0;
    return *with_value || (strncmp(arg, option, n) == 0 && arg[n] == '=');
}

/* Adds the arguments without --launcher and --ledger. Returns false if --missing is among them. */
static bool add_args(text_buffer *out, char *const *args, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool with_value;
        if (strcmp(args[i], "--missing") == 0) return false;
        if (is_option(args[i], "--launcher", &with_value) ||
            is_option(args[i], "--ledger", &with_value)) {
            i += with_value;
            continue;
        }
        add_word(out, args[i]);
    }
    return true;
}

/* Variables that decide what is measured are the same there. */
static void add_variables(text_buffer *out) {
    static const char *const names[] = {"PERFLAB_MODULES", "PERFLAB_DATA", "PERFLAB_CLOCK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL) continue;
        text_add(out, "export %s=", names[i]);
        char *word = shell_word(value);
        text_add(out, "%s\n", word);
        free(word);
    }
}

/* The script, to be freed; NULL if the arguments do not allow it. */
static char *script_for(char *const *args, size_t n_args) {
    char here[4096];
    text_buffer out = {0};
    if (getcwd(here, sizeof here) == NULL) return NULL;
    text_add(&out, "cd");
    add_word(&out, here);
    text_add(&out, " || exit 3\n");
    add_variables(&out);
    char *self = shell_word(own_path());
    text_add(&out, "perflab=%s\n[ -x \"$perflab\" ] || perflab=perflab\n", self);
    free(self);
    text_add(&out, "ledger=$(mktemp /tmp/perflab-launched-XXXXXX) || exit 3\n"
                   "\"$perflab\" run");
    const bool good = add_args(&out, args, n_args);
    text_add(&out, " --ledger \"$ledger\" >&2 </dev/null\nstatus=$?\n"
                   "[ ! -s \"$ledger\" ] || \"$perflab\" export --ledger \"$ledger\" || status=3\n"
                   "rm -f \"$ledger\"\nexit $status\n");
    if (good) return out.text;
    free(out.text);
    return NULL;
}

/* Imports what came back. Returns false, with an error message, if it is nothing. */
static bool take_results(const char *launcher, const char *file, const char *ledger_path,
                         int status) {
    size_t length = 0, n_rows = 0, n_new = 0;
    char *text = read_text(file, &length);
    free(text);
    if (length == 0) {
        complain("%s: no results came back (status %d): is perflab installed there, and are the "
                 "modules in this folder?",
                 launcher, status);
        return false;
    }
    ledger *l = ledger_open(ledger_path, true);
    const bool good = l != NULL && ledger_import(l, file, &n_rows, &n_new);
    if (good) printf("%s: %zu rows, %zu new\n", launcher, n_rows, n_new);
    ledger_close(l);
    return good;
}

int launcher_run(const char *launcher, char *const *args, size_t n_args, const char *ledger_path) {
    char folder[] = "/tmp/perflab-launcher-XXXXXX";
    char *script = script_for(args, n_args);
    if (script == NULL) {
        complain("--launcher: --missing cannot be answered by another host's ledger");
        return EXIT_USAGE;
    }
    if (mkdtemp(folder) == NULL) {
        complain("cannot make a temporary folder");
        free(script);
        return EXIT_TROUBLE;
    }
    char *in = text_format("%s/script", folder), *back = text_format("%s/results", folder);
    char *line = text_format("%s sh -s <%s >%s", launcher, in, back);
    bool good = write_text(in, script, strlen(script));
    const int status = good ? child_shell(line) : EXIT_TROUBLE;
    /* Wrong use was named there, and nothing was measured. */
    if (status != EXIT_USAGE) good = good && take_results(launcher, back, ledger_path, status);
    unlink(in);
    unlink(back);
    rmdir(folder);
    free(in);
    free(back);
    free(line);
    free(script);
    if (!good) return EXIT_TROUBLE;
    return status >= EXIT_DONE && status <= EXIT_UNRESOLVED ? status : EXIT_TROUBLE;
}
