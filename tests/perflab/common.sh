# Sourced by the test scripts: a temporary folder, and functions that check commands.
# usage: work=$(mktemp -d ...); . "$sources/common.sh"
# shellcheck shell=sh disable=SC2154
trap 'rm -rf "$work"' EXIT
unset PERFLAB_MODULES PERFLAB_LEDGER PERFLAB_CLOCK PERFLAB_DATA CC CXX CFLAGS CXXFLAGS LDLIBS
cd "${work:?}" || exit 1

# A file, since variables of a subshell are lost.
fail() {
    echo "FAIL: $*"
    : >"$work/failed"
}

# says PATTERN COMMAND...: the command must succeed, and its output must match.
says() {
    pattern=$1
    shift
    "$@" >says.txt 2>&1 || fail "$* exits with $?: $(cat says.txt)"
    grep -Eq -e "$pattern" says.txt || fail "$* does not say '$pattern': $(cat says.txt)"
}

# ends STATUS PATTERN COMMAND...: the command must exit with STATUS, and its output must match.
ends() {
    wanted=$1 pattern=$2
    shift 2
    "$@" >says.txt 2>&1
    got=$?
    [ "$got" -eq "$wanted" ] || fail "$* exits with $got, not $wanted: $(cat says.txt)"
    grep -Eq -e "$pattern" says.txt || fail "$* does not say '$pattern': $(cat says.txt)"
}

# also PATTERN: the output of the last command must match this too.
also() {
    grep -Eq -e "$1" says.txt || fail "it does not say '$1': $(cat says.txt)"
}

# finish WORDS: ends the script.
finish() {
    [ ! -e "$work/failed" ] && echo "$1" && exit 0
    exit 1
}
