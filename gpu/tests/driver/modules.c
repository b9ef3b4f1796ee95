/* modules.c: images, their functions, and launches, which are checked when they are enqueued. */
#include "driver.h"

#include <stdio.h>
#include <string.h>

extern driver_control plk_test_driver_control;

/* ---- images ---- */

static bool begins(const char *image, const char *with) {
    return strncmp(image, with, strlen(with)) == 0;
}

/* A fat binary, code for one device, or PTX. */
static bool is_image(const char *image) {
    return begins(image, "\x50\xED\x55\xBA") ||
           begins(image, "\x7f"
                         "ELF") ||
           begins(image, "//") || begins(image, ".version");
}

static bool is_from_nvrtc(const char *image) {
    return begins(image, TEST_CUBIN) || begins(image, TEST_PTX);
}

static void write_log(unsigned n, const int *options, void **values, const char *text) {
    char *log = NULL;
    size_t size = 0;
    for (unsigned i = 0; i < n; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER) log = values[i];
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) size = (size_t)(uintptr_t)values[i];
    }
    if (log && size > 0) snprintf(log, size, "%s", text);
}

CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned n, int *options,
                            void **values) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_object *module;
    if (r != CUDA_SUCCESS) return leave(r);
    for (unsigned i = 0; i < n; i++)
        if (options[i] != CU_JIT_ERROR_LOG_BUFFER &&
            options[i] != CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            return leave(misuse(CUDA_ERROR_INVALID_VALUE, "option %d", options[i]));
    if (!is_image(image)) return leave(misuse(CUDA_ERROR_INVALID_IMAGE, "not an image"));
    if (plk_test_driver_control.refuse_images && !is_from_nvrtc(image)) {
        write_log(n, options, values, "the test wants no image");
        return leave(CUDA_ERROR_NO_BINARY_FOR_GPU);
    }
    module = add_object(OBJECT_MODULE, sizeof *module, current_context());
    *out = (CUmodule)(void *)module;
    return leave(r);
}

/* The module's functions go with it. */
CUresult cuModuleUnload(CUmodule handle) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    test_object *module = find_object(OBJECT_MODULE, handle), *next;
    if (!module) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such module"));
    for (test_object *o = first_object(); o; o = next) {
        test_function *f = (test_function *)o;
        next = o->next;
        if (o->kind != OBJECT_FUNCTION || f->module != module) continue;
        if (is_to_launch(f)) (void)misuse(r, "a launch that has not run uses it");
        remove_object(o);
    }
    remove_object(module);
    return leave(r);
}

/* ---- functions ---- */

CUresult cuModuleGetFunction(CUfunction *out, CUmodule handle, const char *name) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_object *module = find_object(OBJECT_MODULE, handle);
    test_function *f;
    if (r != CUDA_SUCCESS) return leave(r);
    if (!module) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such module"));
    if (find_kernel(name) < 0) return leave(CUDA_ERROR_NOT_FOUND);
    f = add_object(OBJECT_FUNCTION, sizeof *f, current_context());
    f->module = module;
    f->kernel = find_kernel(name);
    f->shared_limit = DEVICE_SHARED;
    *out = (CUfunction)(void *)f;
    return leave(r);
}

CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_function *f = find_object(OBJECT_FUNCTION, handle);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!f) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such function"));
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 ||
        value > DEVICE_SHARED_OPTIN)
        return leave(misuse(CUDA_ERROR_INVALID_VALUE, "attribute %d = %d", attribute, value));
    f->shared_limit = (size_t)value;
    return leave(r);
}

/* Copies the parameters, as the driver does before it returns. Returns NULL, or what is wrong. */
static const char *take_parameters(test_work *w, void **parameters) {
    const char *letters = kernel_parameters(w->function->kernel);
    for (size_t i = 0; letters[i]; i++) {
        uint64_t address = 0;
        if (!parameters[i]) return "a parameter is NULL";
        memcpy(w->parameters[i], parameters[i], parameter_size(letters[i]));
        if (letters[i] != 'm' && letters[i] != 'r') continue;
        memcpy(&address, w->parameters[i], sizeof address);
        if (address && !device_may_use(address, 1)) return "a parameter is not device memory";
    }
    return NULL;
}

CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                        CUstream stream, void **parameters, void **extra) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_function *f = find_object(OBJECT_FUNCTION, handle);
    const char *wrong = NULL;
    test_work *w;
    if (r != CUDA_SUCCESS) return leave(r);
    if (!f) return leave(misuse(CUDA_ERROR_INVALID_HANDLE, "no such function"));
    if (block_x != DEVICE_LANES || block_y != 1 || block_z != 1)
        wrong = "not the block that the kernels are compiled for";
    if (grid_x < 1 || grid_x > INT32_MAX || grid_y < 1 || grid_y > 65535 || grid_z != 1)
        wrong = "the grid is empty or too large";
    if (shared > f->shared_limit) wrong = "more shared memory than the function may have";
    if (!parameters || extra) wrong = "no parameters";
    if (wrong) return leave(misuse(CUDA_ERROR_INVALID_VALUE, "%s", wrong));
    w = new_work(WORK_LAUNCH);
    w->function = f;
    w->groups_x = grid_x;
    w->groups_y = grid_y;
    w->shared = shared;
    wrong = take_parameters(w, parameters);
    if (wrong) {
        free_work(w);
        return leave(misuse(CUDA_ERROR_INVALID_VALUE, "%s", wrong));
    }
    return leave(submit(stream, w));
}
