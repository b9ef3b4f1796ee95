/*
 * test_banned.c: strings that a text must not contain: worked examples; random texts against a search
 * of the whole text at each byte; many strings; what is refused, and running out of memory.
 */
#include "check.h"

#include "pluck_banned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- an engine ---- */

enum { PIECE = 8, TEXT = 600 };

typedef struct vocab {
    char pieces[64][PIECE];
    int32_t n;
} vocab;

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    const vocab *v = ctx;
    const size_t n = strlen(v->pieces[token]);
    assert_true((int32_t)n <= capacity);
    memcpy(buffer, v->pieces[token], n);
    return (int32_t)n;
}

static vocab words(const char *const *pieces, int32_t n) {
    vocab v = {.n = n};
    for (int32_t i = 0; i < n; i++) (void)snprintf(v.pieces[i], PIECE, "%s", pieces[i]);
    return v;
}

static pluck_banned *make(vocab *v, const char *const *strings, int32_t n, int32_t max_held,
                          bool ignore_case) {
    const pluck_banned_config c = {.strings = strings,
                                   .n_strings = n,
                                   .ignore_case = ignore_case,
                                   .n_vocab = v->n,
                                   .max_held = max_held,
                                   .piece = piece,
                                   .ctx = v};
    pluck_banned *b = NULL;
    pluck_error error;
    if (pluck_banned_create(&b, &c, &error) != PLUCK_OK) fail_msg("%s", error.message);
    return b;
}

static void accept(pluck_banned *b, int32_t token, int32_t released, int32_t n_held, int32_t back,
                   int32_t string, int32_t banned) {
    pluck_banned_step s;
    assert_int_equal(pluck_banned_accept(b, token, &s), PLUCK_OK);
    assert_int_equal(s.n_released, released);
    assert_int_equal(s.n_held, n_held);
    assert_int_equal(s.take_back, back);
    assert_int_equal(s.string, string);
    assert_int_equal(s.token, banned);
}

static void banned_are(const pluck_banned *b, const char *want) {
    int32_t n;
    const int32_t *tokens = pluck_banned_tokens(b, &n);
    char got[64] = "";
    for (int32_t i = 0; i < n; i++)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), i ? " %d" : "%d", tokens[i]);
    assert_string_equal(got, want);
}

/* "shivers down" may begin in "shiver", and does with "s". */
static void held_and_taken_back(void **state) {
    (void)state;
    static const char *const pieces[] = {"a", " sh", "iver", "s down", "s up", "own", "", " s"};
    static const char *const strings[] = {"shivers down", "down"};
    vocab v = words(pieces, 8);
    pluck_banned *b = make(&v, strings, 2, 16, false);
    accept(b, 0, 1, 0, 0, -1, -1);
    accept(b, 1, 0, 1, 0, -1, -1);
    accept(b, 2, 0, 2, 0, -1, -1);
    accept(b, 6, 0, 3, 0, -1, -1); /* without text */
    /* Both strings end here; the longer one counts. " sh" is banned in its place. */
    accept(b, 3, 0, 0, 4, 0, 1);
    banned_are(b, "1");
    uint32_t allowed = 0xff;
    assert_int_equal(pluck_banned_mask(b, &allowed, 8), PLUCK_OK);
    assert_int_equal(allowed, 0xfd);
    allowed = 0xff;
    assert_int_equal(pluck_banned_mask(b, &allowed, 1), PLUCK_OK);
    assert_int_equal(allowed, 0xff);
    /* Another beginning of the same is banned as well, in the same place. */
    accept(b, 7, 0, 1, 0, -1, -1);
    banned_are(b, "");
    accept(b, 0, 2, 0, 0, -1, -1);
    banned_are(b, "");
    /* A string in one token. */
    accept(b, 3, 0, 0, 1, 1, 3);
    banned_are(b, "3");
    accept(b, 5, 1, 0, 0, -1, -1);
    pluck_banned_free(b);
}

/* A ban holds until what is before its place is taken back. */
static void bans_have_places(void **state) {
    (void)state;
    static const char *const pieces[] = {"x", "y", "z", "w"};
    static const char *const strings[] = {"xyz", "yzw", "xw"};
    vocab v = words(pieces, 4);
    pluck_banned *b = make(&v, strings, 3, 16, false);
    accept(b, 0, 0, 1, 0, -1, -1);
    accept(b, 1, 0, 2, 0, -1, -1);
    accept(b, 2, 0, 0, 3, 0, 0); /* xyz: x is banned in place 0 */
    banned_are(b, "0");
    accept(b, 0, 0, 1, 0, -1, -1); /* the engine may accept it all the same */
    accept(b, 1, 0, 2, 0, -1, -1);
    accept(b, 2, 0, 0, 3, 0, 0);
    banned_are(b, "0");
    accept(b, 1, 0, 1, 0, -1, -1);
    accept(b, 2, 0, 2, 0, -1, -1);
    accept(b, 3, 0, 0, 3, 1, 1); /* yzw: y as well */
    banned_are(b, "0 1");
    pluck_banned *clone = NULL;
    assert_int_equal(pluck_banned_clone(&clone, b), PLUCK_OK);
    accept(b, 2, 1, 0, 0, -1, -1); /* z is given out, and the bans of its place are forgotten */
    accept(b, 0, 0, 1, 0, -1, -1);
    banned_are(b, "");
    assert_int_equal(pluck_banned_rewind(b, 2), PLUCK_ERR_REWIND);
    assert_int_equal(pluck_banned_rewind(b, -1), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_banned_rewind(b, 1), PLUCK_OK);
    accept(b, 3, 1, 0, 0, -1, -1); /* not xw: the x was taken back */
    banned_are(clone, "0 1");
    pluck_banned_free(b);
    accept(clone, 3, 1, 0, 0, -1, -1);
    pluck_banned_reset(clone);
    banned_are(clone, "");
    accept(clone, 0, 0, 1, 0, -1, -1);
    accept(clone, 3, 0, 0, 2, 2, 0);
    pluck_banned_free(clone);
}

static void cases_and_limits(void **state) {
    (void)state;
    static const char *const pieces[] = {"aB", "C", "c\xc3", "\x84", "b"};
    static const char *const strings[] = {"abC\xc3\x84", "Bb"};
    vocab v = words(pieces, 5);
    pluck_banned *b = make(&v, strings, 2, 2, true);
    accept(b, 0, 0, 1, 0, -1, -1);
    accept(b, 4, 0, 0, 2, 1, 0);
    accept(b, 0, 0, 1, 0, -1, -1);
    accept(b, 2, 0, 2, 0, -1, -1);
    /* No more than two are held: the first is given out, and what is taken back begins later. */
    accept(b, 3, 1, 0, 2, 0, 2);
    banned_are(b, "2");
    pluck_banned_free(b);
    b = make(&v, strings, 2, 2, false);
    accept(b, 0, 0, 1, 0, -1, -1); /* B of Bb */
    accept(b, 2, 2, 0, 0, -1, -1); /* c is not C */
    pluck_banned_free(b);
}

/* ---- random texts ---- */

typedef struct text {
    char bytes[TEXT * PIECE];
    int32_t tokens[TEXT], starts[TEXT + 1]; /* where each begins */
    int32_t n;
    unsigned char bans[TEXT + 1][64]; /* by place */
    int32_t released;
} text;

/* The longest end of the text that begins a string and is not one, in tokens that are held. */
static int32_t needed(const text *t, const char *const *strings, int32_t n) {
    const int32_t end = t->starts[t->n];
    int32_t depth = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t length = (int32_t)strlen(strings[i]);
        for (int32_t d = depth + 1; d < length && d <= end; d++)
            if (memcmp(t->bytes + end - d, strings[i], (size_t)d) == 0) depth = d;
    }
    int32_t k = 0;
    while (k < t->n - t->released && t->starts[t->n - k] > end - depth) k++;
    return k;
}

/* The first string that ends in the newest token, the longest of them; its beginning. -1: none. */
static int32_t first_string(const text *t, const char *const *strings, int32_t n, int32_t *from) {
    for (int32_t end = t->starts[t->n - 1] + 1; end <= t->starts[t->n]; end++) {
        int32_t found = -1;
        *from = end;
        for (int32_t i = 0; i < n; i++) {
            const int32_t length = (int32_t)strlen(strings[i]);
            if (length > end || end - length >= *from) continue;
            if (memcmp(t->bytes + end - length, strings[i], (size_t)length) != 0) continue;
            found = i;
            *from = end - length;
        }
        if (found >= 0) return found;
    }
    return -1;
}

static void push(text *t, const vocab *v, int32_t token) {
    const size_t length = strlen(v->pieces[token]);
    memcpy(t->bytes + t->starts[t->n], v->pieces[token], length);
    t->tokens[t->n] = token;
    t->starts[t->n + 1] = t->starts[t->n] + (int32_t)length;
    t->n++;
}

static void pop(text *t, int32_t n) {
    for (int32_t k = 0; k < n; k++) memset(t->bans[t->n - k], 0, sizeof t->bans[0]);
    t->n -= n;
}

static void check_bans(const pluck_banned *b, const text *t) {
    int32_t n, want = 0;
    const int32_t *tokens = pluck_banned_tokens(b, &n);
    for (int32_t i = 0; i < 64; i++) want += t->bans[t->n][i];
    assert_int_equal(n, want);
    for (int32_t i = 0; i < n; i++) assert_int_equal(t->bans[t->n][tokens[i]], 1);
}

/* One token, or nothing if all are banned. */
static bool step_random(pluck_banned *b, text *t, vocab *v, const char *const *strings, int32_t n,
                        int32_t max_held, rows_random *r) {
    int32_t free[64], n_free = 0;
    for (int32_t i = 0; i < v->n; i++)
        if (!t->bans[t->n][i]) free[n_free++] = i;
    if (n_free == 0) return false;
    push(t, v, free[rows_below(r, (uint32_t)n_free)]);
    int32_t from, released = t->released;
    if (t->n - t->released > max_held) t->released++;
    const int32_t string = first_string(t, strings, n, &from);
    int32_t back = 0, token = -1;
    if (string >= 0) {
        while (back < t->n - t->released && t->starts[t->n - back] > from) back++;
        token = t->tokens[t->n - back];
        pop(t, back);
        t->bans[t->n][token] = 1;
    }
    const int32_t held = needed(t, strings, n);
    t->released = t->n - held;
    pluck_banned_step s;
    assert_int_equal(
        pluck_banned_accept(b, string < 0 ? t->tokens[t->n - 1] : t->tokens[t->n + back - 1], &s),
        PLUCK_OK);
    assert_int_equal(s.string, string);
    assert_int_equal(s.take_back, back);
    assert_int_equal(s.token, token);
    assert_int_equal(s.n_held, held);
    assert_int_equal(s.n_released, t->released - released);
    check_bans(b, t);
    return true;
}

static void check_random(uint64_t seed) {
    rows_random r = {seed};
    vocab v = {.n = 3 + (int32_t)rows_below(&r, 20)};
    const uint32_t letters = 2 + rows_below(&r, 3);
    for (int32_t i = 0; i < v.n; i++)
        for (uint32_t k = rows_below(&r, 5); k > 0; k--)
            v.pieces[i][k - 1] = (char)('a' + rows_below(&r, letters));
    char strings[12][16] = {""};
    const char *list[12];
    const int32_t n = 1 + (int32_t)rows_below(&r, 12);
    for (int32_t i = 0; i < n; i++) {
        for (uint32_t k = 1 + rows_below(&r, 1 + rows_below(&r, 14)); k > 0; k--)
            strings[i][k - 1] = (char)('a' + rows_below(&r, letters));
        list[i] = strings[i];
    }
    const int32_t max_held = 1 + (int32_t)rows_below(&r, 12);
    pluck_banned *b = make(&v, list, n, max_held, false);
    static text t;
    memset(&t, 0, sizeof t);
    for (int32_t k = 0; k < 300 && t.n < TEXT - 1; k++) {
        if (rows_below(&r, 10) == 0) {
            const int32_t back = (int32_t)rows_below(&r, (uint32_t)(t.n - t.released) + 1);
            assert_int_equal(pluck_banned_rewind(b, back), PLUCK_OK);
            pop(&t, back);
        }
        if (!step_random(b, &t, &v, list, n, max_held, &r)) break;
    }
    t.bytes[t.starts[t.n]] = '\0';
    for (int32_t i = 0; i < n; i++)
        if (strstr(t.bytes, list[i])) fail_msg("seed %d: the text has '%s'", (int)seed, list[i]);
    pluck_banned_free(b);
}

static void random_texts(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) check_random(seed);
}

/* ---- errors ---- */

static void refuse(pluck_banned_config c, pluck_status want, const char *message) {
    pluck_banned *b = NULL;
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_banned_create(&b, &c, &error), want);
    assert_null(b);
    assert_int_equal(error.status, want);
    if (!strstr(error.message, message)) fail_msg("'%s' lacks '%s'", error.message, message);
    assert_int_equal(pluck_banned_create(&b, &c, NULL), want);
}

static void *no_memory(void *ctx, size_t size) {
    int *left = ctx;
    return (*left)-- > 0 ? malloc(size) : NULL;
}

static void give_back(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    (void)size;
    free(pointer);
}

static int32_t bad_piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    buffer[0] = '!';
    return token == 0 ? -1 : token == 1 ? capacity + 1 : 0;
}

static void refused(void **state) {
    (void)state;
    static const char *const strings[] = {"a", "", NULL};
    static const int32_t lengths[] = {1, -1};
    vocab v = {.n = 4};
    const pluck_banned_config good = {
        .strings = strings, .n_strings = 1, .n_vocab = 4, .max_held = 4, .piece = piece, .ctx = &v};
    pluck_banned_config c = good;
    c.n_strings = 0;
    refuse(c, PLUCK_ERR_SIZE, "n_strings is 0; allowed: 1 and above");
    c.n_strings = 2;
    refuse(c, PLUCK_ERR_SIZE, "strings[1] is empty");
    c.lengths = lengths;
    refuse(c, PLUCK_ERR_SIZE, "lengths[1] is -1; allowed: 1 and above");
    c.strings = strings + 1;
    c.lengths = NULL;
    refuse(c, PLUCK_ERR_SIZE, "strings[0] is empty");
    c.strings = strings + 2;
    refuse(c, PLUCK_ERR_NULL, "strings[0] is NULL");
    c = good;
    c.strings = NULL;
    refuse(c, PLUCK_ERR_NULL, "strings is NULL");
    c = good;
    c.piece = NULL;
    refuse(c, PLUCK_ERR_NULL, "piece is NULL");
    c = good;
    c.n_vocab = 0;
    refuse(c, PLUCK_ERR_VOCAB, "n_vocab is 0; allowed: 1 to 16777216");
    c = good;
    c.max_held = 4097;
    refuse(c, PLUCK_ERR_SIZE, "max_held is 4097; allowed: 1 to 4096");
    c.max_held = 0;
    refuse(c, PLUCK_ERR_SIZE, "max_held is 0");
    const int32_t huge = PLUCK_MAX_BANNED_TEXT + 1;
    c = good;
    c.lengths = &huge;
    refuse(c, PLUCK_ERR_SIZE, "more than 16777215 bytes");
    c = good;
    int left = 0;
    c.allocator.allocate = no_memory;
    refuse(c, PLUCK_ERR_NULL, "the allocator has one function without the other");
    c.allocator = (pluck_allocator){no_memory, give_back, &left};
    refuse(c, PLUCK_ERR_MEMORY, "out of memory");
    left = 1;
    refuse(c, PLUCK_ERR_MEMORY, "out of memory");
    pluck_banned *b = NULL, *clone = NULL;
    left = 2;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    assert_int_equal(pluck_banned_clone(&clone, b), PLUCK_ERR_MEMORY);
    pluck_banned_free(b);
    assert_int_equal(pluck_banned_create(NULL, &good, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_banned_create(&b, NULL, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_banned_clone(&b, NULL), PLUCK_ERR_NULL);
    pluck_banned_free(NULL);
    pluck_banned_reset(NULL);
    int32_t n = 7;
    assert_null(pluck_banned_tokens(NULL, &n));
    assert_int_equal(n, 0);
    assert_int_equal(pluck_banned_mask(NULL, NULL, 0), PLUCK_ERR_NULL);
}

/* A call that fails changes nothing. */
static void bad_calls(void **state) {
    (void)state;
    static const char *const strings[] = {"ab\0c"};
    const int32_t length = 4;
    vocab v = {.pieces = {"a", "b", "", "c"}, .n = 4};
    pluck_banned_config c = {.strings = strings,
                             .lengths = &length,
                             .n_strings = 1,
                             .n_vocab = 4,
                             .max_held = 4,
                             .piece = piece,
                             .ctx = &v};
    pluck_banned *b = NULL;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    accept(b, 0, 0, 1, 0, -1, -1);
    accept(b, 1, 0, 2, 0, -1, -1); /* a zero byte is still to come */
    pluck_banned_step s = {9, 9, 9, 9, 9};
    assert_int_equal(pluck_banned_accept(b, 4, &s), PLUCK_ERR_TOKEN);
    assert_int_equal(pluck_banned_accept(b, -1, &s), PLUCK_ERR_TOKEN);
    assert_int_equal(pluck_banned_accept(b, 1, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_banned_accept(NULL, 1, &s), PLUCK_ERR_NULL);
    assert_int_equal(s.n_released, 9);
    accept(b, 3, 3, 0, 0, -1, -1);
    pluck_banned_free(b);
    c.piece = bad_piece;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    assert_int_equal(pluck_banned_accept(b, 0, &s), PLUCK_ERR_CALLBACK);
    assert_int_equal(pluck_banned_accept(b, 1, &s), PLUCK_ERR_CALLBACK);
    assert_int_equal(s.n_released, 9);
    accept(b, 2, 1, 0, 0, -1, -1);
    pluck_banned_free(b);
}

static int32_t any_piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    (void)token;
    assert_true(capacity >= 2);
    memcpy(buffer, "no", 2);
    return 2;
}

static pluck_banned *make_any(int32_t max_held) {
    static const char *const strings[] = {"no", "non"};
    const pluck_banned_config c = {.strings = strings,
                                   .n_strings = 2,
                                   .n_vocab = 5000,
                                   .max_held = max_held,
                                   .piece = any_piece};
    pluck_banned *b = NULL;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    return b;
}

/* More tokens than there is room for cannot be banned in one place; one that is banned already can
 * come again. */
static void too_many_bans(void **state) {
    (void)state;
    pluck_banned *b = make_any(1);
    for (int32_t t = 0; t < PLUCK_MAX_BANNED_TOKENS; t++) accept(b, t, 0, 0, 1, 0, t);
    pluck_banned_step s = {9, 9, 9, 9, 9};
    assert_int_equal(pluck_banned_accept(b, 4999, &s), PLUCK_ERR_SIZE);
    assert_int_equal(s.n_released, 9);
    int32_t n;
    (void)pluck_banned_tokens(b, &n);
    assert_int_equal(n, PLUCK_MAX_BANNED_TOKENS);
    accept(b, 7, 0, 0, 1, 0, 7);
    (void)pluck_banned_tokens(b, &n);
    assert_int_equal(n, PLUCK_MAX_BANNED_TOKENS);
    pluck_banned_free(b);
}

/* Token 0 is "a", the others "b"; the string "ab" is taken back to its "a", and with it go all bans
 * in the place of the "b". */
static int32_t a_or_b(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    assert_true(capacity >= 1);
    buffer[0] = token == 0 ? 'a' : token == 4999 ? 'c' : 'b';
    return 1;
}

static void bans_make_room(void **state) {
    (void)state;
    static const char *const strings[] = {"b", "ac"};
    const pluck_banned_config c = {
        .strings = strings, .n_strings = 2, .n_vocab = 5000, .max_held = 2, .piece = a_or_b};
    pluck_banned *b = NULL;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    accept(b, 0, 0, 1, 0, -1, -1);
    for (int32_t t = 1; t <= PLUCK_MAX_BANNED_TOKENS; t++) accept(b, t, 0, 1, 1, 0, t);
    pluck_banned_step s;
    assert_int_equal(pluck_banned_accept(b, 4998, &s), PLUCK_ERR_SIZE);
    accept(b, 4999, 0, 0, 2, 1, 0); /* "ac": "a" is banned, the bans after it are no more */
    banned_are(b, "0");
    accept(b, 4998, 0, 0, 1, 0, 4998);
    banned_are(b, "0 4998");
    pluck_banned_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_and_taken_back),
        cmocka_unit_test(bans_have_places),
        cmocka_unit_test(cases_and_limits),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(refused),
        cmocka_unit_test(bad_calls),
        cmocka_unit_test(too_many_bans),
        cmocka_unit_test(bans_make_room),
    };
    return cmocka_run_group_tests_name("banned", tests, NULL, NULL);
}
