/*
 * cliff_known.c: reading, checking and writing the list of known cliffs.
 */
#include "cliff_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Other compilers and other versions make slightly different code. */
#define TOLERANCE 1.05

static const char *const dtype_names[] = {"f32", "f16", "bf16"};

/* Whether a line is about the pair; *count is then its count. */
static bool is_about(const char *line, const cliff_pair *pair, double *count) {
    char rest[320];
    char *end = NULL;
    snprintf(rest, sizeof rest, "\t%d\t%s\t%s\t%s\n", (int)pair->n_vocab, dtype_names[pair->dtype],
             pair->chain->name, pair->shape->name);
    *count = strtod(line, &end);
    return *count > 0 && strcmp(end, rest) == 0;
}

static bool over(const cliff_pair *pair) {
    return pair->ratio > pair->limit;
}

static void complain(const cliff_pair *pair, const char *what) {
    printf("FAIL  %s on '%s', V = %d, %s: %s; %.0f instructions, ratio %.2f, limit %.2f\n",
           pair->chain->name, pair->shape->name, (int)pair->n_vocab, dtype_names[pair->dtype], what,
           pair->cost, pair->ratio, pair->limit);
}

/* Checks a pair. count: its count in the file, 0 if it is not listed. */
static bool check_pair(const cliff_pair *pair, double count) {
    if (!over(pair)) {
        if (count > 0) {
            printf("      %s on '%s': within its limit now, need not be listed\n",
                   pair->chain->name, pair->shape->name);
        }
        return true;
    }
    if (count > 0 && pair->cost <= count * TOLERANCE) return true;
    complain(pair, count > 0 ? "worse than it was" : "over its limit");
    return false;
}

bool cliff_known_check(const char *path, const cliff_pairs *pairs) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    int n_failed = 0;
    int n_over = 0;
    for (int i = 0; i < pairs->n; i++) {
        char line[400];
        double count = 0;
        bool found = false;
        rewind(file);
        while (!found && fgets(line, sizeof line, file) != NULL) {
            found = is_about(line, &pairs->items[i], &count);
        }
        n_failed += !check_pair(&pairs->items[i], found ? count : 0);
        n_over += over(&pairs->items[i]);
    }
    fclose(file);
    printf("%d pairs, %d over their limit, %d failed\n", pairs->n, n_over, n_failed);
    return n_failed == 0 && pairs->n > 0;
}

bool cliff_known_write(const char *path, const cliff_pairs *pairs) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return false;
    }
    fprintf(file,
            "# Known cliffs: instructions of a call, vocabulary, dtype, chain, shape.\n"
            "# bench-cliffs --instructions --record writes this file; counts may only fall.\n");
    for (int i = 0; i < pairs->n; i++) {
        const cliff_pair *p = &pairs->items[i];
        if (!over(p)) continue;
        fprintf(file, "%.0f\t%d\t%s\t%s\t%s\n", p->cost, (int)p->n_vocab, dtype_names[p->dtype],
                p->chain->name, p->shape->name);
    }
    return fclose(file) == 0;
}
