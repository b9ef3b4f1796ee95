/* table_scalar.c: every kernel in plain C; what all other instruction sets must equal bit by bit.
 */
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
