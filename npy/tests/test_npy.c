/*
 * test_npy.c: .npy headers: good ones, and every kind of bad one.
 *
 * Each buffer that is parsed is an allocation of exactly its size, so that a sanitizer sees a read
 * past its end.
 */
#include "image.h"

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

/* Parses a header that must be refused with a message that contains `part`. */
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

/* NumPy pads headers so that the data starts at a multiple of 64. These are padded to what the
 * alignment needs. */
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

/* The members that describe the layout. A Fortran array of one row or one column has the layout of
 * a C array. */
static void test_layouts(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t n_data_bytes;
        npy_dtype dtype;
        bool big_endian, by_columns;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24, NPY_F32, false, true},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1)}", 8, NPY_F32, false, false},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 3)}", 12, NPY_F32, false, false},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", 24, NPY_F32, true, false},
        {"{'descr': '>f2', 'fortran_order': False, 'shape': (3,)}", 6, NPY_F16, true, false},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", 24, NPY_F64, false, false},
        {"{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2)}", 32, NPY_F64, true, true},
        {"{'descr': '<V2', 'fortran_order': False, 'shape': (3,)}", 6, NPY_BF16, false, false},
        {"{'descr': '|V2', 'fortran_order': False, 'shape': (3,)}", 6, NPY_BF16, false, false},
        {"{'descr': '>V2', 'fortran_order': False, 'shape': (3,)}", 6, NPY_BF16, true, false},
        {"{'descr': 'bfloat16', 'fortran_order': False, 'shape': (3,)}", 6, NPY_BF16, false, false},
    };
    static const size_t sizes[] = {[NPY_F32] = 4, [NPY_F16] = 2, [NPY_BF16] = 2, [NPY_F64] = 8};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const npy_array a = parse_good(1, cases[i].header, cases[i].n_data_bytes);
        assert_int_equal(a.dtype, cases[i].dtype);
        assert_int_equal(a.element_size, sizes[cases[i].dtype]);
        assert_int_equal(a.big_endian, cases[i].big_endian);
        assert_int_equal(a.by_columns, cases[i].by_columns);
    }
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
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}\n", 8, "are int32 ('<i4')"},
        {"{'descr': '>u2', 'fortran_order': False, 'shape': (2,)}\n", 4, "are uint16 ('>u2')"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n", 2, "are uint8 ('|u1')"},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}\n", 2, "are bool ('|b1')"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (2,)}\n", 32, "are float128 ('<f16')"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}\n", 16, "are complex64 ('<c8')"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}\n", 16, "are Python objects"},
        {"{'descr': '|V1', 'fortran_order': False, 'shape': (2,)}\n", 2, "are raw bytes ('|V1')"},
        {"{'descr': '<U3', 'fortran_order': False, 'shape': (2,)}\n", 24, "are text ('<U3')"},
        {"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (2,)}\n", 16, "are dates"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}\n", 8, "unknown type ('')"},
        {"{'descr': '<', 'fortran_order': False, 'shape': (2,)}\n", 8, "unknown type ('<')"},
        {"{'descr': '<f44', 'fortran_order': False, 'shape': (2,)}\n", 8, "('<f44')"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}\n", 8, "needs 16 bytes"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}\n", 8, "fields"},
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
         "there twice"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 8,
         "there twice"},
        {"{'descr': '<f4', 'shape': (2,), 'shape': (2,), 'fortran_order': False}\n", 8,
         "there twice"},
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

/* A reader that asks how much it needs has the whole file after three steps. */
static void test_extent(void **state) {
    (void)state;
    for (int major = 1; major <= 3; major++) {
        image file = make_image(
            major, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 64, 24);
        size_t wanted = 0;
        assert_true(npy_extent(NULL, 0, &wanted, NULL, 0));
        assert_int_equal(wanted, 12);
        assert_true(npy_extent(file.bytes, wanted, &wanted, NULL, 0));
        assert_int_equal(wanted, file.size - 24);
        assert_true(npy_extent(file.bytes, wanted, &wanted, NULL, 0));
        assert_int_equal(wanted, file.size);
        assert_true(npy_extent(file.bytes, wanted, &wanted, NULL, 0));
        assert_int_equal(wanted, file.size);
        file.bytes[0] = 'x';
        char err[160] = "";
        assert_false(npy_extent(file.bytes, 12, &wanted, err, sizeof err));
        assert_string_equal(err, "not a .npy file");
        free(file.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_headers), cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_bad_versions), cmocka_unit_test(test_long_header),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_short_error_buffer),
        cmocka_unit_test(test_extent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
