#!/bin/sh
# What users come across: slow functions, data that cannot be moved out of caches, wrong names, missing
# tools, dialects, and numbers for other programs.
# usage: test_use.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-use-XXXXXX) || exit 1
. "$sources/common.sh"

# bench ID FILE BASELINE CANDIDATE [SETUP]: writes a benchmark with the bodies of these functions.
bench() {
    cat >"$2" <<END
#define _GNU_SOURCE
#include "perflab.h"
#include <stdlib.h>
#include <unistd.h>
static int32_t out[2];
static char *memory;
static int setup(perflab_ctx *ctx) { out[0] = out[1] = 0; (void)ctx; ${5:-} return PERFLAB_OK; }
static void baseline(perflab_ctx *ctx) { (void)ctx; $3 out[0] = 1; perflab_keep(out); }
static void candidate(perflab_ctx *ctx) { (void)ctx; $4 out[1] = 1; perflab_keep(out); }
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "x", out, out + 1, 1); }
static const size_t sizes[] = {64, 0};
PERFLAB_MODULE({.id = "$1", .component = "c", .title = "t", .size = 64, .gate_sizes = sizes,
                .setup = setup, .baseline = baseline, .candidate = candidate, .validate = validate})
END
}

# --- A slow function, of 40 and 20 s: few calls, a message that says how long it takes, no timeout.
bench 1 bench-slow.c 'perflab_spend(ctx, 40000000000u);' 'perflab_spend(ctx, 20000000000u);'
says 'slow' "$perflab" build --fixed
says 'slow: about [0-9]+ min for 6 processes' env PERFLAB_CLOCK="$sources/noise.txt" "$perflab" run 1 --runs 6
also 'baseline [0-9.]+ .* s, optimized [0-9.]+ .* s, (2\.|1\.9)[0-9]*x'
says '"candidate_calls":1,' "$perflab" export

# --- If data cannot be moved out of the caches, nothing is recorded as evicted.
bench 2 bench-heap.c 'for (int i = 0; i < 64; i++) memory[i]++;' 'for (int i = 0; i < 64; i++) memory[i]++;' \
    'memory = malloc(100000);'
bench 3 bench-ours.c 'memory[0]++; perflab_spend(ctx, 3000);' 'memory[0]++; perflab_spend(ctx, 2000);' \
    'memory = perflab_alloc(ctx, ctx->size, 0);'
"$perflab" build --fixed >build.txt 2>&1 || fail "build: $(cat build.txt)"
export PERFLAB_CLOCK="$sources/noise.txt"
ends 1 'cannot place the data in a cache.* from malloc' "$perflab" run 2 --runs 6 --time 0.01 --cache evicted
"$perflab" table 2 --cache evicted --csv | grep -q 'x \[' && fail "malloc's memory is recorded as evicted"
says 'baseline .*optimized' "$perflab" run 3 --runs 6 --time 0.01 --cache evicted

# --- A quick run prints what it has just measured, whatever else is recorded.
says 'n=6\)' "$perflab" run 3 --runs 6 --time 1
says 'n=7, quick\)' "$perflab" run 3 --runs 7 --quick
also 'recorded in all: .*n=6\)'

unset PERFLAB_CLOCK

# --- A name that does not exist is wrong use, in every command.
for command in run validate table status profile asm; do
    ends 2 'no module registers 99' "$perflab" $command 99
    ends 2 'no variant weird' "$perflab" $command 1 --variant weird
done
for command in run validate table profile asm; do
    ends 2 'no kind of input strange, only: default' "$perflab" $command 1 --input strange
done
ends 2 'no variant weird' "$perflab" report x.html --variant weird
ends 2 'no module registers 99' "$perflab" compare .perflab/modules .perflab/modules --id 99
ends 2 'no kind of input strange' "$perflab" compare .perflab/modules .perflab/modules --input strange
ends 2 'no variant weird' "$perflab" compare .perflab/modules .perflab/modules --variant weird
ends 2 'machine 0123' "$perflab" table --machine 0123
ends 2 'hot, l2 or evicted' "$perflab" table --cache cold

# --- A tool that is missing is named.
mkdir tools
for tool in sh sleep; do ln -s "$(command -v $tool)" tools/; done
ends 3 'needs objdump' env PATH="$work/tools" "$perflab" asm 3
says 'no hardware counters here.*valgrind, which would count them, is not installed|IPC' \
    env PATH="$work/tools" "$perflab" profile 3

# --- Every dialect of C and C++.
says 'bench-dialects.c' "$perflab" new 4 dialects
says 'bench-dialects.cpp' "$perflab" new 5 dialects --cpp
mkdir c && mv bench-dialects.c c/
include=$sources/../../perflab/include
for dialect in c89 gnu89 c99 c11 gnu17; do
    cc -std=$dialect -pedantic-errors -Wall -Wextra -Werror -isystem "$include" -c c/bench-dialects.c -o x.o || fail "the template is no $dialect"
done
for dialect in c++98 c++11 c++17 c++20; do
    c++ -std=$dialect -Wall -Wextra -Werror -isystem "$include" -c bench-dialects.cpp -o x.o || fail "the template is no $dialect"
done
says 'dialects.cpp' "$perflab" build --fixed bench-dialects.cpp --cflags -std=c++98
(cd c && says 'dialects.c' "$perflab" build --fixed --cflags -std=c89 && says 'gate passed' "$perflab" validate 4) || fail "c89"
says 'gate passed' "$perflab" validate 5

# --- CSV has the numbers as numbers.
"$perflab" table 3 --csv >table.csv
head -1 table.csv | grep -q '"baseline","optimized","unit","ratio","low","high","n","size"' || fail "CSV heads: $(head -1 table.csv)"
tail -1 table.csv | grep -Eq '",[0-9.e-]+,[0-9.e-]+,us,[0-9.]+,[0-9.]+,[0-9.]+,6,64$' || fail "CSV numbers: $(tail -1 table.csv)"

# --- stats: units, columns, standard input; a mixture is refused.
printf '%s\n' 'a 45.2 us' 'a 0.0452 ms' 'a 45200ns' 'a: 45.2us/iter' >units.txt
says 'n 4  mean 45.2 ' "$perflab" stats units.txt
says 'real, s' sh -c "printf 'real\t0m1.234s\n' | '$perflab' stats -"
also 'mean 1.234 '
printf '%s\n' 'time,count' '1,10' '3,30' >columns.txt
says 'mean 2 ' "$perflab" stats columns.txt
also 'mean 20 '
says '^count' "$perflab" stats columns.txt --column 2
says 'mean 50 ' sh -c "printf '1 40\n2 60\n' | '$perflab' stats - --column 1,2"
printf '%s\n' 'a 45.2 us' '45.3' >mixed.txt
ends 3 'line 1 has a time with a unit, line 2 a number without one' "$perflab" stats mixed.txt
printf '%s\n' '1 2' '3' >ragged.txt
ends 3 'line 1 has 2 numbers, line 2 has 1' "$perflab" stats ragged.txt
printf '%s\n' 'x 3 us' 'x 4' >half.txt
ends 3 'a unit in some lines' "$perflab" stats half.txt --column 2
ends 2 'not a list of columns' "$perflab" stats half.txt --column two

# --- Messages of hwloc itself are not shown, even if it cannot see the machine.
"$perflab" env >env.txt 2>env.err
[ ! -s env.err ] || fail "env prints an error: $(cat env.err)"
HWLOC_FSROOT=/nonexistent HWLOC_COMPONENTS=linux "$perflab" table --modules "$modules" >table.txt 2>hwloc.err
grep -q hwloc hwloc.err && fail "hwloc prints an error: $(cat hwloc.err)"

finish "used as a user would"
