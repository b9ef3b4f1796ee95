/* table_scalar.c: every kernel in plain C. All other instruction sets must give the same bits. */
#include "../arithmetic.h"

#include "kernels.h"

#include "vec_scalar.h"

#include "body.h"

#include "row_tables.h"

extern const kernel_table pk_table_scalar;
const kernel_table pk_table_scalar = {
    .isa = "scalar",
    .needs = 0,
    .row = ROW_TABLES,
    .array = ARRAY_TABLE,
};
