/* calls.c: the gate that each call goes through: the lock, the call that a test wants to fail, the
 * current context, and the list of all objects. */
#include "driver.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_MAX = 16 };

static int live_objects(void);
static int stack_depth(void);

EXPORTED extern driver_control plk_test_driver_control;
driver_control plk_test_driver_control = {
    .device_memory = (size_t)1 << 30, .live = live_objects, .depth = stack_depth};
#define control plk_test_driver_control

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized, may_give_up;
static test_object *objects, *removed;
static _Thread_local const char *call_name;
static _Thread_local test_context *stack[STACK_MAX];
static _Thread_local int depth;

CUresult misuse(CUresult result, const char *format, ...) {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    control.misuses++;
    snprintf(control.misuse, sizeof control.misuse, "%s: %s", call_name, what);
    if (control.expects_misuse) return result;
    fprintf(stderr, "test driver: %s", control.misuse);
    if (control.failed_call)
        fprintf(stderr, " (call %ld; %ld, %s, had failed)", control.calls, control.fail_at,
                control.failed_call);
    fprintf(stderr, "\n");
    abort();
}

/* PLK_TEST_CUDA_FAIL=N in the environment fails call N of a program that knows nothing of this driver.
 * A program that gives up then need not free anything. */
__attribute__((constructor)) static void read_environment(void) {
    const char *wanted = getenv("PLK_TEST_CUDA_FAIL");
    if (!wanted) return;
    control.fail_at = strtol(wanted, NULL, 10);
    control.fail_with = CUDA_ERROR_UNKNOWN;
    may_give_up = true;
}

static CUresult failure_wanted(const char *name) {
    if (++control.calls != control.fail_at) return CUDA_SUCCESS;
    control.failed_call = name;
    if (may_give_up) fprintf(stderr, "test driver: call %ld, %s, fails\n", control.calls, name);
    for (test_object *o = objects; o && control.fail_sticky; o = o->next)
        if (o->kind == OBJECT_CONTEXT) lose_context((test_context *)o, control.fail_with);
    return control.fail_with;
}

CUresult enter(const char *name, int where) {
    CUresult wanted;
    pthread_mutex_lock(&lock);
    call_name = name;
    wanted = failure_wanted(name);
    if (wanted != CUDA_SUCCESS) return wanted;
    if (where >= INITIALIZED && !initialized)
        return misuse(CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called");
    if (where < IN_CONTEXT) return CUDA_SUCCESS;
    if (depth == 0) return misuse(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
    return stack[depth - 1]->sticky;
}

CUresult leave(CUresult result) {
    pthread_mutex_unlock(&lock);
    return result;
}

test_context *current_context(void) {
    return depth > 0 ? stack[depth - 1] : NULL;
}

/* ---- objects ---- */

void *add_object(object_kind kind, size_t size, test_context *owner) {
    test_object *o = calloc(1, size);
    if (!o) abort();
    o->kind = kind;
    o->owner = owner;
    o->next = objects;
    objects = o;
    return o;
}

/* Keeps the object, so that no other gets its handle: a stale handle must not be a good one. */
void remove_object(void *gone) {
    test_object *o = gone, **at = &objects;
    while (*at && *at != o) at = &(*at)->next;
    if (!*at) abort();
    *at = o->next;
    o->next = removed;
    removed = o;
}

test_object *first_object(void) {
    return objects;
}

void *find_object(object_kind kind, const void *handle) {
    for (test_object *o = objects; o; o = o->next)
        if (o == handle)
            return o->kind == kind && (kind == OBJECT_CONTEXT || o->owner == current_context())
                       ? o
                       : NULL;
    return NULL;
}

void remove_objects_of(const test_context *owner) {
    test_object *next;
    for (test_object *o = objects; o; o = next) {
        next = o->next;
        if (o->owner != owner) continue;
        if (o->kind == OBJECT_STREAM) drop_work((test_stream *)o);
        if (o->kind == OBJECT_MEMORY || o->kind == OBJECT_HOST) free_memory_of((test_memory *)o);
        remove_object(o);
    }
}

static bool is_live(const test_object *o) {
    return o->kind != OBJECT_STREAM || !((const test_stream *)o)->destroyed;
}

static int live_objects(void) {
    int n = 0;
    pthread_mutex_lock(&lock);
    for (const test_object *o = objects; o; o = o->next) n += is_live(o);
    pthread_mutex_unlock(&lock);
    return n;
}

static int stack_depth(void) {
    return depth;
}

/* Checks at a program's end that nothing is left over. The context and its module may be: the
 * library keeps them to the end. */
__attribute__((destructor)) static void check_end(void) {
    call_name = "at the end";
    if (may_give_up && control.failed_call) return;
    if (depth > 0) (void)misuse(CUDA_SUCCESS, "%d contexts are still current", depth);
    for (const test_object *o = objects; o; o = o->next)
        if (o->kind >= OBJECT_STREAM && is_live(o))
            (void)misuse(CUDA_SUCCESS, "an object of kind %d was not freed", (int)o->kind);
}

/* ---- initialization, the device ---- */

CUresult cuInit(unsigned flags) {
    CUresult r = enter(__func__, ANYWHERE);
    if (r == CUDA_SUCCESS && flags != 0) r = misuse(CUDA_ERROR_INVALID_VALUE, "flags %u", flags);
    if (r == CUDA_SUCCESS) initialized = true;
    return leave(r);
}

CUresult cuDriverGetVersion(int *version) {
    CUresult r = enter(__func__, ANYWHERE);
    if (r == CUDA_SUCCESS) *version = 13000;
    return leave(r);
}

CUresult cuGetErrorName(CUresult error, const char **name) {
    static const struct {
        CUresult code;
        const char *name;
    } names[] = {{CUDA_SUCCESS, "CUDA_SUCCESS"},
                 {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
                 {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
                 {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
                 {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
    CUresult r = enter(__func__, ANYWHERE);
    if (r == CUDA_SUCCESS)
        r = CUDA_ERROR_INVALID_VALUE; /* the code has no name */
    else
        return leave(r);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].code != error) continue;
        *name = names[i].name;
        r = CUDA_SUCCESS;
    }
    return leave(r);
}

CUresult cuDeviceGetCount(int *count) {
    CUresult r = enter(__func__, INITIALIZED);
    if (r == CUDA_SUCCESS) *count = 1;
    return leave(r);
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    CUresult r = enter(__func__, INITIALIZED);
    if (r == CUDA_SUCCESS && ordinal != 0) r = CUDA_ERROR_INVALID_DEVICE;
    if (r == CUDA_SUCCESS) *device = 0;
    return leave(r);
}

static CUresult check_device(CUresult r, CUdevice device) {
    if (r == CUDA_SUCCESS && device != 0)
        r = misuse(CUDA_ERROR_INVALID_DEVICE, "there is no device %d", device);
    return r;
}

CUresult cuDeviceGetName(char *name, int capacity, CUdevice device) {
    CUresult r = check_device(enter(__func__, INITIALIZED), device);
    if (r == CUDA_SUCCESS) snprintf(name, (size_t)capacity, "test driver");
    return leave(r);
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    CUresult r = check_device(enter(__func__, INITIALIZED), device);
    if (r == CUDA_SUCCESS) *bytes = control.device_memory;
    return leave(r);
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
    CUresult r = check_device(enter(__func__, INITIALIZED), device);
    if (r != CUDA_SUCCESS) return leave(r);
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = DEVICE_MULTIPROCESSORS;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        *value = DEVICE_MAJOR;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        *value = DEVICE_MINOR;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
        *value = DEVICE_SHARED_OPTIN;
        break;
    default:
        r = misuse(CUDA_ERROR_INVALID_VALUE, "attribute %d", attribute);
        break;
    }
    return leave(r);
}

/* ---- contexts ---- */

static test_context *find_primary(void) {
    for (test_object *o = objects; o; o = o->next)
        if (o->kind == OBJECT_CONTEXT && ((test_context *)o)->primary) return (test_context *)o;
    return NULL;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
    CUresult r = check_device(enter(__func__, INITIALIZED), device);
    test_context *c;
    if (r != CUDA_SUCCESS) return leave(r);
    c = find_primary();
    if (!c) {
        c = add_object(OBJECT_CONTEXT, sizeof *c, NULL);
        for (int i = 0; i < 2; i++) c->defaults[i].base.owner = c;
        c->defaults[0].blocking = c->defaults[1].blocking = true;
    }
    c->primary = true;
    c->retained++;
    *out = (CUcontext)(void *)c;
    return leave(r);
}

/* A call that frees something frees it even if it fails: the error is that of earlier work. */
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    const CUresult r = check_device(enter(__func__, INITIALIZED), device);
    test_context *c = find_primary();
    if (!c) return leave(misuse(CUDA_ERROR_INVALID_CONTEXT, "the context is not retained"));
    if (--c->retained > 0) return leave(r);
    for (int i = 0; i < depth; i++)
        if (stack[i] == c) return leave(misuse(r, "the context is still current"));
    for (int i = 0; i < 2; i++) drop_work(c->defaults + i);
    remove_objects_of(c);
    remove_object(c);
    return leave(r);
}

CUresult cuCtxPushCurrent_v2(CUcontext handle) {
    CUresult r = enter(__func__, INITIALIZED);
    test_context *c = find_object(OBJECT_CONTEXT, handle);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!c) return leave(misuse(CUDA_ERROR_INVALID_CONTEXT, "no such context"));
    if (depth == STACK_MAX)
        return leave(misuse(CUDA_ERROR_INVALID_VALUE, "pushed %d times", depth));
    stack[depth++] = c;
    return leave(r);
}

/* Replaces the top of the stack; NULL removes it. */
CUresult cuCtxSetCurrent(CUcontext handle) {
    const CUresult r = enter(__func__, INITIALIZED);
    test_context *c = find_object(OBJECT_CONTEXT, handle);
    if (r != CUDA_SUCCESS) return leave(r);
    if (handle && !c) return leave(misuse(CUDA_ERROR_INVALID_CONTEXT, "no such context"));
    if (depth > 0) depth--;
    if (c) stack[depth++] = c;
    return leave(r);
}

CUresult cuCtxPopCurrent_v2(CUcontext *out) {
    const CUresult r = enter(__func__, INITIALIZED);
    if (depth == 0) return leave(misuse(CUDA_ERROR_INVALID_CONTEXT, "no context is current"));
    *out = (CUcontext)(void *)stack[--depth];
    return leave(r);
}
