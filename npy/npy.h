/*
 * npy.h: a reader of NumPy's .npy files, for rows of logits.
 *
 * Reads arrays of one dimension (one row) or two (rows, columns), of float32, float16, bfloat16 or
 * float64, in either byte order, in C or Fortran order. NumPy itself has no bfloat16: ml_dtypes
 * saves it as '<V2'. Everything else is refused with a message that says what was found.
 *
 *   npy.c          headers; reads only memory, so that it can be fuzzed
 *   npy_convert.c  converts the other layouts to plain rows
 *   npy_file.c     files, which are mapped if they are plain, and pipes
 */
#ifndef PLUCK_NPY_H
#define PLUCK_NPY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum npy_dtype { NPY_F32, NPY_F16, NPY_BF16, NPY_F64 } npy_dtype;

typedef struct npy_array {
    const void *data; /* the first element; there are no gaps between elements */
    npy_dtype dtype;
    size_t element_size; /* bytes: 4, 2, 2 or 8 */
    size_t n_rows;       /* at least 1 */
    size_t n_columns;    /* at least 1 */
    bool big_endian;     /* byte order of each element */
    bool by_columns;     /* Fortran order: column after column; false for one row */
} npy_array;

/*
 * Reads the header of a .npy file that is in memory, `size` bytes at `data`, and describes its
 * array, which may have any layout and any alignment. On failure returns false, leaves *out as it
 * was and writes one line without a full stop to err: at most err_size bytes, always terminated
 * (err may be NULL if err_size is 0). Never reads beyond the bytes given.
 */
bool npy_parse(const void *data, size_t size, npy_array *out, char *err, size_t err_size);

/*
 * Says how much of a stream to read: given its first `size` bytes, sets *wanted to the number of
 * bytes that must be read next, counted from the start. That is first 12, then the whole header,
 * then the whole file. Read up to *wanted and call again until *wanted is what has been read. On
 * failure as npy_parse.
 */
bool npy_extent(const void *data, size_t size, size_t *wanted, char *err, size_t err_size);

/* The first element of row number `row` (from 0) of an array that is not by columns. */
const void *npy_row(const npy_array *array, size_t row);

/* Whether an array is plain, so that it can be used as it is: float32, float16 or bfloat16 in this
 * machine's byte order, row after row, aligned to the size of an element. */
bool npy_is_plain(const npy_array *array);

/*
 * Writes a plain copy of an array to `to` and describes it in *out. float64 is rounded to the
 * nearest float32, and to infinity beyond its range; other types are kept. `to` has room for
 * npy_plain_size(array) bytes and is aligned to 4.
 */
size_t npy_plain_size(const npy_array *array);
void npy_make_plain(const npy_array *array, void *to, npy_array *out);

/* A plain array and the memory it is in. */
typedef struct npy_file {
    npy_array array;
    void *memory;
    size_t size; /* of the memory, in bytes */
    bool mapped;
} npy_file;

/*
 * Opens a file, or standard input if path is "-". A plain array in a file is mapped into memory;
 * any other is converted. Standard input and pipes must end where the array ends. On failure as
 * npy_parse; the message may also be of the operating system.
 */
bool npy_open(npy_file *out, const char *path, char *err, size_t err_size);

/* Frees the array's memory. */
void npy_close(npy_file *file);

#endif /* PLUCK_NPY_H */
