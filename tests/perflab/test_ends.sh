#!/bin/sh
# However perflab ends, no process that it started survives: no worker, and none that a worker started.
# usage: test_ends.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-ends-XXXXXX) || exit 1
. "$sources/common.sh"

# A candidate that never returns, and a daemon that it started in a session of its own. Both have a name
# that no other process has.
mark="perflab-ends-$$"
ln -s "$(command -v sleep)" "$mark"
cat >bench-endless.c <<END
#include "perflab.h"
#include <signal.h>
#include <unistd.h>
static int32_t out[2];
static int setup(perflab_ctx *ctx) { out[0] = out[1] = 0; (void)ctx; return PERFLAB_OK; }
static void baseline(perflab_ctx *ctx) { out[0] = 1; perflab_keep(out); (void)ctx; }
static void candidate(perflab_ctx *ctx) {
    (void)ctx;
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            execl("$work/$mark", "$mark", "3000", (char *)0);
        }
        _exit(0);
    }
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    execl("$work/$mark", "$mark", "2000", (char *)0);
}
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "x", out, out + 1, 1); }
PERFLAB_MODULE({.id = "1", .component = "c", .title = "t", .size = 1, .setup = setup, .baseline = baseline,
                .candidate = candidate, .validate = validate})
END
"$perflab" build --fixed >build.txt 2>&1 || fail "build: $(cat build.txt)"

# alive: prints how many processes have that name.
alive() { grep -lzE "(^|/)$mark\$" /proc/[0-9]*/cmdline 2>/dev/null | wc -l; }

# wait_for COUNT: waits until so many are alive; fails after some minutes.
wait_for() {
    for _ in $(seq 3000); do
        [ "$(alive)" -eq "$1" ] && return 0
        sleep 0.1
    done
    return 1
}

for signal in INT TERM HUP KILL; do
    # Background jobs of a shell ignore SIGINT; a program in between resets it.
    env --default-signal=INT "$perflab" validate 1 --variant native >run.txt 2>&1 &
    pid=$!
    wait_for 2 || fail "$signal: the benchmark does not start: $(cat run.txt)"
    kill -s $signal $pid
    wait $pid 2>/dev/null
    wait_for 0 || fail "$signal: $(alive) processes outlive perflab"
done

# They also end at a time limit, and so does a daemon if its benchmark has finished.
"$perflab" validate 1 --variant native --timeout 2 >run.txt 2>&1
grep -q 'hung' run.txt || fail "a hang is not reported: $(cat run.txt)"
[ "$(alive)" -eq 0 ] || fail "a time limit leaves $(alive) processes"
sed -i 's/execl("[^"]*", "[^"]*", "2000", (char \*)0);/out[1] = 1;/' bench-endless.c
"$perflab" build --fixed >build.txt 2>&1 || fail "build"
says 'gate passed' "$perflab" validate 1 --variant native
[ "$(alive)" -eq 0 ] || fail "a benchmark that has finished leaves $(alive) processes"

# If a build is interrupted, the compiler ends.
cat >slow-cc <<END
#!/bin/sh
case " \$* " in *" --version "*) echo slow; exit 0 ;; esac
exec "$work/$mark" 1000
END
chmod +x slow-cc
"$perflab" build --fixed bench-endless.c --compiler "$work/slow-cc" >run.txt 2>&1 &
pid=$!
wait_for 1 || fail "the compiler does not start"
kill -s TERM $pid
wait $pid 2>/dev/null
wait_for 0 || fail "a compiler outlives perflab"

# Kill what is left after a failure.
grep -lzE "(^|/)$mark\$" /proc/[0-9]*/cmdline 2>/dev/null | while IFS=/ read -r _ _ pid _; do kill -s KILL "$pid"; done
finish "nothing outlives perflab"
