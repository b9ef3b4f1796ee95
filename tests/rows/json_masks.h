/*
 * json_masks.h: the recorded masks of JSON generations (data/json-masks-152k.bin, made by
 * data/record-masks.mjs): at each step the tokens that the grammar allows, and the one that came.
 */
#ifndef PLUCK_TESTS_JSON_MASKS_H
#define PLUCK_TESTS_JSON_MASKS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct json_masks {
    int32_t n_vocab;
    int32_t n_steps;
    int32_t n_distinct;
    uint32_t *steps; /* n_steps pairs: which mask, and the token that came */
    uint32_t *words; /* n_distinct masks of n_words */
    int32_t n_words;
} json_masks;

/* False if the file cannot be read or is not whole; a message has then been printed. */
bool json_masks_load(json_masks *out);
void json_masks_free(json_masks *m);

/* The mask of a step, one bit a token; valid until the masks are freed. */
const uint32_t *json_masks_at(const json_masks *m, int32_t step);

int32_t json_masks_token(const json_masks *m, int32_t step);

#endif
