#!/bin/sh
# run.sh wheel PYTHON LIBPLUCK.a LIBPLUCK.so: makes a wheel, installs it into a fresh virtual environment, without a
#     network, and runs the tests and the examples there.
# run.sh sanitize PYTHON LIBPLUCK.a LIBPLUCK.so SANITIZERS RUNTIME: compiles the extension under sanitizers, for the debug
#     build of that Python if there is one (its name ends in -dbg), and runs the tests; the debug build also counts what
#     references are left behind, and what memory.
# Exit status 77 and one line: something is missing that the tests need.
set -eu
mode=$1 python=$2 library=$(realpath "$3")
PLUCK_SHARED_LIBRARY=$(realpath "$4")
export PLUCK_SHARED_LIBRARY PYTHONDONTWRITEBYTECODE=1
here=$(cd "$(dirname "$0")" && pwd)

missing() {
    echo "Skipped: $1 is missing (Debian: $2; make deps installs it)"
    exit 77
}
"$python" -c 'import numpy' 2>/dev/null || missing NumPy python3-numpy
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$here"

if [ "$mode" = sanitize ]; then
    if command -v "$python-dbg" >/dev/null; then
        python=$python-dbg
        debug=yes
    else
        echo "Not counted: references, since $python-dbg is missing (Debian: python3-dbg; make deps DEPS=sanitize)"
        debug=no
    fi
    flags="-fsanitize=$5 -fno-sanitize-recover=undefined"
    wheel=$(CFLAGS="-O1 -g1 -UNDEBUG $flags" LDFLAGS="$flags" "$python" ../pluck_build.py "$dir" "$library")
    "$python" -m zipfile -e "$wheel" "$dir/package"
    # The run-time library has to come before the interpreter, whose own allocator would hide what is freed.
    export PYTHONPATH="$dir/package" LD_PRELOAD="$6" PYTHONMALLOC=malloc
    [ $debug = no ] || ASAN_OPTIONS=detect_leaks=1 "$python" references.py
    # NumPy leaves memory behind. PyTorch's libraries are not built for a sanitizer.
    ASAN_OPTIONS=detect_leaks=0 "$python" -m unittest test_rows test_sampler test_stages test_same_bits test_batch \
        test_verify test_banned
    exit
fi

"$python" -c 'import ensurepip, venv' 2>/dev/null || missing 'the venv module' python3-venv
wheel=$("$python" ../pluck_build.py "$dir" "$library")
[ "$(wc -c <"$wheel")" -lt 1000000 ] || {
    echo 'FAIL  the wheel has a megabyte or more'
    exit 1
}
"$python" -m venv --system-site-packages "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-index --no-deps --disable-pip-version-check "$wheel"
"$dir/venv/bin/python" -m unittest
