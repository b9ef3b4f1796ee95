/*
 * selection.c - checks that what the user asks for exists.
 */
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

bool selection_has(const selection *s, const entry *e) {
    const bool variant = strcmp(s->variant, "both") == 0 || strcmp(s->variant, e->variant) == 0;
    return variant && is_wanted(e->id, s->ids, s->n_ids);
}

bool entry_has_input(const entry *e, const char *input) {
    for (char **k = e->inputs; input != NULL && *k != NULL; k++) {
        if (strcmp(*k, input) == 0) return true;
    }
    return input == NULL;
}

bool selection_has_input(const selection *s, const char *input) {
    return s->input == NULL || strcmp(s->input, input) == 0;
}

static bool is_recorded(ledger *l, const char *id) {
    if (l == NULL) return false;
    cJSON *rows = ledger_rows(l, "SELECT uuid FROM build WHERE id = ?1 LIMIT 1", id, NULL);
    const bool any = cJSON_GetArraySize(rows) > 0;
    cJSON_Delete(rows);
    return any;
}

static bool id_known(const catalog *c, ledger *l, const char *id) {
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->entries[i].id, id) == 0) return true;
    }
    return is_recorded(l, id);
}

/* Whether a list of words that are separated by spaces has a word. */
static bool has_word(const char *list, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = strstr(list, word); at != NULL && n > 0; at = strstr(at + 1, word)) {
        const bool starts = at == list || at[-1] == ' ';
        if (starts && (at[n] == ' ' || at[n] == '\0')) return true;
    }
    return false;
}

/* Adds a kind of input to a list of words, unless it has it. */
static void add_kind(text_buffer *known, const char *kind) {
    if (known->text != NULL && has_word(known->text, kind)) return;
    text_add(known, "%s%s", known->length > 0 ? " " : "", kind);
}

/* Whether a selected improvement has the kind of input; if not, prints an error message. */
static bool input_known(const selection *s, const catalog *c, ledger *l) {
    text_buffer known = {0};
    cJSON *rows = l == NULL ? NULL : ledger_rows(l, "SELECT id, inputs FROM build", NULL);
    const cJSON *row;
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        for (char **k = e->inputs; selection_has(s, e) && *k != NULL; k++) add_kind(&known, *k);
    }
    cJSON_ArrayForEach(row, rows) {
        if (!is_wanted(json_text(row, "id", ""), s->ids, s->n_ids)) continue;
        char *inputs = text_copy(json_text(row, "inputs", ""));
        for (char *k = strtok(inputs, " "); k != NULL; k = strtok(NULL, " ")) add_kind(&known, k);
        free(inputs);
    }
    cJSON_Delete(rows);
    const bool good = known.text != NULL && has_word(known.text, s->input);
    if (!good) {
        complain("there is no kind of input %s, only: %s", s->input,
                 known.text != NULL ? known.text : "none");
    }
    free(known.text);
    return good;
}

bool selection_known(const selection *s, const catalog *c, ledger *l) {
    bool good = true;
    if (strcmp(s->variant, "native") != 0 && strcmp(s->variant, "portable") != 0 &&
        strcmp(s->variant, "both") != 0) {
        complain("there is no variant %s, only native and portable", s->variant);
        return false;
    }
    for (size_t i = 0; i < s->n_ids; i++) {
        if (id_known(c, l, s->ids[i])) continue;
        complain("no module registers %s%s", s->ids[i],
                 l != NULL ? ", and nothing is recorded for it" : "");
        good = false;
    }
    return good && (s->input == NULL || input_known(s, c, l));
}
