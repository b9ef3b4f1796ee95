/*
 * npy.c: parsing of .npy headers.
 *
 * The format: "\x93NUMPY", major and minor version, the header's length (2 bytes in version 1, 4 in
 * versions 2 and 3, little-endian), and the header, a Python dictionary literal such as
 * {'descr': '<f4', 'fortran_order': False, 'shape': (8, 151936), } padded with spaces to a newline.
 * The literal is read by a small recursive-descent parser over a cursor that knows where it ends.
 */
#include "npy.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC_SIZE = 6, MAX_DIMS = 2, MAX_DESCR = 15, MAX_HEADER = 65535 };

/* Where the parser stands in the header's text, and where it reports what it does not like. */
typedef struct cursor {
    const char *at;
    const char *end;
    char *err;
    size_t err_size;
} cursor;

typedef struct header {
    char descr[MAX_DESCR + 1];
    bool fortran_order;
    size_t shape[MAX_DIMS];
    int n_dims;
    bool has_descr, has_order, has_shape;
} header;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static bool
fail(char *err, size_t err_size, const char *format, ...) {
    if (err_size > 0) {
        va_list args;
        va_start(args, format);
        vsnprintf(err, err_size, format, args);
        va_end(args);
    }
    return false;
}

static bool bad_header(const cursor *c, const char *what) {
    return fail(c->err, c->err_size, "the .npy header is damaged: %s", what);
}

static void skip_blanks(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n')) c->at++;
}

/* Takes one character if it is the next that is not blank. */
static bool take(cursor *c, char wanted) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* A quoted string without escapes, at most `capacity` - 1 characters of it. */
static bool parse_string(cursor *c, char *out, size_t capacity) {
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) {
        return bad_header(c, "a quoted string is missing");
    }
    const char quote = *c->at++;
    const char *start = c->at;
    while (c->at < c->end && *c->at != quote && *c->at != '\n') c->at++;
    if (c->at == c->end || *c->at != quote) return bad_header(c, "a string does not end");
    const size_t length = (size_t)(c->at - start);
    c->at++;
    if (length >= capacity) return bad_header(c, "a string is too long");
    for (size_t i = 0; i < length; i++) {
        if (start[i] < ' ' || start[i] > '~' || start[i] == '\\') {
            return bad_header(c, "a string holds an odd character");
        }
        out[i] = start[i];
    }
    out[length] = '\0';
    return true;
}

static bool parse_bool(cursor *c, bool *out) {
    static const char *const words[] = {"False", "True"};
    skip_blanks(c);
    for (int i = 0; i < 2; i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(c->end - c->at) >= length && memcmp(c->at, words[i], length) == 0) {
            c->at += length;
            *out = i == 1;
            return true;
        }
    }
    return bad_header(c, "'fortran_order' is neither True nor False");
}

static bool parse_size(cursor *c, size_t *out) {
    skip_blanks(c);
    if (c->at == c->end || *c->at < '0' || *c->at > '9') {
        return bad_header(c, "'shape' holds something that is not a number");
    }
    size_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        const size_t digit = (size_t)(*c->at - '0');
        if (value > (SIZE_MAX - digit) / 10) return bad_header(c, "a dimension is too large");
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* (n,) or (n, m); the count of dimensions may exceed what is stored, and is judged by the caller.
 */
static bool parse_shape(cursor *c, header *h) {
    if (!take(c, '(')) return bad_header(c, "'shape' is not a tuple");
    while (!take(c, ')')) {
        size_t size = 0;
        if (!parse_size(c, &size)) return false;
        if (h->n_dims < MAX_DIMS) h->shape[h->n_dims] = size;
        h->n_dims++;
        if (take(c, ',')) continue;
        if (h->n_dims < 2 || !take(c, ')')) return bad_header(c, "'shape' does not end");
        break;
    }
    return true;
}

static bool parse_entry(cursor *c, header *h) {
    char key[16];
    if (!parse_string(c, key, sizeof key)) return false;
    if (!take(c, ':')) return bad_header(c, "a ':' is missing");
    bool *seen = NULL;
    bool parsed = false;
    if (strcmp(key, "descr") == 0) {
        seen = &h->has_descr;
        skip_blanks(c);
        if (c->at < c->end && *c->at == '[') {
            return fail(c->err, c->err_size, "the array has fields; plain float32 is needed");
        }
        parsed = *seen || parse_string(c, h->descr, sizeof h->descr);
    } else if (strcmp(key, "fortran_order") == 0) {
        seen = &h->has_order;
        parsed = *seen || parse_bool(c, &h->fortran_order);
    } else if (strcmp(key, "shape") == 0) {
        seen = &h->has_shape;
        parsed = *seen || parse_shape(c, h);
    } else {
        return bad_header(c, "it has an unknown key");
    }
    if (*seen) return bad_header(c, "a key stands twice");
    *seen = true;
    return parsed;
}

static bool parse_header(cursor *c, header *h) {
    if (!take(c, '{')) return bad_header(c, "it does not start with '{'");
    while (!take(c, '}')) {
        if (!parse_entry(c, h)) return false;
        if (take(c, ',')) continue;
        if (!take(c, '}')) return bad_header(c, "it does not end with '}'");
        break;
    }
    skip_blanks(c);
    if (c->at != c->end) return bad_header(c, "something follows the '}'");
    if (!h->has_descr || !h->has_order || !h->has_shape) {
        return bad_header(c, "'descr', 'fortran_order' or 'shape' is missing");
    }
    return true;
}

/* What the header says, checked against what is supported and against the bytes that are there. */
static bool describe(const header *h, size_t offset, size_t n_bytes, npy_array *out, char *err,
                     size_t err_size) {
    if (strcmp(h->descr, "<f4") == 0) {
        out->dtype = NPY_F32;
        out->element_size = 4;
    } else if (strcmp(h->descr, "<f2") == 0) {
        out->dtype = NPY_F16;
        out->element_size = 2;
    } else {
        return fail(err, err_size,
                    "the elements are '%s'; '<f4' (float32) or '<f2' (float16) needed", h->descr);
    }
    if (h->n_dims < 1 || h->n_dims > MAX_DIMS) {
        return fail(err, err_size,
                    "the array has %d dimensions; 1 (one row) or 2 (rows) are needed", h->n_dims);
    }
    if (h->n_dims == 2 && h->fortran_order) {
        return fail(err, err_size, "the array is in Fortran order; C order is needed");
    }
    out->n_rows = h->n_dims == 2 ? h->shape[0] : 1;
    out->n_columns = h->shape[h->n_dims - 1];
    if (out->n_rows == 0 || out->n_columns == 0) return fail(err, err_size, "the array is empty");
    if (out->n_columns > SIZE_MAX / out->element_size / out->n_rows) {
        return fail(err, err_size, "the shape is too large");
    }
    const size_t needed = out->n_rows * out->n_columns * out->element_size;
    if (needed != n_bytes) {
        return fail(err, err_size, "the shape needs %zu bytes of data, the file has %zu", needed,
                    n_bytes);
    }
    if (offset % out->element_size != 0) {
        return fail(err, err_size, "the data is not aligned to its elements");
    }
    return true;
}

bool npy_parse(const void *data, size_t size, npy_array *out, char *err, size_t err_size) {
    const unsigned char *bytes = data;
    if (size < MAGIC_SIZE + 4 || memcmp(bytes, "\x93NUMPY", MAGIC_SIZE) != 0) {
        return fail(err, err_size, "not a .npy file");
    }
    const unsigned major = bytes[MAGIC_SIZE];
    if (major < 1 || major > 3 || bytes[MAGIC_SIZE + 1] != 0) {
        return fail(err, err_size, "version %u.%u of .npy is not known; 1.0, 2.0 and 3.0 are",
                    major, bytes[MAGIC_SIZE + 1]);
    }
    const size_t n_length_bytes = major == 1 ? 2 : 4;
    const size_t start = MAGIC_SIZE + 2 + n_length_bytes;
    size_t length = 0;
    for (size_t i = 0; i < n_length_bytes && MAGIC_SIZE + 2 + i < size; i++) {
        length |= (size_t)bytes[MAGIC_SIZE + 2 + i] << (8 * i);
    }
    if (size < start || length > size - start) {
        return fail(err, err_size, "the file ends inside its header");
    }
    if (length > MAX_HEADER)
        return fail(err, err_size, "the header is too long: %zu bytes", length);
    cursor c = {(const char *)bytes + start, (const char *)bytes + start + length, err, err_size};
    header h = {0};
    npy_array array = {0};
    if (!parse_header(&c, &h)) return false;
    const size_t offset = start + length;
    if (!describe(&h, offset, size - offset, &array, err, err_size)) return false;
    array.data = bytes + offset;
    *out = array;
    return true;
}

const void *npy_row(const npy_array *array, size_t row) {
    return (const char *)array->data + row * array->n_columns * array->element_size;
}
