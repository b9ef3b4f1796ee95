/* test_output_rows.c: exchanging and permuting rows, of odd sizes too. */
#include "output_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above before it. */
#include <cmocka.h>

#include <string.h>

/* A linear congruential generator (Numerical Recipes'). */
static uint32_t state_of_random = 8;

static uint32_t next_random(void) {
    state_of_random = 1664525u * state_of_random + 1013904223u;
    return state_of_random >> 8;
}

static unsigned char next_byte(void) {
    return (unsigned char)(next_random() & 0xff);
}

static void shuffle(int32_t *order, int32_t n) {
    for (int32_t i = 0; i < n; i++) order[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        const int32_t other = (int32_t)(next_random() % (uint32_t)(i + 1));
        const int32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static void rows_move(void **state) {
    (void)state;
    enum { ROWS = 57, WIDTH = 37 };
    unsigned char a[ROWS][WIDTH];
    unsigned char b[ROWS][WIDTH];
    unsigned char scratch[WIDTH];
    uint8_t visited[(ROWS + 7) / 8];
    int32_t order[ROWS];
    for (int round = 0; round < 50; ++round) {
        shuffle(order, ROWS);
        for (int i = 0; i < ROWS; ++i) {
            for (int j = 0; j < WIDTH; ++j) a[i][j] = b[i][j] = next_byte();
        }
        assert_true(output_rows_permute(a, WIDTH, ROWS, order, scratch, visited));
        for (int i = 0; i < ROWS; ++i) assert_memory_equal(a[i], b[order[i]], WIDTH);
    }
    memcpy(a, b, sizeof a);
    order[3] = order[4];
    assert_false(output_rows_permute(a, WIDTH, ROWS, order, scratch, visited));
    order[3] = ROWS;
    assert_false(output_rows_permute(a, WIDTH, ROWS, order, scratch, visited));
    order[3] = -1;
    assert_false(output_rows_permute(a, WIDTH, ROWS, order, scratch, visited));
    assert_memory_equal(a, b, sizeof a);
    for (size_t bytes = 0; bytes <= 5 * WIDTH; ++bytes) {
        memcpy(a, b, sizeof a);
        output_rows_swap(a[0], a[5], bytes);
        assert_memory_equal(a[0], b[5], bytes);
        assert_memory_equal(a[5], b[0], bytes);
        assert_memory_equal((char *)a + bytes, (char *)b + bytes, 5 * WIDTH - bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_move)};
    return cmocka_run_group_tests_name("output_rows", tests, NULL, NULL);
}
