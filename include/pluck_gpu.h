/*
 * pluck_gpu.h: sampling on the device that the logits are on, from the engine's own device pointer,
 * on the engine's own stream.
 *
 * Experimental: not yet run on a GPU. The kernels have run on OpenCL on a processor and as plain C,
 * the CUDA backend on a driver made for tests (docs/gpu.md says what ran where). Functions and
 * structs may change until a GPU has run them.
 *
 * A chain of pluck.h is planned once (pluck_gpu_plan_create): what of it the device can do, and
 * what comes back: 4 bytes of token, a short list of candidates with which the CPU's chain goes on,
 * or the row. Then a batch context enqueues rows, and never waits unless asked:
 *
 *     pluck_gpu_open(&device, NULL, &error);
 *     pluck_gpu_plan_create(&plan, config, &error);       // config: as for pluck_sampler_create
 *     pluck_gpu_batch_create(&batch, device, &sizes, &error);     // allocates all memory
 *     ...
 *     pluck_gpu_enqueue(batch, &call, &ticket);           // after the model, on its stream
 *     pluck_gpu_wait(batch, ticket, &results);            // when the tokens are needed
 *
 * docs/gpu.md has complete programs for CUDA and for OpenCL.
 *
 * Results. With PLUCK_RNG_PHILOX a row's token is that of pluck_sample with the same seed and
 * position, but for draws within rounding of a boundary. It does not depend on the batch, the row's
 * place in it, the device or its load.
 *
 * Backends. CUDA's driver is loaded at run time: a program built without CUDA runs on a machine
 * with it, and the other way round. OpenCL needs a 1.2 device with cl_khr_fp64.
 *
 * Threads. A device may be used by any number of threads; a batch context or a plan that is being
 * created or freed by one; a finished plan by any number; a pipeline by any number.
 *
 * Errors. What is wrong with one row is that row's status, what is wrong with one call or transfer
 * its ticket's. After an error that the driver does not recover from (ERR_LOST) every use of the
 * device says so: free its batches and pipelines, close it, and open it again.
 */
#ifndef PLUCK_GPU_H
#define PLUCK_GPU_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------
 * Status
 * ---------------------------------------------------------------------------------------------- */

/* X(name, code, message). The codes do not overlap with those of pluck_status. */
#define PLUCK_GPU_STATUS_MAP(X)                                                                    \
    X(OK, 0, "success")                                                                            \
    X(ERR_NULL, -101, "a required pointer is NULL")                                                \
    X(ERR_MEMORY, -102, "out of host memory")                                                      \
    X(ERR_NO_DEVICE, -103, "there is no such device")                                              \
    X(ERR_DEVICE_MEMORY, -104, "out of device memory")                                             \
    X(ERR_DEVICE, -105, "the device or its driver reported an error")                              \
    X(ERR_BUILD, -106, "the kernels could not be built for this device")                           \
    X(ERR_SIZE, -107, "a size or count is out of range")                                           \
    X(ERR_DTYPE, -108, "unknown dtype")                                                            \
    X(ERR_POINTER, -109, "the rows do not lie within the device memory that was given")            \
    X(ERR_BUSY, -110, "everything is in flight; wait for a ticket first")                          \
    X(ERR_CHAIN, -111, "this chain's rows must come back to the CPU")                              \
    X(ERR_TICKET, -112, "the ticket is unknown, or its results have been overwritten")             \
    X(ERR_OVERFLOW, -113, "more candidates are left than the batch has room for")                  \
    X(ERR_CANCELLED, -114, "the transfer was cancelled")                                           \
    X(ERR_NOT_READY, -115, "not finished yet")                                                     \
    X(ERR_TOKEN, -116, "a token id is outside the vocabulary")                                     \
    X(ERR_LOST, -117, "the device is lost; close what uses it and open it again")                  \
    X(ERR_CONFIG, -118, "the config has a stage, a parameter or a setting that is not allowed")

typedef enum pluck_gpu_status {
#define PLUCK_GPU_STATUS_ENUM(name, code, message) PLUCK_GPU_##name = (code),
    PLUCK_GPU_STATUS_MAP(PLUCK_GPU_STATUS_ENUM)
#undef PLUCK_GPU_STATUS_ENUM
} pluck_gpu_status;

/* The message of a status of either library, one line without a full stop. The text is static. */
PLUCK_API const char *pluck_gpu_status_string(int32_t status);

/* What went wrong in words, with the driver's own code or build log if there is one. */
typedef struct pluck_gpu_error {
    pluck_gpu_status status;
    char message[496]; /* always terminated */
} pluck_gpu_error;

/* ------------------------------------------------------------------------------------------------
 * Devices
 * ---------------------------------------------------------------------------------------------- */

typedef enum pluck_gpu_backend {
    PLUCK_GPU_ANY = 0,
    PLUCK_GPU_CUDA = 1,
    PLUCK_GPU_OPENCL = 2
} pluck_gpu_backend;

typedef struct pluck_gpu_device_info {
    pluck_gpu_backend backend;
    int32_t index; /* among the backend's devices */
    char name[128];
    char driver[128];
    uint64_t memory; /* bytes */
    int32_t compute_units;
    bool is_cpu; /* an OpenCL device that is this machine's processor */
} pluck_gpu_device_info;

/* Device number `index` over all backends, CUDA's first, then OpenCL's; false if there is none. */
PLUCK_API bool pluck_gpu_describe(int32_t index, pluck_gpu_device_info *info);

/* Which device to open. All zero: the first one that pluck_gpu_describe lists. */
typedef struct pluck_gpu_select {
    pluck_gpu_backend backend;
    int32_t index;
    /* The engine's own context, so that its pointers and streams can be used: OpenCL: cl_context
     * (then native_device is its cl_device_id). CUDA: CUcontext; NULL takes the device's primary
     * context, the one that the CUDA runtime uses. Must outlive the device. */
    void *native_context;
    void *native_device;
} pluck_gpu_select;

typedef struct pluck_gpu_device pluck_gpu_device;

/*
 * Opens a device and builds the kernels for it. select and error may be NULL.
 * Errors: ERR_NULL, ERR_NO_DEVICE, ERR_BUILD, ERR_DEVICE, ERR_MEMORY.
 */
PLUCK_API pluck_gpu_status pluck_gpu_open(pluck_gpu_device **out, const pluck_gpu_select *select,
                                          pluck_gpu_error *error);

/* Closes a device; its batches and pipelines must be gone. NULL is allowed. */
PLUCK_API void pluck_gpu_close(pluck_gpu_device *device);

/* What is known of an open device; valid as long as it. NULL for NULL. */
PLUCK_API const pluck_gpu_device_info *pluck_gpu_device_describe(const pluck_gpu_device *device);

/* ------------------------------------------------------------------------------------------------
 * The offload planner
 * ---------------------------------------------------------------------------------------------- */

/* What comes back for a row. */
typedef enum pluck_gpu_placement {
    PLUCK_GPU_ARGMAX = 1,     /* the token: the chain is greedy */
    PLUCK_GPU_TOKEN = 2,      /* the token: the whole chain runs on the device */
    PLUCK_GPU_CANDIDATES = 3, /* what truncation leaves; the chain's tail runs on the CPU */
    PLUCK_GPU_ROW = 4         /* the row: the whole chain runs on the CPU */
} pluck_gpu_placement;

typedef struct pluck_gpu_plan pluck_gpu_plan;

/*
 * Plans a chain. On the device: logit bias and penalties at the front; then temperature, top-k,
 * top-p, min-p and top-n-sigma in any order; then greedy, or dist with PLUCK_RNG_PHILOX. If
 * another stage follows a top-k, a top-p or a min-p, the candidates come back and the CPU goes on
 * with them (pluck_gpu_plan_tail); if none precedes it, the row does. The config's stages,
 * biases and breakers are used by the tail and must outlive the plan. The config is checked as
 * pluck_config_check does, and error names the stage. Errors: ERR_NULL, ERR_SIZE (also: n_vocab
 * beyond 1048576), ERR_TOKEN, ERR_CONFIG (whatever else pluck_config_check refuses), ERR_MEMORY.
 */
PLUCK_API pluck_gpu_status pluck_gpu_plan_create(pluck_gpu_plan **out, const pluck_config *config,
                                                 pluck_gpu_error *error);

/* Frees a plan; no call that uses it may be unfinished. NULL is allowed. */
PLUCK_API void pluck_gpu_plan_free(pluck_gpu_plan *plan);

/* A plan that hands back the k best of every row (1 to 2048), sorted: batched top-k. */
PLUCK_API pluck_gpu_status pluck_gpu_plan_top_k(pluck_gpu_plan **out, int32_t n_vocab, int32_t k,
                                                pluck_gpu_error *error);

/* What comes back for this plan's rows. */
PLUCK_API pluck_gpu_placement pluck_gpu_plan_placement(const pluck_gpu_plan *plan);

/* The chain that is left for the CPU: for CANDIDATES the tail, for ROW the whole, else NULL. Create
 * one sampler per sequence of it. Valid as long as the plan. */
PLUCK_API const pluck_config *pluck_gpu_plan_tail(const pluck_gpu_plan *plan);

/* Writes one line that says what of the chain runs where and what comes back, such as
 * "device: top_k 40, top_p 0.95, temperature 0.8, draw -> token (4 bytes)". Cut off at capacity. */
PLUCK_API pluck_gpu_status pluck_gpu_explain(const pluck_config *config, char *text,
                                             size_t capacity);

/* ------------------------------------------------------------------------------------------------
 * Batches
 * ---------------------------------------------------------------------------------------------- */

typedef struct pluck_gpu_batch_config {
    int32_t n_vocab;  /* 1 to 1048576 */
    int32_t max_rows; /* 1 to 1024 */
    int32_t
        max_candidates;    /* 1 to 2048; 0: 64. Largest k, and room for candidates that come back */
    int32_t max_edits;     /* biased and penalised tokens of one row; 0: 512 */
    int32_t max_in_flight; /* calls that may be unfinished at once; 0: 4 */
} pluck_gpu_batch_config;

typedef struct pluck_gpu_batch pluck_gpu_batch;

/* Allocates everything that calls of up to this size need, on the device and pinned on the host.
 * Errors: ERR_NULL, ERR_SIZE, ERR_DEVICE_MEMORY, ERR_MEMORY, ERR_DEVICE. */
PLUCK_API pluck_gpu_status pluck_gpu_batch_create(pluck_gpu_batch **out, pluck_gpu_device *device,
                                                  const pluck_gpu_batch_config *config,
                                                  pluck_gpu_error *error);

/* Waits for what is in flight and frees. NULL is allowed. */
PLUCK_API void pluck_gpu_batch_free(pluck_gpu_batch *batch);

/* Device bytes that a batch context holds. */
PLUCK_API size_t pluck_gpu_batch_memory(const pluck_gpu_batch *batch);

/* Rows of logits in device memory. */
typedef struct pluck_gpu_logits {
    void *data;        /* CUDA: the device pointer; OpenCL: the cl_mem */
    size_t offset;     /* bytes from data to the first row */
    size_t stride;     /* bytes from one row to the next; 0: n_vocab elements */
    pluck_dtype dtype; /* rows that begin at multiples of 16 bytes are read fastest */
    int32_t n_rows;
} pluck_gpu_logits;

/* What one row needs besides its logits. Read before pluck_gpu_enqueue returns. */
typedef struct pluck_gpu_row {
    const pluck_gpu_plan *plan; /* not one whose placement is ROW */
    uint32_t seed;              /* of the draw, unless the stage has a seed of its own */
    uint64_t position;          /* number of the draw, from 0: PLUCK_RNG_PHILOX's */
    const int32_t *history;     /* accepted tokens, oldest first; penalties count the last last_n */
    int32_t n_history;
    bool masked; /* this row's row of the call's masks says which tokens are allowed */
} pluck_gpu_row;

/* What one row came to. */
typedef struct pluck_gpu_result {
    int32_t status;    /* PLUCK_OK; PLUCK_ERR_NAN, PLUCK_ERR_EMPTY, PLUCK_GPU_ERR_OVERFLOW: this row
                          alone */
    int32_t token;     /* -1 if candidates came back, or the row failed */
    float logit;       /* after edits and temperature */
    float probability; /* in the final distribution; 1 for ARGMAX */
    float logprob;     /* its natural logarithm */
    int32_t n_candidates;
} pluck_gpu_result;

typedef struct pluck_gpu_call {
    pluck_gpu_logits logits;
    const pluck_gpu_row *rows; /* one for each row; NULL: the argmax of every row */
    void *masks; /* device memory as logits.data, for rows that are masked; row i's words are
                    at masks_offset + i * masks_stride bytes; both multiples of 4 */
    size_t masks_offset;
    size_t masks_stride; /* 0: ceil(n_vocab / 32) words */
    /* CUstream or cl_command_queue (in order); NULL: one that the batch owns, which waits for
     * nobody. CUDA's default stream is named by CU_STREAM_LEGACY or CU_STREAM_PER_THREAD, not by
     * NULL. */
    void *stream;
    /* Where results go once the ticket is done: the caller's memory, pinned if the copy is not to
     * stall the stream; NULL: the batch's own pinned memory, which pluck_gpu_wait hands out. If the
     * call or a wait for it fails, the device may still write there until the batch is freed. */
    pluck_gpu_result *results; /* n_rows */
    int32_t *ids;              /* n_rows * max_candidates; row i's begin at i * max_candidates */
    float *candidate_logits;   /* the same; after edits, before temperature */
} pluck_gpu_call;

/*
 * Enqueues a call behind what is on its stream, and returns without waiting for it. Calls of one
 * batch context share its memory on the device: put them on one stream, or order their streams by
 * events. Errors: ERR_NULL, ERR_SIZE, ERR_DTYPE, ERR_POINTER, ERR_CHAIN, ERR_TOKEN, ERR_BUSY
 * (max_in_flight calls are unfinished), ERR_DEVICE, ERR_LOST.
 */
PLUCK_API pluck_gpu_status pluck_gpu_enqueue(pluck_gpu_batch *batch, const pluck_gpu_call *call,
                                             uint64_t *ticket);

/* Softmax and log-sum-exp of whole rows: what an engine needs for log-probabilities, or for
 * samplers of its own on the device. */
typedef struct pluck_gpu_softmax {
    pluck_gpu_logits logits;
    float temperature;  /* what logits are divided by, above 0; 0: 1 */
    bool logarithms;    /* log-probabilities in place of probabilities */
    void *out;          /* device memory as logits.data, float32, apart from the rows; NULL: none */
    size_t out_offset;  /* bytes from out to the first row; a multiple of 4, best of 16 */
    size_t out_stride;  /* bytes from one row to the next; 0: n_vocab elements */
    void *sums;         /* device memory: n_rows float32 log-sum-exps; NULL: none */
    size_t sums_offset; /* bytes; a multiple of 4 */
    void *stream;       /* as in pluck_gpu_call */
    pluck_gpu_result *results; /* as in pluck_gpu_call */
} pluck_gpu_softmax;

/*
 * Enqueues the softmax of every row, as pluck_gpu_enqueue enqueues a call. Each row's result is its
 * most likely token, the logit divided by the temperature, its probability and log-probability: the
 * row's log-sum-exp is logit - logprob. Rows at -inf have probability 0; if some are at +inf,
 * they share it. A row that holds NaN or nothing but -inf fails alone: its result says so, its part
 * of `out` is not written, its log-sum-exp is NaN or -inf. Errors: as pluck_gpu_enqueue;
 * ERR_POINTER also if out overlaps the rows.
 */
PLUCK_API pluck_gpu_status pluck_gpu_enqueue_softmax(pluck_gpu_batch *batch,
                                                     const pluck_gpu_softmax *call,
                                                     uint64_t *ticket);

/* OK when the call has finished, ERR_NOT_READY before, ERR_DEVICE or ERR_LOST if it failed. Does
 * not wait. */
PLUCK_API pluck_gpu_status pluck_gpu_poll(pluck_gpu_batch *batch, uint64_t ticket);

/* Waits for a call. *results, which may be NULL, receives the call's results: valid until
 * max_in_flight further calls have been enqueued. */
PLUCK_API pluck_gpu_status pluck_gpu_wait(pluck_gpu_batch *batch, uint64_t ticket,
                                          const pluck_gpu_result **results);

/* The candidates of one row of a finished call, as a row for pluck_sample_row. */
PLUCK_API pluck_gpu_status pluck_gpu_candidates(pluck_gpu_batch *batch, uint64_t ticket,
                                                int32_t row, pluck_row *candidates);

/*
 * One row of a finished call as pluck_sample_row would have returned it: the device's token, or the
 * draw of `tail` (a sampler made of pluck_gpu_plan_tail; NULL if there is none) from the
 * candidates. Returns the row's status, or the tail's.
 */
PLUCK_API int32_t pluck_gpu_finish_row(pluck_gpu_batch *batch, uint64_t ticket, int32_t row,
                                       pluck_sampler *tail, pluck_draw *draw);

/* ------------------------------------------------------------------------------------------------
 * The transfer pipeline: rows to the host behind the producer, beside the next inference
 * ---------------------------------------------------------------------------------------------- */

typedef struct pluck_gpu_pipeline pluck_gpu_pipeline;

typedef struct pluck_gpu_pipeline_config {
    size_t slot_size; /* bytes of the largest submission: rows * n_vocab * element size */
    int32_t n_slots;  /* 2 to 64: submissions that may be under way or unreleased at once */
} pluck_gpu_pipeline_config;

/* What a callback is told. It runs on the pipeline's own thread; `rows` (NULL unless status is OK)
 * is valid until it returns, then the slot is free. It must not free the pipeline. */
typedef void (*pluck_gpu_transfer_callback)(void *ctx, uint64_t ticket, pluck_gpu_status status,
                                            const void *rows);

/* Allocates the slots, pinned, and the stream they are copied on. Errors: as
 * pluck_gpu_batch_create. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_create(pluck_gpu_pipeline **out,
                                                     pluck_gpu_device *device,
                                                     const pluck_gpu_pipeline_config *config,
                                                     pluck_gpu_error *error);

/* Waits for the copies under way, calls their callbacks, and frees. NULL is allowed. */
PLUCK_API void pluck_gpu_pipeline_free(pluck_gpu_pipeline *pipeline);

/*
 * Submits rows for copying to the host. The copy waits for what is on `producer` (a CUstream or
 * cl_command_queue; NULL: nothing; the default stream as in pluck_gpu_call) now, and for nothing
 * that is put there later: the producer may go on with the next inference, as long as that writes
 * elsewhere until this ticket is done. Rows arrive packed (n_vocab elements each). With a callback
 * the slot is released after it; without, by pluck_gpu_pipeline_release.
 *
 * Errors: ERR_NULL, ERR_SIZE, ERR_DTYPE, ERR_POINTER, ERR_BUSY (no slot is free), ERR_LOST.
 */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_submit(pluck_gpu_pipeline *pipeline,
                                                     const pluck_gpu_logits *logits,
                                                     int32_t n_vocab, void *producer,
                                                     pluck_gpu_transfer_callback callback,
                                                     void *ctx, uint64_t *ticket);

/* OK, ERR_NOT_READY, or how the transfer failed (ERR_CANCELLED, ERR_DEVICE, ERR_LOST); ERR_TICKET.
 * Does not wait. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_poll(pluck_gpu_pipeline *pipeline, uint64_t ticket);

/* Waits for a ticket without a callback; *rows receives the slot's memory, valid until it is
 * released. A ticket that failed is released by this call. Errors: as pluck_gpu_pipeline_poll. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_wait(pluck_gpu_pipeline *pipeline, uint64_t ticket,
                                                   const void **rows);

/* Frees the slot of a finished ticket. Errors: ERR_TICKET, ERR_NOT_READY. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_release(pluck_gpu_pipeline *pipeline,
                                                      uint64_t ticket);

/* Marks an unfinished ticket cancelled: its callback is told so, its rows are not handed out. A
 * copy that is under way ends by itself; the slot is free after that. Errors: ERR_TICKET (also if
 * done). */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_cancel(pluck_gpu_pipeline *pipeline, uint64_t ticket);

/* Waits until a slot is free: back-pressure for a producer that got ERR_BUSY. Slots that are done
 * but not released do not become free by waiting: then ERR_BUSY. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_wait_slot(pluck_gpu_pipeline *pipeline);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_GPU_H */
