/* table_scalar.c: every kernel in plain C; what all other instruction sets must equal bit by bit.
 */
#include "kernels.h"

#include "vec_scalar.h"

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

extern const kernel_table pluck_table_scalar;
const kernel_table pluck_table_scalar = {
    .isa = "scalar",
    .needs = 0,
    .row = {&row_table_f32, &row_table_f16, &row_table_bf16},
    .array = ARRAY_TABLE,
};
