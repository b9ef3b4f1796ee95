/* row_tables.h: includes row_body.h for every dtype, plain and masked. A table_<isa>.c includes it
 * after body.h. */
#define DTYPE  f32
#define DSIZE  4
#define DFOLD  seq
#define MASKED 0
#include "row_body.h"
#define DTYPE  f32
#define DSIZE  4
#define DFOLD  seq
#define MASKED 1
#include "row_body.h"
#define DTYPE  f16
#define DSIZE  2
#define DFOLD  seq
#define MASKED 0
#include "row_body.h"
#define DTYPE  f16
#define DSIZE  2
#define DFOLD  seq
#define MASKED 1
#include "row_body.h"
#define DTYPE  bf16
#define DSIZE  2
#define DFOLD  pair
#define MASKED 0
#include "row_body.h"
#define DTYPE  bf16
#define DSIZE  2
#define DFOLD  pair
#define MASKED 1
#include "row_body.h"

#define ROW_TABLES                                                                                 \
    {                                                                                              \
        {&row_table_f32, &masked_row_table_f32}, {&row_table_f16, &masked_row_table_f16}, {        \
            &row_table_bf16, &masked_row_table_bf16                                                \
        }                                                                                          \
    }
