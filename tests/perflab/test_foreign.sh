#!/bin/sh
# Code of others, as Debian packages it: cJSON and zlib's crc32. They pass the gate against code that does the
# same, a wrong use of them does not, and what they take from malloc is counted across library borders.
# usage: test_foreign.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-foreign-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"
lean='--fixed --variant native --no-program'

# --- cJSON: printing into memory of its own, and into a buffer that it is given.
cat >bench-cjson.c <<'END'
#include "perflab.h"
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
static cJSON *tree;
static char *given, *made;
static int length;
static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    double *x = perflab_alloc(ctx, ctx->size * sizeof *x, 0);
    perflab_fill_f64(ctx, &rng, x, ctx->size, false);
    tree = cJSON_CreateArray();
    for (size_t i = 0; i < ctx->size; i++) cJSON_AddItemToArray(tree, cJSON_CreateNumber(x[i]));
    length = (int)ctx->size * 32 + 64;
    given = perflab_alloc(ctx, (size_t)length, 1);
    made = NULL;
    given[0] = '\0';
    return PERFLAB_OK;
}
static void drop(void) { free(made); made = NULL; }
static void into_buffer(perflab_ctx *ctx) { (void)ctx; cJSON_PrintPreallocated(tree, given, length, 0); }
static void of_its_own(perflab_ctx *ctx) { (void)ctx; drop(); made = cJSON_PrintUnformatted(tree); }
static void formatted(perflab_ctx *ctx) { (void)ctx; drop(); made = cJSON_Print(tree); }
static bool same(perflab_ctx *ctx) {
    return perflab_check_index(ctx, "length", (int64_t)strlen(given), made ? (int64_t)strlen(made) : -1) &&
           perflab_check_bytes(ctx, "text", given, made, strlen(given));
}
static void teardown(perflab_ctx *ctx) { (void)ctx; drop(); cJSON_Delete(tree); }
static const size_t sizes[] = {1, 2, 33, 0};
#define ONE(name, c) {.id = name, .component = "cJSON", .title = "t", .size = 100, .gate_sizes = sizes, .setup = setup, \
    .baseline = into_buffer, .candidate = c, .validate = same, .teardown = teardown}
PERFLAB_MODULE(ONE("own", of_its_own), ONE("formatted", formatted))
END
# shellcheck disable=SC2086 # words
says 'cjson' "$perflab" build $lean bench-cjson.c --libs -lcjson
says 'gate passed \(32 cases, [0-9]+ values\): a call of the candidate allocates [1-9][0-9]* times' "$perflab" validate own
also 'of the baseline 0 times'
ends 1 'gate mismatch: .*(length: baseline|text: byte)' "$perflab" validate formatted
says 'cJSON +default +baseline .* optimized .*x \[.*n=6, quick' "$perflab" run own --quick

# --- zlib's crc32 against the definition, bit by bit; and with another start.
if [ -e /usr/include/zlib.h ]; then
    cat >bench-crc.c <<'END'
#include "perflab.h"
#include <zlib.h>
static uint8_t *in;
static size_t n;
static int64_t out[2];
static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    n = perflab_length(ctx, &rng, ctx->size);
    in = perflab_alloc(ctx, ctx->size, 1);
    for (size_t i = 0; i < ctx->size; i++) in[i] = (uint8_t)perflab_rng_u64(&rng);
    out[0] = out[1] = -1;
    ctx->min_bytes = (double)n;
    return PERFLAB_OK;
}
static void by_bits(perflab_ctx *ctx) {
    uint32_t crc = 0xffffffffu;
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        crc ^= in[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    out[0] = crc ^ 0xffffffffu;
}
static void by_zlib(perflab_ctx *ctx) { (void)ctx; out[1] = (int64_t)crc32(0, in, (uInt)n); }
static void other_start(perflab_ctx *ctx) { (void)ctx; out[1] = (int64_t)crc32(1, in, (uInt)n); }
static bool same(perflab_ctx *ctx) { return perflab_check_index(ctx, "crc", out[0], out[1]); }
#define ONE(name, c) {.id = name, .component = "crc32", .title = "t", .size = 4096, .setup = setup, .baseline = by_bits, \
    .candidate = c, .validate = same}
PERFLAB_MODULE(ONE("crc", by_zlib), ONE("start", other_start))
END
    # shellcheck disable=SC2086 # words
    says 'crc' "$perflab" build $lean bench-crc.c --libs -lz
    says 'gate passed \(48 cases, 96 values\)$' "$perflab" validate crc
    ends 1 'gate mismatch: .* crc: baseline' "$perflab" validate start
    says 'crc32 +default +baseline .*B/s.* optimized .*B/s.*x \[.*n=6, quick' "$perflab" run crc --quick
else
    echo "zlib is left out: it is not installed"
fi

finish "code of others is measured"
