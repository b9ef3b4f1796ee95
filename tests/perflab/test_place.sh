#!/bin/sh
# The same code at other placements: a difference that is due to placement alone is not called one, and the
# effect of placement is shown.
# usage: test_place.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-place-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt"

# Candidate 1 depends on its placement alone: it takes 5 % longer in the build and at every second other
# placement, and 5 % less at the rest. Candidate 2 also gains 20 % at any placement.
cat >bench-place.c <<'END'
#define _GNU_SOURCE
#include "perflab.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
static int32_t out[2];
static int place(void) {
    Dl_info where;
    if (dladdr((void *)place, &where) == 0) return 0;
    const char *at = strstr(where.dli_fname, "/placements/");
    at = at != 0 ? strchr(at, '.') : 0;
    return at != 0 ? atoi(at + 1) : 0;
}
static int setup(perflab_ctx *ctx) { out[0] = out[1] = 0; (void)ctx; return PERFLAB_OK; }
static void baseline(perflab_ctx *ctx) { out[0] = 1; perflab_spend(ctx, 20000); }
static void moved(perflab_ctx *ctx) { out[1] = 1; perflab_spend(ctx, place() % 2 ? 19000 : 21000); }
static void better(perflab_ctx *ctx) { out[1] = 1; perflab_spend(ctx, place() % 2 ? 15800 : 17000); }
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "x", out, out + 1, 1); }
#define ONE(name, function) {.id = name, .component = "c", .title = "t", .size = 1, .setup = setup, \
    .baseline = baseline, .candidate = function, .validate = validate}
PERFLAB_MODULE(ONE("1", moved), ONE("2", better))
END
says 'place-native' "$perflab" build
[ "$(find .perflab -name 'place-native.*.so' | wc -l)" = 10 ] || fail "not ten placements: $(find .perflab)"
[ "$(find .perflab/modules -name '*.s' -o -name '*.o' | wc -l)" = 0 ] || fail "scraps are left behind"

says 'at any placement: 1.0.*no difference resolved \(n=10\)' "$perflab" run 1
also 'baseline .* 0\.95[0-9]*x \[0\.9'
also 'placement has (9[0-9]|100) % of the variance'
says 'REJECTED: no difference resolved that holds at any placement' "$perflab" status 1
says '^1 .*0\.95.*at any placement' "$perflab" table 1
says '"placement_share":' "$perflab" table 1 --json
also '"any_placement":'
says 'at any placement: 1\.2' "$perflab" run 2
says 'COMPLETE' "$perflab" status 2

# Measured in the build alone (--fixed, or code that cannot be moved), the first is a loss.
says '0\.95[0-9]*x' "$perflab" run 1 --fixed --ledger fixed.ledger
says 'REJECTED: slower' "$perflab" status 1 --ledger fixed.ledger
says 'place-native' "$perflab" build --fixed
[ "$(find .perflab -name 'place-native.*.so' | wc -l)" = 0 ] || fail "--fixed leaves placements"
says 'cannot be moved: one placement only' "$perflab" build --cflags -flto
[ "$(find .perflab -name 'place-native.*.so' | wc -l)" = 0 ] || fail "there are placements of code that cannot be moved"
rm bench-place.c
printf '#include "perflab.h"\nPERFLAB_MODULE({.id = "3", .component = "c", .title = "t"})\n' >bench-other.c
says 'bench-place.c is gone' "$perflab" build
find .perflab -name 'place-*' | grep -q . && fail "a deleted benchmark's placements stay"

finish "placement is part of what is sampled"
