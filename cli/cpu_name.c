/*
 * cpu_name.c: the name of the CPU, from Linux's /proc/cpuinfo.
 */
#include "cpu_name.h"

#include <stdio.h>
#include <string.h>

void cpu_name(char *out, size_t size) {
#if defined(__x86_64__)
    snprintf(out, size, "x86-64");
#elif defined(__aarch64__)
    snprintf(out, size, "AArch64");
#else
    snprintf(out, size, "unknown");
#endif
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    fclose(file);
    for (char *c = out; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = ' ';
    }
}
