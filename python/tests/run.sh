#!/bin/sh
# run.sh wheel PYTHON LIBPLUCK.a LIBPLUCK.so: makes a wheel, installs it into a fresh virtual environment, without a
#     network, and runs the tests and the examples there.
# run.sh build PYTHON FOLDER LIBPLUCK.so [PRELOAD]: runs the tests on the package in a build folder.
# Exit status 77 and one line: something is missing that the tests need.
set -eu
mode=$1 python=$2 what=$3
export PLUCK_SHARED_LIBRARY="$4" PYTHONDONTWRITEBYTECODE=1
here=$(cd "$(dirname "$0")" && pwd)

missing() {
    echo "Skipped: $1 is missing (Debian: $2; make deps installs it)"
    exit 77
}
"$python" -c 'import numpy' 2>/dev/null || missing NumPy python3-numpy

if [ "$mode" = build ]; then
    cd "$here"
    # Leaks: the interpreter frees less than everything at its end. Its own allocator would hide what is freed.
    # PyTorch's libraries are not built for a sanitizer.
    exec env PYTHONPATH="$what" LD_PRELOAD="${5:-}" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
        "$python" -m unittest test_rows test_sampler test_stages test_same_bits test_batch test_verify test_banned
fi

"$python" -c 'import ensurepip, venv' 2>/dev/null || missing 'the venv module' python3-venv
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
wheel=$("$python" "$here/../pluck_build.py" "$dir" "$what")
[ "$(wc -c <"$wheel")" -lt 1000000 ] || {
    echo 'FAIL  the wheel has a megabyte or more'
    exit 1
}
"$python" -m venv --system-site-packages "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-index --no-deps --disable-pip-version-check "$wheel"
cd "$here"
"$dir/venv/bin/python" -m unittest
