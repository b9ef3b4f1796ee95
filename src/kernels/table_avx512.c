/* table_avx512.c: every kernel for AVX-512 F, BW, DQ, VL. */
#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)

#include "vec_avx512.h"

#include "body.h"

#define DTYPE f32
#define DSIZE 4
#define DFOLD seq
#include "row_body.h"
#define DTYPE f16
#define DSIZE 2
#define DFOLD seq
#include "row_body.h"
#define DTYPE bf16
#define DSIZE 2
#define DFOLD pair
#include "row_body.h"

extern const kernel_table pluck_table_avx512;
const kernel_table pluck_table_avx512 = {
    .isa = "avx512",
    .needs = CPU_AVX512,
    .row = {&row_table_f32, &row_table_f16, &row_table_bf16},
    .array = ARRAY_TABLE,
};

#else

/* ISO C wants a translation unit to declare something. */
typedef int pluck_no_avx512;

#endif
