# Sourced by the shell tests of the drop-in: what they do with their folder and how they end.
# usage: out=$(mktemp -d); . "$(dirname "$0")/dropin_common.sh"
# shellcheck shell=sh disable=SC2154
trap 'rm -rf "${out:?}"' EXIT

# fail TEXT: prints the text and the files in $out, and ends the test. Programs belong in folders of
# $out.
fail() {
    echo "$1"
    for file in "$out"/*; do
        [ -f "$file" ] || continue
        echo "-- $file"
        cat "$file"
    done
    exit 1
}

# skip REASON: ends the test as skipped.
skip() {
    echo "skipped: $1"
    exit 77
}
