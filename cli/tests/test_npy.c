/*
 * test_npy.c: the .npy reader on good headers, on every kind of bad one, and on files.
 *
 * Each buffer that is parsed is an allocation of exactly its size, so that a sanitizer sees a read
 * past its end.
 */
#include "npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above before it. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A .npy image in an allocation of its own. */
typedef struct image {
    unsigned char *bytes;
    size_t size;
} image;

/* The header is padded with spaces so that the data starts at a multiple of `alignment`, as NumPy
 * does with 64. */
static image make_image(int major, const char *header, size_t alignment, size_t n_data_bytes) {
    const size_t n_length_bytes = major == 1 ? 2 : 4;
    const size_t unpadded = 8 + n_length_bytes + strlen(header);
    const size_t n_spaces = (alignment - unpadded % alignment) % alignment;
    const size_t length = strlen(header) + n_spaces;
    image out = {.size = 8 + n_length_bytes + length + n_data_bytes};
    out.bytes = calloc(1, out.size);
    assert_non_null(out.bytes);
    memcpy(out.bytes, "\x93NUMPY", 6);
    out.bytes[6] = (unsigned char)major;
    for (size_t i = 0; i < n_length_bytes; i++) {
        out.bytes[8 + i] = (unsigned char)(length >> (8 * i));
    }
    memset(out.bytes + 8 + n_length_bytes, ' ', length);
    memcpy(out.bytes + 8 + n_length_bytes, header, strlen(header));
    for (size_t i = 0; i < n_data_bytes; i++) {
        out.bytes[out.size - n_data_bytes + i] = (unsigned char)i;
    }
    return out;
}

/* Parses a header that must be accepted. */
static npy_array parse_good(int major, const char *header, size_t n_data_bytes) {
    image file = make_image(major, header, 64, n_data_bytes);
    npy_array array = {0};
    char err[160] = "";
    if (!npy_parse(file.bytes, file.size, &array, err, sizeof err)) fail_msg("refused: %s", err);
    assert_ptr_equal(array.data, file.bytes + file.size - n_data_bytes);
    free(file.bytes);
    array.data = NULL;
    return array;
}

/* Parses a header that must be refused with a message that holds `part`. */
static void parse_bad(int major, const char *header, size_t n_data_bytes, const char *part) {
    image file = make_image(major, header, 1, n_data_bytes);
    const npy_array before = {.n_rows = 77, .n_columns = 78};
    npy_array array = before;
    char err[160] = "";
    if (npy_parse(file.bytes, file.size, &array, err, sizeof err)) fail_msg("accepted: %s", header);
    if (strstr(err, part) == NULL) fail_msg("'%s' is not in '%s'", part, err);
    assert_memory_equal(&array, &before, sizeof array);
    assert_false(npy_parse(file.bytes, file.size, &array, NULL, 0));
    free(file.bytes);
}

/* Headers as NumPy writes them are padded so that the data starts at a multiple of 64; these are
 * padded by hand to what alignment asks for. */
static void test_good_headers(void **state) {
    (void)state;
    npy_array a =
        parse_good(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24);
    assert_int_equal(a.dtype, NPY_F32);
    assert_int_equal(a.element_size, 4);
    assert_int_equal(a.n_rows, 2);
    assert_int_equal(a.n_columns, 3);

    a = parse_good(2, "{\"shape\":(5,),\"descr\":\"<f2\",\"fortran_order\":True}\n", 10);
    assert_int_equal(a.dtype, NPY_F16);
    assert_int_equal(a.element_size, 2);
    assert_int_equal(a.n_rows, 1);
    assert_int_equal(a.n_columns, 5);

    a = parse_good(3, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)}\n", 4);
    assert_int_equal(a.n_rows, 1);
    assert_int_equal(a.n_columns, 1);
}

static void test_rows(void **state) {
    (void)state;
    image file =
        make_image(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }\n", 64, 12);
    npy_array array;
    assert_true(npy_parse(file.bytes, file.size, &array, NULL, 0));
    const unsigned char *row = npy_row(&array, 2);
    assert_int_equal(row[0], 8);
    assert_int_equal(row[3], 11);
    free(file.bytes);
}

static void test_bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t n_data_bytes;
        const char *part;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}\n", 8, "'>f4'"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}\n", 16, "'<f8'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}\n", 8, "fields"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1)}\n", 8, "Fortran"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 1)}\n", 8,
         "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 4, "0 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1)}\n", 4, "3 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4)}\n", 0, "empty"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0)}\n", 0, "empty"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 4, "needs 8 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 12, "needs 8 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}\n", 8, "not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}\n", 8, "does not end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}\n", 8, "does not end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}\n", 8, "not a number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}\n", 8,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}\n", 8,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'fortran_order': False, 'shape': (2,)}\n", 8,
         "stands twice"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 8,
         "stands twice"},
        {"{'descr': '<f4', 'shape': (2,), 'shape': (2,), 'fortran_order': False}\n", 8,
         "stands twice"},
        {"{'descr': '<f4', 'fortran_order': False}\n", 8, "missing"},
        {"{'descr': '<f4', 'shape': (2,)}\n", 8, "missing"},
        {"{'fortran_order': False, 'shape': (2,)}\n", 8, "missing"},
        {"{'descr': '<f4', 'colour': 'red'}\n", 8, "unknown key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", 8, "does not end with '}'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x\n", 8, "follows the '}'"},
        {"{'descr' '<f4'}\n", 8, "':' is missing"},
        {"{'descr': <f4}\n", 8, "quoted string"},
        {"{'descr': '<f4\n}\n", 8, "does not end"},
        {"{'descr': '<f4", 0, "does not end"},
        {"{'descr': 'a string far too long'}\n", 8, "too long"},
        {"{'descr': '<\\4'}\n", 8, "odd character"},
        {"[1, 2]\n", 8, "start with '{'"},
        {"", 0, "start with '{'"},
        /* 10 + 55 bytes: the floats would start at 65 */
        {"{'descr':'<f4','fortran_order':False,'shape':(2,)}    \n", 8, "aligned"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse_bad(1, cases[i].header, cases[i].n_data_bytes, cases[i].part);
    }
}

static void test_bad_versions(void **state) {
    (void)state;
    const char *header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n";
    parse_bad(4, header, 8, "version 4.0");
    parse_bad(0, header, 8, "version 0.0");
}

static void test_long_header(void **state) {
    (void)state;
    char *header = malloc(70001);
    assert_non_null(header);
    memset(header, ' ', 70000);
    header[70000] = '\0';
    parse_bad(2, header, 8, "too long");
    free(header);
}

/* Every prefix of a good file is refused, and is not read beyond. */
static void test_truncated(void **state) {
    (void)state;
    for (int major = 1; major <= 2; major++) {
        image file = make_image(
            major, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 64, 24);
        for (size_t size = 0; size < file.size; size++) {
            unsigned char *prefix = malloc(size > 0 ? size : 1);
            assert_non_null(prefix);
            memcpy(prefix, file.bytes, size);
            npy_array array;
            char err[160] = "";
            assert_false(npy_parse(prefix, size, &array, err, sizeof err));
            assert_true(err[0] != '\0');
            free(prefix);
        }
        free(file.bytes);
    }
}

/* A message is cut at the buffer's end, and always terminated. */
static void test_short_error_buffer(void **state) {
    (void)state;
    npy_array array;
    char err[8] = "xxxxxxx";
    assert_false(npy_parse("nothing", 7, &array, err, 4));
    assert_string_equal(err, "not");
    assert_int_equal(err[4], 'x');
}

static void test_files(void **state) {
    (void)state;
    npy_file file;
    char err[160] = "";
    assert_false(npy_open(&file, "there-is-no-such-file.npy", err, sizeof err));
    assert_non_null(strstr(err, "No such file"));
    assert_false(npy_open(&file, ".", err, sizeof err));
    assert_string_equal(err, "not a regular file");

    char path[] = "test_npy.tmp";
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fclose(out);
    assert_false(npy_open(&file, path, err, sizeof err));
    assert_string_equal(err, "the file is empty");

    image good =
        make_image(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 64, 24);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(good.bytes, 1, good.size, out), good.size);
    fclose(out);
    assert_true(npy_open(&file, path, err, sizeof err));
    assert_int_equal(file.array.n_columns, 3);
    assert_memory_equal(npy_row(&file.array, 1), good.bytes + good.size - 12, 12);
    npy_close(&file);

    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(good.bytes, 1, good.size - 1, out), good.size - 1);
    fclose(out);
    assert_false(npy_open(&file, path, err, sizeof err));
    assert_non_null(strstr(err, "needs 24 bytes of data, the file has 23"));
    remove(path);
    free(good.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_headers),       cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_headers),        cmocka_unit_test(test_bad_versions),
        cmocka_unit_test(test_long_header),        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_short_error_buffer), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
