/*
 * pluck_banned.h: strings that a text must not contain.
 *
 * A string may begin in one token and end in another, and before its end nobody knows. So tokens are
 * held back while a string may still be completed. If one is, the engine takes back the tokens from
 * its beginning on, and samples again with the first of them banned there (exllamav2's and
 * tabbyAPI's banned_strings, koboldcpp's banned_tokens).
 *
 *     pluck_banned_accept(b, token, &step);            // after pluck_accept(s, token)
 *     if (step.take_back > 0) {
 *         pluck_sampler_rewind(s, step.take_back);     // and the model's cache
 *         pluck_banned_mask(b, allowed, n_vocab);      // for the next row's `allowed`
 *     }
 *     // the oldest step.n_released of the tokens that were held can be given out
 *
 * No string is ever completed. If its beginning was given out before it was known to matter (other
 * tokens came, and were taken back), what is taken back begins with the first token that is held.
 * When a text ends, what is held can be given out.
 *
 * Errors, threads and memory are as in pluck.h: one thread at a time may use an object; clones share
 * only what never changes; accepting allocates nothing and takes time for the token's text, whatever
 * the number of strings.
 */
#ifndef PLUCK_BANNED_H
#define PLUCK_BANNED_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLUCK_MAX_BANNED_TEXT   16777215 /* bytes of all strings */
#define PLUCK_MAX_BANNED_TOKENS 4096     /* tokens that are banned in what is held */
#define PLUCK_MAX_PIECE         4096     /* bytes of a token's text */

/* What strings are banned, and how tokens become text. pluck_banned_create copies the strings. */
typedef struct pluck_banned_config {
    const char *const *strings; /* n_strings of them, in bytes; none is empty */
    const int32_t *lengths;     /* bytes of each; NULL: each ends at a zero byte */
    int32_t n_strings;          /* 1 and above */
    bool ignore_case;           /* A to Z are the same as a to z; other letters are not folded */
    int32_t n_vocab;            /* tokens in the vocabulary: 1 to 16777216 */
    int32_t max_held;           /* tokens held, and taken back, at most: 1 to 4096; the sampler's
                                   max_rewind should be as large */
    /* Writes the token's text without a terminator and returns its length in bytes, as
     * llama_token_to_piece does; any other number than 0 to `capacity` (4096) fails the call with
     * ERR_CALLBACK. It must always give the same text for the same token. It runs on the thread of
     * the call. */
    int32_t (*piece)(void *ctx, int32_t token, char *buffer, int32_t capacity);
    void *ctx;                 /* passed to it; must outlive all clones */
    pluck_allocator allocator; /* all zero: malloc and free */
} pluck_banned_config;

/* What a token led to. */
typedef struct pluck_banned_step {
    int32_t n_released; /* how many of the held tokens, oldest first, may be given out now */
    int32_t n_held;     /* how many are held afterwards */
    int32_t take_back; /* how many accepted tokens must be taken back, this one included; 0: none */
    int32_t string; /* the string that was completed, the longest if several end there; -1: none */
    int32_t token;  /* the token that is banned in place of those taken back; -1: none */
} pluck_banned_step;

/* The strings, and the end of one text. */
typedef struct pluck_banned pluck_banned;

/* Creates an object for a text. err, which may be NULL, receives what was wrong.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SIZE (no strings, an empty one, more than 16777215 bytes,
 * max_held), ERR_MEMORY. */
PLUCK_API pluck_status pluck_banned_create(pluck_banned **out, const pluck_banned_config *config,
                                           pluck_error *err);

/* Creates one that goes on as the original will. Both share the strings. Errors: ERR_NULL,
 * ERR_MEMORY. */
PLUCK_API pluck_status pluck_banned_clone(pluck_banned **out, const pluck_banned *banned);

/* Begins a new text. NULL is allowed. */
PLUCK_API void pluck_banned_reset(pluck_banned *banned);

/* Frees an object. NULL is allowed. */
PLUCK_API void pluck_banned_free(pluck_banned *banned);

/*
 * Accepts the next token of the text and says what follows from it. If a string is completed, the
 * tokens from its first on are forgotten, and that one is banned in its place; this holds until a
 * token before that place is taken back. What a prompt ends with need not be told; if it is, the
 * strings that it contains are found like others.
 * Errors: ERR_NULL, ERR_TOKEN, ERR_CALLBACK, ERR_SIZE (more than 4096 tokens would be banned).
 */
PLUCK_API pluck_status pluck_banned_accept(pluck_banned *banned, int32_t token,
                                           pluck_banned_step *step);

/* Takes back the last n accepted tokens, which must be held: for an engine that goes back for a
 * reason of its own. Errors: ERR_NULL, ERR_SIZE (n < 0), ERR_REWIND (more than are held). */
PLUCK_API pluck_status pluck_banned_rewind(pluck_banned *banned, int32_t n);

/* The tokens that are banned in the next place, and how many; valid until the next call. *n is 0,
 * and the result NULL, if an argument is NULL. */
PLUCK_API const int32_t *pluck_banned_tokens(const pluck_banned *banned, int32_t *n);

/* Clears the bits of these tokens in a mask of n bits, as pluck_row.allowed is. Errors: ERR_NULL,
 * ERR_SIZE (n < 0). */
PLUCK_API pluck_status pluck_banned_mask(const pluck_banned *banned, uint32_t *allowed, int32_t n);

/*
 * Writes the end of the text as bytes: the tokens that are held, what is banned, and how far strings
 * have come; so that another process, on any machine, can go on from there. *size receives how many
 * bytes that takes now: 48, and 12 for each token that is held and for each that is banned. With
 * bytes NULL nothing else is done. The bytes have a version and a checksum; they are no secret, and
 * a checksum is no signature. Errors: ERR_NULL, ERR_SIZE (room is below *size, which is written).
 */
PLUCK_API pluck_status pluck_banned_save(const pluck_banned *banned, void *bytes, size_t room,
                                         size_t *size);

/*
 * Makes an object go on as the saved one would have. It must have the same strings in the same
 * order, ignore_case and n_vocab, the same texts of tokens, and room for what was held. err, which
 * may be NULL, receives what does not fit. Errors: ERR_NULL, ERR_STATE, ERR_MEMORY; the object is
 * then as it was.
 */
PLUCK_API pluck_status pluck_banned_load(pluck_banned *banned, const void *bytes, size_t size,
                                         pluck_error *err);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_BANNED_H */
