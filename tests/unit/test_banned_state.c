/*
 * test_banned_state.c: a pluck_banned saved and loaded goes on as the one that was saved. Bytes that
 * are altered, short, long or of other strings are refused, and so are those that somebody made with
 * a right checksum; the object is then as it was.
 */
#include "check.h"

#include "pluck_banned.h"

#include <string.h>

enum { ROOM = 1 << 12 };

/* Tokens 0 to 3 are x, y, z, w. */
static int32_t letter(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    assert_true(capacity >= 1);
    buffer[0] = "xyzw"[token];
    return 1;
}

static pluck_banned *make(int32_t max_held, bool ignore_case) {
    static const char *const strings[] = {"xyz", "yzw", "xw", "zzzz"};
    const pluck_banned_config c = {.strings = strings,
                                   .n_strings = 4,
                                   .ignore_case = ignore_case,
                                   .n_vocab = 4,
                                   .max_held = max_held,
                                   .piece = letter};
    pluck_banned *b = NULL;
    assert_int_equal(pluck_banned_create(&b, &c, NULL), PLUCK_OK);
    return b;
}

static size_t save(const pluck_banned *b, unsigned char *to) {
    size_t size = 0, again = 0;
    assert_int_equal(pluck_banned_save(b, NULL, 0, &size), PLUCK_OK);
    assert_true(size < ROOM);
    assert_int_equal(pluck_banned_save(b, to, size - 1, &again), PLUCK_ERR_SIZE);
    assert_int_equal(again, size);
    to[size] = 0x77;
    assert_int_equal(pluck_banned_save(b, to, size, &again), PLUCK_OK);
    assert_int_equal(to[size], 0x77);
    return size;
}

static void assert_same_bytes(const pluck_banned *a, const pluck_banned *b) {
    static unsigned char one[ROOM], other[ROOM];
    const size_t n = save(a, one);
    assert_int_equal(save(b, other), n);
    assert_memory_equal(one, other, n);
}

/* The checksum of what was changed, by its definition. */
static void sign(unsigned char *bytes, size_t size) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i + 8 < size; i++) sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++) bytes[size - 8 + i] = (unsigned char)(sum >> 8 * i);
}

static void refuse_bytes(pluck_banned *b, const unsigned char *bytes, size_t size,
                         const char *message) {
    static unsigned char before[ROOM], after[ROOM];
    const size_t n = save(b, before);
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_banned_load(b, bytes, size, &error), PLUCK_ERR_STATE);
    if (!strstr(error.message, message)) fail_msg("'%s' lacks '%s'", error.message, message);
    assert_int_equal(save(b, after), n);
    assert_memory_equal(before, after, n);
}

/* At some token one goes on from the bytes of the other. */
static void saved_and_loaded(void **state) {
    (void)state;
    static unsigned char bytes[ROOM];
    for (uint64_t seed = 1; seed <= 200; seed++) {
        rows_random r = {seed};
        const int32_t max_held = 1 + (int32_t)rows_below(&r, 6);
        pluck_banned *a = make(max_held, false);
        pluck_banned *b = make(max_held + (int32_t)rows_below(&r, 2), false);
        const int32_t at = (int32_t)rows_below(&r, 30);
        pluck_banned_step one, other;
        for (int32_t i = 0; i < at; i++)
            assert_int_equal(pluck_banned_accept(a, (int32_t)rows_below(&r, 4), &one), PLUCK_OK);
        assert_int_equal(pluck_banned_accept(b, 1, &one), PLUCK_OK);
        assert_int_equal(pluck_banned_load(b, bytes, save(a, bytes), NULL), PLUCK_OK);
        assert_same_bytes(a, b);
        pluck_banned_free(a);
        a = make(max_held, false);
        assert_int_equal(pluck_banned_load(a, bytes, save(b, bytes), NULL), PLUCK_OK);
        pluck_banned *clone = NULL;
        assert_int_equal(pluck_banned_clone(&clone, a), PLUCK_OK);
        for (int32_t i = 0; i < 30; i++) {
            const int32_t token = (int32_t)rows_below(&r, 4);
            assert_int_equal(pluck_banned_accept(a, token, &one), PLUCK_OK);
            assert_int_equal(pluck_banned_accept(clone, token, &other), PLUCK_OK);
            assert_memory_equal(&one, &other, sizeof one);
        }
        assert_same_bytes(a, clone);
        pluck_banned_free(a);
        pluck_banned_free(b);
        pluck_banned_free(clone);
    }
}

/* The offsets are those of the format (src/banned.c). */
static void damaged_bytes(void **state) {
    (void)state;
    static unsigned char good[ROOM], bad[ROOM];
    pluck_banned *b = make(16, false);
    static const int32_t tokens[] = {0, 1, 2, 1, 2, 3, 2, 2}; /* "zz" is held, x and y are banned */
    pluck_banned_step s;
    for (int32_t i = 0; i < 8; i++)
        assert_int_equal(pluck_banned_accept(b, tokens[i], &s), PLUCK_OK);
    const size_t size = save(b, good);
    assert_int_equal(size, 48 + 12 * 4);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, good, size);
        bad[i] ^= 1;
        refuse_bytes(b, bad, size, "the");
        refuse_bytes(b, good, i, "");
    }
    memcpy(bad, good, size);
    refuse_bytes(b, bad, size + 1, "checksum");
    static const struct {
        size_t at;
        const char *message;
    } high[] = {
        {0, "not the bytes"}, {4, "version"},  {8, "is for"},     {12, "other strings"},
        {20, "not one that"}, {28, "not one"}, {32, "holds 255"}, {36, "not one"},
        {40, "not one"},      {44, "not one"}, {60, "not one"},   {64, "not one"},
        {68, "not one"},      {80, "not one"},
    };
    for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
        memcpy(bad, good, size);
        memset(bad + high[i].at, 0xff, 1 + 7 * (high[i].at == 20));
        bad[high[i].at + 1] = high[i].at == 40 ? 0xff : bad[high[i].at + 1];
        sign(bad, size);
        refuse_bytes(b, bad, size, high[i].message);
    }
    /* A byte more or less, rightly signed. */
    for (size_t n = size - 1; n <= size + 1; n += 2) {
        memcpy(bad, good, size);
        sign(bad, n);
        refuse_bytes(b, bad, n, "not one");
    }
    assert_int_equal(pluck_banned_load(b, NULL, 1, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_banned_load(NULL, good, size, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_banned_save(b, bad, ROOM, NULL), PLUCK_ERR_NULL);
    pluck_banned *small = make(1, false);
    refuse_bytes(small, good, size, "the state holds 2 tokens; max_held is 1");
    pluck_banned *folded = make(16, true);
    refuse_bytes(folded, good, size, "other strings");
    pluck_banned_free(b);
    pluck_banned_free(small);
    pluck_banned_free(folded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(damaged_bytes),
    };
    return cmocka_run_group_tests_name("banned_state", tests, NULL, NULL);
}
