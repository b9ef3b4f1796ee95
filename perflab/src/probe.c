/*
 * probe.c - the worker's side of `profile` and `asm`: counting and sampling.
 */
#include "job.h"
#include "util.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- Hardware counters -------------------------------------------------------------------- */

enum { N_COUNTERS = 4 };

static const char *const counter_names[N_COUNTERS] = {"cycles", "instructions", "cache_references",
                                                      "cache_misses"};

static const uint64_t counter_events[N_COUNTERS] = {
    PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_HW_CACHE_REFERENCES,
    PERF_COUNT_HW_CACHE_MISSES};

static int open_counter(uint64_t event) {
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_HARDWARE;
    attr.config = event;
    attr.disabled = 1;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static void switch_counters(const int *fds, unsigned long request) {
    for (int i = 0; i < N_COUNTERS; i++) {
        if (fds[i] >= 0) ioctl(fds[i], request, 0);
    }
}

/*
 * Makes `calls` calls of one side, with hardware counters if there are any. With "only_reset" it
 * only makes the resets, so that a count of the whole process can be corrected for them.
 */
cJSON *worker_count(worker *w) {
    const bool candidate = json_number(w->job, "side", 0) != 0;
    const bool only_reset = json_number(w->job, "only_reset", 0) != 0;
    const uint64_t calls = (uint64_t)json_number(w->job, "calls", 1);
    void (*fn)(perflab_ctx *) = candidate ? w->benchmark->candidate : w->benchmark->baseline;
    cJSON *out = cJSON_CreateObject();
    int fds[N_COUNTERS];
    int refusal = 0;
    w->c.layout = PERFLAB_LAYOUT_RANDOM;
    if (perflab_case_open(&w->c, &w->ctx, &w->host) != PERFLAB_PASSED || fn == NULL) return out;
    w->ctx.side = candidate ? PERFLAB_CANDIDATE : PERFLAB_BASELINE;
    for (int i = 0; i < N_COUNTERS; i++) {
        fds[i] = open_counter(counter_events[i]);
        if (fds[i] < 0) refusal = errno;
    }
    worker_phase(NULL, candidate ? "counting the candidate" : "counting the baseline");
    for (uint64_t i = 0; i < calls; i++) {
        if (w->benchmark->reset != NULL) w->benchmark->reset(&w->ctx);
        switch_counters(fds, PERF_EVENT_IOC_ENABLE);
        if (!only_reset) fn(&w->ctx);
        switch_counters(fds, PERF_EVENT_IOC_DISABLE);
    }
    for (int i = 0; i < N_COUNTERS; i++) {
        uint64_t value = 0;
        if (fds[i] < 0) continue;
        if (read(fds[i], &value, sizeof value) == (ssize_t)sizeof value) {
            cJSON_AddNumberToObject(out, counter_names[i], (double)value / (double)calls);
        }
        close(fds[i]);
    }
    if (refusal != 0) cJSON_AddStringToObject(out, "refusal", strerror(refusal));
    cJSON_AddBoolToObject(out, "has_reset", w->benchmark->reset != NULL);
    return out;
}

/* ---- Sampling ----------------------------------------------------------------------------- */

enum { MAX_SAMPLES = 20000 };

static uintptr_t sampled[MAX_SAMPLES];
static volatile sig_atomic_t n_sampled, in_function;

static void on_tick(int number, siginfo_t *info, void *context) {
    const ucontext_t *u = context;
    (void)number;
    (void)info;
    if (!in_function || n_sampled >= MAX_SAMPLES) return;
#if defined(__x86_64__)
    sampled[n_sampled++] = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    sampled[n_sampled++] = (uintptr_t)u->uc_mcontext.pc;
#else
    (void)u;
#endif
}

/* Samples the program counter of one side about every millisecond: [object, offset] pairs. */
cJSON *worker_sample(worker *w) {
    const bool candidate = json_number(w->job, "side", 0) != 0;
    void (*fn)(perflab_ctx *) = candidate ? w->benchmark->candidate : w->benchmark->baseline;
    cJSON *out = cJSON_CreateObject();
    cJSON *samples = cJSON_AddArrayToObject(out, "samples");
    struct sigaction action;
    const struct itimerval every = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    w->c.layout = PERFLAB_LAYOUT_RANDOM;
    if (perflab_case_open(&w->c, &w->ctx, &w->host) != PERFLAB_PASSED || fn == NULL) return out;
    w->ctx.side = candidate ? PERFLAB_CANDIDATE : PERFLAB_BASELINE;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_tick;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGPROF, &action, NULL);
    worker_phase(NULL, candidate ? "sampling the candidate" : "sampling the baseline");
    setitimer(ITIMER_PROF, &every, NULL);
    for (const double end = seconds_now() + json_number(w->job, "seconds", 1);
         seconds_now() < end;) {
        if (w->benchmark->reset != NULL) w->benchmark->reset(&w->ctx);
        in_function = 1;
        fn(&w->ctx);
        in_function = 0;
    }
    setitimer(ITIMER_PROF, &never, NULL);
    for (int i = 0; i < n_sampled; i++) {
        Dl_info where;
        if (dladdr((void *)sampled[i], &where) == 0) continue;
        cJSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_CreateString(where.dli_fname));
        cJSON_AddItemToArray(one,
                             cJSON_CreateNumber((double)(sampled[i] - (uintptr_t)where.dli_fbase)));
        cJSON_AddItemToArray(samples, one);
    }
    return out;
}
