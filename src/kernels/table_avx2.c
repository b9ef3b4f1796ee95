/* table_avx2.c: every kernel for AVX2 + FMA + F16C. */
#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)

#include "vec_avx2.h"

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

extern const kernel_table pluck_table_avx2;
const kernel_table pluck_table_avx2 = {
    .isa = "avx2",
    .needs = CPU_AVX2,
    .row = {&row_table_f32, &row_table_f16, &row_table_bf16},
    .array = ARRAY_TABLE,
};

#else

/* ISO C wants a translation unit to declare something. */
typedef int pluck_no_avx2;

#endif
