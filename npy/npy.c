/*
 * npy.c: parses .npy headers.
 *
 * A file starts with "\x93NUMPY", the major and the minor version, the length of the header (2
 * bytes in version 1, 4 in versions 2 and 3, little-endian), and the header: a Python dictionary
 * literal such as {'descr': '<f4', 'fortran_order': False, 'shape': (8, 151936), }, padded with
 * spaces and a newline. A small recursive-descent parser reads the literal; its cursor knows where
 * the text ends.
 */
#include "npy.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC_SIZE = 6, MAX_DIMS = 2, MAX_DESCR = 15, MAX_HEADER = 65535 };

/* The parser's place in the header's text, and the buffer for its error message. */
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

#if defined(__MINGW_PRINTF_FORMAT)
__attribute__((format(__MINGW_PRINTF_FORMAT, 3, 4)))
#elif defined(__GNUC__)
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

/* Skips blanks, and the character `wanted` if it comes next; returns whether it did. */
static bool take(cursor *c, char wanted) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* Reads a quoted string without escapes of at most capacity - 1 characters. */
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

/* Reads (n,) or (n, m). If there are more dimensions they are only counted; the caller refuses
 * them. */
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
            return fail(c->err, c->err_size, "the array has fields; plain numbers are needed");
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
    if (*seen) return bad_header(c, "a key is there twice");
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

/* ---- types ---- */

/* NumPy's name of a type, for a message, from its code without the byte order, such as "i4". */
static void name_type(const char *code, char *out, size_t size) {
    static const struct {
        char letter;
        const char *name;
        bool has_width;
    } kinds[] = {
        {'f', "float", true},      {'i', "int", true},
        {'u', "uint", true},       {'c', "complex", true},
        {'b', "bool", false},      {'S', "bytes", false},
        {'U', "text", false},      {'O', "Python objects", false},
        {'V', "raw bytes", false}, {'M', "dates", false},
        {'m', "times", false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (code[0] != kinds[i].letter) continue;
        const char digit = code[1];
        if (kinds[i].has_width && digit >= '1' && digit <= '9') {
            const int bytes = code[2] >= '0' && code[2] <= '9'
                                  ? 10 * (digit - '0') + (code[2] - '0')
                                  : digit - '0';
            (void)snprintf(out, size, "%s%d", kinds[i].name, 8 * bytes);
        } else {
            (void)snprintf(out, size, "%s", kinds[i].name);
        }
        return;
    }
    (void)snprintf(out, size, "of an unknown type");
}

/* Sets the type and byte order of the elements. */
static bool read_type(const char *descr, npy_array *out, char *err, size_t err_size) {
    static const struct {
        const char *code;
        npy_dtype dtype;
        size_t size;
    } types[] = {
        {"f4", NPY_F32, 4},
        {"f2", NPY_F16, 2},
        {"V2", NPY_BF16, 2}, /* ml_dtypes' bfloat16 */
        {"f8", NPY_F64, 8},
    };
    const bool has_order = descr[0] != '\0' && strchr("<>|=", descr[0]) != NULL;
    const char *code = descr + has_order;
    if (strcmp(descr, "bfloat16") == 0) code = "V2"; /* some writers use the name */
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(code, types[i].code) != 0) continue;
        out->dtype = types[i].dtype;
        out->element_size = types[i].size;
        out->big_endian = descr[0] == '>';
        return true;
    }
    char name[32];
    name_type(code, name, sizeof name);
    return fail(err, err_size,
                "the elements are %s ('%s'); float32, float16, bfloat16 or float64 is needed", name,
                descr);
}

/* Describes the array of a header, or says what of it is not supported. */
static bool describe(const header *h, npy_array *out, char *err, size_t err_size) {
    if (!read_type(h->descr, out, err, err_size)) return false;
    if (h->n_dims < 1 || h->n_dims > MAX_DIMS) {
        return fail(err, err_size,
                    "the array has %d dimensions; 1 (one row) or 2 (rows) are needed", h->n_dims);
    }
    out->n_rows = h->n_dims == 2 ? h->shape[0] : 1;
    out->n_columns = h->shape[h->n_dims - 1];
    out->by_columns = h->fortran_order && out->n_rows > 1 && out->n_columns > 1;
    if (out->n_rows == 0 || out->n_columns == 0) return fail(err, err_size, "the array is empty");
    if (out->n_columns > (size_t)PTRDIFF_MAX / out->element_size / out->n_rows) {
        return fail(err, err_size, "the shape is too large");
    }
    return true;
}

/* ---- the file ---- */

enum { FIRST_BYTES = MAGIC_SIZE + 2 + 4 }; /* before the header, in versions 2 and 3 */

/* Where in the file the header's text is. */
typedef struct place {
    size_t start, length;
} place;

/* Finds the header's text from the file's first bytes. */
static bool find_header(const unsigned char *bytes, size_t size, place *out, char *err,
                        size_t err_size) {
    if (size < MAGIC_SIZE + 2 || memcmp(bytes, "\x93NUMPY", MAGIC_SIZE) != 0) {
        return fail(err, err_size, "not a .npy file");
    }
    const unsigned major = bytes[MAGIC_SIZE];
    if (major < 1 || major > 3 || bytes[MAGIC_SIZE + 1] != 0) {
        return fail(err, err_size, "version %u.%u of .npy is not known; 1.0, 2.0 and 3.0 are",
                    major, bytes[MAGIC_SIZE + 1]);
    }
    const size_t n_length_bytes = major == 1 ? 2 : 4;
    out->start = MAGIC_SIZE + 2 + n_length_bytes;
    out->length = 0;
    if (size < out->start) return fail(err, err_size, "the file ends inside its header");
    for (size_t i = 0; i < n_length_bytes; i++) {
        out->length |= (size_t)bytes[MAGIC_SIZE + 2 + i] << (8 * i);
    }
    if (out->length > MAX_HEADER) {
        return fail(err, err_size, "the header is too long: %zu bytes", out->length);
    }
    return true;
}

/* Reads a header that is in memory as a whole. */
static bool read_header(const unsigned char *bytes, place at, npy_array *out, char *err,
                        size_t err_size) {
    const char *start = (const char *)bytes + at.start;
    cursor c = {start, start + at.length, err, err_size};
    header h = {0};
    if (!parse_header(&c, &h) || !describe(&h, out, err, err_size)) return false;
    out->data = bytes + at.start + at.length;
    return true;
}

static size_t data_size(const npy_array *array) {
    return array->n_rows * array->n_columns * array->element_size;
}

bool npy_parse(const void *data, size_t size, npy_array *out, char *err, size_t err_size) {
    const unsigned char *bytes = data;
    place at = {0};
    if (!find_header(bytes, size, &at, err, err_size)) return false;
    if (at.length > size - at.start) {
        return fail(err, err_size, "the file ends inside its header");
    }
    npy_array array = {0};
    if (!read_header(bytes, at, &array, err, err_size)) return false;
    const size_t there = size - at.start - at.length;
    if (data_size(&array) != there) {
        return fail(err, err_size, "the shape needs %zu bytes of data, the file has %zu",
                    data_size(&array), there);
    }
    *out = array;
    return true;
}

bool npy_extent(const void *data, size_t size, size_t *wanted, char *err, size_t err_size) {
    *wanted = FIRST_BYTES;
    if (size < FIRST_BYTES) return true;
    place at = {0};
    if (!find_header(data, size, &at, err, err_size)) return false;
    *wanted = at.start + at.length;
    if (size < *wanted) return true;
    npy_array array = {0};
    if (!read_header(data, at, &array, err, err_size)) return false;
    *wanted += data_size(&array);
    return true;
}

const void *npy_row(const npy_array *array, size_t row) {
    return (const char *)array->data + row * array->n_columns * array->element_size;
}
