/* table_neon.c: every kernel for AArch64 Advanced SIMD. */
#include "kernels.h"

#if defined(__aarch64__)

#include "vec_neon.h"

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

extern const kernel_table pluck_table_neon;
const kernel_table pluck_table_neon = {
    .isa = "neon",
    .needs = CPU_NEON,
    .row = {&row_table_f32, &row_table_f16, &row_table_bf16},
    .array = ARRAY_TABLE,
};

#else

/* ISO C wants a translation unit to declare something. */
typedef int pluck_no_neon;

#endif
