/* table_simd128.c: every kernel for WebAssembly SIMD128. */
#include "../arithmetic.h"

#include "kernels.h"

#if defined(__wasm__)

#include "vec_simd128.h"

#include "body.h"

#include "row_tables.h"

extern const kernel_table pk_table_simd128;
const kernel_table pk_table_simd128 = {
    .isa = "simd128",
    .needs = 0,
    .row = ROW_TABLES,
    .array = ARRAY_TABLE,
};

#else

/* In ISO C a translation unit must declare something. */
typedef int pluck_no_simd128;

#endif
