#!/bin/sh
# `perflab history` and `perflab bisect` on a repository whose commits have known costs, on a simulated
# clock: the steps are found at their commits, and so are the first slower and the first wrong commit.
# usage: test_bisect.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-bisect-XXXXXX) || exit 1
. "$sources/common.sh"
git init -q -b main lib && cd lib && git config user.email t@example.org && git config user.name t || fail "git"
export PERFLAB_LEDGER="$work/perflab.ledger" PERFLAB_CLOCK="$sources/noise.txt"

cat >../bench-answer.c <<'END'
#include "perflab.h"
#include "answer.h"
static int32_t *out;
static int setup(perflab_ctx *ctx) {
    out = (int32_t *)perflab_alloc(ctx, ctx->size * sizeof *out, 0);
    return PERFLAB_OK;
}
static void function(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) out[i] = ANSWER;
    perflab_spend(ctx, (uint64_t)COST * 100);
}
static void outputs(perflab_ctx *ctx) { perflab_output(ctx, "answers", out, ctx->size * sizeof *out); }
static const size_t sizes[] = {1, 0};
PERFLAB_MODULE({.id = "1", .component = "answers", .title = "answer", .size = 10, .gate_sizes = sizes,
                .setup = setup, .candidate = function, .outputs = outputs})
END

# revision NAME COST ANSWER: makes a commit. The library is only a header, so nothing is compiled here.
revision() {
    printf '#define COST %s\n#define ANSWER %s /* %s */\n' "$2" "$3" "$1" >answer.h
    git add . && git commit -qm "$1" && git tag "$1" || fail "commit $1"
}
revision start 1000 1
revision second 1000 1
revision third 1000 1
revision slower 1200 1
revision broken 1200 '(' 
revision fifth 1195 1
revision wrong 1200 2
revision last 1200 2
measured='--bench ../bench-answer.c --fixed --runs 6 --time 0.02'

# --- The first commit that is slower; one that does not build in between is left out.
# shellcheck disable=SC2086 # options are words
ends 0 'the first slower commit: .* t: slower$' "$perflab" bisect start fifth $measured
also '^1 answers default 10: fifth is slower: 0\.8[34]'
also '^good .* t: third\)'
# The commit that does not build may be the one, too.
# shellcheck disable=SC2086
ends 4 'the first wrong commit is one of these' "$perflab" bisect slower~1 wrong $measured --build 'test "$(git log -1 --format=%s)" != fifth'
also '^  .* t: fifth$'
also '^  .* t: wrong$'
# --- A wrong result is searched for in the same way.
# shellcheck disable=SC2086
ends 0 'the first wrong commit: .* t: wrong$' "$perflab" bisect start last $measured
also 'last is wrong: mismatch: .* A 0x01, B 0x02'
# --- Nothing to find, not resolved, and wrong use.
# shellcheck disable=SC2086
ends 1 'second is not slower by 2 % than start, and gives the same results' "$perflab" bisect start second $measured
# shellcheck disable=SC2086
ends 4 'second is not resolved as slower by 0 %' "$perflab" bisect start second $measured --fail-on regression=0%
# shellcheck disable=SC2086
ends 2 'third is no ancestor of start' "$perflab" bisect third start $measured
ends 2 'no revision nowhere' "$perflab" bisect start nowhere --bench ../bench-answer.c
ends 2 'name a good and a bad revision' "$perflab" bisect start --bench ../bench-answer.c
ends 2 'give --bench FILE or --command' "$perflab" bisect start last
ends 2 'at least 6' "$perflab" bisect start last --bench ../bench-answer.c --runs 5

# --- The history of a range: each commit against the first, with its change point.
# shellcheck disable=SC2086
says '^1 answers default 10: ratio of times, of start to each commit$' "$perflab" history start..last $measured
also '^  step from (1\.0|0\.99)[0-9]*x .* to 0\.8[34].*: 1[67]\.[0-9] % less$'
also ' 0\.8[34][0-9]*x \[.*n=6 .* slower$'
also '  5 commits, 1 change point$'
also 'wrong|left out'
[ "$(grep -A1 'step from' says.txt | tail -1 | grep -c ' slower$')" = 1 ] || fail "the step is at another commit: $(cat says.txt)"
# shellcheck disable=SC2086
"$perflab" history start..slower $measured --every 2 --json >points.json 2>&1 || fail "history --json: $(cat points.json)"
[ "$(grep -c '"commit":' points.json)" = 4 ] || fail "--every: $(cat points.json)"
grep -A40 '"steps"' points.json | grep -q "$(git rev-parse slower)" || fail "no step in JSON: $(cat points.json)"
ends 2 'no range of commits' "$perflab" history nowhere..last --bench ../bench-answer.c
ends 2 'name one range' "$perflab" history --bench ../bench-answer.c
[ "$(git worktree list | wc -l)" = 1 ] || fail "worktrees are left behind: $(git worktree list)"

finish "the commit is found"
