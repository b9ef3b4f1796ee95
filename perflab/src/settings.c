/*
 * settings.c - the remembered settings and the files of a benchmark.
 */
#include "settings.h"
#include "json.h"
#include "placement.h"
#include "util.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char ending[] = ".build.json";

settings settings_read(const char *folder, const char *name) {
    char *path = text_format("%s/%s%s", folder, name, ending);
    char *text = read_text(path, NULL);
    cJSON *o = text != NULL ? cJSON_Parse(text) : NULL;
    const settings s = {.compiler = text_copy(json_text(o, "compiler", NULL)),
                        .cflags = text_copy(json_text(o, "cflags", NULL)),
                        .libs = text_copy(json_text(o, "libs", NULL)),
                        .hash = text_copy(json_text(o, "hash", NULL))};
    cJSON_Delete(o);
    free(text);
    free(path);
    return s;
}

bool settings_write(const char *folder, const char *name, const char *source, const settings *s) {
    char *path = text_format("%s/%s%s", folder, name, ending);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "source", source);
    cJSON_AddStringToObject(o, "compiler", s->compiler);
    cJSON_AddStringToObject(o, "cflags", s->cflags);
    cJSON_AddStringToObject(o, "libs", s->libs);
    cJSON_AddStringToObject(o, "hash", s->hash);
    char *text = cJSON_Print(o);
    const bool good = write_text(path, text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(o);
    free(path);
    return good;
}

void settings_free(settings *s) {
    free(s->compiler);
    free(s->cflags);
    free(s->libs);
    free(s->hash);
    *s = (settings){0};
}

char *benchmark_name(const char *source) {
    const char *base = strrchr(source, '/');
    base = base != NULL ? base + 1 : source;
    if (strncmp(base, "bench-", 6) == 0) base += 6;
    char *name = text_copy(base);
    char *dot = strrchr(name, '.');
    if (dot != NULL) *dot = '\0';
    return name;
}

char *benchmark_program(const char *folder, const char *name, bool native) {
    const char *usual = ".perflab/modules";
    const size_t n = strlen(folder), m = strlen(usual);
    const bool is_usual = n >= m && strcmp(folder + n - m, usual) == 0;
    return text_format("%s%s/bench-%s%s", folder, is_usual ? "/.." : "", name,
                       native ? "" : "-portable");
}

void benchmark_remove(const char *folder, const char *name, bool all) {
    for (int native = 0; native < 2; native++) {
        const char *variant = native != 0 ? "native" : "portable";
        char *module = text_format("%s/%s-%s.so", folder, name, variant);
        char *info = text_format("%s/%s-%s.build.c", folder, name, variant);
        char *program = benchmark_program(folder, name, native != 0);
        placement_remove(module);
        unlink(module);
        unlink(info);
        unlink(program);
        free(module);
        free(info);
        free(program);
    }
    char *path = text_format("%s/%s%s", folder, name, ending);
    if (all) unlink(path);
    free(path);
}

static int is_settings(const struct dirent *d) {
    const size_t n = strlen(d->d_name), m = sizeof ending - 1;
    return n > m && strcmp(d->d_name + n - m, ending) == 0;
}

void settings_sweep(const char *folder) {
    struct dirent **names;
    const int n = scandir(folder, &names, is_settings, alphasort);
    for (int i = 0; i < n; i++) {
        char *path = text_format("%s/%s", folder, names[i]->d_name);
        char *text = read_text(path, NULL);
        cJSON *o = text != NULL ? cJSON_Parse(text) : NULL;
        const char *source = json_text(o, "source", NULL);
        if (source != NULL && !file_exists(source)) {
            names[i]->d_name[strlen(names[i]->d_name) - (sizeof ending - 1)] = '\0';
            printf("%s is gone: its modules are removed\n", source);
            benchmark_remove(folder, names[i]->d_name, true);
        }
        cJSON_Delete(o);
        free(text);
        free(path);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

void settings_names(const char *folder, path_list *names) {
    struct dirent **found;
    const int n = scandir(folder, &found, is_settings, alphasort);
    for (int i = 0; i < n; i++) {
        found[i]->d_name[strlen(found[i]->d_name) - (sizeof ending - 1)] = '\0';
        path_list_add(names, found[i]->d_name);
        free(found[i]);
    }
    if (n >= 0) free(found);
}
