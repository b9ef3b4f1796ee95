#!/bin/sh
# `perflab build` notices changes of everything that a build is made of, remembers flags, and leaves nothing
# outdated behind.
# usage: test_builds.sh PERFLAB MODULES SOURCES BUILD
# shellcheck disable=SC2086 # $lean is words
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-builds-XXXXXX) || exit 1
. "$sources/common.sh"

# bench ID FILE: writes a benchmark of answer(), which is declared in answer.h and defined elsewhere.
bench() {
    cat >"$2" <<END
#include "perflab.h"
#include "answer.h"
static int32_t out[2];
static void baseline(perflab_ctx *ctx) { out[0] = 42; perflab_keep(out); (void)ctx; }
static void candidate(perflab_ctx *ctx) { out[1] = answer(); perflab_keep(out); (void)ctx; }
static bool validate(perflab_ctx *ctx) {
    return perflab_check_ids(ctx, "answer", &out[0], &out[1], 1);
}
static void reset(perflab_ctx *ctx) { out[ctx->side] = 0; }
PERFLAB_MODULE({.id = "$1", .component = "answers", .title = "t", .size = 1, .baseline = baseline,
                .candidate = candidate, .validate = validate, .reset = reset,
                .flags = PERFLAB_RESET_PER_BLOCK})
END
}

# library HOW VALUE: builds libanswer, static or shared; the time of its answer() depends on VALUE.
library() {
    echo "int answer(void); int answer(void) { int x = $2; for (volatile int i = 0; i < 50; i++) x += 0; return x; }" >answer.c
    cc -O2 -fPIC -c answer.c -o answer.o || fail "cc"
    if [ "$1" = static ]; then
        rm -f lib/libanswer.a && ar rc lib/libanswer.a answer.o
    else
        cc -shared answer.o -o lib/libanswer.so -Wl,-soname,libanswer.so
    fi
}

# Most of these builds need no portable module and no program.
lean='--fixed --variant native --no-program'
gated() { "$perflab" status 1 2>&1 | head -1; }

mkdir lib
echo 'int answer(void);' >answer.h
bench 1 bench-answer.c

# --- A library that is linked by -l is part of the build, static or shared.
for how in static shared; do
    rm -rf lib/* .perflab perflab.ledger
    library $how 42
    "$perflab" build $lean --libs "-L$work/lib -lanswer -Wl,-rpath,$work/lib" >build.txt 2>&1 || fail "build: $(cat build.txt)"
    "$perflab" run 1 --runs 6 --time 0.01 >run.txt 2>&1 || fail "run with a $how library: $(cat run.txt)"
    gated | grep -q VALIDATED || fail "$how: not validated: $(gated)"
    library $how 40+2
    sed -i 's/i < 50/i < 900/' answer.c && cc -O2 -fPIC -c answer.c -o answer.o
    if [ $how = static ]; then rm lib/libanswer.a && ar rc lib/libanswer.a answer.o; else cc -shared answer.o -o lib/libanswer.so -Wl,-soname,libanswer.so; fi
    "$perflab" build $lean >build.txt 2>&1 || fail "build: $(cat build.txt)"
    gated | grep -q 'IMPLEMENTED: not validated' || fail "a changed $how library is not noticed: $(gated)"
    "$perflab" run 1 --runs 7 --time 0.01 >run.txt 2>&1 || fail "run"
    grep -q 'n=7' run.txt || fail "two $how libraries are pooled: $(cat run.txt)"
    # With the old library, what was recorded with it counts again.
    library $how 42
    "$perflab" build $lean >build.txt 2>&1
    "$perflab" status 1 | grep -q '6 runs' || fail "the old $how library's numbers are lost: $("$perflab" status 1)"
done

# --- A header that a source of --hash includes is part of the hash.
mkdir part
echo '#include "deep.h"' >part/part.c
echo '#define DEEP 1' >part/deep.h
"$perflab" build $lean --hash part/part.c >build.txt 2>&1 || fail "build --hash"
"$perflab" table --json >before.json
echo '#define DEEP 2' >part/deep.h
"$perflab" build $lean >build.txt 2>&1 || fail "build after a header changed"
"$perflab" table --json >after.json
[ "$(grep source_hash before.json)" != "$(grep source_hash after.json)" ] || fail "a changed header of a hashed source is not noticed"

# --- The same sources in another folder are the same build.
mkdir -p elsewhere/with/a/longer/name/lib
cp bench-answer.c answer.h elsewhere/with/a/longer/name/
cp lib/* elsewhere/with/a/longer/name/lib/
rm -rf .perflab
"$perflab" build $lean --libs "-L$work/lib -lanswer -Wl,-rpath,$work/lib" --hash '' >build.txt 2>&1 || fail "build"
(cd elsewhere/with/a/longer/name && "$perflab" build $lean --libs "-L$work/lib -lanswer -Wl,-rpath,$work/lib" --ledger "$work/perflab.ledger" >"$work/build.txt" 2>&1) || fail "build elsewhere: $(cat build.txt)"
"$perflab" run 1 --runs 6 --time 0.01 >run.txt 2>&1 || fail "run: $(cat run.txt)"
(cd elsewhere/with/a/longer/name && "$perflab" status 1 --ledger "$work/perflab.ledger") >status.txt 2>&1
grep -q VALIDATED status.txt || fail "the same sources elsewhere are another build: $(cat status.txt)"

# --- Flags are remembered for each benchmark, and no dialect is forced on the code.
rm -rf .perflab perflab.ledger
cat >bench-dialect.c <<'END'
#include "perflab.h"
#include <stdlib.h>
#include <unistd.h>
#ifndef WANTED
#error the flags are lost
#endif
#ifdef __STRICT_ANSI__
#error the dialect of the compiler is not used
#endif
typedef __typeof__(getpid()) process;
static process out[2];
static void baseline(perflab_ctx *ctx) { asm volatile("" ::: "memory"); out[0] = getpid(); (void)ctx; }
static void candidate(perflab_ctx *ctx) { out[1] = getpid(); (void)ctx; }
static bool validate(perflab_ctx *ctx) { return perflab_check_index(ctx, "pid", out[0], out[1]); }
PERFLAB_MODULE({.id = "2", .component = "c", .title = "t", .size = 1, .baseline = baseline,
                .candidate = candidate, .validate = validate})
END
says 'dialect' "$perflab" build --fixed bench-dialect.c --cflags -DWANTED
says 'dialect' "$perflab" build --fixed bench-dialect.c
says 'flags":"-O3 -march=native -DWANTED"' "$perflab" export
[ -f .perflab/modules/answer-native.so ] && fail "a benchmark that was not named is built"
says 'answer' "$perflab" build --fixed bench-answer.c --cflags -DOTHER --libs "-L$work/lib -lanswer -Wl,-rpath,$work/lib"
says 'dialect' "$perflab" build --fixed
says 'flags":"-O3 -march=native -DWANTED"' "$perflab" export

# --- A benchmark that cannot be linked leaves nothing behind, not even its previous build.
cat >bench-missing.c <<'END'
#include "perflab.h"
extern int nowhere(void);
static void baseline(perflab_ctx *ctx) { (void)ctx; }
static void candidate(perflab_ctx *ctx) { (void)ctx; (void)nowhere(); }
static bool validate(perflab_ctx *ctx) { return perflab_check_index(ctx, "x", 1, 1); }
PERFLAB_MODULE({.id = "3", .component = "c", .title = "t", .baseline = baseline,
                .candidate = candidate, .validate = validate})
END
sed 's/(void)nowhere();//' bench-missing.c >whole.c
cp bench-missing.c broken.c && cp whole.c bench-missing.c
says 'missing' "$perflab" build --fixed bench-missing.c
cp broken.c bench-missing.c
ends 1 'nowhere' "$perflab" build --fixed bench-missing.c
find .perflab -name '*missing*' | grep -v json | grep -q . && fail "a benchmark that cannot be linked is left behind: $(ls .perflab/modules)"

# --- The modules and programs of a deleted benchmark are removed.
rm bench-missing.c
cp whole.c bench-gone.c
says 'gone' "$perflab" build --fixed
rm bench-gone.c
says 'bench-gone.c is gone' "$perflab" build --fixed
find .perflab -name '*gone*' | grep -q . && fail "a deleted benchmark is left behind"
"$perflab" run 3 --quick >run.txt 2>&1 && fail "a deleted benchmark runs: $(cat run.txt)"

# --- Programs of two folders of modules do not overwrite each other.
says 'dialect' "$perflab" build --fixed bench-dialect.c --cflags '-DWANTED=1' --modules one
says 'dialect' "$perflab" build --fixed bench-dialect.c --cflags '-DWANTED=2' --modules two
[ "$(find . -name bench-dialect | grep -c -e one -e two)" = 2 ] || fail "one program of two folders: $(find . -name 'bench-dialect*')"

finish "builds are what they are made of"
