/*
 * cmd_stats.c - `perflab stats FILE`: what awk did, and what awk left out.
 *
 * A line such as "name   45.23 us/iter  (n=100)" gives 45.23 to the series "name"; other lines give
 * their first number, or that of --column, to a series without a name.
 */
#include "commands.h"
#include "options.h"
#include "stat.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct series {
    char *name;
    double *x;
    size_t n;
} series;

typedef struct all_series {
    series *all;
    size_t n;
    size_t ignored; /* lines without a number */
} all_series;

static void add(all_series *s, const char *name, double x) {
    series *to = NULL;
    for (size_t i = 0; i < s->n && to == NULL; i++) {
        if (strcmp(s->all[i].name, name) == 0) to = &s->all[i];
    }
    if (to == NULL) {
        s->all = must_grow(s->all, (s->n + 1) * sizeof *s->all);
        to = &s->all[s->n++];
        *to = (series){.name = text_copy(name)};
    }
    to->x = must_grow(to->x, (to->n + 1) * sizeof *to->x);
    to->x[to->n++] = x;
}

/* A whole word that is a finite number. */
static bool is_number(const char *word, double *x) {
    char *end;
    *x = strtod(word, &end);
    return end != word && (*end == '\0' || strcmp(end, ",") == 0) && isfinite(*x);
}

/* Takes a "NAME NUMBER us..." line. */
static bool take_named(all_series *s, const char *line) {
    for (const char *us = strstr(line, " us"); us != NULL; us = strstr(us + 1, " us")) {
        const char *from = us;
        while (from > line && !isspace((unsigned char)from[-1])) from--;
        char *word = text_format("%.*s", (int)(us - from), from);
        double x;
        const bool good = is_number(word, &x);
        free(word);
        if (!good) continue;
        while (from > line && (isspace((unsigned char)from[-1]) || from[-1] == ':')) from--;
        char *name = text_format("%.*s", (int)(from - line), line);
        add(s, name, x);
        free(name);
        return true;
    }
    return false;
}

static bool take_column(all_series *s, const char *line, size_t column) {
    char *copy = text_copy(line);
    size_t at = 0;
    bool taken = false;
    for (char *word = strtok(copy, " \t,;"); word != NULL && !taken; word = strtok(NULL, " \t,;")) {
        double x;
        at++;
        if ((column != 0 && at != column) || !is_number(word, &x)) continue;
        add(s, "", x);
        taken = true;
    }
    free(copy);
    return taken;
}

static void print_series(const series *s) {
    const perflab_summary r = perflab_summarize(s->x, s->n);
    if (*s->name != '\0') printf("%s\n", s->name);
    printf("  n %zu  mean %.6g  stddev %.4g  CV %.2f %%\n", r.n, r.mean, r.stddev, r.cv * 100);
    printf("  median %.6g  MAD %.4g  min %.6g  max %.6g\n", r.median, r.mad, r.min, r.max);
    if (r.has_interval) {
        printf("  median's %.1f %% interval [%.6g, %.6g]\n", r.confidence * 100, r.lo, r.hi);
    } else {
        printf("  no interval: fewer than %d values\n", PERFLAB_MIN_INTERVAL);
    }
    printf("  outliers %zu", r.outliers);
    for (size_t i = 0; i < s->n; i++) {
        if (perflab_is_outlier(s->x[i], r.median, r.mad)) printf("  %.6g (#%zu)", s->x[i], i + 1);
    }
    printf("\n");
}

int command_stats(int argc, char **argv) {
    size_t column = 0;
    const option options[] = {
        {"--column", OPTION_COUNT, &column, "N", "take the N-th word of each line"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "stats FILE [options]",
        .about = "Mean, standard deviation, median, MAD, minimum, maximum and outliers of\n"
                 "timings in a text file. \"name 45.2 us/iter\" lines are told apart by name.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words != 1) {
        complain("stats: name one file");
        return EXIT_USAGE;
    }
    char *text = read_text(line.words[0], NULL);
    if (text == NULL) {
        complain("cannot read %s: %s", line.words[0], strerror(errno));
        return EXIT_TROUBLE;
    }
    all_series s = {0};
    for (char *from = text, *next; from != NULL; from = next) {
        next = strchr(from, '\n');
        if (next != NULL) *next++ = '\0';
        if (from[strspn(from, " \t\r")] == '\0') continue;
        const bool taken = (column == 0 && take_named(&s, from)) || take_column(&s, from, column);
        s.ignored += !taken;
    }
    for (size_t i = 0; i < s.n; i++) {
        /* Headings between named lines may hold numbers; they are no timings. */
        if (s.n > 1 && *s.all[i].name == '\0') {
            s.ignored += s.all[i].n;
        } else {
            print_series(&s.all[i]);
        }
        free(s.all[i].name);
        free(s.all[i].x);
    }
    if (s.ignored > 0) printf("%zu lines without a timing left out\n", s.ignored);
    if (s.n == 0) complain("%s holds no numbers", line.words[0]);
    const bool any = s.n > 0;
    free(s.all);
    free(text);
    return any ? EXIT_DONE : EXIT_TROUBLE;
}
