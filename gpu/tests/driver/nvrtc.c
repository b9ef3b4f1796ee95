/*
 * nvrtc.c: NVRTC for tests: checks how it is called, and gives images that the test driver takes.
 * PLK_TEST_NVRTC_FAIL=N in the environment fails the N-th call. Aborts if an nvrtcProgram is not
 * destroyed, or is used after it was destroyed.
 */
#include "../../src/cuda_api.h"

#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED                    __attribute__((visibility("default")))
#define DECLARE(symbol, parameters) EXPORTED nvrtcResult symbol parameters;
CUDA_NVRTC_MAP(DECLARE)
#undef DECLARE

enum {
    NVRTC_SUCCESS = 0,
    NVRTC_OUT_OF_MEMORY = 1,
    NVRTC_INVALID_OPTION = 5,
    NVRTC_COMPILATION = 6
};

struct nvrtcProgram_st {
    char *source;
    bool compiled, real; /* real: for a device, not for a virtual architecture */
    const char *log;
};

static struct nvrtcProgram_st *only; /* the library compiles one at a time */

static const char cubin[] = TEST_CUBIN;
static const char ptx[] = TEST_PTX ".version 8.0\n.visible .entry pluck_argmax(";

static void check(bool right, const char *what) {
    if (right) return;
    fprintf(stderr, "test NVRTC: %s\n", what);
    abort();
}

static bool fails(void) {
    static long calls;
    const char *wanted = getenv("PLK_TEST_NVRTC_FAIL");
    return ++calls == (wanted ? strtol(wanted, NULL, 10) : 0);
}

__attribute__((destructor)) static void check_end(void) {
    check(!only, "a program was not destroyed");
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int n,
                               const char *const *headers, const char *const *include_names) {
    if (fails()) return NVRTC_OUT_OF_MEMORY;
    check(!only && source && name && n == 0 && !headers && !include_names, "bad arguments");
    only = calloc(1, sizeof *only);
    if (only) only->source = strdup(source);
    check(only && only->source, "out of memory");
    *program = only;
    return NVRTC_SUCCESS;
}

/* True if this NVRTC knows the architecture; sets whether it is a real one. */
static bool knows(nvrtcProgram program, const char *architecture) {
    const char *number = strchr(architecture, '_');
    program->real = strncmp(architecture, "sm_", 3) == 0;
    return number && (program->real || strncmp(architecture, "compute_", 8) == 0) &&
           strtol(number + 1, NULL, 10) <= 120;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int n, const char *const *options) {
    static const char architecture[] = "--gpu-architecture=";
    bool known = false;
    if (fails()) {
        program->log = "the test wants a failure";
        return NVRTC_COMPILATION;
    }
    check(program == only && !program->compiled, "no such program");
    for (int i = 0; i < n; i++) {
        if (strncmp(options[i], architecture, sizeof architecture - 1) == 0)
            known = knows(program, options[i] + sizeof architecture - 1);
        else
            check(strcmp(options[i], "--fmad=false") == 0 ||
                      strcmp(options[i], "-DPLK_WG=256") == 0 ||
                      strcmp(options[i], "-DPLK_VPT=16") == 0,
                  options[i]);
    }
    check(strstr(program->source, "pluck_argmax") != NULL, "this is not the kernels' source");
    check(strstr(program->source, "#include \"") == NULL, "there is no include path");
    program->log = known ? "" : "unknown architecture";
    program->compiled = known;
    return known ? NVRTC_SUCCESS : NVRTC_INVALID_OPTION;
}

static nvrtcResult give_size(nvrtcProgram program, size_t bytes, size_t *size) {
    if (fails()) return NVRTC_OUT_OF_MEMORY;
    check(program == only && program->compiled, "no such program, or it is not compiled");
    *size = bytes;
    return NVRTC_SUCCESS;
}

static nvrtcResult give(nvrtcProgram program, const void *bytes, size_t size, char *to) {
    if (fails()) return NVRTC_OUT_OF_MEMORY;
    check(program == only && program->compiled, "no such program, or it is not compiled");
    memcpy(to, bytes, size);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *size) {
    return give_size(program, sizeof ptx, size);
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *to) {
    return give(program, ptx, sizeof ptx, to);
}

/* Only a real architecture has a cubin. */
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size) {
    return give_size(program, program->real ? sizeof cubin : 0, size);
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *to) {
    check(program->real, "there is no code for a virtual architecture");
    return give(program, cubin, sizeof cubin, to);
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size) {
    if (fails()) return NVRTC_OUT_OF_MEMORY;
    check(program == only && program->log, "no such program, or it has no log");
    *size = strlen(program->log) + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log) {
    if (fails()) return NVRTC_OUT_OF_MEMORY;
    check(program == only && program->log, "no such program, or it has no log");
    memcpy(log, program->log, strlen(program->log) + 1);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program) {
    check(program && *program == only && only, "no such program");
    free(only->source);
    free(only);
    only = *program = NULL;
    return NVRTC_SUCCESS;
}
