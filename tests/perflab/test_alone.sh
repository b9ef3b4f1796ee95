#!/bin/sh
# perflab alone: configured, built and installed without the rest of Pluck, and used by another project
# through CMake and pkg-config. If a library is missing, the error names it.
# usage: test_alone.sh PERFLAB MODULES SOURCES BUILD
set -u
sources=$3
work=$(mktemp -d /tmp/perflab-alone-XXXXXX) || exit 1
. "$sources/common.sh"
source=$(cd "$sources/../../perflab" && pwd)

# Without optimisation, which would take half of this test's time; what is used alone is Release.
grep -q 'CMAKE_BUILD_TYPE Release' "$source/CMakeLists.txt" || fail "it is not optimised by default"
says 'Build files' cmake -S "$source" -B b -DCMAKE_BUILD_TYPE=None
says 'Built target perflab' cmake --build b --parallel 2
says 'perflabConfig.cmake' cmake --install b --prefix "$work/prefix"
nm -D b/perflab | grep -q pluck_ && fail "perflab needs libpluck"
says '^perflab [0-9]' prefix/bin/perflab --version

mkdir user && cat >user/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.21)
project(user C)
find_package(perflab 0.1 REQUIRED)
perflab_benchmark(scaling bench-scaling.c)
END
(cd user && says 'bench-scaling.c' "$work/prefix/bin/perflab" new 1 scaling) || fail "new"
says 'Build files' cmake -S user -B ub -DCMAKE_PREFIX_PATH="$work/prefix"
says 'Built target bench_scaling_native' cmake --build ub --parallel 2
says 'gate passed' prefix/bin/perflab validate 1 --modules ub/perflab-modules
# A header that the benchmark includes is part of its hash, although nobody named it.
hash_of() { prefix/bin/perflab table 1 --json --modules ub/perflab-modules | grep source_hash; }
echo '#define ONE 1' >user/one.h && sed -i 's|#include "perflab.h"|#include "one.h"\n&|' user/bench-scaling.c
cmake --build ub --target bench_scaling_native_module >build.txt 2>&1 || fail "build: $(cat build.txt)"
before=$(hash_of)
echo '#define ONE 2' >user/one.h && cmake --build ub --target bench_scaling_native_module >build.txt 2>&1 || fail "build: $(cat build.txt)"
[ "$before" != "$(hash_of)" ] || fail "a changed header is not noticed"

# A program that is built with pkg-config.
if command -v pkg-config >/dev/null; then
    PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name perflab.pc)")
    export PKG_CONFIG_PATH
    echo '#include "perflab.h"
int main(void) { perflab_rng r = {1}; return perflab_rng_u64(&r) == 0; }' >pc.c
    # shellcheck disable=SC2046 # flags are words
    cc pc.c -o pc $(pkg-config --cflags --libs perflab) && ./pc || fail "pkg-config: $(pkg-config --cflags --libs perflab)"
    unset PKG_CONFIG_PATH
fi

ends 1 'sqlite3 \(libsqlite3-dev\)' env PKG_CONFIG_LIBDIR=/nonexistent cmake -S "$source" -B none
also 'libcjson \(libcjson-dev\)'
also 'hwloc \(libhwloc-dev\)'

finish "perflab stands alone"
