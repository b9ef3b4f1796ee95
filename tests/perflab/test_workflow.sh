#!/bin/sh
# The example workflow: its commands are run in order on pull requests that are as fast, slower, and not
# resolved. What needs a network or a host (apt-get, gh, building perflab) is stood in for.
# usage: test_workflow.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-workflow-XXXXXX) || exit 1
. "$sources/common.sh"
workflow=$(cd "$sources/../../perflab/examples" && pwd)/workflow.yml
export PERFLAB_CLOCK="$sources/noise.txt"

# --- The commands of each step, as a file of its own.
mkdir steps bin home runner
awk -v to="$work/steps/" '
    /^ *- name: / { sub(/^ *- name: /, ""); name = $0; on = 0 }
    on && /^ {0,8}[^ ]/ { on = 0 }
    on { print substr($0, 11) >(to name) }
    /^ *run: \|$/ { on = 1 }' "$workflow"
[ "$(find steps -type f | wc -l)" = 3 ] || fail "not three steps: $(ls steps)"

# --- Stand-ins. cmake installs the perflab under test.
printf '#!/bin/sh\necho "sudo $*" >>%s/said\n' "$work" >bin/sudo
printf '#!/bin/sh\necho "gh $*" >>%s/said\ncp comment.md %s/comment.md\n' "$work" "$work" >bin/gh
cat >bin/cmake <<END
#!/bin/sh
echo "cmake \$*" >>$work/said
[ "\$1" = --install ] || exit 0
mkdir -p "\$4/bin" && printf '#!/bin/sh\nexec "$perflab" "\$@"\n' >"\$4/bin/perflab" && chmod +x "\$4/bin/perflab"
END
chmod +x bin/*

# --- A repository with a base branch that has gone on.
git init -q -b main origin && cd origin && git config user.email t@example.org && git config user.name t || fail "git"
cat >bench-answer.c <<'END'
#include "perflab.h"
#include "answer.h"
static int32_t *out;
static int setup(perflab_ctx *ctx) {
    out = (int32_t *)perflab_alloc(ctx, ctx->size * sizeof *out, 0);
    return PERFLAB_OK;
}
static void function(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) out[i] = (int32_t)i;
    perflab_spend(ctx, COST * 100);
}
static void outputs(perflab_ctx *ctx) { perflab_output(ctx, "answers", out, ctx->size * sizeof *out); }
static const size_t sizes[] = {1, 0};
PERFLAB_MODULE({.id = "1", .component = "answers", .title = "answer", .size = 50, .gate_sizes = sizes,
                .setup = setup, .candidate = function, .outputs = outputs})
END
echo '{"fixed": true, "runs": 6, "time": 0.02, "compare": [{"bench": "bench-answer.c"}]}' >perflab.json
cost() { echo "#define COST $1" >answer.h && git add . && git commit -qm "cost $1" || fail "commit"; }
cost 1000
git checkout -q -b pull && cost "$((900 + 90))"
git checkout -q main && cost 100
cd ..

# pull_request COST [CONFIG]: runs the workflow on a branch with this cost; its exit status.
pull_request() {
    rm -rf runner/* said comment.md home/.local
    git clone -q origin runner/repository && cd runner/repository && git checkout -q pull || fail "checkout"
    git config user.email t@example.org && git config user.name t
    [ -z "${2:-}" ] || sed -i "$2" perflab.json
    cost "$1"
    # The runner adds this file to the path of later steps.
    path=$work/bin:$PATH status=0
    for step in 'Install perflab' Compare Comment; do
        [ $status -eq 0 ] || [ "$step" = Comment ] || continue
        env HOME="$work/home" PATH="$path" GITHUB_PATH="$work/runner/path" GITHUB_STEP_SUMMARY="$work/runner/summary" \
            GITHUB_BASE_REF=main NUMBER=7 bash -eo pipefail "$work/steps/$step" >"$work/runner/log" 2>&1 || status=$?
        cat "$work/runner/log" >>"$work/runner/all"
        [ ! -s "$work/runner/path" ] || path=$(cat "$work/runner/path"):$path
    done
    cd "$work" || exit 1
    return $status
}

pull_request 1000 || fail "no slower, and it fails: $(cat runner/all)"
grep -q '^| 1 answers default 50 | .*held |$' runner/summary || fail "no table: $(cat runner/summary)"
grep -q "gh pr comment 7 --body-file comment.md" said || fail "no comment: $(cat said)"
cmp -s comment.md runner/summary || fail "the comment is not the table"
grep -q 'sudo apt-get install .*libcjson-dev' said || fail "nothing is installed"
# The base's own change, which made it ten times faster, does not count.
pull_request 1100 && fail "a loss passes"
grep -q 'B is slower, loss' comment.md || fail "no loss in the comment: $(cat comment.md)"
pull_request 1000 's/"runs"/"fail_on": "regression=0%", "runs"/' || fail "what cannot be told fails: $(cat runner/all)"
grep -q '^::warning::too few processes' runner/all || fail "no warning: $(cat runner/all)"

finish "the example workflow judges"
