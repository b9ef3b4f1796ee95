#!/usr/bin/env bash
# test_command.sh PLUCK ROWS.npy: tests the pluck command: its output, error messages and exit status.
set -u
pluck=$1
rows=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
checks=0

# expect STATUS TEXT ARGUMENT...: runs pluck; its exit status must be STATUS and its output (stdout for
# status 0, stderr for others) must contain TEXT. Leaves both outputs in $dir.
expect() {
    local status=$1 text=$2 got where=out
    shift 2
    "$pluck" "$@" >"$dir/out" 2>"$dir/err" <"${input:-/dev/null}"
    got=$?
    [ "$status" -eq 0 ] || where=err
    checks=$((checks + 1))
    if [ "$got" -ne "$status" ]; then
        echo "FAIL: pluck $*: exit status $got instead of $status; stderr: $(cat "$dir/err")"
        failures=$((failures + 1))
    elif ! grep -qF -- "$text" "$dir/$where"; then
        echo "FAIL: pluck $*: '$text' is not in: $(cat "$dir/$where")"
        failures=$((failures + 1))
    elif [ "$status" -eq 0 ] && [ -s "$dir/err" ]; then
        echo "FAIL: pluck $*: unexpected on stderr: $(cat "$dir/err")"
        failures=$((failures + 1))
    fi
}

# equal WHAT EXPECTED GOT
equal() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    echo "FAIL: $1: expected '$2', got '$3'"
    failures=$((failures + 1))
}

# npy FILE DTYPE SHAPE DATA [FORTRAN]: writes an array; DATA is text for printf.
npy() {
    {
        printf '\x93NUMPY\x01\x00\x76\x00'
        printf '%-117s\n' "{'descr': '$2', 'fortran_order': ${5:-False}, 'shape': $3, }"
        # shellcheck disable=SC2059
        printf "$4"
    } >"$1"
}

# column N: column N of the table's body in the last output.
column() {
    awk -v n="$1" 'NR > 1 { print $n }' "$dir/out" | paste -sd ' '
}

# float32: 1.0 = 0000803f, 2.0 = 00000040, -1.0 = 000080bf; float16: 1.0 = 003c, 2.0 = 0040
npy "$dir/two.npy" '<f4' '(2, 3)' '\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x80\xbf\x00\x00\x00\x40\x00\x00\x80\x3f\x00\x00\x80\xbf'
npy "$dir/half.npy" '<f2' '(4,)' '\x00\x3c\x00\x3c\x00\x40\x00\x3c'
npy "$dir/nan.npy" '<f4' '(2,)' '\x00\x00\x80\x3f\x00\x00\xc0\x7f'
npy "$dir/masked.npy" '<f4' '(2,)' '\x00\x00\x80\xff\x00\x00\x80\xff'
# The rows of two.npy in other layouts.
npy "$dir/double.npy" '<f8' '(2, 3)' '\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x00\x40\0\0\0\0\0\0\xf0\xbf\0\0\0\0\0\0\x00\x40\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xf0\xbf'
npy "$dir/brain.npy" '<V2' '(2, 3)' '\x80\x3f\x00\x40\x80\xbf\x00\x40\x80\x3f\x80\xbf'
npy "$dir/big.npy" '>f4' '(2, 3)' '\x3f\x80\0\0\x40\x00\0\0\xbf\x80\0\0\x40\x00\0\0\x3f\x80\0\0\xbf\x80\0\0'
npy "$dir/columns.npy" '<f4' '(2, 3)' '\0\0\x80\x3f\0\0\x00\x40\0\0\x00\x40\0\0\x80\x3f\0\0\x80\xbf\0\0\x80\xbf' True
npy "$dir/integers.npy" '<i4' '(1,)' '\x00\x00\x00\x00'
npy "$dir/short.npy" '<f4' '(3,)' '\x00\x00\x80\x3f'
: >"$dir/empty.npy"
printf 'hello, this is no array' >"$dir/text.npy"

# The command itself.
expect 0 'Usage: pluck COMMAND' --help
expect 0 'Usage: pluck COMMAND' help
expect 0 'Usage: pluck sample' help sample
expect 0 'Usage: pluck sample' sample --help
expect 0 'Usage: pluck info' info -h
expect 0 'pluck 0.' --version
expect 2 'a command is missing'
expect 2 "there is no command 'smaple'" smaple
expect 2 "there is no command 'smaple'" help smaple

# Commands that need a model: if they are not built, they say how to get them.
for command in generate record e2e; do
    if "$pluck" $command --help >/dev/null 2>&1; then
        expect 0 "Usage: pluck $command" $command --help
    else
        expect 1 "pluck $command: there is no pluck-llama beside this pluck" $command --help
    fi
done

# info: exactly one kernel of an operation and dtype is in use.
expect 0 'kernels ' info
equal 'kernels in use per operation and dtype' '' \
    "$(awk '/in use$/ { n[$1 " " $2]++ } END { for (k in n) if (n[k] != 1) print k }' "$dir/out")"
expect 0 '"isa": "' info --json
expect 2 "unknown option '--jsn'" info --jsn
expect 2 "'more' is not expected" info more
PLUCK_DISABLE_CPU=avx512,avx2,neon expect 0 'kernels   scalar' info

# info: names in PLUCK_DISABLE_CPU. Only info shows those that do not exist.
expect 0 'kernels ' info
equal 'nothing disabled' '' "$(grep -E '^(disabled|unknown)' "$dir/out")"
PLUCK_DISABLE_CPU=avx521,neon,,AVX2 expect 0 'disabled  neon' info
equal 'unknown names' 'unknown   avx521,AVX2 (in PLUCK_DISABLE_CPU, which takes avx2, avx512 and neon)' \
    "$(grep '^unknown' "$dir/out")"
PLUCK_DISABLE_CPU=avx2,avx512 expect 0 'disabled  avx2,avx512' info
equal 'all are known' '' "$(grep '^unknown' "$dir/out")"
PLUCK_DISABLE_CPU=$'avx2, "x"\\\e[1m,avx512' expect 0 '"disabled": ["avx2", "avx512"], "unknown_disabled": [" ?x???[1m"]' info --json
expect 0 '"disabled": [], "unknown_disabled": []' info --json
PLUCK_DISABLE_CPU=avx521 expect 0 'token' sample -s 'temp=0' "$dir/two.npy"
# Every instruction set that this build has kernels for has a name that excludes it.
expect 0 'kernels ' info
for isa in $(awk 'body { print $3 } /^operation/ { body = 1 }' "$dir/out" | sort -u | grep -v scalar); do
    PLUCK_DISABLE_CPU=$isa expect 0 "disabled  $isa" info
    equal "$isa removed" '' "$(awk -v isa="$isa" '$3 == isa && !/not here$/' "$dir/out")"
done

# sample: known results.
expect 0 'token' sample -s 'temp=0' "$dir/two.npy"
equal 'greedy tokens' '1 0' "$(column 3)"
equal 'their rows' '0 1' "$(column 1)"
equal 'one candidate is left' '1 1' "$(column 6)"
expect 0 'token' sample -s 'temp=0' --rows 1 "$dir/two.npy"
equal 'row 1 alone' '0' "$(column 3)"
expect 0 'token' sample -s 'temp=0' -r :1 -n 3 "$dir/two.npy"
equal 'three draws of row 0' '0 1 2' "$(column 2)"
expect 0 'token' sample -s 'temp=0' "$dir/half.npy"
equal 'float16' '2' "$(column 3)"
for layout in double brain big columns; do
    expect 0 'token' sample -s 'temp=1;top_k=1' "$dir/$layout.npy"
    equal "tokens of $layout" '1 0' "$(column 3)"
    equal "logits of $layout" '2.00000 2.00000' "$(column 4)"
done

# sample: standard input and pipes.
input=$dir/two.npy expect 0 'token' sample -s 'temp=0' -
equal 'a file as standard input' '1 0' "$(column 3)"
equal 'a pipe' '1 0' "$(cat "$dir/two.npy" | "$pluck" sample -s temp=0 - | awk 'NR > 1 { print $3 }' | paste -sd ' ')"
expect 0 'token' sample -s 'temp=0' <(cat "$dir/columns.npy")
equal 'a pipe with a name' '1 0' "$(column 3)"
expect 1 'standard input: the input is empty' sample -
input=$dir/text.npy expect 1 'standard input: not a .npy file' sample -
input=$dir/short.npy expect 1 'standard input: the shape needs 12 bytes of data, the file has 4' sample -
expect 0 'token' sample -s 'temp=0;repeat_penalty=4' --history 1,1 --rows 0 "$dir/two.npy"
equal 'a penalised token' '0' "$(column 3)"
expect 0 'token' sample -s 'temp=0;repeat_penalty=4' --accept --rows 0 -n 2 "$dir/two.npy"
equal 'accepting what was drawn' '1 0' "$(column 3)"
expect 0 'candidate' sample -s 'temp=1;top_k=2;top_p=1;min_p=0' --rows 0 --candidates 5 "$dir/two.npy"
equal 'most likely first' '1 0' "$(awk '/candidate / { print $2 }' "$dir/out" | paste -sd ' ')"
# log softmax of (1, 2, -1) is (-1.349, -0.349, -3.349)
expect 0 '-0.34901' sample -s 'temp=0' --rows 0 --logprobs 2 "$dir/two.npy"
equal 'two log-probabilities' '1 0' \
    "$(awk '/logprob / && !/the token/ { print $2 }' "$dir/out" | paste -sd ' ')"

# sample: the same seed draws the same tokens, another seed draws others.
expect 0 'token' sample --seed 7 -n 20 --rows 5 "$rows"
first=$(column 3)
expect 0 'token' sample --seed 7 -n 20 --rows 5 "$rows"
equal 'the same seed' "$first" "$(column 3)"
expect 0 'token' sample -s 'seed=7' -n 20 --rows 5 "$rows"
equal 'the seed of the spec' "$first" "$(column 3)"
expect 0 'token' sample --seed 8 -n 20 --rows 5 "$rows"
checks=$((checks + 1))
[ "$first" != "$(column 3)" ] || { echo 'FAIL: two seeds draw the same'; failures=$((failures + 1)); }
expect 0 'token' sample --seed 7 --rng philox -n 20 --rows 5 "$rows"
checks=$((checks + 1))
[ "$first" != "$(column 3)" ] || { echo 'FAIL: two generators draw the same'; failures=$((failures + 1)); }
expect 0 'token' sample --seed -1 -s 'temp=5;top_k=0;top_p=1;min_p=0' -n 100 --rows 5 "$rows"
first=$(column 3)
expect 0 'token' sample -s 'seed=-1;temp=5;top_k=0;top_p=1;min_p=0' -n 100 --rows 5 "$rows"
checks=$((checks + 1))
[ "$first" != "$(column 3)" ] || { echo 'FAIL: two random seeds draw the same'; failures=$((failures + 1)); }
expect 0 'token' sample "$rows"
equal 'all eight rows' '0 1 2 3 4 5 6 7' "$(column 1)"

# sample: JSON, one object on each line.
expect 0 '"token": 1' sample -s temp=0 --rows 0 --json --candidates 1 --logprobs 1 "$dir/two.npy"
equal 'JSON' '{"row": 0, "draw": 0, "token": 1, "logit": 2, "probability": 1, "candidates": 1, "us": T, "top": [{"id": 1, "logit": 2, "probability": 1}], "logprob": L, "logprobs": [{"id": 1, "logprob": L}]}' \
    "$(sed -E 's/"us": [0-9.]+/"us": T/; s/-0\.3490[0-9]+/L/g' "$dir/out")"

# sample: what it refuses.
expect 2 'a .npy file is missing' sample
expect 2 "'b.npy' is not expected" sample a.npy b.npy
expect 2 "'-2' is not a value this option takes" sample --seed -2 "$dir/two.npy"
expect 2 "'4294967296' is not a value this option takes" sample --seed 4294967296 "$dir/two.npy"
expect 2 "'0' is not a value this option takes" sample -n 0 "$dir/two.npy"
expect 2 "'1x' is not a value this option takes" sample -n 1x "$dir/two.npy"
expect 2 "'dice' is not a value this option takes" sample --rng dice "$dir/two.npy"
expect 2 "needs a value" sample --rows
expect 2 "unknown option '--row-count'" sample --row-count 3 "$dir/two.npy"
expect 2 "no range within the file's 2 rows" sample --rows 2 "$dir/two.npy"
expect 2 "no range within the file's 2 rows" sample --rows 1:1 "$dir/two.npy"
expect 2 "no range within the file's 2 rows" sample --rows 0:3 "$dir/two.npy"
expect 2 "no range within the file's 2 rows" sample --rows a:b "$dir/two.npy"
expect 2 'is not a token id' sample --history 1,x "$dir/two.npy"
expect 1 '--history 3: ' sample --history 3 "$dir/two.npy"
expect 1 'No such file' sample "$dir/none.npy"
expect 1 'it is a directory' sample "$dir"
expect 1 'the file is empty' sample "$dir/empty.npy"
expect 1 'not a .npy file' sample "$dir/text.npy"
expect 1 "the elements are int32 ('<i4'); float32, float16, bfloat16 or float64 is needed" sample "$dir/integers.npy"
expect 1 'needs 12 bytes' sample "$dir/short.npy"
expect 1 'row 0: an allowed logit is NaN' sample "$dir/nan.npy"
expect 1 'row 0: no candidate is left' sample "$dir/masked.npy"
expect 1 'colour' sample -s 'colour=red' "$dir/two.npy"
expect 1 'top_p' sample -s 'top_p=7' "$dir/two.npy"

if [ -w /dev/full ]; then
    checks=$((checks + 1))
    if "$pluck" sample "$dir/two.npy" >/dev/full 2>"$dir/err"; then
        echo 'FAIL: a full disk goes unnoticed'
        failures=$((failures + 1))
    fi
fi

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
