/*
 * comparison.c - printing and judging what was compared.
 */
#include "comparison.h"
#include "commands.h"
#include "facts.h"
#include "format.h"
#include "json.h"
#include "util.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

const char *comparison_words(const perflab_summary *ratio, comparison_unit unit) {
    switch (resolve(ratio)) {
    case RESOLUTION_FASTER:
        return unit == UNIT_BYTES ? "B is smaller" : "B is faster";
    case RESOLUTION_SLOWER:
        return unit == UNIT_BYTES ? "B is larger" : "B is slower";
    case RESOLUTION_NEGLIGIBLE:
        return "a difference under 2 %";
    case RESOLUTION_UNRESOLVED:
        return "no difference resolved";
    case RESOLUTION_NONE:
        break;
    }
    return "too few runs for an interval";
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

/* What the row is about: "ID component input size metric". */
static char *title_of(const comparison_row *r) {
    char size[32] = "";
    if (r->size != 0) snprintf(size, sizeof size, " %zu", r->size);
    return text_format("%s%s%s%s%s%s%s%s", r->id, r->component[0] != '\0' ? " " : "", r->component,
                       r->input[0] != '\0' ? " " : "", r->input, size,
                       r->metric[0] != '\0' ? " " : "", r->metric);
}

static char *verdict_text(const comparison *c, const comparison_row *r) {
    if (c->fail_on == NULL || !r->judged) return text_copy("");
    const verdict v = verdict_of(&r->ratio, r->threshold);
    if (v != VERDICT_UNKNOWN) return text_format(", %s", verdict_name(v));
    const size_t more = verdict_more(&r->ratio, r->threshold);
    if (more == 0) return text_copy(", cannot tell: the median is at the threshold");
    return text_format(", cannot tell: about %zu more processes needed", more);
}

static void print_text(const comparison *c, const comparison_row *r) {
    char *title = title_of(r);
    if (r->wrong != NULL) {
        printf("%-40s %s\n", title, r->wrong);
    } else {
        char a[FORMAT_ROOM], b[FORMAT_ROOM], factor[FORMAT_ROOM];
        amount(a, r->a, r->unit);
        amount(b, r->b, r->unit);
        format_ratio(factor, &r->ratio);
        char *judged = verdict_text(c, r);
        printf("%-40s A %s, B %s, %s: %s%s%s\n", title, a, b, factor,
               comparison_words(&r->ratio, r->unit), r->note != NULL ? r->note : "", judged);
        free(judged);
    }
    fflush(stdout);
    free(title);
}

void comparison_add(comparison *c, const comparison_row *row) {
    c->rows = must_grow(c->rows, (c->n + 1) * sizeof *c->rows);
    comparison_row *r = &c->rows[c->n++];
    *r = *row;
    r->threshold = c->threshold;
    r->id = text_copy(row->id != NULL ? row->id : "");
    r->component = text_copy(row->component != NULL ? row->component : "");
    r->input = text_copy(row->input != NULL ? row->input : "");
    r->metric = text_copy(row->metric != NULL ? row->metric : "");
    r->wrong = text_copy(row->wrong);
    r->note = text_copy(row->note);
    if (!c->markdown && !c->json) print_text(c, r);
}

static void print_markdown(const comparison *c) {
    printf("| | A: %s | B: %s | A / B | |\n|----|----|----|----|----|\n", c->a, c->b);
    for (size_t i = 0; i < c->n; i++) {
        const comparison_row *r = &c->rows[i];
        char *title = title_of(r);
        if (r->wrong != NULL) {
            printf("| %s | | | | **%s** |\n", title, r->wrong);
        } else {
            char a[FORMAT_ROOM], b[FORMAT_ROOM], factor[FORMAT_ROOM];
            amount(a, r->a, r->unit);
            amount(b, r->b, r->unit);
            format_ratio(factor, &r->ratio);
            char *judged = verdict_text(c, r);
            printf("| %s | %s | %s | %s | %s%s |\n", title, a, b, factor,
                   comparison_words(&r->ratio, r->unit), judged);
            free(judged);
        }
        free(title);
    }
}

static cJSON *row_json(const comparison *c, const comparison_row *r) {
    const bool times = r->unit == UNIT_MICROSECONDS;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", r->id);
    cJSON_AddStringToObject(o, "component", r->component);
    cJSON_AddStringToObject(o, "input", r->input);
    cJSON_AddStringToObject(o, "metric", r->metric);
    if (r->size != 0) cJSON_AddNumberToObject(o, "size", (double)r->size);
    if (r->wrong != NULL) {
        cJSON_AddStringToObject(o, "wrong", r->wrong);
        return o;
    }
    cJSON_AddStringToObject(o, "unit", times ? "us" : "bytes");
    cJSON_AddNumberToObject(o, "a", r->a);
    cJSON_AddNumberToObject(o, "b", r->b);
    cJSON_AddNumberToObject(o, "ratio", r->ratio.median);
    if (r->ratio.has_interval) {
        cJSON_AddNumberToObject(o, "low", r->ratio.lo);
        cJSON_AddNumberToObject(o, "high", r->ratio.hi);
        cJSON_AddNumberToObject(o, "confidence", r->ratio.confidence);
    }
    cJSON_AddNumberToObject(o, "n", (double)r->ratio.n);
    cJSON_AddStringToObject(o, "says", comparison_words(&r->ratio, r->unit));
    if (c->fail_on != NULL && r->judged) {
        const verdict v = verdict_of(&r->ratio, r->threshold);
        cJSON_AddStringToObject(o, "verdict", verdict_name(v));
        cJSON_AddNumberToObject(o, "threshold", r->threshold);
        if (v == VERDICT_UNKNOWN) {
            cJSON_AddNumberToObject(o, "more_processes",
                                    (double)verdict_more(&r->ratio, r->threshold));
        }
    }
    return o;
}

static void print_json(const comparison *c, int code) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "a", c->a);
    cJSON_AddStringToObject(root, "b", c->b);
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
        const verdict v = verdict_of(&r->ratio, r->threshold);
        loss = loss || v == VERDICT_LOSS;
        unknown = unknown || v == VERDICT_UNKNOWN;
    }
    if (c->failed != 0) return c->failed;
    return wrong || loss ? EXIT_WRONG_RESULT : unknown ? EXIT_UNRESOLVED : EXIT_DONE;
}

int comparison_finish(const comparison *c) {
    const int code = code_of(c);
    if (c->json) print_json(c, code);
    if (c->markdown) print_markdown(c);
    return code;
}

void comparison_free(comparison *c) {
    for (size_t i = 0; i < c->n; i++) {
        comparison_row *r = &c->rows[i];
        char *const strings[] = {r->id, r->component, r->input, r->metric, r->wrong, r->note};
        for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
    }
    free(c->rows);
    c->rows = NULL;
    c->n = 0;
}
