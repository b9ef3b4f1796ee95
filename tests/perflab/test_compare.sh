#!/bin/sh
# `perflab compare --git`: two revisions of another project, compared by a benchmark and by a whole program,
# with an exit status for builds.
# usage: test_compare.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-compare-XXXXXX) || exit 1
. "$sources/common.sh"
git init -q lib && cd lib && git config user.email t@example.org && git config user.name t || fail "git"

cat >Makefile <<'END'
all: libanswer.a libanswer.so program
answer.o: answer.c answer.h
	cc -O2 -fPIC -c answer.c
libanswer.a: answer.o
	ar rc libanswer.a answer.o
libanswer.so: answer.o
	cc -shared -Wl,-soname,libanswer.so answer.o -o libanswer.so
program: program.c libanswer.a
	cc -O2 program.c libanswer.a -o program
END
echo 'int answer(int n); int cost(void);' >answer.h
cat >program.c <<'END'
#include "answer.h"
#include <stdio.h>
#include <unistd.h>
int main(void) {
    usleep((unsigned)cost() * 8);
    printf("%d\n", answer(5));
    return 0;
}
END
# revision TAG COST ANSWER: makes a commit whose function has this cost and result.
revision() {
    echo "#include \"answer.h\"
int answer(int n) { return n + $3; }
int cost(void) { return $2; }" >answer.c
    git add -A . && git commit -qm "$1" && git tag "$1" || fail "commit $1"
}
revision slow 50000 1
revision quick 10000 1
revision wrong 10000 2
revision tiny 9900 1
echo 'int answer(' >answer.c && git commit -qam "no C" && git tag broken && git checkout -q tiny
cd .. && cat >bench-answer.c <<'END'
#include "perflab.h"
#include "answer.h"
static int32_t *out;
static int setup(perflab_ctx *ctx) {
    out = perflab_alloc(ctx, ctx->size * sizeof *out, 0);
    return PERFLAB_OK;
}
static void function(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) out[i] = answer((int)i);
    perflab_spend(ctx, (uint64_t)cost());
}
static void outputs(perflab_ctx *ctx) { perflab_output(ctx, "answers", out, ctx->size * sizeof *out); }
static const char *const kinds[] = {"a", "b", 0};
PERFLAB_MODULE({.id = "1", .component = "answers", .title = "t", .size = 100, .inputs = kinds,
                .setup = setup, .candidate = function, .outputs = outputs})
END
mv bench-answer.c lib/ && cd lib || exit 1
export PERFLAB_LEDGER="$work/perflab.ledger"

# --- A benchmark without a baseline, on a simulated clock: all kinds of input and sizes.
export PERFLAB_CLOCK="$sources/noise.txt"
bench() { "$perflab" compare --git "$1" "$2" --bench bench-answer.c --libs '{tree}/libanswer.a' --runs 6 --time 0.05 --fixed ${3:-}; }
says '1 answers a 100 .*B is faster' "$perflab" compare --git slow quick --bench bench-answer.c --libs '{tree}/libanswer.a' --time 0.05 --keep
[ "$(find .perflab/trees -name 'answer-native.*.so' | wc -l)" = 20 ] || fail "not ten placements of each build"
[ "$(find .perflab/trees -name 'answer-portable*' -o -name bench-answer | wc -l)" = 0 ] || fail "it builds what it does not run"
git worktree remove --force .perflab/trees/"$(git rev-parse --short=12 slow)" && git worktree remove --force .perflab/trees/"$(git rev-parse --short=12 quick)" || fail "--keep keeps nothing"
says '1 answers a 10 .*(5\.0|4\.9).*x \[.*B is faster' bench slow quick '--sizes 10,100'
[ "$(grep -c 'B is faster' says.txt)" = 4 ] || fail "not all kinds and sizes: $(cat says.txt)"
# Several candidates against one baseline, corrected for their number.
several() { "$perflab" compare --git "$@" --bench bench-answer.c --libs '{tree}/libanswer.a' --fixed --time 0.05; }
ends 0 '^A = slow, B = quick, C = tiny, D = slow$' several slow quick tiny slow
also '^B: 1 answers a 100 .*, B .*4\.9|^B: 1 answers a 100 .*, B .*5\.0'
also '^C: 1 answers b 100 .*C is faster'
also '^D: 1 answers a 100 .*(no difference resolved|under 2 %)'
also '3 candidates against one baseline: .*Holm'
ends 1 '^C: .*C is slower, loss$' several quick tiny slow --fail-on=regression
also '^B: .*held$'
ends 1 'C: 1 answers a 100 .*mismatch: .*A 0x01, C 0x02' several slow quick wrong --runs 7
ends 0 '^\| C: 1 answers a 100 \| .*C is faster' several slow quick tiny --markdown
also 'A: slow \| B = quick, C = tiny \|'
ends 0 '"correction":	"Holm"' several slow quick tiny --json
also '"candidate":	"tiny"'
ends 2 '2 candidates need at least 7 processes' several slow quick tiny --runs 6
ends 0 'held' bench slow quick --fail-on=regression
ends 1 'B is slower, loss' bench quick slow --fail-on=regression
ends 1 'mismatch: seed 1, size 1, input a: answers: byte 0: A 0x01, B 0x02' bench quick wrong
ends 0 'the same code' bench tiny tiny --fail-on=regression=10%
# With a threshold of 0 %, equal code cannot be told from slower code.
ends 4 'cannot tell' bench tiny tiny --fail-on=regression=0%
also 'about [0-9]+ more processes|at the threshold'
ends 0 '"verdict":	"held"' bench slow quick '--fail-on=regression --json'
also '"ratio":	(5\.0|4\.9)'
ends 0 '^\| 1 answers a 100 \| .* \| (5\.0|4\.9)' bench slow quick --markdown
"$perflab" export all.jsonl >/dev/null || fail "export"
grep -q "\"commit_id\":\"$(git rev-parse slow)\"" all.jsonl || fail "runs are recorded without their commit"
unset PERFLAB_CLOCK

# --- A process cannot load two shared libraries of one name.
ends 1 'which a process loads only once: link it statically' \
    "$perflab" compare --git slow quick --bench bench-answer.c --libs '{tree}/libanswer.so -Wl,-rpath,{tree}' --quick --fixed

# --- A whole program, in real time: it sleeps 0.4 s and 0.08 s, which no load makes the same.
program() { "$perflab" compare --git "$1" "$2" --command ./program --runs 6 ${3:-}; }
says './program wall .*B is faster' "$perflab" compare --git slow quick slow --command ./program --runs 7
also '^C: ./program peak memory .*MiB'
says './program wall .*B is faster' program slow quick ''
also 'peak memory .*MiB'
ends 1 'loss' program quick slow --fail-on=regression=20%
ends 1 'the outputs differ from line 1' program quick wrong ''
ends 3 'ends with status 3' "$perflab" compare --git slow quick --command 'exit 3'

# --- Errors are named, and nothing is left behind.
ends 2 'no revision nowhere' "$perflab" compare --git nowhere quick --command ./program
ends 2 'give --bench FILE or --command' "$perflab" compare --git slow quick
ends 2 'there is no missing.c' "$perflab" compare --git slow quick --bench missing.c
ends 2 'regression or regression=2%' "$perflab" compare --git slow quick --command ./program --fail-on better
ends 3 'broken does not build' "$perflab" compare --git slow broken --command ./program
also "answer.c:1"
(cd / && ends 2 'not a git repository' "$perflab" compare --git a b --command true)
[ "$(git worktree list | wc -l)" = 1 ] || fail "worktrees are left behind: $(git worktree list)"
git status --porcelain | grep -v bench-answer | grep -v -e all.jsonl -e says.txt | grep . && fail "the repository is not as it was"
says 'B is faster' "$perflab" compare --git slow quick --command ./program --runs 6 --keep
[ "$(git worktree list | wc -l)" = 3 ] || fail "--keep keeps nothing"
says 'B is faster' "$perflab" compare --git slow quick --command ./program --runs 6
[ "$(git worktree list | wc -l)" = 1 ] || fail "kept worktrees are left behind"

finish "two revisions in one line"
