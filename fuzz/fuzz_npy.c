/*
 * fuzz_npy.c: any bytes as a .npy file. The array that it describes must lie within the bytes.
 */
#include "fuzz.h"
#include "npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    npy_array a;
    memset(&a, 0, sizeof a);
    char error[100];
    memset(error, 0x7f, sizeof error);
    size_t wanted = 0;
    if (!npy_parse(data, size, &a, error, sizeof error)) {
        FUZZ_REQUIRE(memchr(error, '\0', sizeof error) && error[0]);
        FUZZ_REQUIRE(!a.data && !a.n_rows);
        FUZZ_REQUIRE(!npy_parse(data, size, &a, NULL, 0));
        (void)npy_extent(data, size, &wanted, error, sizeof error);
        return 0;
    }
    FUZZ_REQUIRE(npy_extent(data, size, &wanted, error, sizeof error) && wanted == size);
    FUZZ_REQUIRE(a.n_rows >= 1 && a.n_columns >= 1);
    FUZZ_REQUIRE(a.element_size == (a.dtype == NPY_F64 ? 8u : a.dtype == NPY_F32 ? 4u : 2u));
    const uint8_t *first = a.data;
    FUZZ_REQUIRE(first >= data && first <= data + size);
    const size_t left = size - (size_t)(first - data);
    FUZZ_REQUIRE(a.n_columns <= left / a.element_size / a.n_rows);
    FUZZ_REQUIRE(!a.by_columns || (a.n_rows > 1 && a.n_columns > 1));
    /* Inputs are small, and so is a copy. */
    void *copy = malloc(npy_plain_size(&a));
    FUZZ_REQUIRE(copy);
    npy_array plain;
    npy_make_plain(&a, copy, &plain);
    FUZZ_REQUIRE(npy_is_plain(&plain));
    FUZZ_REQUIRE(plain.n_rows == a.n_rows && plain.n_columns == a.n_columns);
    if (npy_is_plain(&a)) FUZZ_REQUIRE(memcmp(copy, first, npy_plain_size(&a)) == 0);
    FUZZ_REQUIRE(npy_row(&plain, a.n_rows - 1) ==
                 (const char *)copy + (a.n_rows - 1) * a.n_columns * plain.element_size);
    free(copy);
    return 0;
}
