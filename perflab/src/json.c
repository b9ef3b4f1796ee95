/*
 * json.c - reading JSON values.
 */
#include "json.h"

const char *json_text(const cJSON *object, const char *name, const char *otherwise) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    return s != NULL ? s : otherwise;
}

double json_number(const cJSON *object, const char *name, double otherwise) {
    const cJSON *item = cJSON_GetObjectItem(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

void json_copy_numbers(cJSON *to, const cJSON *from, const char *const *names) {
    for (; *names != NULL; names++) {
        const cJSON *item = cJSON_GetObjectItem(from, *names);
        if (cJSON_IsNumber(item)) cJSON_AddNumberToObject(to, *names, item->valuedouble);
    }
}
