/*
 * digest.h - SHA-256 of files: of sources as they are written, of modules as they are linked.
 */
#ifndef PERFLAB_DIGEST_H
#define PERFLAB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

/* Paths, each once. Start it as {0}. */
typedef struct path_list {
    char **all;
    size_t n;
} path_list;

/* Adds a copy of the path unless it is there already; whether it was added. */
bool path_list_add(path_list *list, const char *path);

/* Adds the files below a folder, hidden ones apart, or the path itself if it is no folder. */
void path_list_add_tree(path_list *list, const char *path);

void path_list_free(path_list *list);

/*
 * Adds every file that a listed file includes, directly or not: "x.h" beside the file that names it
 * or in one of `folders`, <x.h> in one of `folders`. Conditions are ignored, so it may add more
 * than one compilation reads, never less. What is found nowhere is a system header, and left out.
 */
void path_list_add_included(path_list *list, const path_list *folders);

/* Of the files' contents in any order, not of their names. False with a complaint if one cannot be
 * read. */
bool digest_files(const path_list *list, char hex[65]);

/*
 * Of a shared object as it is loaded: of the sections that end up in memory, but the build id and
 * the folder it was built in. So the same code built elsewhere has the same digest. A file that is
 * no ELF object counts by its bytes. False if it cannot be read.
 */
bool digest_object(const char *path, char hex[65]);

/* The section that keeps the names of a module's sources; digest_object leaves it out. */
#define DIGEST_SOURCES_SECTION ".perflab.sources"

#endif
