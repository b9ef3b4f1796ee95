#!/bin/sh
# find_python.sh: prints, split by ';', a Python 3.11 or later that has its headers and the folder of these.
# $PYTHON first, then those in PATH and Debian's; one with NumPy before one without. Fails if there is none.
best=
for python in ${PYTHON:-} python3 /usr/bin/python3; do
    include=$("$python" -c '
import os, sys, sysconfig
include = sysconfig.get_path("include")
sys.exit(sys.version_info < (3, 11) or not os.path.exists(os.path.join(include, "Python.h")) or print(include))
' 2>/dev/null) || continue
    path=$("$python" -c 'import sys; print(sys.executable)')
    [ -n "$best" ] || best="$path;$include"
    "$python" -c 'import numpy' 2>/dev/null || continue
    best="$path;$include"
    break
done
[ -n "$best" ] && echo "$best"
