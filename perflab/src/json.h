/*
 * json.h - reading JSON values, with defaults for what is missing or of another type.
 *
 * Of perflab's headers, only this one includes cJSON.
 */
#ifndef PERFLAB_JSON_H
#define PERFLAB_JSON_H

#include <cjson/cJSON.h>

/* The text of member `name` of an object, else `otherwise`. The object may be NULL. */
const char *json_text(const cJSON *object, const char *name, const char *otherwise);

/* The number of member `name` of an object, else `otherwise`. The object may be NULL. */
double json_number(const cJSON *object, const char *name, double otherwise);

/* Copies the members `names` (ends with NULL) of `from` that are numbers to `to`. */
void json_copy_numbers(cJSON *to, const cJSON *from, const char *const *names);

#endif
