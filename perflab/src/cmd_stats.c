/*
 * cmd_stats.c - `perflab stats FILE`: statistics of the timings in a text file.
 *
 * A timing is a number with a unit: "45.2 us", "45.2us/iter", "0m1.234s". A line such as
 *     name   45.23 us/iter  (n=100)
 * adds its first timing to the series "name". Lines of numbers without units make one series for
 * each column. Other lines are left out and counted. A file that mixes numbers with and without
 * units, or rows of different lengths, is refused, since a guess could be wrong. Google Benchmark's
 * JSON is read, too.
 */
#include "commands.h"
#include "format.h"
#include "formats.h"
#include "options.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 256, MAX_COLUMNS = 32 };

typedef struct series {
    char *name;
    bool timed; /* x is in microseconds */
    double *x;
    size_t n;
} series;

typedef struct reading {
    const char *path;
    series *all;
    size_t n;
    bool unclear;                            /* a line has words and several numbers */
    size_t ignored;                          /* lines without a number */
    size_t timed_line, bare_line, bare_size; /* the first of each kind; 0: none yet */
    size_t columns[MAX_COLUMNS], n_columns;  /* as asked for; none: all */
    char *heads[MAX_WORDS];                  /* the words of the first line, if it has no number */
    size_t n_heads;
} reading;

static void add(reading *r, const char *name, bool timed, double x) {
    series *to = NULL;
    for (size_t i = 0; i < r->n && to == NULL; i++) {
        if (strcmp(r->all[i].name, name) == 0) to = &r->all[i];
    }
    if (to == NULL) {
        r->all = must_grow(r->all, (r->n + 1) * sizeof *r->all);
        to = &r->all[r->n++];
        *to = (series){.name = text_copy(name), .timed = timed};
    }
    to->x = must_grow(to->x, (to->n + 1) * sizeof *to->x);
    to->x[to->n++] = x;
}

/* ---- Words -------------------------------------------------------------------------------- */

/* The microseconds of the unit that a text begins with ("us/iter", "ms)"); 0 if there is none. */
static double unit_of(const char *text) {
    static const struct {
        const char *name;
        double us;
    } units[] = {{"ns", 1e-3},         {"us", 1},
                 {"\xc2\xb5s", 1},     {"\xce\xbcs", 1},
                 {"usec", 1},          {"ms", 1e3},
                 {"msec", 1e3},        {"s", 1e6},
                 {"sec", 1e6},         {"secs", 1e6},
                 {"seconds", 1e6},     {"nsec", 1e-3},
                 {"microseconds", 1},  {"nanoseconds", 1e-3},
                 {"milliseconds", 1e3}};
    const size_t length = strcspn(text, "/),;:]");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == length && strncmp(text, units[i].name, length) == 0) {
            return units[i].us;
        }
    }
    return 0;
}

/* Reads the number that a word begins with; *rest is what follows it. */
static bool number_of(const char *word, double *x, const char **rest) {
    char *end;
    *x = strtod(word, &end);
    *rest = end;
    return end != word && (isdigit((unsigned char)*word) != 0 || strchr("+-.", *word) != NULL) &&
           isfinite(*x);
}

/* What a word means, together with the next word. */
typedef struct value {
    bool is_number;
    bool timed;    /* x is in microseconds */
    bool used_two; /* the next word is its unit */
    double x;
} value;

static value value_of(const char *word, const char *next) {
    value v = {0};
    const char *rest;
    const char *bare = word + strspn(word, "([=");
    if (!number_of(bare, &v.x, &rest)) return v;
    /* "0m1.234s", as the shell's `time` writes it. */
    double seconds;
    const char *end;
    if (*rest == 'm' && number_of(rest + 1, &seconds, &end) && strcmp(end, "s") == 0) {
        return (value){true, true, false, (v.x * 60 + seconds) * 1e6};
    }
    const bool closed = *rest == '\0' || strcmp(rest, ",") == 0 || strcmp(rest, ";") == 0;
    const double us = !closed ? unit_of(rest) : next != NULL ? unit_of(next) : 0;
    if (!closed && us == 0) return v; /* "3rd", "12MB", "2024-01-01" */
    v.is_number = true;
    v.timed = us > 0;
    v.used_two = closed && us > 0;
    if (us > 0) v.x *= us;
    return v;
}

static size_t split(char *line, char **words) {
    size_t n = 0;
    for (char *word = strtok(line, " \t\r,;"); word != NULL && n < MAX_WORDS;
         word = strtok(NULL, " \t\r,;")) {
        words[n++] = word;
    }
    return n;
}

/* ---- Lines -------------------------------------------------------------------------------- */

static char *column_name(const reading *r, size_t column) {
    if (column <= r->n_heads) return text_copy(r->heads[column - 1]);
    return text_format("column %zu", column);
}

/* The words before the first timing, as the name of its series. */
static char *name_before(char **words, size_t n) {
    text_buffer name = {0};
    text_add(&name, "%s", "");
    for (size_t i = 0; i < n; i++) text_add(&name, "%s%s", i > 0 ? " " : "", words[i]);
    while (name.length > 0 && strchr(":= ([", name.text[name.length - 1]) != NULL) {
        name.text[--name.length] = '\0';
    }
    return name.text;
}

/* Notes that a line has a timing or a bare number. Returns false if the file has both. */
static bool note_kind(reading *r, bool timed, size_t number) {
    size_t *first = timed ? &r->timed_line : &r->bare_line;
    if (*first == 0) *first = number;
    if (r->timed_line == 0 || r->bare_line == 0) return true;
    complain("%s: refused: line %zu has a time with a unit, line %zu a number without one: "
             "choose with --column",
             r->path, r->timed_line, r->bare_line);
    return false;
}

/* Takes the columns that were asked for. A column is a word, or a number together with its unit. */
static bool take_columns(reading *r, char **words, size_t n, size_t number) {
    bool any = false;
    size_t column = 0;
    for (size_t i = 0; i < n; i++) {
        const value v = value_of(words[i], i + 1 < n ? words[i + 1] : NULL);
        column++;
        for (size_t k = 0; k < r->n_columns; k++) {
            if (r->columns[k] != column || !v.is_number) continue;
            char *name = column_name(r, column);
            const series *known = NULL;
            for (size_t s = 0; s < r->n; s++) {
                if (strcmp(r->all[s].name, name) == 0) known = &r->all[s];
            }
            const bool same = known == NULL || known->timed == v.timed;
            if (same) {
                add(r, name, v.timed, v.x);
            } else {
                complain("%s: refused: line %zu: %s has a unit in some lines and none in others",
                         r->path, number, name);
            }
            free(name);
            if (!same) return false;
            any = true;
        }
        if (v.used_two) i++;
    }
    r->ignored += !any;
    return true;
}

/* Takes a line that has only numbers without units. */
static bool take_row(reading *r, char **words, size_t n, size_t number) {
    if (!note_kind(r, false, number)) return false;
    if (r->bare_size == 0) r->bare_size = n;
    if (n != r->bare_size) {
        complain("%s: refused: line %zu has %zu numbers, line %zu has %zu: choose with --column",
                 r->path, r->bare_line, r->bare_size, number, n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char *name = n > 1 ? column_name(r, i + 1) : text_copy("");
        add(r, name, false, value_of(words[i], NULL).x);
        free(name);
    }
    return true;
}

/* Takes a line of words and numbers without units: "name: 45.2" is a value, "run 3 of 5" is not. */
static void take_worded(reading *r, char **words, size_t n, size_t numbers) {
    const value last = value_of(words[n - 1], NULL);
    r->ignored += numbers != 1 || !last.is_number;
    r->unclear = r->unclear || numbers > 1;
    if (numbers != 1 || !last.is_number) return;
    char *name = name_before(words, n - 1);
    add(r, name, false, last.x);
    free(name);
}

static bool take_line(reading *r, char *line, size_t number) {
    char *words[MAX_WORDS];
    const size_t n = split(line, words);
    size_t numbers = 0, timed = n;
    for (size_t i = n; i > 0; i--) {
        const value v = value_of(words[i - 1], i < n ? words[i] : NULL);
        numbers += v.is_number;
        if (v.timed) timed = i - 1;
    }
    if (n == 0) return true;
    if (number == 1 && numbers == 0) {
        for (size_t i = 0; i < n; i++) r->heads[r->n_heads++] = text_copy(words[i]);
        return true;
    }
    if (r->n_columns > 0) return take_columns(r, words, n, number);
    if (timed < n) {
        if (!note_kind(r, true, number)) return false;
        char *name = name_before(words, timed);
        add(r, name, true, value_of(words[timed], timed + 1 < n ? words[timed + 1] : NULL).x);
        free(name);
        return true;
    }
    if (numbers == n) return take_row(r, words, n, number);
    take_worded(r, words, n, numbers);
    return true;
}

static void take_timing(void *self, const char *name, double us) {
    add(self, name, true, us);
}

/* Reads the text, as JSON of Google Benchmark or line by line. */
static bool take_text(reading *r, char *text) {
    size_t number = 0;
    bool good = true;
    if (*text == '{' && r->n_columns == 0 &&
        formats_google_read(text, take_timing, r, &r->ignored)) {
        r->timed_line = 1;
        return true;
    }
    for (char *from = text, *next; good && from != NULL; from = next) {
        next = strchr(from, '\n');
        if (next != NULL) *next++ = '\0';
        good = take_line(r, from, ++number);
    }
    return good;
}

/* ---- Output ------------------------------------------------------------------------------- */

static void print_series(const series *s) {
    static const struct {
        const char *unit;
        double us;
    } units[] = {{"s", 1e6}, {"ms", 1e3}, {"us", 1}, {"ns", 1e-3}};
    const perflab_summary r = perflab_summarize(s->x, s->n);
    double by = 1;
    const char *unit = "";
    for (size_t i = 0; i < 4 && s->timed && *unit == '\0'; i++) {
        if (i < 3 && fabs(r.median) < units[i].us) continue;
        unit = units[i].unit;
        by = units[i].us;
    }
    if (*s->name != '\0' || *unit != '\0') {
        printf("%s%s%s\n", s->name, *s->name != '\0' && *unit != '\0' ? ", " : "",
               *unit != '\0' ? unit : "");
    }
    printf("  n %zu  mean %.6g  stddev %.4g  CV %.2f %%\n", r.n, r.mean / by, r.stddev / by,
           r.cv * 100);
    printf("  median %.6g  MAD %.4g  min %.6g  max %.6g\n", r.median / by, r.mad / by, r.min / by,
           r.max / by);
    if (r.has_interval) {
        printf("  median's %.1f %% interval [%.6g, %.6g]\n", r.confidence * 100, r.lo / by,
               r.hi / by);
    } else {
        printf("  no interval: fewer than %d values\n", PERFLAB_MIN_INTERVAL);
    }
    printf("  outliers %zu", r.outliers);
    for (size_t i = 0; i < s->n; i++) {
        if (perflab_is_outlier(s->x[i], r.median, r.mad)) {
            printf("  %.6g (#%zu)", s->x[i] / by, i + 1);
        }
    }
    printf("\n");
}

/* Reads a list of columns, which count from 1: "2" or "2,4". */
static bool parse_columns(reading *r, const char *text) {
    char *copy = text_copy(text != NULL ? text : "");
    bool good = true;
    for (char *word = strtok(copy, ","); good && word != NULL; word = strtok(NULL, ",")) {
        char *end;
        const unsigned long column = strtoul(word, &end, 10);
        good = isdigit((unsigned char)*word) != 0 && *end == '\0' && column > 0 &&
               r->n_columns < MAX_COLUMNS;
        if (good) r->columns[r->n_columns++] = column;
    }
    free(copy);
    if (!good) complain("--column: %s is not a list of columns, such as 2 or 2,4", text);
    return good && (text == NULL || r->n_columns > 0);
}

int command_stats(int argc, char **argv) {
    const char *columns = NULL;
    const option options[] = {
        {"--column", OPTION_TEXT, &columns, "N,...", "take these words of each line"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "stats FILE [options]",
        .about =
            "Prints mean, standard deviation, median, MAD, minimum, maximum and outliers of\n"
            "the timings in a text file, or in standard input (-). Understands units (ns, us,\n"
            "ms, s). Lines such as \"name 45.2 us/iter\" are grouped by name; each column of\n"
            "numbers is a group, named by its heading or its position. Also reads the JSON of\n"
            "Google Benchmark.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    reading r = {0};
    if (line.n_words != 1) complain("stats: name one file, or - for standard input");
    if (line.n_words != 1 || !parse_columns(&r, columns)) return EXIT_USAGE;
    r.path = line.words[0];
    char *text = read_text(strcmp(r.path, "-") == 0 ? "/dev/stdin" : r.path, NULL);
    if (text == NULL) {
        complain("cannot read %s: %s", r.path, strerror(errno));
        return EXIT_TROUBLE;
    }
    bool good = take_text(&r, text);
    for (size_t i = 0; i < r.n; i++) {
        const series *one = &r.all[i];
        /* If some lines have timings, a number without a unit is part of a heading. */
        const bool heading = r.timed_line != 0 && r.n_columns == 0 && !one->timed;
        if (heading) r.ignored += one->n;
        if (good && !heading) print_series(one);
        free(r.all[i].name);
        free(r.all[i].x);
    }
    for (size_t i = 0; i < r.n_heads; i++) free(r.heads[i]);
    if (good && r.ignored > 0)
        printf("%zu lines or entries without a timing left out\n", r.ignored);
    if (good && r.n == 0) {
        complain("%s holds no numbers%s", r.path,
                 r.unclear ? " that it understands: choose with --column" : "");
    }
    good = good && r.n > 0;
    free(r.all);
    free(text);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
