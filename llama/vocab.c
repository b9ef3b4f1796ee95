/*
 * vocab.c: see vocab.h. The breakers follow llama.cpp's port (by pi6am, from KoboldCpp) of DRY by
 * p-e-w: a breaker can be tokenised in many ways, so all tokens that it can begin in are looked up
 * once.
 */
#include "vocab.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BREAKER_BYTES = 40, MAX_TAIL_TOKENS = 20 };

/* One breaker string and the tokens of each of its proper suffixes. */
typedef struct breaker {
    char text[MAX_BREAKER_BYTES + 1];
    size_t length;
    int32_t *tails[MAX_BREAKER_BYTES]; /* tails[i]: tokens of text + i; NULL for i = 0 */
    int32_t n_tails[MAX_BREAKER_BYTES];
} breaker;

pluck_status plk_tokenize(const struct llama_vocab *vocab, const char *text, size_t length,
                          int32_t **tokens, int32_t *n) {
    if (length > INT32_MAX / 2) return PLUCK_ERR_SIZE;
    int32_t capacity = (int32_t)length + 8;
    int32_t *buffer = malloc(sizeof *buffer * (size_t)capacity);
    if (!buffer) return PLUCK_ERR_MEMORY;
    int32_t count =
        plk_vocab.tokenize(vocab, text, (int32_t)length, buffer, capacity, false, false);
    if (count < 0) {
        if (count == INT32_MIN) {
            free(buffer);
            return PLUCK_ERR_SIZE;
        }
        capacity = -count;
        int32_t *larger = realloc(buffer, sizeof *larger * (size_t)capacity);
        if (!larger) {
            free(buffer);
            return PLUCK_ERR_MEMORY;
        }
        buffer = larger;
        count = plk_vocab.tokenize(vocab, text, (int32_t)length, buffer, capacity, false, false);
    }
    *tokens = buffer;
    *n = count < 0 ? 0 : count;
    return PLUCK_OK;
}

static pluck_status breaker_init(breaker *b, const struct llama_vocab *vocab, const char *string) {
    memset(b, 0, sizeof *b);
    const char *end = memchr(string, '\0', MAX_BREAKER_BYTES);
    b->length = end ? (size_t)(end - string) : MAX_BREAKER_BYTES;
    memcpy(b->text, string, b->length);
    for (size_t i = 1; i < b->length; i++) {
        pluck_status status =
            plk_tokenize(vocab, b->text + i, b->length - i, &b->tails[i], &b->n_tails[i]);
        if (status != PLUCK_OK) return status;
        if (b->n_tails[i] > MAX_TAIL_TOKENS) b->n_tails[i] = MAX_TAIL_TOKENS;
    }
    return PLUCK_OK;
}

static void breaker_clear(breaker *b) {
    for (size_t i = 0; i < MAX_BREAKER_BYTES; i++) free(b->tails[i]);
}

static pluck_status add_sequence(plk_breakers *out, int32_t head, const int32_t *tail,
                                 int32_t n_tail) {
    if (out->n_sequences == out->capacity) {
        int32_t capacity = out->capacity ? 2 * out->capacity : 256;
        pluck_token_sequence *s = realloc(out->sequences, sizeof *s * (size_t)capacity);
        if (!s) return PLUCK_ERR_MEMORY;
        out->sequences = s;
        int32_t **blocks = realloc(out->blocks, sizeof *blocks * (size_t)capacity);
        if (!blocks) return PLUCK_ERR_MEMORY;
        out->blocks = blocks;
        out->capacity = capacity;
    }
    int32_t *tokens = malloc(sizeof *tokens * (size_t)(n_tail + 1));
    if (!tokens) return PLUCK_ERR_MEMORY;
    tokens[0] = head;
    if (n_tail > 0) memcpy(tokens + 1, tail, sizeof *tokens * (size_t)n_tail);
    out->blocks[out->n_blocks++] = tokens;
    out->sequences[out->n_sequences++] = (pluck_token_sequence){tokens, n_tail + 1};
    return PLUCK_OK;
}

/* Is this sequence already among those from index `first` on? */
static bool has_sequence(const plk_breakers *out, int32_t first, const int32_t *tail,
                         int32_t n_tail) {
    for (int32_t i = first; i < out->n_sequences; i++) {
        const pluck_token_sequence *s = &out->sequences[i];
        if (s->n_tokens == n_tail + 1 &&
            (n_tail == 0 || memcmp(s->tokens + 1, tail, sizeof *tail * (size_t)n_tail) == 0))
            return true;
    }
    return false;
}

/* n_text > 0. Few words contain the first character, so that is looked for first. */
static bool contains(const char *word, size_t n_word, const char *text, size_t n_text) {
    const char *end = word + n_word, *at = word;
    while ((size_t)(end - at) >= n_text) {
        at = memchr(at, text[0], (size_t)(end - at) - n_text + 1);
        if (!at) return false;
        if (memcmp(at, text, n_text) == 0) return true;
        at++;
    }
    return false;
}

/* Adds the sequences that the token, whose text is `word`, gives for one breaker. `first` is the
 * index of the token's first sequence. */
static pluck_status match_token(plk_breakers *out, int32_t token, int32_t first, const char *word,
                                size_t n_word, const breaker *b) {
    if (contains(word, n_word, b->text, b->length))
        return has_sequence(out, first, NULL, 0) ? PLUCK_OK : add_sequence(out, token, NULL, 0);
    for (size_t at = n_word < b->length ? 0 : n_word - b->length + 1; at < n_word; at++) {
        size_t overlap = n_word - at;
        if (memcmp(word + at, b->text, overlap) != 0) continue;
        if (has_sequence(out, first, b->tails[overlap], b->n_tails[overlap])) continue;
        pluck_status status = add_sequence(out, token, b->tails[overlap], b->n_tails[overlap]);
        if (status != PLUCK_OK) return status;
    }
    return PLUCK_OK;
}

/* The text of one token, in a buffer that grows as needed. Returns its length, or -1 if out of
 * memory. */
static int32_t token_text(const struct llama_vocab *vocab, int32_t token, char **buffer,
                          int32_t *capacity) {
    int32_t n = plk_vocab.detokenize(vocab, &token, 1, *buffer, *capacity, false, true);
    if (n >= 0) return n;
    char *larger = realloc(*buffer, (size_t)-n);
    if (!larger) return -1;
    *buffer = larger;
    *capacity = -n;
    n = plk_vocab.detokenize(vocab, &token, 1, *buffer, *capacity, false, true);
    return n < 0 ? 0 : n;
}

static pluck_status match_vocabulary(plk_breakers *out, const struct llama_vocab *vocab,
                                     const breaker *breakers, size_t n_breakers) {
    int32_t capacity = 256;
    char *buffer = malloc((size_t)capacity);
    pluck_status status = buffer ? PLUCK_OK : PLUCK_ERR_MEMORY;
    int32_t n_tokens = plk_vocab.n_tokens(vocab);
    for (int32_t token = 0; token < n_tokens && status == PLUCK_OK; token++) {
        int32_t n = token_text(vocab, token, &buffer, &capacity);
        if (n < 0) status = PLUCK_ERR_MEMORY;
        int32_t first = out->n_sequences;
        for (size_t b = 0; b < n_breakers && status == PLUCK_OK; b++)
            status = match_token(out, token, first, buffer, (size_t)n, &breakers[b]);
    }
    free(buffer);
    return status;
}

pluck_status plk_breakers_create(plk_breakers *out, const struct llama_vocab *vocab,
                                 const char *const *strings, size_t n_strings) {
    memset(out, 0, sizeof *out);
    if (n_strings == 0) return PLUCK_OK;
    breaker *breakers = calloc(n_strings, sizeof *breakers);
    if (!breakers) return PLUCK_ERR_MEMORY;
    size_t n = 0;
    pluck_status status = PLUCK_OK;
    for (size_t i = 0; i < n_strings && status == PLUCK_OK; i++) {
        if (strings[i] && strings[i][0]) status = breaker_init(&breakers[n++], vocab, strings[i]);
    }
    if (status == PLUCK_OK && n > 0) status = match_vocabulary(out, vocab, breakers, n);
    for (size_t i = 0; i < n; i++) breaker_clear(&breakers[i]);
    free(breakers);
    if (status != PLUCK_OK) plk_breakers_free(out);
    return status;
}

void plk_breakers_free(plk_breakers *breakers) {
    for (int32_t i = 0; i < breakers->n_blocks; i++) free(breakers->blocks[i]);
    free(breakers->blocks);
    free(breakers->sequences);
    memset(breakers, 0, sizeof *breakers);
}

/* The callbacks take a pointer that is not const; the vocabulary is not written to. */
typedef union vocab_pointer {
    const struct llama_vocab *vocab;
    void *ctx;
} vocab_pointer;

static int32_t infill_piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    vocab_pointer p = {.ctx = ctx};
    return plk_vocab.token_to_piece(p.vocab, token, buffer, capacity, 0, false);
}

static bool infill_is_eog(void *ctx, int32_t token) {
    vocab_pointer p = {.ctx = ctx};
    return plk_vocab.is_eog(p.vocab, token);
}

pluck_status plk_infill_stage(pluck_stage_infill *out, const struct llama_vocab *vocab) {
    llama_token eot = plk_vocab.eot(vocab);
    if (eot < 0) eot = plk_vocab.eos(vocab);
    if (eot < 0) return PLUCK_ERR_TOKEN;
    vocab_pointer p = {.vocab = vocab};
    *out = (pluck_stage_infill){infill_piece, infill_is_eog, eot, p.ctx};
    return PLUCK_OK;
}
