/*
 * ci_config.h - perflab.json, which says what `perflab ci` compares and how.
 */
#ifndef PERFLAB_CI_CONFIG_H
#define PERFLAB_CI_CONFIG_H

#include "compare_git.h"
#include "json.h"

typedef struct ci_config {
    const char *base; /* the revision to compare with; NULL: the parent of HEAD */
    git_request git;  /* the build command, and a job for each entry of "compare" */
    cJSON *root;      /* has the strings of the others */
    char **owned;     /* strings that the file does not have in this form */
    size_t n_owned;
} ci_config;

/*
 * Reads the file. Returns false, with an error message that names the key, if it cannot be read, is
 * not valid JSON, or has an unknown key or a value of the wrong kind. Free it in either case.
 */
bool ci_config_read(const char *path, ci_config *c);
void ci_config_free(ci_config *c);

#endif
