/*
 * npy.h: a reader of NumPy's .npy files, for rows of logits.
 *
 * One dimension (one row) or two (rows, columns), of float32, float16, bfloat16 (which NumPy has no
 * name for: ml_dtypes' arrays are saved as '<V2') or float64, in either byte order, in C or Fortran
 * order. Everything else is refused with a sentence that says what was found.
 *
 *   npy.c          headers. Reads memory and nothing else, so that it can be fuzzed.
 *   npy_convert.c  the other layouts, made into plain rows.
 *   npy_file.c     files, mapped if they are plain, and pipes.
 */
#ifndef PLUCK_NPY_H
#define PLUCK_NPY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum npy_dtype { NPY_F32, NPY_F16, NPY_BF16, NPY_F64 } npy_dtype;

typedef struct npy_array {
    const void *data; /* the first element; no gaps between elements */
    npy_dtype dtype;
    size_t element_size; /* bytes: 4, 2, 2 or 8 */
    size_t n_rows;       /* at least 1 */
    size_t n_columns;    /* at least 1 */
    bool big_endian;     /* the bytes of each element */
    bool by_columns;     /* Fortran order: the columns lie one after the other; false for one row */
} npy_array;

/*
 * Reads the header of the `size` bytes at `data` and describes the array that follows it, of any
 * layout and any alignment. On failure returns false, leaves *out alone and writes one line without
 * a full stop to err (always terminated, cut at err_size; err may be NULL if err_size is 0). Never
 * reads outside the bytes given.
 */
bool npy_parse(const void *data, size_t size, npy_array *out, char *err, size_t err_size);

/*
 * How much of a .npy file must be read before more is known, given its first `size` bytes: its
 * first 12 bytes, then all of the header, then all of the file. To read a stream, read up to
 * *wanted and ask again, until *wanted is what has been read. Errors as npy_parse.
 */
bool npy_extent(const void *data, size_t size, size_t *wanted, char *err, size_t err_size);

/* Row number `row` of an array that is not by columns. */
const void *npy_row(const npy_array *array, size_t row);

/* Whether an array can be used as it is: float32, float16 or bfloat16 in this machine's byte
 * order, row by row, aligned to its elements. */
bool npy_is_plain(const npy_array *array);

/*
 * Writes an array as one that is plain: float64 becomes float32 (rounded to the nearest; beyond its
 * range infinite), the other types keep theirs. *out describes what lies at `to`, which has room
 * for npy_plain_size(array) bytes, aligned to 4.
 */
size_t npy_plain_size(const npy_array *array);
void npy_make_plain(const npy_array *array, void *to, npy_array *out);

/* An array that is plain, and the memory it lives in. */
typedef struct npy_file {
    npy_array array;
    void *memory;
    size_t size;
    bool mapped;
} npy_file;

/*
 * Opens a file, or standard input if path is "-", which like a pipe is read up to the array's end.
 * A plain array in a file is mapped; any other is made plain in memory. Errors as npy_parse, those
 * of the file system, and too little memory.
 */
bool npy_open(npy_file *out, const char *path, char *err, size_t err_size);

/* Gives the memory back; the array is gone. */
void npy_close(npy_file *file);

#endif /* PLUCK_NPY_H */
