/* table_avx2.c: every kernel for AVX2 + FMA + F16C. */
#include "../arithmetic.h"

#include "kernels.h"

#ifdef __x86_64__

#include "vec_avx2.h"

#include "body.h"

#include "row_tables.h"

extern const kernel_table pk_table_avx2;
const kernel_table pk_table_avx2 = {
    .isa = "avx2",
    .needs = CPU_AVX2,
    .row = ROW_TABLES,
    .array = ARRAY_TABLE,
};

#else

/* In ISO C a translation unit must declare something. */
typedef int pluck_no_avx2;

#endif
