/* json_masks.c: see json_masks.h. */
#include "json_masks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME PLUCK_TEST_DATA "/json-masks-152k.bin"

enum { MOST = 1 << 20 }; /* of what a head may say */

/* What is left of the file. */
typedef struct reader {
    const unsigned char *at, *end;
} reader;

static bool read_varint(reader *r, uint32_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
        if (r->at == r->end) return false;
        *out |= (uint32_t)(*r->at & 127u) << shift;
        if (*r->at++ < 128) return true;
    }
    return false;
}

/* Runs of forbidden and allowed tokens in turn, forbidden ones first. */
static bool read_mask(reader *r, uint32_t *words, uint32_t n_vocab) {
    bool allowed = false;
    for (uint32_t token = 0; token < n_vocab; allowed = !allowed) {
        uint32_t n;
        if (!read_varint(r, &n) || n > n_vocab - token) return false;
        for (; n > 0; n--, token++)
            if (allowed) words[token / 32] |= 1u << token % 32;
    }
    return true;
}

static bool read_head(reader *r, json_masks *m) {
    uint32_t head[3];
    if ((size_t)(r->end - r->at) < sizeof head) return false;
    memcpy(head, r->at, sizeof head);
    r->at += sizeof head;
    for (int i = 0; i < 3; i++)
        if (head[i] < 1 || head[i] > MOST) return false;
    m->n_vocab = (int32_t)head[0];
    m->n_steps = (int32_t)head[1];
    m->n_distinct = (int32_t)head[2];
    m->n_words = (m->n_vocab + 31) / 32;
    return true;
}

static bool read_steps(reader *r, json_masks *m) {
    const size_t bytes = (size_t)m->n_steps * 2 * sizeof *m->steps;
    m->steps = malloc(bytes);
    if (!m->steps || (size_t)(r->end - r->at) < bytes) return false;
    memcpy(m->steps, r->at, bytes);
    r->at += bytes;
    for (int32_t i = 0; i < m->n_steps; i++)
        if (m->steps[2 * i] >= (uint32_t)m->n_distinct ||
            m->steps[2 * i + 1] >= (uint32_t)m->n_vocab)
            return false;
    return true;
}

static bool read_all(reader *r, json_masks *m) {
    if (!read_head(r, m) || !read_steps(r, m)) return false;
    m->words = calloc((size_t)m->n_distinct * (size_t)m->n_words, sizeof *m->words);
    if (!m->words) return false;
    for (int32_t i = 0; i < m->n_distinct; i++)
        if (!read_mask(r, m->words + (size_t)i * (size_t)m->n_words, (uint32_t)m->n_vocab))
            return false;
    return r->at == r->end;
}

/* The bytes of the file, to be freed; NULL: it cannot be read. */
static unsigned char *read_file(size_t *size) {
    FILE *f = fopen(FILE_NAME, "rb");
    if (!f) return NULL;
    unsigned char *bytes = malloc(MOST);
    *size = bytes ? fread(bytes, 1, MOST, f) : 0;
    (void)fclose(f);
    return bytes;
}

bool json_masks_load(json_masks *out) {
    size_t size = 0;
    unsigned char *bytes = read_file(&size);
    reader r = {bytes, bytes ? bytes + size : NULL};
    *out = (json_masks){0};
    const bool good = bytes && read_all(&r, out);
    free(bytes);
    if (good) return true;
    (void)fprintf(stderr, FILE_NAME ": cannot be read, or is not whole\n");
    json_masks_free(out);
    return false;
}

void json_masks_free(json_masks *m) {
    free(m->steps);
    free(m->words);
    *m = (json_masks){0};
}

const uint32_t *json_masks_at(const json_masks *m, int32_t step) {
    return m->words + (size_t)m->steps[2 * step] * (size_t)m->n_words;
}

int32_t json_masks_token(const json_masks *m, int32_t step) {
    return (int32_t)m->steps[2 * step + 1];
}
