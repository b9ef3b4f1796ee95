/*
 * replay.c: runs a fuzz target on the files of its corpus, without a fuzzer.
 *
 * Each argument is a file or a folder of files. Prints how many it ran; it is a failure if there
 * are none.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

static bool run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t size = 0;
    size_t capacity = 4096;
    uint8_t *data = malloc(capacity);
    while (data) {
        size += fread(data + size, 1, capacity - size, f);
        if (size < capacity) break;
        capacity *= 2;
        uint8_t *larger = realloc(data, capacity);
        if (!larger) free(data);
        data = larger;
    }
    fclose(f);
    /* A copy of the exact size, so that a sanitizer sees reads beyond its end. */
    uint8_t *exact = data ? malloc(size ? size : 1) : NULL;
    if (exact) {
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
    free(data);
    free(exact);
    return exact != NULL;
}

static int run_folder(DIR *folder, const char *path) {
    int n = 0;
    for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        if (e->d_name[0] == '.') continue;
        char file[4096];
        const int length = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (length < 0 || (size_t)length >= sizeof file || !run_file(file)) {
            fprintf(stderr, "cannot run %s/%s\n", path, e->d_name);
            exit(1);
        }
        ++n;
    }
    closedir(folder);
    return n;
}

int main(int argc, char **argv) {
    int n = 0;
    for (int i = 1; i < argc; ++i) {
        DIR *folder = opendir(argv[i]);
        if (folder) {
            n += run_folder(folder, argv[i]);
        } else if (run_file(argv[i])) {
            ++n;
        } else {
            fprintf(stderr, "cannot run %s\n", argv[i]);
            return 1;
        }
    }
    printf("%d inputs\n", n);
    return n == 0;
}
