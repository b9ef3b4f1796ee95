/*
 * machine.c - the topology from hwloc, the rest from /proc and /sys.
 */
#include "machine.h"
#include "child.h"
#include "sha256.h"
#include "util.h"

#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

void system_line(const char *path, char *line, size_t room) {
    const char *root = getenv("PERFLAB_SYSROOT");
    char *whole = text_format("%s%s", root != NULL ? root : "", path);
    FILE *file = fopen(whole, "r");
    line[0] = '\0';
    if (file != NULL) {
        if (fgets(line, (int)room, file) == NULL) line[0] = '\0';
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    free(whole);
}

/* The value of a "key : value" line of /proc/cpuinfo. */
static bool cpuinfo(const char *key, char *value, size_t room) {
    char *text = read_text("/proc/cpuinfo", NULL);
    bool found = false;
    if (text == NULL) return false;
    for (char *line = strtok(text, "\n"); line != NULL && !found; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        found = true;
        snprintf(value, room, "%s", colon[1] == ' ' ? colon + 2 : colon + 1);
    }
    free(text);
    return found;
}

static void read_topology(machine *m) {
    hwloc_topology_t t;
    /* hwloc would complain in every command about what it cannot see in a container. */
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
    if (hwloc_topology_init(&t) != 0) return;
    if (hwloc_topology_load(t) == 0) {
        m->cores = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
        m->threads = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
        const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE};
        size_t *const sizes[] = {&m->l1, &m->l2, &m->l3};
        for (int i = 0; i < 3; i++) {
            const hwloc_obj_t cache = hwloc_get_obj_by_type(t, types[i], 0);
            if (cache != NULL) *sizes[i] = (size_t)cache->attr->cache.size;
        }
    }
    hwloc_topology_destroy(t);
}

const machine *machine_here(void) {
    static machine m;
    if (m.key[0] != '\0') return &m;
    char flags[8192], id[128], hex[65];
    if (!cpuinfo("model name", m.cpu, sizeof m.cpu)) {
        struct utsname u;
        snprintf(m.cpu, sizeof m.cpu, "%s", uname(&u) == 0 ? u.machine : "unknown CPU");
    }
    m.virtual_machine =
        cpuinfo("flags", flags, sizeof flags) && strstr(flags, " hypervisor") != NULL;
    read_topology(&m);
    system_line("/etc/machine-id", id, sizeof id);
    sha256 s;
    sha256_start(&s);
    sha256_add(&s, m.cpu, strlen(m.cpu));
    sha256_add(&s, &m.threads, sizeof m.threads);
    sha256_add(&s, id, strlen(id));
    sha256_end(&s, hex);
    snprintf(m.key, sizeof m.key, "%.16s", hex);
    return &m;
}

/* The time that the hypervisor took away, as a share of all time since boot. */
static double stolen_share(void) {
    char line[512];
    double sum = 0, stolen = 0;
    system_line("/proc/stat", line, sizeof line);
    /* "cpu  user nice system idle iowait irq softirq steal ..." */
    char *at = line + strcspn(line, " ");
    for (int i = 0; i < 8; i++) {
        stolen = strtod(at, &at);
        sum += stolen;
    }
    return sum > 0 ? stolen / sum : 0;
}

size_t allowed_cpus(int *cpus, size_t room) {
    cpu_set_t set;
    size_t n = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (int i = 0; i < CPU_SETSIZE && n < room; i++) {
        if (CPU_ISSET((size_t)i, &set)) cpus[n++] = i;
    }
    return n;
}

static const char *turbo_word(void) {
    char off[16], boost[16];
    system_line("/sys/devices/system/cpu/intel_pstate/no_turbo", off, sizeof off);
    system_line("/sys/devices/system/cpu/cpufreq/boost", boost, sizeof boost);
    if (off[0] != '\0') return off[0] == '0' ? "on" : "off";
    if (boost[0] != '\0') return boost[0] == '1' ? "on" : "off";
    return "unknown";
}

cJSON *environment_read(void) {
    const machine *m = machine_here();
    struct utsname u;
    char line[128];
    int cpus[1024];
    cJSON *e = cJSON_CreateObject();
    cJSON_AddStringToObject(e, "machine", m->key);
    cJSON_AddStringToObject(e, "cpu", m->cpu);
    cJSON_AddNumberToObject(e, "cores", m->cores);
    cJSON_AddNumberToObject(e, "threads", m->threads);
    cJSON_AddNumberToObject(e, "l1_bytes", (double)m->l1);
    cJSON_AddNumberToObject(e, "l2_bytes", (double)m->l2);
    cJSON_AddNumberToObject(e, "l3_bytes", (double)m->l3);
    cJSON_AddBoolToObject(e, "virtual_machine", m->virtual_machine);
    if (uname(&u) == 0) {
        cJSON_AddStringToObject(e, "kernel", u.release);
        cJSON_AddStringToObject(e, "architecture", u.machine);
    }
    system_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", line, sizeof line);
    cJSON_AddStringToObject(e, "governor", line[0] != '\0' ? line : "unknown");
    cJSON_AddStringToObject(e, "turbo", turbo_word());
    system_line("/sys/devices/system/cpu/smt/active", line, sizeof line);
    cJSON_AddStringToObject(e, "smt", line[0] == '\0' ? "unknown" : line[0] == '1' ? "on" : "off");
    cJSON_AddNumberToObject(e, "allowed_cpus", (double)allowed_cpus(cpus, 1024));
    system_line("/proc/loadavg", line, sizeof line);
    cJSON_AddNumberToObject(e, "load", strtod(line, NULL));
    cJSON_AddNumberToObject(e, "stolen_share", stolen_share());
    return e;
}

void commit_of(const char *folder, char out[64]) {
    const char *const head[] = {"git", "-C", folder, "rev-parse", "--short=12", "HEAD", NULL};
    const char *const changes[] = {
        "git", "-C", folder, "status", "--porcelain", "--untracked-files=no", NULL};
    char *commit = child_first_line(head);
    char *change = commit != NULL ? child_first_line(changes) : NULL;
    snprintf(out, 64, "%.40s%s", commit != NULL ? commit : "",
             change != NULL && change[0] != '\0' ? "+" : "");
    free(commit);
    free(change);
}

void commit_here(char out[64]) {
    commit_of(".", out);
}
