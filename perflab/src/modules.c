/*
 * modules.c - reads a folder of shared modules. None is loaded into perflab itself, since it may
 * crash.
 */
#include "modules.h"
#include "digest.h"
#include "launch.h"
#include "placement.h"
#include "sha256.h"
#include "util.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

int compare_ids(const char *a, const char *b) {
    while (*a != '\0' && *b != '\0') {
        const bool digit_a = isdigit((unsigned char)*a) != 0;
        const bool digit_b = isdigit((unsigned char)*b) != 0;
        if (digit_a && digit_b) {
            char *end_a, *end_b;
            const unsigned long x = strtoul(a, &end_a, 10);
            const unsigned long y = strtoul(b, &end_b, 10);
            if (x != y) return x < y ? -1 : 1;
            a = end_a;
            b = end_b;
        } else if (*a != *b) {
            if (digit_a != digit_b) return digit_a ? -1 : 1;
            return *a < *b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

bool is_wanted(const char *id, char *const *wanted, size_t n_wanted) {
    for (size_t i = 0; i < n_wanted; i++) {
        if (strcmp(id, wanted[i]) == 0) return true;
    }
    return n_wanted == 0;
}

static int by_id(const void *a, const void *b) {
    const entry *x = a;
    const entry *y = b;
    const int order = compare_ids(x->id, y->id);
    return order != 0 ? order : strcmp(x->variant, y->variant);
}

static void key_of(entry *e) {
    const char *const parts[] = {e->id,       e->source_hash, e->variant,
                                 e->compiler, e->flags,       e->linked};
    char hex[65];
    sha256 s;
    sha256_start(&s);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sha256_add(&s, parts[i], strlen(parts[i]) + 1);
    }
    sha256_end(&s, hex);
    snprintf(e->build, sizeof e->build, "%.32s", hex);
}

static void free_entry(entry *e) {
    char *const strings[] = {e->module,   e->id,     e->component,   e->title,
                             e->notes,    e->device, e->source_hash, e->variant,
                             e->compiler, e->flags,  e->sources,     e->linked};
    for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
    for (char **input = e->inputs; *input != NULL; input++) free(*input);
    free(e->inputs);
}

/* Whether the first of a module's sources, the benchmark file, no longer exists. */
static bool is_left_over(const char *sources) {
    char *first = text_copy(sources);
    first[strcspn(first, "\n")] = '\0';
    const bool gone = first[0] != '\0' && !file_exists(first);
    free(first);
    return gone;
}

/*
 * The entry for an id that a module registers for a variant: a new one, or that of a module whose
 * source no longer exists. NULL if another module has the id.
 */
static entry *place_for(catalog *c, const char *module, const char *id, const cJSON *build) {
    const char *variant = json_text(build, "variant", "");
    for (size_t i = 0; i < c->n; i++) {
        entry *other = &c->entries[i];
        if (strcmp(other->id, id) != 0 || strcmp(other->variant, variant) != 0) continue;
        if (is_left_over(json_text(build, "sources", ""))) return NULL;
        if (is_left_over(other->sources)) {
            free_entry(other);
            return other;
        }
        complain("%s is registered twice (%s): in %s and in %s, which is left out", id, variant,
                 other->module, module);
        c->n_broken++;
        return NULL;
    }
    c->entries = must_grow(c->entries, (c->n + 1) * sizeof *c->entries);
    return &c->entries[c->n++];
}

static void add_entry(catalog *c, const char *module, const cJSON *b, const cJSON *build,
                      const char *linked) {
    const cJSON *inputs = cJSON_GetObjectItem(b, "inputs");
    const char *id = json_text(b, "id", "");
    entry *e = place_for(c, module, id, build);
    if (e == NULL) return;
    memset(e, 0, sizeof *e);
    e->module = text_copy(module);
    e->id = text_copy(id);
    e->component = text_copy(json_text(b, "component", ""));
    e->title = text_copy(json_text(b, "title", ""));
    e->notes = text_copy(json_text(b, "notes", ""));
    e->device = text_copy(json_text(b, "device", "cpu"));
    e->size = (size_t)json_number(b, "size", 0);
    e->n_placements = placement_count(module);
    e->has_baseline = cJSON_IsTrue(cJSON_GetObjectItem(b, "baseline"));
    e->has_candidate = cJSON_IsTrue(cJSON_GetObjectItem(b, "candidate"));
    e->source_hash = text_copy(json_text(build, "source_hash", ""));
    e->variant = text_copy(json_text(build, "variant", ""));
    e->compiler = text_copy(json_text(build, "compiler", ""));
    e->flags = text_copy(json_text(build, "flags", ""));
    e->sources = text_copy(json_text(build, "sources", ""));
    e->linked = text_copy(linked);
    const int n = cJSON_GetArraySize(inputs);
    e->inputs = must_alloc((size_t)(n + 1) * sizeof *e->inputs);
    for (int i = 0; i < n; i++) {
        e->inputs[i] = text_copy(cJSON_GetStringValue(cJSON_GetArrayItem(inputs, i)));
    }
    key_of(e);
}

/* A cache of digests, since most modules load the same libraries. */
typedef struct known_digests {
    path_list paths;
    char (*hex)[65];
} known_digests;

static const char *digest_of(known_digests *known, const char *path) {
    for (size_t i = 0; i < known->paths.n; i++) {
        if (strcmp(known->paths.all[i], path) == 0) return known->hex[i];
    }
    path_list_add(&known->paths, path);
    known->hex = must_grow(known->hex, known->paths.n * sizeof *known->hex);
    char *hex = known->hex[known->paths.n - 1];
    memset(hex, 0, sizeof *known->hex);
    if (!digest_object(path, hex)) complain("cannot read %s, which a module loads", path);
    return hex;
}

/* The digest of a module as linked, and of the libraries that it loads. */
static void linked_digest(known_digests *known, const cJSON *loads, char hex[65]) {
    const cJSON *path;
    sha256 s;
    sha256_start(&s);
    cJSON_ArrayForEach(path, loads) {
        sha256_add(&s, digest_of(known, cJSON_GetStringValue(path)), 64);
    }
    sha256_end(&s, hex);
}

static void ask_module(catalog *c, const char *path, known_digests *known) {
    cJSON *job = cJSON_CreateObject();
    cJSON_AddStringToObject(job, "do", "list");
    cJSON_AddStringToObject(job, "module", path);
    const launch l = {.job = job, .timeout_s = 20};
    launched got = launch_run(&l);
    if (got.outcome == PERFLAB_PASSED) {
        const cJSON *b;
        char hex[65];
        linked_digest(known, cJSON_GetObjectItem(got.result, "loads"), hex);
        cJSON_ArrayForEach(b, cJSON_GetObjectItem(got.result, "benchmarks")) {
            add_entry(c, path, b, cJSON_GetObjectItem(got.result, "build"), hex);
        }
    } else {
        complain("%s: cannot be loaded: %s", path, got.detail);
        c->n_broken++;
    }
    launched_free(&got);
    cJSON_Delete(job);
}

static int is_module(const struct dirent *d) {
    const size_t n = strlen(d->d_name);
    return n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

bool catalog_read(catalog *c, const char *folder) {
    memset(c, 0, sizeof *c);
    if (folder == NULL) folder = getenv("PERFLAB_MODULES");
    if (folder == NULL) {
        folder = file_exists(".perflab/modules") ? ".perflab/modules" : "build/perflab-modules";
    }
    struct dirent **names;
    known_digests known = {0};
    const int n = scandir(folder, &names, is_module, alphasort);
    if (n < 0) {
        complain(
            "no modules in %s: `perflab build` makes them, --modules FOLDER names another folder",
            folder);
        return false;
    }
    for (int i = 0; i < n; i++) {
        char *path = text_format("%s/%s", folder, names[i]->d_name);
        char *whole = realpath(path, NULL);
        if (whole != NULL) ask_module(c, whole, &known);
        free(whole);
        free(path);
        free(names[i]);
    }
    free(names);
    path_list_free(&known.paths);
    free(known.hex);
    if (c->n > 0) qsort(c->entries, c->n, sizeof *c->entries, by_id);
    return true;
}

void catalog_or_none(catalog *c, const char *folder) {
    const bool named = folder != NULL || getenv("PERFLAB_MODULES") != NULL;
    memset(c, 0, sizeof *c);
    if (named || file_exists(".perflab/modules") || file_exists("build/perflab-modules")) {
        catalog_read(c, folder);
    }
}

void catalog_free(catalog *c) {
    for (size_t i = 0; i < c->n; i++) free_entry(&c->entries[i]);
    free(c->entries);
    memset(c, 0, sizeof *c);
}
