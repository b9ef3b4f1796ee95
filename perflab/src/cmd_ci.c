/*
 * cmd_ci.c - `perflab ci`: the comparison that a build runs, as perflab.json describes it.
 *
 * HEAD is compared with the commit where it left the base branch, so that changes of others on that
 * branch do not count. On the base branch itself it is compared with its parent.
 */
#include "child.h"
#include "ci_config.h"
#include "commands.h"
#include "options.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* The commit to compare HEAD with, to be freed; NULL, with an error message, if there is none. */
static char *starting_point(const char *base) {
    const char *const parent[] = {"git", "rev-parse", "--verify", "--quiet", "HEAD~1", NULL};
    const char *const head[] = {"git", "rev-parse", "--verify", "--quiet", "HEAD", NULL};
    const char *const fork[] = {"git", "merge-base", base != NULL ? base : "HEAD", "HEAD", NULL};
    char *tip = child_first_line(head);
    char *at = tip != NULL ? child_first_line(fork) : NULL;
    if (tip == NULL) {
        complain("ci: this is not a git repository, or it has no commit");
    } else if (at == NULL) {
        complain("ci: %s and HEAD have no common commit: is the branch fetched, with its history?",
                 base);
    } else if (strcmp(at, tip) == 0) {
        free(at);
        at = child_first_line(parent);
        if (at == NULL) complain("ci: HEAD has no parent to compare it with");
    }
    free(tip);
    if (at != NULL && strlen(at) > 12) at[12] = '\0';
    return at;
}

int command_ci(int argc, char **argv) {
    const char *path = "perflab.json", *base = NULL, *ledger = NULL;
    static const char *const head[] = {"HEAD"};
    comparison out = {.candidates = head, .n_candidates = 1, .fail_on = "regression"};
    ci_config c;
    bool keep = false;
    const option options[] = {
        {"--base", OPTION_TEXT, &base, "REV", "compare with the commit where HEAD left REV"},
        {"--config", OPTION_TEXT, &path, "FILE", "what to compare (perflab.json)"},
        {"--keep", OPTION_FLAG, &keep, NULL, "keep the built revisions for the next time"},
        {"--json", OPTION_FLAG, &out.json, NULL, "print the rows as JSON"},
        {"--bencher", OPTION_FLAG, &out.bencher, NULL, "the rows in Bencher's metric format"},
        {"--markdown", OPTION_FLAG, &out.markdown, NULL, "print the rows as a Markdown table"},
        {"--ledger", OPTION_TEXT, &ledger, "FILE", "where runs are recorded (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "ci [options]",
        .about =
            "Compares HEAD with its base as perflab.json says. Exit status 0: nothing got slower,\n"
            "1: something got slower or is wrong, 4: more processes are needed to tell.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words > 0) {
        complain("ci: %s: it takes options only", line.words[0]);
        return EXIT_USAGE;
    }
    int code = EXIT_USAGE;
    if (ci_config_read(path, &c)) {
        char *from = starting_point(base != NULL ? base : c.base);
        c.git.keep = keep;
        for (size_t i = 0; i < c.git.n_jobs; i++) c.git.jobs[i].measure.ledger = ledger;
        out.a = from;
        if (from != NULL) code = compare_git(&c.git, &out);
        free(from);
    }
    ci_config_free(&c);
    comparison_free(&out);
    return code;
}
