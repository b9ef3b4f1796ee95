/*
 * test_npy_layouts.c: arrays of every type, byte order and order of elements are converted to the
 * same plain rows.
 */
#include "image.h"

#include <math.h>

enum { ROWS = 3, COLUMNS = 4, N = ROWS * COLUMNS };

/* Exact in every type. */
static const double values[N] = {1.0,   -2.0, 0.5,  -INFINITY, 3.5,   0.0,
                                 -0.25, 7.0,  -9.0, 10.0,      -11.0, 12.0};

static uint64_t bits_of(npy_dtype dtype, double value) {
    uint64_t wide;
    memcpy(&wide, &value, sizeof wide);
    const float single = (float)value;
    uint32_t narrow;
    memcpy(&narrow, &single, sizeof narrow);
    switch (dtype) {
    case NPY_F64:
        return wide;
    case NPY_F32:
        return narrow;
    case NPY_BF16:
        return narrow >> 16;
    case NPY_F16:
        break;
    }
    const uint32_t sign = narrow >> 16 & 0x8000;
    if (value == 0.0) return sign;
    if (isinf(value)) return sign | 0x7c00;
    return sign | ((narrow >> 23 & 0xff) - 112) << 10 | (narrow >> 13 & 0x3ff);
}

/* Writes the values to `to` in the layout that `layout` describes. */
static void lay_down(const npy_array *layout, unsigned char *to) {
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            const size_t at = layout->by_columns ? c * ROWS + r : r * COLUMNS + c;
            const uint64_t bits = bits_of(layout->dtype, values[r * COLUMNS + c]);
            for (size_t i = 0; i < layout->element_size; i++) {
                const size_t shift = layout->big_endian ? layout->element_size - 1 - i : i;
                to[at * layout->element_size + i] = (unsigned char)(bits >> (8 * shift));
            }
        }
    }
}

static void check_plain(const npy_array *layout) {
    const npy_dtype dtype = layout->dtype == NPY_F64 ? NPY_F32 : layout->dtype;
    const size_t size = npy_plain_size(layout);
    void *memory = malloc(size);
    assert_non_null(memory);
    npy_array plain;
    npy_make_plain(layout, memory, &plain);
    assert_true(npy_is_plain(&plain));
    assert_int_equal(plain.dtype, dtype);
    assert_int_equal(plain.element_size, dtype == NPY_F32 ? 4 : 2);
    assert_int_equal(plain.n_rows, ROWS);
    assert_int_equal(plain.n_columns, COLUMNS);
    assert_int_equal(size, N * plain.element_size);
    for (size_t i = 0; i < N; i++) {
        const char *element =
            (const char *)npy_row(&plain, i / COLUMNS) + i % COLUMNS * plain.element_size;
        uint32_t word = 0;
        uint16_t half = 0;
        if (dtype == NPY_F32) {
            memcpy(&word, element, sizeof word);
        } else {
            memcpy(&half, element, sizeof half);
            word = half;
        }
        assert_int_equal(word, bits_of(dtype, values[i]));
    }
    free(memory);
}

static void every_layout(void **state) {
    (void)state;
    static const size_t sizes[] = {[NPY_F32] = 4, [NPY_F16] = 2, [NPY_BF16] = 2, [NPY_F64] = 8};
    for (unsigned layout = 0; layout < 32; layout++) {
        const npy_dtype dtype = (npy_dtype)(layout & 3);
        const bool big_endian = (layout & 4) != 0;
        const bool by_columns = (layout & 8) != 0;
        const size_t offset = layout >> 4; /* 1: not aligned */
        unsigned char *bytes = malloc(offset + N * sizes[dtype]);
        assert_non_null(bytes);
        const npy_array array = {
            .data = bytes + offset,
            .dtype = dtype,
            .element_size = sizes[dtype],
            .n_rows = ROWS,
            .n_columns = COLUMNS,
            .big_endian = big_endian,
            .by_columns = by_columns,
        };
        lay_down(&array, bytes + offset);
        if (dtype == NPY_F64 || by_columns || offset == 1) assert_false(npy_is_plain(&array));
        npy_array turned = array;
        turned.big_endian = !big_endian;
        assert_false(npy_is_plain(&array) && npy_is_plain(&turned));
        check_plain(&array);
        free(bytes);
    }
}

/* float64 is rounded to the nearest float32; what is beyond its range is infinite. */
static void doubles(void **state) {
    (void)state;
    const double from[] = {0.1, -1.0 - 0x1p-30, 1e300, -1e300, 1e-300, (double)NAN};
    const float want[] = {0.1f, -1.0f, INFINITY, -INFINITY, 0.0f};
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    const npy_array array = {
        .data = from,
        .dtype = NPY_F64,
        .element_size = 8,
        .n_rows = 1,
        .n_columns = 6,
        .big_endian = first == 0,
    };
    float to[6];
    npy_array plain;
    npy_make_plain(&array, to, &plain);
    for (int i = 0; i < 5; i++) assert_true(to[i] == want[i]);
    assert_true(isnan(to[5]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout),
        cmocka_unit_test(doubles),
    };
    return cmocka_run_group_tests_name("npy_layouts", tests, NULL, NULL);
}
