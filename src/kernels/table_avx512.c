/* table_avx512.c: every kernel for AVX-512 F, BW, DQ, VL. */
#include "../arithmetic.h"

#include "kernels.h"

#ifdef __x86_64__

#include "vec_avx512.h"

#include "body.h"

#include "row_tables.h"

extern const kernel_table pk_table_avx512;
const kernel_table pk_table_avx512 = {
    .isa = "avx512",
    .needs = CPU_AVX512,
    .row = ROW_TABLES,
    .array = ARRAY_TABLE,
};

#else

/* In ISO C a translation unit must declare something. */
typedef int pluck_no_avx512;

#endif
