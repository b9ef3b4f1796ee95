/*
 * comparison.c - printing and judging what was compared.
 */
#include "comparison.h"
#include "commands.h"
#include "family.h"
#include "format.h"
#include "formats.h"
#include "json.h"
#include "util.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

char comparison_letter(size_t candidate) {
    return (char)('B' + candidate);
}

char *comparison_words(resolution said, comparison_unit unit, char letter) {
    switch (said) {
    case RESOLUTION_FASTER:
        return text_format("%c is %s", letter, unit == UNIT_BYTES ? "smaller" : "faster");
    case RESOLUTION_SLOWER:
        return text_format("%c is %s", letter, unit == UNIT_BYTES ? "larger" : "slower");
    case RESOLUTION_NEGLIGIBLE:
        return text_copy("a difference under 2 %");
    case RESOLUTION_UNRESOLVED:
        return text_copy("no difference resolved");
    case RESOLUTION_NONE:
        break;
    }
    return text_copy("too few runs for an interval");
}

/* What a row says: by its interval if there is one candidate, else by Holm's adjusted p-value. */
static char *row_words(const comparison *c, const comparison_row *r) {
    const char letter = comparison_letter(r->candidate);
    perflab_summary s = r->summary;
    if (c->n_candidates > 1 && s.has_interval) {
        /* Holm's test may find a difference that the wider interval does not show. */
        s.lo = s.hi = r->p <= FAMILY_ALPHA ? s.median : 1;
    }
    return comparison_words(resolve(&s), r->unit, letter);
}

static void amount(char out[FORMAT_ROOM], double x, comparison_unit unit) {
    if (unit == UNIT_MICROSECONDS) {
        format_time(out, x);
        return;
    }
    char number[FORMAT_ROOM];
    format_three(number, x / 1048576);
    snprintf(out, FORMAT_ROOM, "%.80s MiB", number);
}

char *comparison_title(const comparison_row *r) {
    char size[32] = "";
    if (r->size != 0) snprintf(size, sizeof size, " %zu", r->size);
    return text_format("%s%s%s%s%s%s%s%s", r->id, r->component[0] != '\0' ? " " : "", r->component,
                       r->input[0] != '\0' ? " " : "", r->input, size,
                       r->metric[0] != '\0' ? " " : "", r->metric);
}

static char *verdict_text(const comparison *c, const comparison_row *r) {
    if (c->fail_on == NULL || !r->judged) return text_copy("");
    const verdict v = verdict_of(&r->summary, r->threshold);
    if (v != VERDICT_UNKNOWN) return text_format(", %s", verdict_name(v));
    const size_t more = verdict_more(&r->summary, r->threshold, family_least(c->n_candidates));
    if (more == 0) return text_copy(", cannot tell: the median is at the threshold");
    return text_format(", cannot tell: about %zu more processes needed", more);
}

/* "C: " in front of a row if there are several candidates, else "". */
static void row_head(char head[8], const comparison *c, const comparison_row *r) {
    head[0] = '\0';
    if (c->n_candidates > 1) snprintf(head, 8, "%c: ", comparison_letter(r->candidate));
}

static void print_text(const comparison *c, const comparison_row *r) {
    char *title = comparison_title(r);
    char head[8];
    row_head(head, c, r);
    if (r->wrong != NULL) {
        printf("%s%-40s %s\n", head, title, r->wrong);
    } else {
        char a[FORMAT_ROOM], b[FORMAT_ROOM], factor[FORMAT_ROOM];
        amount(a, r->a, r->unit);
        amount(b, r->b, r->unit);
        format_ratio(factor, &r->summary);
        char *judged = verdict_text(c, r), *words = row_words(c, r);
        printf("%s%-40s A %s, %c %s, %s: %s%s%s\n", head, title, a, comparison_letter(r->candidate),
               b, factor, words, r->note != NULL ? r->note : "", judged);
        free(judged);
        free(words);
    }
    fflush(stdout);
    free(title);
}

void comparison_add(comparison *c, const comparison_row *row) {
    c->rows = must_grow(c->rows, (c->n + 1) * sizeof *c->rows);
    comparison_row *r = &c->rows[c->n++];
    *r = *row;
    r->threshold = c->threshold;
    r->candidate = c->candidate;
    r->summary = summarize_in_family(row->ratio, row->n, c->n_candidates);
    r->p = sign_test(row->ratio, row->n);
    r->ratio = must_alloc((row->n + 1) * sizeof *r->ratio);
    if (row->n > 0) memcpy(r->ratio, row->ratio, row->n * sizeof *r->ratio);
    r->id = text_copy(row->id != NULL ? row->id : "");
    r->component = text_copy(row->component != NULL ? row->component : "");
    r->input = text_copy(row->input != NULL ? row->input : "");
    r->metric = text_copy(row->metric != NULL ? row->metric : "");
    r->wrong = text_copy(row->wrong);
    r->note = text_copy(row->note);
    const bool later = c->quiet || c->markdown || c->json || c->bencher || c->n_candidates > 1;
    if (!later) print_text(c, r);
}

/* "B = v1.1, C = HEAD". To be freed. */
static char *legend(const comparison *c) {
    text_buffer out = {0};
    for (size_t i = 0; i < c->n_candidates; i++) {
        text_add(&out, "%s%c%s%s", i > 0 ? ", " : "", comparison_letter(i),
                 c->n_candidates > 1 ? " = " : ": ", c->candidates[i]);
    }
    return out.text;
}

static void print_markdown_row(const comparison *c, const comparison_row *r) {
    char *title = comparison_title(r);
    char head[8];
    row_head(head, c, r);
    if (r->wrong != NULL) {
        printf("| %s%s | | | | **%s** |\n", head, title, r->wrong);
    } else {
        char a[FORMAT_ROOM], b[FORMAT_ROOM], factor[FORMAT_ROOM];
        amount(a, r->a, r->unit);
        amount(b, r->b, r->unit);
        format_ratio(factor, &r->summary);
        char *judged = verdict_text(c, r), *words = row_words(c, r);
        printf("| %s%s | %s | %s | %s | %s%s |\n", head, title, a, b, factor, words, judged);
        free(judged);
        free(words);
    }
    free(title);
}

static const char correction[] = "the differences are corrected by Holm's method, the intervals "
                                 "hold together";

static void print_markdown(const comparison *c) {
    char *names = legend(c);
    printf("| | A: %s | %s | A / %s | |\n|----|----|----|----|----|\n", c->a, names,
           c->n_candidates > 1 ? "candidate" : "B");
    for (size_t i = 0; i < c->n; i++) print_markdown_row(c, &c->rows[i]);
    if (c->n_candidates > 1) {
        printf("\n%zu candidates against one baseline: %s.\n", c->n_candidates, correction);
    }
    free(names);
}

static void print_several(const comparison *c) {
    char *names = legend(c);
    printf("A = %s, %s\n", c->a, names);
    for (size_t i = 0; i < c->n; i++) print_text(c, &c->rows[i]);
    printf("(%zu candidates against one baseline: %s)\n", c->n_candidates, correction);
    free(names);
}

static cJSON *row_json(const comparison *c, const comparison_row *r) {
    const bool times = r->unit == UNIT_MICROSECONDS;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", r->id);
    cJSON_AddStringToObject(o, "component", r->component);
    cJSON_AddStringToObject(o, "input", r->input);
    cJSON_AddStringToObject(o, "metric", r->metric);
    cJSON_AddStringToObject(o, "candidate", c->candidates[r->candidate]);
    if (r->size != 0) cJSON_AddNumberToObject(o, "size", (double)r->size);
    if (r->wrong != NULL) {
        cJSON_AddStringToObject(o, "wrong", r->wrong);
        return o;
    }
    cJSON_AddStringToObject(o, "unit", times ? "us" : "bytes");
    cJSON_AddNumberToObject(o, "a", r->a);
    cJSON_AddNumberToObject(o, "b", r->b);
    cJSON_AddNumberToObject(o, "ratio", r->summary.median);
    if (r->summary.has_interval) {
        cJSON_AddNumberToObject(o, "low", r->summary.lo);
        cJSON_AddNumberToObject(o, "high", r->summary.hi);
        cJSON_AddNumberToObject(o, "confidence", r->summary.confidence);
    }
    cJSON_AddNumberToObject(o, "n", (double)r->summary.n);
    cJSON_AddNumberToObject(o, "p", r->p);
    char *words = row_words(c, r);
    cJSON_AddStringToObject(o, "says", words);
    free(words);
    if (c->fail_on != NULL && r->judged) {
        const verdict v = verdict_of(&r->summary, r->threshold);
        cJSON_AddStringToObject(o, "verdict", verdict_name(v));
        cJSON_AddNumberToObject(o, "threshold", r->threshold);
        if (v == VERDICT_UNKNOWN) {
            const size_t least = family_least(c->n_candidates);
            cJSON_AddNumberToObject(o, "more_processes",
                                    (double)verdict_more(&r->summary, r->threshold, least));
        }
    }
    return o;
}

static void print_json(const comparison *c, int code) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "a", c->a);
    cJSON_AddItemToObject(root, "candidates",
                          cJSON_CreateStringArray(c->candidates, (int)c->n_candidates));
    if (c->n_candidates > 1) cJSON_AddStringToObject(root, "correction", "Holm");
    cJSON_AddNumberToObject(root, "exit", code);
    cJSON *rows = cJSON_AddArrayToObject(root, "rows");
    for (size_t i = 0; i < c->n; i++) cJSON_AddItemToArray(rows, row_json(c, &c->rows[i]));
    char *text = cJSON_Print(root);
    printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
}

static int code_of(const comparison *c) {
    bool wrong = false, loss = false, unknown = false;
    for (size_t i = 0; i < c->n; i++) {
        const comparison_row *r = &c->rows[i];
        wrong = wrong || r->wrong != NULL;
        if (r->wrong != NULL || !r->judged || c->fail_on == NULL) continue;
        const verdict v = verdict_of(&r->summary, r->threshold);
        loss = loss || v == VERDICT_LOSS;
        unknown = unknown || v == VERDICT_UNKNOWN;
    }
    if (c->failed != 0) return c->failed;
    return wrong || loss ? EXIT_WRONG_RESULT : unknown ? EXIT_UNRESOLVED : EXIT_DONE;
}

static bool same_measure(const comparison_row *x, const comparison_row *y) {
    return x->size == y->size && strcmp(x->id, y->id) == 0 && strcmp(x->input, y->input) == 0 &&
           strcmp(x->metric, y->metric) == 0;
}

/* Adjusts the p-values of the candidates on each measure: an id, kind of input, size, metric. */
static void adjust(comparison *c) {
    double *p = must_alloc((c->n + 1) * sizeof *p);
    size_t *at = must_alloc((c->n + 1) * sizeof *at);
    bool *done = must_alloc((c->n + 1) * sizeof *done);
    for (size_t i = 0; i < c->n; i++) {
        size_t n = 0;
        for (size_t k = i; k < c->n; k++) {
            if (done[k] || c->rows[k].wrong != NULL || !same_measure(&c->rows[i], &c->rows[k]))
                continue;
            done[k] = true;
            at[n] = k;
            p[n++] = c->rows[k].p;
        }
        holm_adjust(p, n);
        for (size_t k = 0; k < n; k++) c->rows[at[k]].p = p[k];
    }
    free(p);
    free(at);
    free(done);
}

int comparison_finish(comparison *c) {
    const int code = code_of(c);
    if (c->n_candidates > 1) adjust(c);
    if (c->quiet) {
        return code;
    } else if (c->json) {
        print_json(c, code);
    } else if (c->bencher) {
        char *text = formats_bencher_comparison(c);
        fputs(text, stdout);
        free(text);
    } else if (c->markdown) {
        print_markdown(c);
    } else if (c->n_candidates > 1 && c->n > 0) {
        print_several(c);
    }
    return code;
}

void comparison_free(comparison *c) {
    for (size_t i = 0; i < c->n; i++) {
        comparison_row *r = &c->rows[i];
        char *const strings[] = {r->id, r->component, r->input, r->metric, r->wrong, r->note};
        for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
        free(r->ratio);
    }
    free(c->rows);
    c->rows = NULL;
    c->n = 0;
}
