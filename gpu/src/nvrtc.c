/* nvrtc.c: see nvrtc.h. */
#include "nvrtc.h"

#include "cuda_api.h"
#include "device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The map's entries are member names and parameter lists, which must not be put in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
typedef struct nvrtc {
#define NVRTC_MEMBER(symbol, parameters) nvrtcResult(*symbol) parameters;
    CUDA_NVRTC_MAP(NVRTC_MEMBER)
#undef NVRTC_MEMBER
} nvrtc;
/* NOLINTEND(bugprone-macro-parentheses) */

static bool load(void *library, nvrtc *rtc) {
    bool all = true;
    void *symbol;
/* dlsym gives a data pointer. ISO C has no conversion; POSIX says that the bytes are the same. */
#define NVRTC_LOAD(name, parameters)                                                               \
    symbol = dlsym(library, #name);                                                                \
    memcpy(&rtc->name, &symbol, sizeof symbol);                                                    \
    all = all && symbol != NULL;
    CUDA_NVRTC_MAP(NVRTC_LOAD)
#undef NVRTC_LOAD
    return all;
}

/* The first lines of the compiler's log. */
static void read_log(const nvrtc *rtc, nvrtcProgram program, char *why, size_t capacity) {
    size_t size = 0;
    char *log = NULL;
    if (rtc->nvrtcGetProgramLogSize(program, &size) == 0 && size > 0 &&
        (log = malloc(size)) != NULL && rtc->nvrtcGetProgramLog(program, log) == 0)
        snprintf(why, capacity, "NVRTC could not compile the kernels: %s", log);
    free(log);
}

/* The program's compiled form: code for one device, or PTX. */
static char *read_image(const nvrtc *rtc, nvrtcProgram program, bool ptx) {
    size_t size = 0;
    char *image = NULL;
    if ((ptx ? rtc->nvrtcGetPTXSize(program, &size) : rtc->nvrtcGetCUBINSize(program, &size)) !=
            0 ||
        size == 0 || (image = malloc(size)) == NULL)
        return NULL;
    if ((ptx ? rtc->nvrtcGetPTX(program, image) : rtc->nvrtcGetCUBIN(program, image)) == 0)
        return image;
    free(image);
    return NULL;
}

static char *compile(const nvrtc *rtc, const char *architecture, bool ptx, uint32_t wg,
                     uint32_t vpt, char *why, size_t capacity) {
    char wg_option[32], vpt_option[32];
    const char *options[] = {architecture, "--fmad=false", wg_option, vpt_option};
    nvrtcProgram program = NULL;
    char *image = NULL;
    snprintf(wg_option, sizeof wg_option, "-DPLK_WG=%u", wg);
    snprintf(vpt_option, sizeof vpt_option, "-DPLK_VPT=%u", vpt);
    snprintf(why, capacity, "NVRTC could not compile the kernels");
    if (rtc->nvrtcCreateProgram(&program, gpu_kernel_source, "pluck.cu", 0, NULL, NULL) != 0)
        return NULL;
    if (rtc->nvrtcCompileProgram(program, 4, options) == 0)
        image = read_image(rtc, program, ptx);
    else
        read_log(rtc, program, why, capacity);
    rtc->nvrtcDestroyProgram(&program);
    return image;
}

char *gpu_nvrtc_compile(int major, int minor, uint32_t wg, uint32_t vpt, bool *missing, char *why,
                        size_t capacity) {
    static const char *const names[] = {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12",
                                        "libnvrtc.so.11.2"};
    char architecture[64];
    void *library = NULL;
    char *image = NULL;
    nvrtc rtc;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    *missing = library == NULL;
    if (!library) {
        snprintf(why, capacity, "NVRTC (libnvrtc.so) was not found");
        return NULL;
    }
    snprintf(architecture, sizeof architecture, "--gpu-architecture=sm_%d%d", major, minor);
    if (load(library, &rtc)) {
        image = compile(&rtc, architecture, false, wg, vpt, why, capacity);
        if (!image)
            image = compile(&rtc, "--gpu-architecture=compute_80", true, wg, vpt, why, capacity);
    } else {
        snprintf(why, capacity, "NVRTC is older than 11.2");
    }
    dlclose(library);
    return image;
}
