/* table_neon.c: every kernel for AArch64 Advanced SIMD. */
#include "../arithmetic.h"

#include "kernels.h"

#if defined(__aarch64__)

#include "vec_neon.h"

#include "body.h"

#include "row_tables.h"

extern const kernel_table pk_table_neon;
const kernel_table pk_table_neon = {
    .isa = "neon",
    .needs = CPU_NEON,
    .row = ROW_TABLES,
    .array = ARRAY_TABLE,
};

#else

/* In ISO C a translation unit must declare something. */
typedef int pluck_no_neon;

#endif
