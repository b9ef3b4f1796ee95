/*
 * job.c - what every job of a worker needs: messages to perflab, limits, and loading its module.
 */
#include "job.h"
#include "selftest_module.h"
#include "util.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const perflab_host *guarded[2];
static double memory_cap; /* bytes, 0: none */

static void tell(char kind, const char *text, size_t n) {
    char line[1200];
    if (n > sizeof line - 4) n = sizeof line - 4;
    line[0] = kind;
    line[1] = ' ';
    for (size_t i = 0; i < n; i++) line[2 + i] = text[i] == '\n' ? ' ' : text[i];
    line[2 + n] = '\n';
    if (write(WORKER_NEWS, line, n + 3) < 0) _exit(70);
}

void worker_phase(void *self, const char *phase) {
    (void)self;
    tell('P', phase, strlen(phase));
}

void worker_expect(double seconds) {
    char text[40];
    snprintf(text, sizeof text, "%.3f", seconds);
    tell('E', text, strlen(text));
}

void worker_guard(const perflab_host *host) {
    guarded[guarded[0] != NULL] = host;
}

/* The size of this process's address space in bytes, read without allocating. */
static double own_bytes(void) {
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return 0;
    close(fd);
    return strtod(text, NULL) * (double)sysconf(_SC_PAGESIZE);
}

/* Runs on a stack of its own after a fatal signal; formats numbers only, and never returns. */
static void on_fatal(int number, siginfo_t *info, void *context) {
    char text[300];
    ptrdiff_t distance = 0;
    const perflab_block *block = NULL;
    (void)context;
    if (memory_cap > 0 && own_bytes() > 0.75 * memory_cap) {
        const int n =
            snprintf(text, sizeof text, "used up its memory cap of %.0f MiB", memory_cap / 1048576);
        tell('M', text, (size_t)n);
        _exit(71);
    }
    for (int i = 0; i < 2 && block == NULL; i++) {
        const bool has_address = number == SIGSEGV || number == SIGBUS;
        if (guarded[i] == NULL || !has_address) continue;
        block = perflab_host_find(guarded[i], info->si_addr, &distance);
    }
    int n;
    if (block != NULL) {
        n = snprintf(text, sizeof text, "access %td bytes %s a buffer of %zu bytes",
                     distance < 0 ? -distance : distance,
                     distance < 0 ? "before the start of" : "past the end of", block->bytes);
    } else if (info->si_code <= 0) {
        n = snprintf(text, sizeof text, "signal %d, which the program sent to itself", number);
    } else {
        n = snprintf(text, sizeof text, "signal %d at address %p", number, info->si_addr);
    }
    tell('F', text, (size_t)n);
    _exit(70);
}

void worker_catch_signals(void) {
    static unsigned char stack[65536];
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fatal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &action, NULL);
}

void worker_limit(const cJSON *job) {
#if !defined(__SANITIZE_ADDRESS__) /* it needs terabytes of address space */
    memory_cap = json_number(job, "memory", 0);
    if (memory_cap > 0) {
        const struct rlimit cap = {(rlim_t)memory_cap, (rlim_t)memory_cap};
        setrlimit(RLIMIT_AS, &cap);
    }
#endif
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const int cpu = (int)json_number(job, "cpu", -1);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
}

const perflab_module *worker_load(const char *path) {
    if (strcmp(path, SELFTEST_MODULE) == 0) return selftest_module();
    worker_phase(NULL, "loading the module");
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(65);
    }
    const perflab_module *(*get)(void);
    *(void **)&get = dlsym(handle, "perflab_get_module");
    const perflab_module *m = get != NULL ? get() : NULL;
    if (m == NULL || m->abi != PERFLAB_ABI) {
        fprintf(stderr, "%s: %s\n", path,
                m == NULL ? "not a perflab module"
                          : "built for another version of perflab: build it again");
        exit(65);
    }
    /* cppcheck-suppress resourceLeak ; a module stays loaded until its process ends */
    return m;
}

const perflab_benchmark *worker_find(const perflab_module *m, const char *id) {
    for (uint32_t i = 0; i < m->count; i++) {
        if (strcmp(m->benchmarks[i].id, id) == 0) return &m->benchmarks[i];
    }
    fprintf(stderr, "the module has no %s\n", id);
    exit(65);
}
