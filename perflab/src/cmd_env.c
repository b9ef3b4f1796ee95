/*
 * cmd_env.c - `perflab env`: what makes measurements on this machine noisy, and what helps.
 */
#include "commands.h"
#include "machine.h"
#include "options.h"
#include "tune.h"
#include "util.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void line_of(const char *what, const char *state, const char *advice) {
    printf("%-16s %s\n", what, state);
    if (advice != NULL) printf("%-16s   -> %s\n", "", advice);
}

static void size_text(char *out, size_t room, double bytes) {
    if (bytes <= 0) {
        snprintf(out, room, "none seen");
    } else if (bytes >= 1048576) {
        snprintf(out, room, "%.4g MiB", bytes / 1048576);
    } else {
        snprintf(out, room, "%.4g KiB", bytes / 1024);
    }
}

static void print_caches(const cJSON *e) {
    char l1[32], l2[32], l3[32];
    size_text(l1, sizeof l1, json_number(e, "l1_bytes", 0));
    size_text(l2, sizeof l2, json_number(e, "l2_bytes", 0));
    size_text(l3, sizeof l3, json_number(e, "l3_bytes", 0));
    char *text = text_format("L1 %s, L2 %s, L3 %s", l1, l2, l3);
    line_of("caches", text, NULL);
    free(text);
}

static void print_frequency(const cJSON *e) {
    const char *governor = json_text(e, "governor", "unknown");
    const char *turbo = json_text(e, "turbo", "unknown");
    const bool hidden = strcmp(governor, "unknown") == 0;
    line_of("governor", hidden ? "not visible here" : governor,
            hidden ? "the host sets it; compare interleaved runs only"
            : strcmp(governor, "performance") == 0
                ? NULL
                : "perflab env --tune, or: cpupower frequency-set -g performance");
    line_of("turbo", strcmp(turbo, "unknown") == 0 ? "not visible here" : turbo,
            strcmp(turbo, "on") == 0
                ? "the clock rate depends on heat and on the other cores: perflab env --tune"
                : NULL);
}

static void print_sharing(const cJSON *e) {
    const double load = json_number(e, "load", 0);
    const double stolen = json_number(e, "stolen_share", 0);
    const int threads = (int)json_number(e, "threads", 0);
    const int allowed = (int)json_number(e, "allowed_cpus", 0);
    const bool virtual = cJSON_IsTrue(cJSON_GetObjectItem(e, "virtual_machine"));
    const char *smt = json_text(e, "smt", "unknown");
    char *text = text_format("%d of %d CPUs allowed", allowed, threads);
    line_of("pinning", text,
            "perflab run pins each process to one of them in turn (not with --no-pin)");
    free(text);
    line_of("SMT", smt,
            strcmp(smt, "on") == 0 ? "two threads share each core: keep one idle, or turn SMT off"
                                   : NULL);
    text = text_format("%.2f", load);
    line_of("load", text,
            load > 0.5 ? "other programs are running: stop them, or use more --runs" : NULL);
    free(text);
    text = text_format("%s, %.2f %% of the time stolen since boot",
                       virtual ? "a virtual machine" : "none seen", stolen * 100);
    line_of("virtualisation", text,
            virtual ? "other guests share caches and memory: trust ratios, not absolute times"
                    : NULL);
    free(text);
}

static void print_environment(void) {
    cJSON *e = environment_read();
    char *text = text_format("%s, %d cores, %d threads", json_text(e, "cpu", ""),
                             (int)json_number(e, "cores", 0), (int)json_number(e, "threads", 0));
    line_of("CPU", text, NULL);
    free(text);
    line_of("kernel", json_text(e, "kernel", ""), NULL);
    print_caches(e);
    print_frequency(e);
    print_sharing(e);
    char paranoid[32];
    system_line("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid);
    line_of("counters",
            paranoid[0] != '\0' ? "the kernel has perf_event; perflab profile tries to use it"
                                : "none",
            NULL);
    line_of("machine key", json_text(e, "machine", ""), NULL);
    cJSON_Delete(e);
}

/* Runs a command line and returns its exit status. */
static int run_words(char **words, size_t n) {
    char **argv = must_alloc((n + 1) * sizeof *argv);
    for (size_t i = 0; i < n; i++) argv[i] = words[i];
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        execvp(argv[0], argv);
        complain("cannot run %s", argv[0]);
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    free(argv);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_TROUBLE;
}

int command_env(int argc, char **argv) {
    bool tune = false;
    const option options[] = {{"--tune", OPTION_FLAG, &tune, NULL,
                               "set governor and turbo if allowed, and restore them afterwards"},
                              {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "env [--tune [-- COMMAND...]]",
        .about = "Shows this machine and what makes it noisy. --tune makes it quieter "
                 "while COMMAND runs, or\n"
                 "until enter is pressed if there is none, and then restores everything.",
        .options = options,
        .rest = true};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!tune && line.n_words > 0) {
        complain("env: a command needs --tune");
        return EXIT_USAGE;
    }
    print_environment();
    if (!tune) return EXIT_DONE;
    printf("\ntuning\n");
    const size_t n = tune_apply();
    int code = EXIT_DONE;
    if (line.n_words > 0) {
        code = run_words(line.words, line.n_words);
    } else if (n > 0) {
        printf("  press enter to restore the settings\n");
        fflush(stdout);
        getchar();
    }
    tune_restore();
    if (n > 0) printf("restored\n");
    return code;
}
