/*
 * json.h - reading JSON values, with a default for what is missing or of another type.
 *
 * cJSON is included here and nowhere else in perflab's headers.
 */
#ifndef PERFLAB_JSON_H
#define PERFLAB_JSON_H

#include <cjson/cJSON.h>

/* The text of member `name` of an object, else `otherwise`. The object may be NULL. */
const char *json_text(const cJSON *object, const char *name, const char *otherwise);

/* The number of member `name` of an object, else `otherwise`. The object may be NULL. */
double json_number(const cJSON *object, const char *name, double otherwise);

/* Adds those members of `from` that are numbers, among `names` (ends with NULL), to `to`. */
void json_copy_numbers(cJSON *to, const cJSON *from, const char *const *names);

#endif
