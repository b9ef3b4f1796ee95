/*
 * driver.h: a CUDA driver for tests. It is a libcuda.so.1 that the GPU library finds by the same
 * dlopen as the real one, has one device, checks each call as the real one does, and runs the
 * kernels as plain C with groups of 256 lanes in warps of 32.
 *
 * What is enqueued runs as late as the API allows: when a caller waits for it, queries it, or
 * destroys its stream. That exposes memory that is freed or reused too early, results that are read
 * before they exist, and work whose order nothing ensures.
 *
 * A real driver answers a wrong call with an error, which a program may overlook. This one also
 * prints what was wrong and ends the program, unless the test expects it (control.expects_misuse).
 * Misuse is what no correct program does: a handle that does not exist, memory freed in use, work on
 * two streams that uses the same memory with nothing to order it, a context left on the stack. A call that a correct program may make to find something out (the
 * range of a pointer that is none, more memory than there is) just fails.
 */
#ifndef PLUCK_GPU_TESTS_DRIVER_H
#define PLUCK_GPU_TESTS_DRIVER_H

#include "../../src/cuda_api.h"

#include "control.h"

#include <stdbool.h>

#define EXPORTED                    __attribute__((visibility("default")))
#define DECLARE(symbol, parameters) EXPORTED CUresult symbol parameters;
CUDA_DRIVER_MAP(DECLARE)
#undef DECLARE
EXPORTED CUresult cuCtxSetCurrent(CUcontext context); /* for programs, not for the library */

enum {
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_UNKNOWN = 999
};

/* The device: an H100's limits. */
enum {
    DEVICE_MULTIPROCESSORS = 4,
    DEVICE_MAJOR = 9,
    DEVICE_MINOR = 0,
    DEVICE_SHARED = 49152,        /* bytes of local memory without asking */
    DEVICE_SHARED_OPTIN = 232448, /* and with cuFuncSetAttribute */
    DEVICE_LANES = 256
};

typedef enum object_kind {
    OBJECT_CONTEXT,
    OBJECT_MODULE,
    OBJECT_FUNCTION,
    OBJECT_STREAM,
    OBJECT_EVENT,
    OBJECT_MEMORY, /* on the device */
    OBJECT_HOST    /* pinned */
} object_kind;

typedef struct test_context test_context;

/* Every object begins with this and is on one list, so that handles can be checked. */
typedef struct test_object {
    object_kind kind;
    test_context *owner; /* NULL: a context */
    struct test_object *next;
} test_object;

typedef struct test_memory {
    test_object base;
    char *bytes;
    size_t size;
    bool mapped; /* pinned: kernels may use it */
} test_memory;

typedef struct test_function {
    test_object base;
    const test_object *module;
    int kernel;
    size_t shared_limit;
} test_function;

typedef struct test_work test_work;

typedef struct test_stream {
    test_object base;
    bool blocking;  /* it and the default stream wait for each other */
    bool destroyed; /* by its handle; its work is still to be done */
    test_work *first, *last;
    uint64_t submitted, done; /* pieces of work so far */
} test_stream;

struct test_context {
    test_object base;
    bool primary;
    int retained;            /* primary: how often */
    CUresult sticky;         /* what every call in it returns from now on */
    test_stream defaults[2]; /* CU_STREAM_LEGACY, also called NULL, and CU_STREAM_PER_THREAD */
};

typedef struct test_event {
    test_object base;
    bool timed;
    bool recorded;
    test_stream *on; /* NULL: what was recorded has been reached */
    uint64_t position;
    double time; /* in ms, once reached */
} test_event;

/* ---- calls.c: the gate that each call goes through ---- */

enum { ANYWHERE, INITIALIZED, IN_CONTEXT };

/*
 * Begins a call: takes the lock; fails it if a test wants that, if the driver is not initialized,
 * no context is current, or the current one has a sticky error. leave() ends it.
 */
CUresult enter(const char *name, int where);
CUresult leave(CUresult result);

/* Prints what is wrong with the call, ends the program unless that is expected, returns result. */
CUresult misuse(CUresult result, const char *format, ...) __attribute__((format(printf, 2, 3)));

test_context *current_context(void);

void *add_object(object_kind kind, size_t size, test_context *owner);
void remove_object(void *gone);
test_object *first_object(void);

/* The object, if it exists, has this kind and belongs to the current context; else NULL. */
void *find_object(object_kind kind, const void *handle);

/* Frees all objects of a context that is destroyed. */
void remove_objects_of(const test_context *owner);

/* ---- memory.c ---- */

/* The device or pinned memory that the address lies in; NULL: none. */
test_memory *memory_at(uint64_t address, object_kind kind);

/* Can a kernel or a copy use these bytes as memory of the device? Mapped pinned memory counts. */
bool device_may_use(uint64_t address, size_t size);

/* Device memory is poisoned for AddressSanitizer except while work runs. */
void allow_memory(bool allowed);

void free_memory_of(test_memory *m);

/* ---- streams.c, order.c, copies.c ---- */

typedef enum work_kind { WORK_COPY, WORK_SET, WORK_LAUNCH, WORK_RECORD, WORK_WAIT } work_kind;

enum { WORK_PARAMETERS = 16, WORK_PARAMETER_SIZE = 256 };

struct test_work {
    test_work *next;
    work_kind kind;
    /* COPY, SET: rows of `width` bytes. Their range on the device is checked again when it runs. */
    uint64_t to, from;
    bool to_device, from_device;
    size_t width, rows, to_pitch, from_pitch;
    unsigned char value;
    void *staged; /* the copy of a source that is not pinned */
    /* LAUNCH */
    const test_function *function;
    unsigned groups_x, groups_y;
    size_t shared;
    _Alignas(16) char parameters[WORK_PARAMETERS][WORK_PARAMETER_SIZE];
    /* RECORD, WAIT */
    test_event *event;
    test_stream *wait_for;
    uint64_t position;
};

test_work *new_work(work_kind kind);
void free_work(test_work *w);

/* Puts work on a stream (any of the handles a caller may give). Takes it over. */
CUresult submit(CUstream handle, test_work *w);
test_stream *find_stream(CUstream handle);

/* The stream after `at` in the list of all streams; NULL begins and ends the list. */
test_stream *next_stream(test_stream *at);

/* Drops what a stream has left, without running it. */
void drop_work(test_stream *s);

/* A fault: the context's pending work is dropped, and every call in the
 * context returns the error. */
void lose_context(test_context *c, CUresult error);

/* Could w, put on this stream now, run at the same time as work on another stream that uses the same
 * memory, and one of the two writes to it? */
bool may_run_beside(const test_stream *s, const test_work *w);

/* Does work that has not run use this memory, or this function? */
bool is_in_use(const test_memory *m);
bool is_to_launch(const test_function *f);

/* Carries out a copy or a setting of bytes. */
CUresult run_copy(const test_work *w);

/* ---- modules.c, launch.c ---- */

/* The number of a kernel; -1: there is none of that name. */
int find_kernel(const char *name);
/* One letter for each parameter, as in kernels_c.h. */
const char *kernel_parameters(int kernel);
size_t parameter_size(char letter);
void run_launch(const test_work *w);

#endif
