/*
 * test_placement.c - moving functions in the assembly that a compiler wrote.
 */
#include "placement.h"
#include "with_cmocka.h"

#include <stdlib.h>
#include <string.h>

static const char assembly[] = "\t.file\t\"x.c\"\n"
                               "\t.text\n"
                               "\t.section\t.text.first,\"ax\",@progbits\n"
                               "\t.p2align 4\n"
                               "\t.globl\tfirst\n"
                               "\t.type\tfirst, @function\n"
                               "first:\n"
                               ".LFB0:\n"
                               "\tret\n"
                               "\t.section\t.rodata\n"
                               "table:\n"
                               "\t.long\t1\n"
                               "\t.section\t.text.second,\"ax\",@progbits\n"
                               "second:                # @second\n"
                               "\tret\n";

static size_t lines_with(const char *text, const char *what) {
    size_t n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) n++;
    return n;
}

/* One gap before the label of each function; data, local labels and all else stay as they are. */
static void test_shift(void **state) {
    (void)state;
    size_t moved = 0;
    char *text = placement_shift(assembly, 1, &moved);
    assert_int_equal(moved, 2);
    assert_int_equal(lines_with(text, "\t.skip "), 2);
    const char *first = strstr(text, "\t.skip ");
    const char *label = strchr(first, '\n') + 1;
    assert_int_equal(strncmp(label, "first:\n.LFB0:", 13), 0);
    assert_int_equal(strncmp(strchr(strstr(label, "\t.skip "), '\n') + 1, "second:", 7), 0);
    /* Without the added lines it is the old text. */
    char *old = malloc(strlen(text) + 1);
    size_t n = 0;
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n") + 1;
        if (strncmp(line, "\t.skip ", 7) != 0) {
            memcpy(old + n, line, length);
            n += length;
        }
        line += length;
    }
    old[n] = '\0';
    assert_string_equal(old, assembly);
    free(old);
    free(text);
}

/* Distances differ from seed to seed and cover a page; the same seed gives the same text. */
static void test_distances(void **state) {
    (void)state;
    bool low = false, high = false, odd = false;
    for (unsigned long long seed = 1; seed <= 40; seed++) {
        size_t moved;
        char *text = placement_shift(assembly, seed, &moved);
        char *again = placement_shift(assembly, seed, &moved);
        assert_string_equal(text, again);
        const long distance = strtol(strstr(text, ".skip ") + 6, NULL, 10);
        assert_in_range(distance, 1, 4095);
        low = low || distance < 1024;
        high = high || distance > 3072;
        odd = odd || distance % 2 == 1;
        free(text);
        free(again);
    }
    assert_true(low && high && odd);
}

static void test_nothing(void **state) {
    (void)state;
    size_t moved = 9;
    char *text = placement_shift("\t.text\nmain:\n\tret\n", 1, &moved);
    assert_int_equal(moved, 0);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shift),
                                       cmocka_unit_test(test_distances),
                                       cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
