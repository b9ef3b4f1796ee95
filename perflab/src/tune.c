/*
 * tune.c - changes settings under /sys and restores them.
 *
 * The signal handler only opens, writes and closes files, which is allowed in a handler.
 */
#include "tune.h"
#include "machine.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SETTINGS = 1100 };

typedef struct setting {
    char path[160];
    char before[32];
} setting;

static setting changed[MAX_SETTINGS];
static volatile sig_atomic_t n_changed;

static bool put(const char *path, const char *value) {
    const int fd = open(path, O_WRONLY | O_TRUNC);
    if (fd < 0) return false;
    const ssize_t n = write(fd, value, strlen(value));
    return close(fd) == 0 && n == (ssize_t)strlen(value);
}

void tune_restore(void) {
    while (n_changed > 0) {
        n_changed--;
        const setting *s = &changed[n_changed];
        put(s->path, s->before);
    }
}

static void on_signal(int number) {
    tune_restore();
    signal(number, SIG_DFL);
    raise(number);
}

/* Changes a setting. Returns false if it does not exist, needs no change, or cannot be set. */
static bool set(const char *path, const char *value) {
    const char *root = getenv("PERFLAB_SYSROOT");
    char before[32];
    system_line(path, before, sizeof before);
    if (before[0] == '\0' || strcmp(before, value) == 0 || n_changed >= MAX_SETTINGS) return false;
    setting *s = &changed[n_changed];
    snprintf(s->path, sizeof s->path, "%s%s", root != NULL ? root : "", path);
    snprintf(s->before, sizeof s->before, "%s", before);
    n_changed++; /* before the write, so that a signal at any moment restores it */
    if (put(s->path, value)) return true;
    n_changed--;
    printf("  cannot set %s: %s\n", path, strerror(errno));
    return false;
}

size_t tune_apply(void) {
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    size_t governors = 0;
    for (size_t i = 0; i < 3; i++) signal(signals[i], on_signal);
    atexit(tune_restore);
    for (int cpu = 0; cpu < 1024; cpu++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
        governors += set(path, "performance");
    }
    if (governors > 0) printf("  governor of %zu CPUs: performance\n", governors);
    const bool turbo = set("/sys/devices/system/cpu/intel_pstate/no_turbo", "1") ||
                       set("/sys/devices/system/cpu/cpufreq/boost", "0");
    if (turbo) printf("  turbo: off\n");
    if (n_changed == 0) printf("  nothing to set, or nothing this user may set\n");
    return (size_t)n_changed;
}
