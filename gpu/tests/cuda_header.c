/* cuda_header.c: compiled if there is a cuda.h: checks that cuda_api.h, which the test driver
 * relies on, agrees with it. Nothing of it runs. */
#include <cuda.h>
#include <stddef.h>

#include "../src/cuda_numbers.h"

#define SAME_NUMBER(name, value) _Static_assert((int)(name) == (value), "cuda_numbers.h: " #name);
CUDA_NUMBER_MAP(SAME_NUMBER)
#undef SAME_NUMBER

#define SAME_PLACE(member, at)                                                                     \
    _Static_assert(offsetof(CUDA_MEMCPY2D, member) == (at), "cuda_numbers.h: " #member);
CUDA_MEMCPY2D_MAP(SAME_PLACE)
#undef SAME_PLACE

extern int pluck_cuda_header_is_as_expected; /* a file may not be empty */
