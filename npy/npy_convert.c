/*
 * npy_convert.c: converts arrays that are in another byte order, in Fortran order, of float64 or
 * not aligned to plain rows.
 */
#include "npy.h"

#include <stdint.h>
#include <string.h>

static bool machine_is_big_endian(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

bool npy_is_plain(const npy_array *a) {
    return a->dtype != NPY_F64 && a->big_endian == machine_is_big_endian() && !a->by_columns &&
           (uintptr_t)a->data % a->element_size == 0;
}

static size_t plain_element_size(const npy_array *a) {
    return a->dtype == NPY_F64 ? sizeof(float) : a->element_size;
}

size_t npy_plain_size(const npy_array *a) {
    return a->n_rows * a->n_columns * plain_element_size(a);
}

/* The bits of the element at `at`, in this machine's byte order. */
static uint64_t load(const npy_array *a, const unsigned char *at) {
    uint64_t bits = 0;
    for (size_t i = 0; i < a->element_size; i++) {
        const size_t byte = a->big_endian ? i : a->element_size - 1 - i;
        bits = bits << 8 | at[byte];
    }
    return bits;
}

static void store(npy_dtype dtype, uint64_t bits, unsigned char *to) {
    if (dtype == NPY_F64) {
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        const float value = (float)wide;
        memcpy(to, &value, sizeof value);
    } else if (dtype == NPY_F32) {
        const uint32_t value = (uint32_t)bits;
        memcpy(to, &value, sizeof value);
    } else {
        const uint16_t value = (uint16_t)bits;
        memcpy(to, &value, sizeof value);
    }
}

void npy_make_plain(const npy_array *a, void *to, npy_array *out) {
    const unsigned char *from = a->data;
    const size_t row_step = a->by_columns ? 1 : a->n_columns;
    const size_t column_step = a->by_columns ? a->n_rows : 1;
    const size_t plain_size = plain_element_size(a);
    unsigned char *at = to;
    for (size_t r = 0; r < a->n_rows; r++) {
        for (size_t c = 0; c < a->n_columns; c++, at += plain_size) {
            const size_t element = r * row_step + c * column_step;
            store(a->dtype, load(a, from + element * a->element_size), at);
        }
    }
    *out = *a;
    out->data = to;
    out->dtype = a->dtype == NPY_F64 ? NPY_F32 : a->dtype;
    out->element_size = plain_size;
    out->big_endian = machine_is_big_endian();
    out->by_columns = false;
}
