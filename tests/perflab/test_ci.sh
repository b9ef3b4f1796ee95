#!/bin/sh
# `perflab ci`: what to compare, how, and what counts as a loss comes from perflab.json; the base is found
# from the branch; mistakes in the file are named.
# usage: test_ci.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-ci-XXXXXX) || exit 1
. "$sources/common.sh"
git init -q -b main lib && cd lib && git config user.email t@example.org && git config user.name t || fail "git"
export PERFLAB_LEDGER="$work/perflab.ledger" PERFLAB_CLOCK="$sources/noise.txt"

cat >Makefile <<'END'
all: libanswer.a program
answer.o: answer.c answer.h
	cc -O2 -fPIC -c answer.c
libanswer.a: answer.o
	ar rc libanswer.a answer.o
program: program.c libanswer.a
	cc -O2 program.c libanswer.a -o program
END
echo 'int answer(int n); int cost(void);' >answer.h
printf '%s\n' '#include "answer.h"' '#include <stdio.h>' 'int main(void) { printf("%d\n", answer(5)); return 0; }' >program.c
cat >bench-answer.c <<'END'
#include "perflab.h"
#include "answer.h"
static int32_t *out;
static int setup(perflab_ctx *ctx) {
    out = (int32_t *)perflab_alloc(ctx, ctx->size * sizeof *out, 0);
    return PERFLAB_OK;
}
static void function(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) out[i] = answer((int)i);
    perflab_spend(ctx, (uint64_t)cost() * 100);
}
static void outputs(perflab_ctx *ctx) { perflab_output(ctx, "answers", out, ctx->size * sizeof *out); }
static const char *const kinds[] = {"a", "b", "c", NULL};
PERFLAB_MODULE({.id = "1", .component = "answers", .title = "answer", .inputs = kinds, .size = 50,
                .setup = setup, .candidate = function, .outputs = outputs})
END
sed -e 's/answers/others/' -e 's/"1"/"2"/' bench-answer.c >bench-other.c

# revision COST: makes a commit whose function has this cost.
revision() {
    printf '%s\n' '#include "answer.h"' "int cost(void) { return $1; }" 'int answer(int n) { return n + 1; }' >answer.c
    git add Makefile ./*.h ./*.c && git commit -qm "cost $1" || fail "commit $1"
}

# config ENTRIES [MORE]: writes perflab.json.
config() {
    echo "{\"libs\": \"{tree}/libanswer.a\", \"fixed\": true, \"runs\": 6, \"time\": 0.05, \"base\": \"main\", ${2:-} \"compare\": [$1]}" >perflab.json
}

revision 1000
config '{"bench": "bench-answer.c", "inputs": ["a"]}'
ends 2 'HEAD has no parent' "$perflab" ci
revision 1200

# --- On the base branch, HEAD is compared with its parent; elsewhere, with the commit where it left the base.
ends 1 '1 answers a 50 .*B is slower, loss' "$perflab" ci
git checkout -q -b work
revision 800
revision 600
ends 0 '1 answers a 50 .* (2\.0|1\.9).*B is faster, held' "$perflab" ci
git checkout -q main && revision 100 && git checkout -q work
ends 0 "^\| \| A: $(git rev-parse --short=12 main~1) \| B: HEAD " "$perflab" ci --markdown
also '^\| 1 answers a 50 \| .*(2\.0|1\.9).*held'
ends 0 '(1\.6|1\.7).*held' "$perflab" ci --base work~3 --config perflab.json
ends 0 'held' "$perflab" ci --base work~1
ends 2 'nowhere and HEAD have no common commit' "$perflab" ci --base nowhere

# --- Kinds, sizes and thresholds: at the top for all entries, in an entry for this one.
config '{"bench": "bench-answer.c", "inputs": ["a", "c"], "sizes": [10, 20]},
 {"bench": "bench-other.c", "inputs": ["b"], "fail_on": "regression=50%"}, {"command": "./program"}' '"fail_on": "regression=900%",'
revision 720
ends 0 '1 answers a 10 .*B is slower.*held' "$perflab" ci --base work~1
[ "$(grep -c '^1 answers [ac] [12]0 ' says.txt)" = 4 ] || fail "not the kinds and sizes of the entry: $(cat says.txt)"
[ "$(grep -c '^2 others' says.txt)" = 1 ] || fail "an entry compares more than its benchmark: $(cat says.txt)"
also '^\./program wall '
config '{"bench": "bench-answer.c", "inputs": ["a"]}, {"bench": "bench-other.c", "inputs": ["b"], "fail_on": "regression=50%"}'
ends 1 '1 answers a 50 .*B is slower, loss' "$perflab" ci --base work~1
also '2 others b 50 .*B is slower, held'
config '{"bench": "bench-answer.c", "inputs": ["a"]}' '"fail_on": "regression=0%",'
git commit -q --allow-empty -m same
ends 4 'cannot tell' "$perflab" ci --base work~1
ends 4 '"threshold":	0,' "$perflab" ci --base work~1 --json
also '"exit":	4'

# --- One entry that cannot be run does not lose the others.
echo 'no C' >bench-broken.c
config '{"bench": "bench-broken.c"}, {"bench": "bench-answer.c", "inputs": ["a", "z"]}'
ends 3 'bench-broken.c does not build' "$perflab" ci --base work~2
also '1 answers a 50 .*loss'
also 'no kind of input z'
rm bench-broken.c

# --- Mistakes in the file, each with its place.
# refused PATTERN FILE: exit status 2.
refused() {
    echo "$2" >perflab.json
    ends 2 "$1" "$perflab" ci
}
refused 'perflab.json: line 3: not valid JSON' '{"runs": 6,
 "compare": [
  {"bench" "bench-answer.c"}]}'
refused 'it must be a JSON object' '[]'
refused 'unknown key "run"' '{"run": 6, "compare": [{"command": "true"}]}'
refused '"compare" must be an array' '{"runs": 6}'
refused '"compare" must be an array' '{"compare": []}'
refused 'compare\[1\]: it must be an object with either "bench" or "command"' '{"compare": [{"command": "true"}, {"command": "true", "bench": "x.c"}]}'
refused 'compare\[0\]: it must be an object' '{"compare": [7]}'
refused 'compare\[0\]: unknown key "fail-on"' '{"compare": [{"command": "true", "fail-on": "regression"}]}'
refused 'compare\[0\]: "sizes" applies to benchmarks only' '{"compare": [{"command": "true", "sizes": [1]}]}'
refused '"bench" belongs in an entry' '{"bench": "bench-answer.c", "compare": [{"command": "true"}]}'
refused '"runs" must be a whole number of at least 6' '{"runs": 5, "compare": [{"command": "true"}]}'
refused '"sizes" must be an array of whole numbers' '{"sizes": [1, 2.5], "compare": [{"command": "true"}]}'
refused '"inputs" must be an array of kinds' '{"inputs": "a", "compare": [{"command": "true"}]}'
refused '"time" must be a number of seconds' '{"time": 0, "compare": [{"command": "true"}]}'
refused '"fixed" must be true or false' '{"fixed": "yes", "compare": [{"command": "true"}]}'
refused '"fixed" applies to benchmarks only' '{"compare": [{"command": "true", "fixed": true}]}'
refused '"variant" must be "native" or "portable"' '{"variant": "both", "compare": [{"command": "true"}]}'
refused '"fail_on" must be "regression", or' '{"fail_on": "2%", "compare": [{"command": "true"}]}'
refused '"build" must be a text' '{"build": ["make"], "compare": [{"command": "true"}]}'
refused 'there is no missing.c' '{"compare": [{"bench": "missing.c"}]}'
rm perflab.json
ends 2 'cannot read perflab.json' "$perflab" ci
ends 2 'takes options only' "$perflab" ci main
config '{"command": "true"}'
(mkdir "$work/plain" && cp perflab.json "$work/plain" && cd "$work/plain" && ends 2 'not a git repository' "$perflab" ci)
[ "$(git worktree list | wc -l)" = 1 ] || fail "worktrees are left behind: $(git worktree list)"

finish "perflab ci judges as perflab.json says"
