/* image.c: see image.h. */
#include "image.h"

image make_image(int major, const char *header, size_t alignment, size_t n_data_bytes) {
    const size_t n_length_bytes = major == 1 ? 2 : 4;
    const size_t unpadded = 8 + n_length_bytes + strlen(header);
    const size_t n_spaces = (alignment - unpadded % alignment) % alignment;
    const size_t length = strlen(header) + n_spaces;
    image out = {.size = 8 + n_length_bytes + length + n_data_bytes};
    out.bytes = calloc(1, out.size);
    assert_non_null(out.bytes);
    memcpy(out.bytes, "\x93NUMPY", 6);
    out.bytes[6] = (unsigned char)major;
    for (size_t i = 0; i < n_length_bytes; i++) {
        out.bytes[8 + i] = (unsigned char)(length >> (8 * i));
    }
    memset(out.bytes + 8 + n_length_bytes, ' ', length);
    memcpy(out.bytes + 8 + n_length_bytes, header, strlen(header));
    for (size_t i = 0; i < n_data_bytes; i++) {
        out.bytes[out.size - n_data_bytes + i] = (unsigned char)i;
    }
    return out;
}
