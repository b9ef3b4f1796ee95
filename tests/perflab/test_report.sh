#!/bin/sh
# The report: first the claims, a wrong candidate in red and without a ratio, links that lead somewhere, and
# nothing that is loaded; in a browser, if there is one, without errors. `report --open` shows it.
# usage: test_report.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-report-XXXXXX) || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt" PERFLAB_MODULES="$modules"
mkdir -p other/etc && echo 0123456789abcdef >other/etc/machine-id

"$perflab" run P.1 P.2 P.4 P.5 P.6 P.18 >run.txt 2>&1
PERFLAB_SYSROOT="$work/other" "$perflab" run P.1 P.6 --time 1 >run.txt 2>&1
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >opened.txt\n' >browser && chmod +x browser
says '^a b.html$' env BROWSER="$work/browser" "$perflab" report --open 'a b.html'
[ "$(cat opened.txt)" = 'a b.html' ] || fail "--open opens $(cat opened.txt)"
ends 3 'cannot open a browser for r.html: set BROWSER' env BROWSER=false "$perflab" report --open r.html

# --- The sections, in order, with the claims first.
order=$(grep -o '<h2 id="[a-z]*"' r.html | cut -d'"' -f2 | tr '\n' ' ')
[ "$order" = 'claims table cards machines roofline environment ' ] || fail "sections: $order"
tail -c 10 r.html | grep -q '</html>' || fail "the page is cut off"
grep -Eq '(src|href)="?(https?:|//)|@import|url\(' r.html && fail "the page loads something"

# row ID: the row of the forest plot.
row() { awk -v id="claim-$1\"" 'index($0, "<tr id=\"" id) { on = 1 } on { print } on && /<\/tr>/ { exit }' r.html; }
row P.1 | grep -Eq 'aria-label="P.1: (2\.0|1\.9)[0-9]*x \[.*the line at 1 means no difference"' || fail "P.1 claims nothing: $(row P.1)"
row P.1 | grep -q 'class="gain"' || fail "P.1 is no gain"
[ "$(row P.1 | grep -c -e 'class="one"' -e 'class="unit"')" = 3 ] || fail "no lines at 1 and at the threshold"
row P.4 | grep -q 'class="loss"' || fail "P.4 is no loss"
[ "$(row P.18 | grep -c 'rx="2.5"')" = 2 ] || fail "P.18 does not show its kinds of input"
# A candidate that is wrong, in the gate or later, on this machine or on another, has a cross and no ratio.
for id in P.5 P.6; do
    row $id | grep -q '>wrong: mismatch<' || fail "$id is not marked as wrong: $(row $id)"
    row $id | grep -Eq '[0-9.]+x \[' && fail "$id shows a ratio"
done
grep -A400 'id="machines"' r.html | grep -B400 'id="roofline"' | grep -A9 '>P.6<' | grep -q 'VALIDATED' && fail "wrong on one machine, validated on another"

# --- Every link leads to something, and every id is there once.
grep -o 'href="#[^"]*"' r.html | sort -u | sed 's/href="#//; s/"//' | while read -r id; do
    [ "$(grep -o "id=\"$id\"" r.html | wc -l)" = 1 ] || echo "$id"
done >lost.txt
[ ! -s lost.txt ] || fail "links that lead nowhere: $(cat lost.txt)"
[ "$(grep -c '<details' r.html)" = "$(grep -c '</details>' r.html)" ] || fail "a card is not closed"
card() { awk -v id="card-$1\"" 'index($0, "<details") && index($0, id) { on = 1 } on { print } on && /<\/details>/ { exit }' r.html; }
card P.18 | grep -q 'base-area' || fail "no density"
[ "$(card P.18 | grep -c 'aria-label="Ratio of each process on')" = 2 ] || fail "no order in time for each kind of input"
card P.18 | grep -q 'one placement of the code only' || fail "it does not say that nothing was moved"

# --- In a browser: no errors, and a link to a card opens it.
if command -v chromium >/dev/null; then
    HOME=$work chromium --headless=new --no-sandbox --disable-gpu --enable-logging=stderr --virtual-time-budget=1000 \
        --dump-dom "file://$work/r.html#card-P.18" >dom.html 2>browser.txt
    grep -q 'class="js"' dom.html || fail "the script does not run: $(tail -3 browser.txt)"
    grep -i 'CONSOLE' browser.txt && fail "the page has errors"
    grep '<details' dom.html | grep 'card-P.18"' | grep -q ' open' || fail "a link does not open its card: $(grep '<details' dom.html)"
fi

finish "the report shows the claim"
