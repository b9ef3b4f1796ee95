/*
 * pluck_gpu.h: sampling on the device where the logits are. It reads the engine's device pointer
 * and enqueues on the engine's stream.
 *
 * It has run on an NVIDIA H200, with CUDA and OpenCL, and with OpenCL on a processor (docs/gpu.md says
 * what ran where, and how fast). It is young: functions and structs may still change.
 *
 * A chain of pluck.h is planned once (pluck_gpu_plan_create). The plan says what the device does
 * and what comes back for each row: the token (4 bytes), a short list of candidates that the CPU
 * continues with, or the whole row. Then a batch context enqueues rows, without waiting for them:
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
 * position, except for draws within rounding of a boundary. It does not depend on the batch, the
 * row's place in it, the device or its load.
 *
 * Backends. CUDA's driver is loaded at run time: a program that was built without CUDA can use it,
 * and one that was built with it runs on a machine without. OpenCL needs a 1.2 device and no
 * extension.
 *
 * Threads. Any number of threads may use a device, a finished plan or a pipeline at once. A batch
 * context may be used by one thread at a time. Nothing may be used while it is created or freed.
 *
 * Errors. Functions return a pluck_gpu_status; the comments name its codes without the prefix
 * PLUCK_GPU_. An error in one row is the status of that row's result. An error in one call or
 * transfer is the status of its ticket. After an error that the driver cannot recover from
 * (ERR_LOST) every use of the device returns it: free its batches and pipelines, close it, and open
 * it again.
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
    X(ERR_POINTER, -109, "the rows are not within the device memory that was given")               \
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

/* The message of a pluck_gpu_status or a pluck_status: one line without a full stop. Static
 * text. */
PLUCK_API const char *pluck_gpu_status_string(int32_t status);

/* What went wrong, in words, with the driver's error code or build log if there is one. Functions
 * that take a pluck_gpu_error accept NULL. */
typedef struct pluck_gpu_error {
    pluck_gpu_status status;
    char message[496]; /* always terminated */
} pluck_gpu_error;

/* ------------------------------------------------------------------------------------------------
 * Devices
 * ---------------------------------------------------------------------------------------------- */

/* Which driver a device is used through. */
typedef enum pluck_gpu_backend {
    PLUCK_GPU_ANY = 0,
    PLUCK_GPU_CUDA = 1,
    PLUCK_GPU_OPENCL = 2
} pluck_gpu_backend;

/* What is known of a device. */
typedef struct pluck_gpu_device_info {
    pluck_gpu_backend backend;
    int32_t index;    /* among the backend's devices, from 0 */
    char name[128];   /* always terminated */
    char driver[128]; /* always terminated */
    uint64_t memory;  /* bytes */
    int32_t compute_units;
    bool is_cpu; /* an OpenCL device that is this machine's processor */
} pluck_gpu_device_info;

/* Describes device number `index` (from 0) of all backends, CUDA's first, then OpenCL's. Returns
 * false if there is none. */
PLUCK_API bool pluck_gpu_describe(int32_t index, pluck_gpu_device_info *info);

/* Which device to open. All zero: the first one that pluck_gpu_describe lists. */
typedef struct pluck_gpu_select {
    pluck_gpu_backend backend;
    int32_t index; /* among the backend's devices, from 0 */
    /* The engine's context, so that its pointers and streams can be used. It must outlive the
     * device. OpenCL: a cl_context, and native_device is its cl_device_id. CUDA: a CUcontext. NULL:
     * with CUDA the device's primary context, which the CUDA runtime uses. */
    void *native_context;
    void *native_device;
} pluck_gpu_select;

/* An open device, with the kernels that were built for it. */
typedef struct pluck_gpu_device pluck_gpu_device;

/*
 * Opens a device and builds the kernels for it. select may be NULL.
 * Errors: ERR_NULL, ERR_NO_DEVICE, ERR_BUILD, ERR_DEVICE, ERR_MEMORY.
 */
PLUCK_API pluck_gpu_status pluck_gpu_open(pluck_gpu_device **out, const pluck_gpu_select *select,
                                          pluck_gpu_error *error);

/* Closes a device. Its batches and pipelines must have been freed. NULL is allowed. */
PLUCK_API void pluck_gpu_close(pluck_gpu_device *device);

/* What is known of an open device. Valid until it is closed. NULL for NULL. */
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

/* What of a chain runs on the device, and what comes back. It never changes after its creation. */
typedef struct pluck_gpu_plan pluck_gpu_plan;

/*
 * Plans a chain. The device can run logit bias and penalties at the front; then temperature, top-k,
 * top-p, min-p and top-n-sigma in any order; then greedy, or dist with PLUCK_RNG_PHILOX. If the
 * chain has another stage, the placement depends on what is before it: after a top-k, a top-p or a
 * min-p the candidates come back and the CPU continues with them (pluck_gpu_plan_tail); otherwise
 * the row comes back. The tail uses the config's stages, biases and breakers, which must outlive
 * the plan. The config is checked as in pluck_config_check, and error names the stage.
 * Errors: ERR_NULL, ERR_SIZE (also if n_vocab is above 1048576), ERR_TOKEN, ERR_CONFIG (whatever
 * else pluck_config_check refuses), ERR_MEMORY.
 */
PLUCK_API pluck_gpu_status pluck_gpu_plan_create(pluck_gpu_plan **out, const pluck_config *config,
                                                 pluck_gpu_error *error);

/* Frees a plan. All calls that use it must have finished. NULL is allowed. */
PLUCK_API void pluck_gpu_plan_free(pluck_gpu_plan *plan);

/* Plans a batched top-k: the k (1 to 2048) most likely tokens of every row come back, sorted.
 * Errors: as pluck_gpu_plan_create. */
PLUCK_API pluck_gpu_status pluck_gpu_plan_top_k(pluck_gpu_plan **out, int32_t n_vocab, int32_t k,
                                                pluck_gpu_error *error);

/* What comes back for this plan's rows. */
PLUCK_API pluck_gpu_placement pluck_gpu_plan_placement(const pluck_gpu_plan *plan);

/* The part of the chain that is left for the CPU: the tail for CANDIDATES, the whole chain for ROW,
 * else NULL. Each sequence needs a sampler created from it. Valid as long as the plan. */
PLUCK_API const pluck_config *pluck_gpu_plan_tail(const pluck_gpu_plan *plan);

/* Writes one line that says what of the chain runs where and what comes back, such as
 * "device: top_k 40, top_p 0.95, draw -> token and log-probability back", to text: at most
 * `capacity` bytes, always terminated. Errors: as pluck_gpu_plan_create. */
PLUCK_API pluck_gpu_status pluck_gpu_explain(const pluck_config *config, char *text,
                                             size_t capacity);

/* ------------------------------------------------------------------------------------------------
 * Batches
 * ---------------------------------------------------------------------------------------------- */

/* The largest calls that a batch context must hold. */
typedef struct pluck_gpu_batch_config {
    int32_t n_vocab;        /* 1 to 1048576 */
    int32_t max_rows;       /* rows of a call: 1 to 1024 */
    int32_t max_candidates; /* of a row: largest k, and most that come back: 1 to 2048 (less if a
                               device has little local memory); 0: 64 */
    int32_t max_edits;      /* biased and penalised tokens of a row; 0: 512 */
    int32_t max_in_flight;  /* calls that may be unfinished at once; 0: 4 */
} pluck_gpu_batch_config;

/* The memory of calls, and the calls that are under way. */
typedef struct pluck_gpu_batch pluck_gpu_batch;

/* Creates a batch context. Allocates everything that its calls need, on the device and, pinned, on
 * the host. Errors: ERR_NULL, ERR_SIZE, ERR_DEVICE_MEMORY, ERR_MEMORY, ERR_DEVICE. */
PLUCK_API pluck_gpu_status pluck_gpu_batch_create(pluck_gpu_batch **out, pluck_gpu_device *device,
                                                  const pluck_gpu_batch_config *config,
                                                  pluck_gpu_error *error);

/* Waits for unfinished calls and frees the batch context. NULL is allowed. */
PLUCK_API void pluck_gpu_batch_free(pluck_gpu_batch *batch);

/* The device memory that a batch context holds, in bytes. */
PLUCK_API size_t pluck_gpu_batch_memory(const pluck_gpu_batch *batch);

/* Rows of logits in device memory. They are read fastest if each row begins at a multiple of 16
 * bytes. */
typedef struct pluck_gpu_logits {
    void *data;    /* CUDA: the device pointer; OpenCL: the cl_mem */
    size_t offset; /* bytes from data to the first row */
    size_t stride; /* bytes from one row to the next; 0: n_vocab elements */
    pluck_dtype dtype;
    int32_t n_rows; /* 1 to the batch's max_rows */
} pluck_gpu_logits;

/* What one row needs besides its logits. Read before pluck_gpu_enqueue returns. */
typedef struct pluck_gpu_row {
    const pluck_gpu_plan *plan; /* any whose placement is not ROW */
    uint32_t seed;              /* of the draw, unless the stage has its own seed */
    uint64_t position;          /* number of the draw, from 0, as in PLUCK_RNG_PHILOX */
    const int32_t *history;     /* accepted tokens, oldest first; penalties count the last last_n */
    int32_t n_history;
    bool masked; /* the call's masks say which tokens are allowed for this row */
} pluck_gpu_row;

/* The result of one row. */
typedef struct pluck_gpu_result {
    int32_t status;    /* PLUCK_OK, or this row's error: PLUCK_ERR_NAN, PLUCK_ERR_EMPTY,
                          PLUCK_GPU_ERR_OVERFLOW */
    int32_t token;     /* -1 if candidates came back, or the row failed */
    float logit;       /* after edits and temperature */
    float probability; /* in the final distribution; 1 for ARGMAX */
    float logprob;     /* natural logarithm of the probability */
    int32_t n_candidates;
} pluck_gpu_result;

/* A call: rows of logits, what to do with each, and where the results go. */
typedef struct pluck_gpu_call {
    pluck_gpu_logits logits;
    const pluck_gpu_row *rows; /* n_rows of them; NULL: the argmax of every row */
    void *masks; /* device memory, as logits.data. The words of a masked row i begin at byte
                    masks_offset + i * masks_stride; both are multiples of 4. Bit t % 32 of word
                    t / 32 set: token t is allowed */
    size_t masks_offset;
    size_t masks_stride; /* 0: ceil(n_vocab / 32) words */
    /* A CUstream, or a cl_command_queue that runs in order. NULL: a stream that belongs to the
     * batch and waits for no other. For CUDA's default stream pass CU_STREAM_LEGACY or
     * CU_STREAM_PER_THREAD, not NULL. */
    void *stream;
    /* Where the results are once the ticket is done. The caller's memory should be pinned, or the
     * copy stalls the stream. NULL: the batch's pinned memory, which pluck_gpu_wait returns. If the
     * call or a wait for it fails, the device may still write there until the batch is freed. */
    pluck_gpu_result *results; /* n_rows */
    int32_t *ids;              /* n_rows * max_candidates; row i's begin at i * max_candidates */
    float *candidate_logits;   /* the same; after edits, before temperature */
} pluck_gpu_call;

/*
 * Enqueues a call after what is on its stream, and returns without waiting for it. *ticket receives
 * the number to wait for. Calls of one batch context share its memory on the device: put them on
 * one stream, or order their streams by events. Errors: ERR_NULL, ERR_SIZE, ERR_DTYPE, ERR_POINTER,
 * ERR_CHAIN, ERR_TOKEN, ERR_BUSY (max_in_flight calls are unfinished), ERR_DEVICE, ERR_LOST.
 */
PLUCK_API pluck_gpu_status pluck_gpu_enqueue(pluck_gpu_batch *batch, const pluck_gpu_call *call,
                                             uint64_t *ticket);

/* Softmax and log-sum-exp of whole rows, for engines that need log-probabilities or have their own
 * samplers on the device. */
typedef struct pluck_gpu_softmax {
    pluck_gpu_logits logits;
    float temperature;         /* the logits are divided by it; above 0; 0 means 1 */
    bool logarithms;           /* write log-probabilities instead of probabilities */
    void *out;                 /* device memory, float32; must not overlap the rows; NULL: none */
    size_t out_offset;         /* bytes from out to the first row; a multiple of 4, best of 16 */
    size_t out_stride;         /* bytes from one row to the next; 0: n_vocab elements */
    void *sums;                /* device memory: n_rows float32 log-sum-exps; NULL: none */
    size_t sums_offset;        /* bytes; a multiple of 4 */
    void *stream;              /* as in pluck_gpu_call */
    pluck_gpu_result *results; /* as in pluck_gpu_call */
} pluck_gpu_softmax;

/*
 * Enqueues the softmax of every row, as pluck_gpu_enqueue enqueues a call. Each row's result is its
 * most likely token, that token's logit divided by the temperature, its probability and its
 * log-probability; the row's log-sum-exp is logit - logprob. Tokens at -inf have probability 0; if
 * some are at +inf, those share it equally. If a row has a NaN, or only -inf, that row alone fails:
 * its result has the status, its part of `out` is not written, and its log-sum-exp is NaN or -inf.
 * Errors: as pluck_gpu_enqueue; ERR_POINTER also if out overlaps the rows.
 */
PLUCK_API pluck_gpu_status pluck_gpu_enqueue_softmax(pluck_gpu_batch *batch,
                                                     const pluck_gpu_softmax *call,
                                                     uint64_t *ticket);

/* Whether a call has finished, without waiting: OK, or ERR_NOT_READY if it has not. Errors:
 * ERR_NULL, ERR_TICKET; ERR_DEVICE or ERR_LOST if the call failed. */
PLUCK_API pluck_gpu_status pluck_gpu_poll(pluck_gpu_batch *batch, uint64_t ticket);

/* Waits for a call. *results receives its n_rows results, unless results is NULL; they are valid
 * until max_in_flight further calls have been enqueued. Errors: as pluck_gpu_poll, except
 * ERR_NOT_READY. */
PLUCK_API pluck_gpu_status pluck_gpu_wait(pluck_gpu_batch *batch, uint64_t ticket,
                                          const pluck_gpu_result **results);

/* The candidates of row number `row` (from 0) of a finished call, as a row for pluck_sample_row.
 * They are valid as long as the call's results. */
PLUCK_API pluck_gpu_status pluck_gpu_candidates(pluck_gpu_batch *batch, uint64_t ticket,
                                                int32_t row, pluck_row *candidates);

/*
 * Gives one row of a finished call as pluck_sample_row would have: the device's token, or what
 * `tail` draws from the candidates. `tail` is a sampler created from pluck_gpu_plan_tail; NULL if
 * there is none. Returns the row's status, or that of the tail's pluck_sample_row.
 */
PLUCK_API int32_t pluck_gpu_finish_row(pluck_gpu_batch *batch, uint64_t ticket, int32_t row,
                                       pluck_sampler *tail, pluck_draw *draw);

/* ------------------------------------------------------------------------------------------------
 * The transfer pipeline: copies rows to the host while the next inference runs
 * ---------------------------------------------------------------------------------------------- */

/* A stream for copies, and pinned host memory in slots that they go to. */
typedef struct pluck_gpu_pipeline pluck_gpu_pipeline;

/* The size of a pipeline. */
typedef struct pluck_gpu_pipeline_config {
    size_t slot_size; /* bytes of the largest submission: rows * n_vocab * element size */
    int32_t n_slots;  /* 2 to 64: submissions that may be unfinished or unreleased at once */
} pluck_gpu_pipeline_config;

/* Called on the pipeline's own thread when a transfer has ended. `rows`, which is NULL unless
 * status is OK, is valid until the callback returns; then the slot is free. A callback must not
 * free the pipeline. */
typedef void (*pluck_gpu_transfer_callback)(void *ctx, uint64_t ticket, pluck_gpu_status status,
                                            const void *rows);

/* Creates a pipeline: allocates its slots in pinned memory, and its stream. Errors: as
 * pluck_gpu_batch_create. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_create(pluck_gpu_pipeline **out,
                                                     pluck_gpu_device *device,
                                                     const pluck_gpu_pipeline_config *config,
                                                     pluck_gpu_error *error);

/* Waits for unfinished copies, calls their callbacks, and frees the pipeline. NULL is allowed. */
PLUCK_API void pluck_gpu_pipeline_free(pluck_gpu_pipeline *pipeline);

/*
 * Submits rows for copying to the host. The copy waits for what is on `producer` now, but not for
 * what is put there later: the producer may start the next inference, as long as that does not
 * write to the rows until this ticket is done. `producer` is a CUstream or a cl_command_queue (for
 * the default stream see pluck_gpu_call); NULL: the copy waits for nothing. Rows arrive without
 * gaps, n_vocab elements each. If there is a callback, the slot is released after it; if not, by
 * pluck_gpu_pipeline_release. *ticket receives the number to wait for.
 *
 * Errors: ERR_NULL, ERR_SIZE, ERR_DTYPE, ERR_POINTER, ERR_BUSY (no slot is free), ERR_LOST.
 */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_submit(pluck_gpu_pipeline *pipeline,
                                                     const pluck_gpu_logits *logits,
                                                     int32_t n_vocab, void *producer,
                                                     pluck_gpu_transfer_callback callback,
                                                     void *ctx, uint64_t *ticket);

/* Whether a transfer has finished, without waiting: OK, or ERR_NOT_READY if it has not. Errors:
 * ERR_TICKET; ERR_CANCELLED, ERR_DEVICE or ERR_LOST if the transfer failed. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_poll(pluck_gpu_pipeline *pipeline, uint64_t ticket);

/* Waits for a ticket that has no callback. *rows receives the slot's memory, which is valid until
 * it is released. If the transfer failed, this call releases the slot. Errors: as
 * pluck_gpu_pipeline_poll, except ERR_NOT_READY. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_wait(pluck_gpu_pipeline *pipeline, uint64_t ticket,
                                                   const void **rows);

/* Frees the slot of a finished ticket. Errors: ERR_TICKET, ERR_NOT_READY. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_release(pluck_gpu_pipeline *pipeline,
                                                      uint64_t ticket);

/* Cancels an unfinished ticket: its callback gets ERR_CANCELLED, and its rows are not handed out. A
 * copy that has begun runs to its end; then the slot is free. Errors: ERR_TICKET (also if the
 * transfer has finished). */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_cancel(pluck_gpu_pipeline *pipeline, uint64_t ticket);

/* Waits until a slot is free, for a producer that got ERR_BUSY. Errors: ERR_BUSY if all slots are
 * finished but not released, since waiting would not free any. */
PLUCK_API pluck_gpu_status pluck_gpu_pipeline_wait_slot(pluck_gpu_pipeline *pipeline);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_GPU_H */
