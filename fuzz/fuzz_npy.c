/*
 * fuzz_npy.c: any bytes as a .npy file. An array that is described must lie inside the bytes.
 */
#include "fuzz.h"
#include "npy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    npy_array a;
    memset(&a, 0, sizeof a);
    char error[100];
    memset(error, 0x7f, sizeof error);
    if (!npy_parse(data, size, &a, error, sizeof error)) {
        FUZZ_REQUIRE(memchr(error, '\0', sizeof error) && error[0]);
        FUZZ_REQUIRE(!a.data && !a.n_rows);
        FUZZ_REQUIRE(!npy_parse(data, size, &a, NULL, 0));
        return 0;
    }
    FUZZ_REQUIRE(a.n_rows >= 1 && a.n_columns >= 1);
    FUZZ_REQUIRE(a.element_size == (a.dtype == NPY_F32 ? 4u : 2u));
    const uint8_t *first = a.data;
    FUZZ_REQUIRE(first >= data && first <= data + size);
    const size_t left = size - (size_t)(first - data);
    FUZZ_REQUIRE(a.n_columns <= left / a.element_size / a.n_rows);
    /* Touch the ends of every row. */
    unsigned sum = 0;
    for (size_t r = 0; r < a.n_rows; ++r) {
        const uint8_t *row = npy_row(&a, r);
        FUZZ_REQUIRE(row == first + r * a.n_columns * a.element_size);
        sum += row[0] + row[a.n_columns * a.element_size - 1];
    }
    return sum == 0xffffffffu; /* 0, since the sum is smaller; keeps the reads */
}
