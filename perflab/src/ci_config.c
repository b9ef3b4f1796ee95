/*
 * ci_config.c - reads perflab.json.
 *
 * The file is an object. Most keys may be given at the top, for all entries of "compare", and in an
 * entry, for this one. A key that no entry can use is an error, so that a misspelt one is noticed.
 */
#include "ci_config.h"
#include "util.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum value_kind {
    VALUE_TEXT,    /* const char * */
    VALUE_RUNS,    /* size_t, enough for an interval */
    VALUE_SECONDS, /* double */
    VALUE_VARIANT, /* const char * */
    VALUE_SIZES,   /* const char *: "100,1000" */
    VALUE_INPUTS,  /* const char *const *, ends with NULL */
    VALUE_FLAG,    /* bool */
    VALUE_FAIL_ON  /* double: the threshold */
} value_kind;

/* Where a key may be. */
enum { AT_TOP = 1, IN_BENCH = 2, IN_COMMAND = 4, ANYWHERE = 7 };

typedef struct key {
    const char *name;
    value_kind kind;
    int where;
    size_t at; /* the member of git_job */
} key;

#define JOB(member)     offsetof(git_job, member)
#define MEASURE(member) (offsetof(git_job, measure) + offsetof(compare_request, member))

static const key keys[] = {{"bench", VALUE_TEXT, IN_BENCH, JOB(bench)},
                           {"command", VALUE_TEXT, IN_COMMAND, JOB(command)},
                           {"id", VALUE_TEXT, IN_BENCH, MEASURE(id)},
                           {"cflags", VALUE_TEXT, AT_TOP | IN_BENCH, JOB(cflags)},
                           {"libs", VALUE_TEXT, AT_TOP | IN_BENCH, JOB(libs)},
                           {"inputs", VALUE_INPUTS, AT_TOP | IN_BENCH, JOB(inputs)},
                           {"sizes", VALUE_SIZES, AT_TOP | IN_BENCH, MEASURE(sizes)},
                           {"variant", VALUE_VARIANT, AT_TOP | IN_BENCH, MEASURE(variant)},
                           {"data", VALUE_TEXT, AT_TOP | IN_BENCH, MEASURE(data)},
                           {"time", VALUE_SECONDS, AT_TOP | IN_BENCH, MEASURE(seconds)},
                           {"timeout", VALUE_SECONDS, AT_TOP | IN_BENCH, MEASURE(timeout)},
                           {"fixed", VALUE_FLAG, AT_TOP | IN_BENCH, MEASURE(fixed)},
                           {"runs", VALUE_RUNS, ANYWHERE, MEASURE(runs)},
                           {"fail_on", VALUE_FAIL_ON, ANYWHERE, JOB(threshold)}};

static const char *wanted(value_kind kind) {
    switch (kind) {
    case VALUE_RUNS:
        return "a whole number of at least 6";
    case VALUE_SECONDS:
        return "a number of seconds above 0";
    case VALUE_VARIANT:
        return "\"native\" or \"portable\"";
    case VALUE_SIZES:
        return "an array of whole numbers of at least 1";
    case VALUE_INPUTS:
        return "an array of kinds of input";
    case VALUE_FLAG:
        return "true or false";
    case VALUE_FAIL_ON:
        return "\"regression\", or \"regression=2%\" with any percentage";
    case VALUE_TEXT:
        break;
    }
    return "a text";
}

static char *own(ci_config *c, char *text) {
    c->owned = must_grow(c->owned, (c->n_owned + 1) * sizeof *c->owned);
    c->owned[c->n_owned++] = text;
    return text;
}

static bool is_whole(const cJSON *value, double least) {
    const double x = cJSON_IsNumber(value) ? value->valuedouble : -1;
    return x >= least && x <= 1e15 && x == floor(x);
}

/* "100,1000" of an array; NULL if it is not an array of sizes. */
static const char *sizes_of(ci_config *c, const cJSON *value) {
    text_buffer text = {0};
    const cJSON *item;
    bool good = cJSON_IsArray(value) && cJSON_GetArraySize(value) > 0;
    cJSON_ArrayForEach(item, value) {
        good = good && is_whole(item, 1);
        if (good) text_add(&text, "%s%.0f", text.length > 0 ? "," : "", item->valuedouble);
    }
    if (good) return own(c, text.text);
    free(text.text);
    return NULL;
}

static const char *const *inputs_of(ci_config *c, const cJSON *value) {
    const size_t n = (size_t)cJSON_GetArraySize(value);
    const cJSON *item;
    bool good = cJSON_IsArray(value) && n > 0;
    cJSON_ArrayForEach(item, value) good = good && cJSON_IsString(item);
    if (!good) return NULL;
    const char **names = must_alloc((n + 1) * sizeof *names);
    size_t i = 0;
    cJSON_ArrayForEach(item, value) names[i++] = item->valuestring;
    own(c, (char *)names);
    return names;
}

/* Stores the value of a key in a job. Returns false if the value is of the wrong kind. */
static bool take(ci_config *c, const key *k, const cJSON *value, git_job *job) {
    void *to = (char *)job + k->at;
    const char *text = cJSON_GetStringValue(value);
    const char *sizes;
    const char *const *inputs;
    switch (k->kind) {
    case VALUE_TEXT:
        if (text == NULL) return false;
        memcpy(to, &text, sizeof text);
        return true;
    case VALUE_VARIANT:
        if (text == NULL || (strcmp(text, "native") != 0 && strcmp(text, "portable") != 0))
            return false;
        memcpy(to, &text, sizeof text);
        return true;
    case VALUE_RUNS:
        if (!is_whole(value, PERFLAB_MIN_INTERVAL)) return false;
        *(size_t *)to = (size_t)value->valuedouble;
        return true;
    case VALUE_SECONDS:
        if (!cJSON_IsNumber(value) || !(value->valuedouble > 0) || value->valuedouble > 1e6)
            return false;
        *(double *)to = value->valuedouble;
        return true;
    case VALUE_SIZES:
        sizes = sizes_of(c, value);
        memcpy(to, &sizes, sizeof sizes);
        return sizes != NULL;
    case VALUE_INPUTS:
        inputs = inputs_of(c, value);
        memcpy(to, &inputs, sizeof inputs);
        return inputs != NULL;
    case VALUE_FLAG:
        *(bool *)to = cJSON_IsTrue(value);
        return cJSON_IsBool(value);
    case VALUE_FAIL_ON:
        return text != NULL && verdict_threshold(text, to);
    }
    return false;
}

static const key *find_key(const char *name) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, name) == 0) return &keys[i];
    }
    return NULL;
}

/* Reads one key of an object at `place` ("" or "compare[1]: "). `where`: AT_TOP, IN_BENCH ... */
static bool read_key(ci_config *c, const char *path, const char *place, const cJSON *value,
                     int where, git_job *job) {
    const key *k = find_key(value->string);
    if (k == NULL) {
        complain("%s: %sunknown key \"%s\"", path, place, value->string);
        return false;
    }
    if ((k->where & where) == 0) {
        complain("%s: %s\"%s\" %s", path, place, k->name,
                 where == AT_TOP ? "belongs in an entry of \"compare\""
                                 : "applies to benchmarks only");
        return false;
    }
    if (take(c, k, value, job)) return true;
    complain("%s: %s\"%s\" must be %s", path, place, k->name, wanted(k->kind));
    return false;
}

static bool read_job(ci_config *c, const char *path, const cJSON *entry, const git_job *usual,
                     size_t number) {
    const bool bench = cJSON_HasObjectItem(entry, "bench");
    const bool command = cJSON_HasObjectItem(entry, "command");
    char *place = text_format("compare[%zu]: ", number);
    git_job *job = &c->git.jobs[number];
    bool good = cJSON_IsObject(entry) && bench != command;
    *job = *usual;
    if (!good)
        complain("%s: %sit must be an object with either \"bench\" or \"command\"", path, place);
    for (const cJSON *value = good ? entry->child : NULL; good && value != NULL;
         value = value->next) {
        good = read_key(c, path, place, value, bench ? IN_BENCH : IN_COMMAND, job);
    }
    free(place);
    return good;
}

static bool read_jobs(ci_config *c, const char *path, const git_job *usual) {
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(c->root, "compare");
    const int n = cJSON_GetArraySize(entries);
    if (!cJSON_IsArray(entries) || n == 0) {
        complain("%s: \"compare\" must be an array with at least one entry", path);
        return false;
    }
    c->git.jobs = must_alloc((size_t)n * sizeof *c->git.jobs);
    c->git.n_jobs = (size_t)n;
    for (int i = 0; i < n; i++) {
        if (!read_job(c, path, cJSON_GetArrayItem(entries, i), usual, (size_t)i)) return false;
    }
    return true;
}

/* Reads the top of the file: the keys that are only there, and those for all entries. */
static bool read_top(ci_config *c, const char *path, git_job *usual) {
    for (const cJSON *value = c->root->child; value != NULL; value = value->next) {
        const char **text = NULL;
        if (strcmp(value->string, "base") == 0) text = &c->base;
        if (strcmp(value->string, "build") == 0) text = &c->git.build;
        if (text != NULL) {
            *text = cJSON_GetStringValue(value);
            if (*text != NULL) continue;
            complain("%s: \"%s\" must be %s", path, value->string, wanted(VALUE_TEXT));
            return false;
        }
        if (strcmp(value->string, "compare") == 0) continue; /* read_jobs reads it */
        if (!read_key(c, path, "", value, AT_TOP, usual)) return false;
    }
    return true;
}

bool ci_config_read(const char *path, ci_config *c) {
    git_job usual = {.threshold = 0.02, .measure = {.variant = "native", .runs = 10, .seconds = 1}};
    memset(c, 0, sizeof *c);
    char *text = read_text(path, NULL);
    if (text == NULL) {
        complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    const char *end = text;
    c->root = cJSON_ParseWithOpts(text, &end, 1);
    size_t line = 1;
    for (const char *p = text; p < end && *p != '\0'; p++) line += *p == '\n';
    free(text);
    if (c->root == NULL) {
        complain("%s: line %zu: not valid JSON", path, line);
        return false;
    }
    if (!cJSON_IsObject(c->root)) {
        complain("%s: it must be a JSON object", path);
        return false;
    }
    return read_top(c, path, &usual) && read_jobs(c, path, &usual);
}

void ci_config_free(ci_config *c) {
    for (size_t i = 0; i < c->n_owned; i++) free(c->owned[i]);
    free(c->owned);
    free(c->git.jobs);
    cJSON_Delete(c->root);
    memset(c, 0, sizeof *c);
}
