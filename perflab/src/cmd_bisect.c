/*
 * cmd_bisect.c - `perflab bisect GOOD BAD`: the commit that made something slower, or wrong.
 *
 * First BAD is compared with GOOD: what is resolved as slower, or wrong, there is what is searched
 * for. Then git proposes commits, and each is compared with GOOD in the same way: built, checked
 * for equal outputs, interleaved. It counts as bad if its interval lies on BAD's side of the middle
 * between both levels, and as good if it lies on the other. If it lies on both, more processes are
 * run; if these do not decide it, the commit is left out, as one that does not build is.
 */
#include "child.h"
#include "commands.h"
#include "format.h"
#include "git_options.h"
#include "util.h"
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How often the number of processes is doubled for one commit. */
enum { DOUBLINGS = 2 };

typedef enum judgement { JUDGED_GOOD, JUDGED_BAD, LEFT_OUT } judgement;

/* Lists of commits, as text with a space before each. */
typedef struct search {
    git_session session;
    git_job job;
    const char *good, *bad; /* as named by the user */
    char *worst;            /* the oldest commit that is known to be bad */
    text_buffer known_good, left_out;
    bool wrong;   /* it is a wrong result that is searched for */
    double limit; /* ratios below it are bad */
    size_t runs;
    char *row; /* the title of the row that decides, and its improvement and kind of input */
    char *id, *input;
    char size[32];
} search;

/* ---- Commits ------------------------------------------------------------------------------ */

static bool listed(const text_buffer *list, const char *commit) {
    return list->text != NULL && strstr(list->text, commit) != NULL;
}

/*
 * The commits that may be the first bad one, the best to try next first, as lines; the last known
 * bad one is among them. To be freed.
 */
static char *suspects(const search *s) {
    char *command =
        text_format("git rev-list --bisect-all %s --not%s", s->worst, s->known_good.text);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    char *lines = child_output(argv);
    free(command);
    return lines;
}

/*
 * The next commit to try, to be freed; NULL if none is left. *n is the number of commits that may
 * be the first bad one.
 */
static char *next_commit(const search *s, size_t *n) {
    char *lines = suspects(s), *rest = NULL, *next = NULL;
    *n = 0;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, " ")] = '\0';
        (*n)++;
        const bool tried = strcmp(line, s->worst) == 0 || listed(&s->left_out, line);
        if (next == NULL && !tried) next = text_copy(line);
    }
    free(lines);
    return next;
}

static char *about(const char *commit) {
    const char *const argv[] = {"git", "log", "-1", "--format=%h %cs %an: %s", commit, "--", NULL};
    char *line = child_first_line(argv);
    return line != NULL ? line : text_copy(commit);
}

/* ---- Judging ------------------------------------------------------------------------------ */

/* Compares a commit with GOOD. Returns 0, 2 or 3; free the comparison. */
static int measure(search *s, const char *commit, size_t runs, comparison *c) {
    static const char *candidate[1];
    candidate[0] = commit;
    *c = (comparison){.a = s->good, .candidates = candidate, .n_candidates = 1, .quiet = true};
    s->job.measure.runs = runs;
    return git_session_compare(&s->session, commit, c);
}

/* The row with the title that decides; NULL if there is none. */
static const comparison_row *deciding_row(const search *s, const comparison *c) {
    const comparison_row *found = NULL;
    for (size_t i = 0; i < c->n && found == NULL; i++) {
        char *title = comparison_title(&c->rows[i]);
        if (strcmp(title, s->row) == 0) found = &c->rows[i];
        free(title);
    }
    return found;
}

/* Judges a commit by its row. Returns false if it takes more processes. */
static bool judge(const search *s, const comparison_row *r, judgement *j, char what[FORMAT_ROOM]) {
    const perflab_summary *x = &r->summary;
    if (r->wrong != NULL) {
        /* Another result than GOOD's is what is searched for, or says nothing about the time. */
        *j = s->wrong ? JUDGED_BAD : LEFT_OUT;
        snprintf(what, FORMAT_ROOM, "%.90s", r->wrong);
        return true;
    }
    format_ratio(what, x);
    if (s->wrong || (x->has_interval && x->lo > s->limit)) {
        *j = JUDGED_GOOD;
    } else if (x->has_interval && x->hi < s->limit) {
        *j = JUDGED_BAD;
    } else {
        *j = LEFT_OUT;
        return false;
    }
    return true;
}

static judgement try_commit(search *s, const char *commit) {
    char what[FORMAT_ROOM] = "it could not be measured";
    judgement j = LEFT_OUT;
    size_t runs = s->runs;
    bool decided = false;
    for (int turn = 0; turn <= DOUBLINGS && !decided; turn++, runs *= 2) {
        comparison c;
        const bool measured = measure(s, commit, runs, &c) == EXIT_DONE;
        const comparison_row *r = measured ? deciding_row(s, &c) : NULL;
        decided = r == NULL || judge(s, r, &j, what);
        comparison_free(&c);
    }
    const char *const words[] = {"good", "bad", decided ? "left out" : "cannot tell"};
    char *line = about(commit);
    printf("%-11s %s  (%s)\n", words[j], what, line);
    fflush(stdout);
    free(line);
    return j;
}

/* ---- The search --------------------------------------------------------------------------- */

/* The row in which BAD is worst: a wrong result, else the largest resolved loss. NULL: none. */
static const comparison_row *worst_row(const comparison *c, double threshold, bool *unknown) {
    const comparison_row *worst = NULL;
    *unknown = false;
    for (size_t i = 0; i < c->n; i++) {
        const comparison_row *r = &c->rows[i];
        if (r->wrong != NULL) return r;
        if (!r->judged) continue;
        const verdict v = verdict_of(&r->summary, threshold);
        *unknown = *unknown || v == VERDICT_UNKNOWN;
        if (v == VERDICT_LOSS && (worst == NULL || r->summary.median < worst->summary.median))
            worst = r;
    }
    return worst;
}

/* Keeps to the improvement, kind of input and size of a row from now on. */
static void narrow(search *s, const comparison_row *r) {
    char text[FORMAT_ROOM];
    s->row = comparison_title(r);
    s->wrong = r->wrong != NULL;
    if (!s->wrong) {
        s->limit = sqrt(r->summary.median);
        format_ratio(text, &r->summary);
        printf("%s: %s is slower: %s. Searching for the first commit below %.3fx.\n", s->row,
               s->bad, text, s->limit);
    } else {
        printf("%s: %s is wrong: %s\n", s->row, s->bad, r->wrong);
    }
    fflush(stdout);
    if (s->job.bench == NULL) return;
    s->job.measure.id = s->id = text_copy(r->id);
    s->job.measure.input = s->input = text_copy(r->input);
    snprintf(s->size, sizeof s->size, "%zu", r->size);
    s->job.measure.sizes = s->size;
}

/* Compares BAD with GOOD. Returns EXIT_DONE if there is something to search for. */
static int compare_ends(search *s, double threshold) {
    comparison c;
    bool unknown = false;
    int code = measure(s, s->worst, s->runs, &c);
    const comparison_row *r = code == EXIT_DONE ? worst_row(&c, threshold, &unknown) : NULL;
    if (r != NULL) {
        narrow(s, r);
    } else if (code == EXIT_DONE) {
        printf("%s is %s by %.3g %% than %s%s\n", s->bad,
               unknown ? "not resolved as slower" : "not slower", 100 * threshold, s->good,
               unknown ? ": more --runs may tell" : ", and gives the same results");
        code = unknown ? EXIT_UNRESOLVED : EXIT_WRONG_RESULT;
    }
    comparison_free(&c);
    return code;
}

static int conclude(const search *s) {
    char *lines = suspects(s), *rest = NULL;
    const bool alone = strchr(lines, '\n') == NULL || strchr(lines, '\n')[1] == '\0';
    char *line = about(s->worst);
    if (alone) {
        printf("the first %s commit: %s\n", s->wrong ? "wrong" : "slower", line);
    } else {
        printf("the first %s commit is one of these:\n", s->wrong ? "wrong" : "slower");
        for (char *at = strtok_r(lines, "\n", &rest); at != NULL;
             at = strtok_r(NULL, "\n", &rest)) {
            at[strcspn(at, " ")] = '\0';
            char *one = about(at);
            printf("  %s\n", one);
            free(one);
        }
    }
    free(line);
    free(lines);
    return alone ? EXIT_DONE : EXIT_UNRESOLVED;
}

static int run_search(search *s, double threshold) {
    int code = compare_ends(s, threshold);
    if (code != EXIT_DONE) return code;
    size_t left;
    for (char *next; (next = next_commit(s, &left)) != NULL;) {
        fprintf(stderr, "%zu commits left, about %.0f more to try\n", left,
                ceil(log2((double)left)));
        switch (try_commit(s, next)) {
        case JUDGED_GOOD:
            text_add(&s->known_good, " %s", next);
            break;
        case JUDGED_BAD:
            free(s->worst);
            s->worst = text_copy(next);
            break;
        case LEFT_OUT:
            text_add(&s->left_out, " %s", next);
            break;
        }
        free(next);
    }
    return conclude(s);
}

/* Resolves BAD, and checks that GOOD is one of its ancestors. */
static bool related(search *s) {
    char *name = text_format("%s^{commit}", s->bad);
    const char *const ask[] = {"git", "rev-parse", "--verify", "--quiet", "--end-of-options",
                               name,  NULL};
    s->worst = child_first_line(ask);
    free(name);
    if (s->worst == NULL) {
        complain("there is no revision %s here", s->bad);
        return false;
    }
    const char *good = s->session.base.commit;
    const char *const is[] = {"git", "merge-base", "--is-ancestor", good, s->worst, NULL};
    char *said = child_output(is);
    const bool below = said != NULL && strcmp(good, s->worst) != 0;
    free(said);
    if (!below) complain("bisect: %s is no ancestor of %s", s->good, s->bad);
    text_add(&s->known_good, " %s", good);
    return below;
}

int command_bisect(int argc, char **argv) {
    search s = {.job.measure = {.variant = "native"}};
    git_request g = {.n_jobs = 1, .jobs = &s.job};
    compare_request *q = &s.job.measure;
    const char *fail_on = "regression";
    const option options[] = {GIT_OPTIONS(g, s.job) MEASURE_OPTIONS(*q){
                                  "--fail-on", OPTION_TEXT, &fail_on, "regression=2%",
                                  "how much slower BAD must be than GOOD"},
                              {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "bisect GOOD BAD --bench FILE | --command CMD [options]",
        .about =
            "Finds the commit between two revisions that made something slower, or wrong. Each\n"
            "commit is built, checked and measured against GOOD as in `perflab compare --git`.\n"
            "Exit status 0: found, 1: BAD is not worse, 4: not resolved.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    double threshold;
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!verdict_parse(fail_on, &threshold)) return EXIT_USAGE;
    if (line.n_words != 2) {
        complain("bisect: name a good and a bad revision");
        return EXIT_USAGE;
    }
    s.good = line.words[0];
    s.bad = line.words[1];
    s.runs = q->runs != 0 ? q->runs : q->quick ? 6 : 10;
    if (s.runs < PERFLAB_MIN_INTERVAL) {
        complain("--runs: an interval needs at least %d", PERFLAB_MIN_INTERVAL);
        return EXIT_USAGE;
    }
    if (q->seconds == 0) q->seconds = q->quick ? 0.1 : 1;
    int code = git_session_start(&s.session, &g, s.good);
    if (code == EXIT_DONE) code = related(&s) ? run_search(&s, threshold) : EXIT_USAGE;
    git_session_end(&s.session);
    free(s.worst);
    free(s.row);
    free(s.id);
    free(s.input);
    free(s.known_good.text);
    free(s.left_out.text);
    return code;
}
