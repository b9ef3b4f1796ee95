#!/bin/sh
# test_llama_dir.sh: programs that load libllama by name draw the same tokens with a folder that
# `pluck llama-dir` made, and it is Pluck that draws them.
# usage: test_llama_dir.sh PLUCK LIBDIR LINKED-PROGRAM DLOPEN-PROGRAM MODEL PRELOAD [OLDER-LIBDIR]
set -eu
pluck=$1 real=$2 linked=$3 dlopen=$4 model=$5 preload=$6 older=${7:-}
here=$(dirname "$0")
out=$(mktemp -d)
. "$here/dropin_common.sh"

# same NAME: the text is the same with the folder as without it, and the samplers were taken over.
same() {
    cmp -s "$out/$1.real.text" "$out/$1.text" || fail "$1: other tokens"
    grep -q '^pluck: the samplers of libllama .* are taken over$' "$out/$1.errors" ||
        fail "$1: the drop-in did not take over"
}
# folder_of LIBDIR NAME: makes $out/NAME.
folder_of() {
    "$pluck" llama-dir "$out/$2" --from "$1" >"$out/made.text" 2>"$out/made.errors" ||
        fail "llama-dir failed"
    grep -q "^$out/$2/libllama.so samples with Pluck; behind it is /" "$out/made.text" ||
        fail "llama-dir does not say what it made"
}
by_ctypes() {
    LLAMA_CPP_LIB_PATH=$1 python3 "$here/ctypes_generate.py" "$model"
}

folder_of "$real" new
folder_of "$real" new # again, over the first
for file in libllama.so libllama.v0.5.0.so libggml.so libggml.v0.5.0.so libggml-base.so \
    libllama-common.so; do
    [ -e "$out/new/$file" ] || fail "$file is missing"
done

# A program that is linked with libllama.
"$linked" "$model" 24 >"$out/linked.real.text"
LD_LIBRARY_PATH=$out/new PLUCK_LLAMA=log "$linked" "$model" 24 \
    >"$out/linked.text" 2>"$out/linked.errors" || fail "the linked program failed"
same linked
# The same, with the drop-in preloaded as well.
PLUCK_LLAMA=log LD_PRELOAD=$preload LD_LIBRARY_PATH=$out/new "$linked" "$model" 24 \
    >"$out/linked.text" 2>"$out/linked.errors" || fail "the linked program failed with both"
same linked
[ "$(grep -c 'are taken over$' "$out/linked.errors")" -eq 1 ] || fail "it is taken over twice"

# Programs that open libllama.so.
"$dlopen" "$real" >"$out/dlopen.real.text"
PLUCK_LLAMA=log "$dlopen" "$out/new" >"$out/dlopen.text" 2>"$out/dlopen.errors" ||
    fail "the program that opens libllama.so failed"
same dlopen
grep -q libllama-common.so "$out/dlopen.text" || fail "libllama-common was not tried"
if [ -n "$older" ]; then
    folder_of "$older" old
    "$dlopen" "$out/new" "$out/old" >"$out/two.real.text" 2>&1 || fail "two folders failed"
    PLUCK_LLAMA=log "$dlopen" "$out/new" "$out/old" >"$out/two.text" 2>"$out/two.errors" ||
        fail "two folders failed"
    same two
    [ "$(grep -c 'are taken over$' "$out/two.errors")" -eq 2 ] || fail "not both are taken over"
fi
if command -v python3 >/dev/null 2>&1; then
    by_ctypes "$real" >"$out/ctypes.real.text"
    PLUCK_LLAMA=log by_ctypes "$out/new" >"$out/ctypes.text" 2>"$out/ctypes.errors" ||
        fail "the Python program failed"
    same ctypes
    if [ -n "$older" ]; then
        # the package of the older one has no plain names, and has copies where others have links
        mkdir "$out/plain"
        for file in "$older"/*; do ln -s "$file" "$out/plain/"; done
        ln -s libllama.b7347.so.0 "$out/plain/libllama.so"
        ln -s libggml.b7347.so.0 "$out/plain/libggml.so"
        by_ctypes "$out/plain" >"$out/ctypes.real.text"
        PLUCK_LLAMA=log,strict by_ctypes "$out/old" >"$out/ctypes.text" 2>"$out/ctypes.errors" ||
            fail "the Python program failed with the older one"
        same ctypes
    fi
else
    echo "python3 is not installed: ctypes was not tried"
fi

# What llama-dir refuses.
# refuses TEXT ARGUMENT...
refuses() {
    text=$1
    shift
    if "$pluck" llama-dir "$@" >"$out/refused.text" 2>"$out/refused.errors"; then
        fail "llama-dir $* did not fail"
    fi
    grep -qF "$text" "$out/refused.errors" || fail "llama-dir $*: no '$text'"
}
mkdir "$out/full" "$out/several" "$out/text"
: >"$out/full/letter"
refuses "holds other files, such as letter" "$out/full" --from "$real"
[ -e "$out/full/letter" ] || fail "llama-dir removed something"
refuses "there is no libllama in" "$out/x" --from "$out/full"
refuses "there is no folder" "$out/x" --from "$out/nowhere"
refuses "is Pluck's already" "$out/x" --from "$out/new"
refuses "the folder to make is missing"
refuses "is not understood" "$out/x" "$out/y"
cp "$real/libllama.v0.5.0.so" "$out/several/libllama.a.so"
cp "$real/libggml-base.so" "$out/several/libllama.b.so"
refuses "holds several libllamas" "$out/x" --from "$out/several"
echo "no library" >"$out/text/libllama.so"
refuses "it is not a shared library for x86-64" "$out/x" --from "$out/text"
cp "$real/libggml-base.so" "$out/text/libllama.so"
refuses "is not a libllama" "$out/x" --from "$out/text"
head -c 3000 "$real/libllama.v0.5.0.so" >"$out/text/libllama.so"
refuses "it is not a shared library for x86-64" "$out/x" --from "$out/text"
[ ! -e "$out/x" ] || fail "a folder was made after an error"
echo ok
