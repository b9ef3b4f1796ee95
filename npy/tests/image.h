/*
 * image.h: .npy files made in memory, for tests. Includes cmocka.h, and what that needs before it.
 */
#ifndef PLUCK_NPY_TESTS_IMAGE_H
#define PLUCK_NPY_TESTS_IMAGE_H

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

/* A .npy file in memory, in its own allocation. */
typedef struct image {
    unsigned char *bytes;
    size_t size;
} image;

/* A file with this header and data that counts 0, 1, 2, ... The header is padded with spaces so
 * that the data starts at a multiple of `alignment`, as NumPy does with 64. */
image make_image(int major, const char *header, size_t alignment, size_t n_data_bytes);

#endif /* PLUCK_NPY_TESTS_IMAGE_H */
