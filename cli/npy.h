/*
 * npy.h: a reader of NumPy's .npy files, for rows of logits.
 *
 * Accepts little-endian float32 and float16 arrays in C order with one dimension (one row) or two
 * (rows, columns); everything else is refused with a sentence that says what was found. npy_parse
 * reads memory and nothing else, so that it can be fuzzed; npy_open maps a file and parses it.
 */
#ifndef PLUCK_CLI_NPY_H
#define PLUCK_CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum npy_dtype { NPY_F32, NPY_F16 } npy_dtype;

typedef struct npy_array {
    const void *data; /* the first element; rows follow each other without gaps */
    npy_dtype dtype;
    size_t element_size; /* bytes: 4 or 2 */
    size_t n_rows;       /* at least 1 */
    size_t n_columns;    /* at least 1 */
} npy_array;

/*
 * Reads the header of the `size` bytes at `data` and describes the array behind it. On failure
 * returns false, leaves *out alone and writes one line without a full stop to err (always
 * terminated, cut at err_size; err may be NULL where err_size is 0). Never reads outside the bytes
 * given. out->data lies at a multiple of the element's size from `data`.
 */
bool npy_parse(const void *data, size_t size, npy_array *out, char *err, size_t err_size);

/* An array and the mapping it lives in. */
typedef struct npy_file {
    npy_array array;
    void *mapping;
    size_t mapping_size;
} npy_file;

/* Maps a file read-only and parses it. Errors as npy_parse, and those of the file system. */
bool npy_open(npy_file *out, const char *path, char *err, size_t err_size);

/* Unmaps; the array is gone. */
void npy_close(npy_file *file);

/* Row number `row` of the array. */
const void *npy_row(const npy_array *array, size_t row);

#endif /* PLUCK_CLI_NPY_H */
