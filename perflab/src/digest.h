/*
 * digest.h - SHA-256 of sources, by their text, and of modules, by their linked code.
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

/* Adds a copy of the path unless the list has it. Returns whether it was added. */
bool path_list_add(path_list *list, const char *path);

/* Adds the files below a folder, without hidden ones, or the path itself if it is no folder. */
void path_list_add_tree(path_list *list, const char *path);

void path_list_free(path_list *list);

/*
 * Adds every file that a listed file includes, directly or not: "x.h" beside the file that names it
 * or in one of `folders`, <x.h> in one of `folders`. Conditions are ignored, so it may add
 * more than one compilation reads, but never less. A file that is not found is taken for a system
 * header and left out.
 */
void path_list_add_included(path_list *list, const path_list *folders);

/*
 * Hashes the contents of the files, whatever their names and order. Returns false, with an error
 * message, if one cannot be read.
 */
bool digest_files(const path_list *list, char hex[65]);

/*
 * Hashes a shared object as it is loaded: the sections that end up in memory, except the build id
 * and the names of the sources. So the same code, built in another folder, has the same digest. Of
 * a file that is no ELF object, all bytes are hashed. Returns false if the file cannot be read.
 */
bool digest_object(const char *path, char hex[65]);

/* The section with the names of a module's sources; digest_object leaves it out. */
#define DIGEST_SOURCES_SECTION ".perflab.sources"

#endif
