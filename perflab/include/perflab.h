/*
 * perflab.h - what a benchmark includes.
 *
 * A benchmark file registers improvements. Each is a baseline and a candidate that do the same
 * work, a way to make their inputs, and a validator that holds both outputs against each other.
 * perflab loads the file as a shared module, gates the candidate on correctness, times both side by
 * side in fresh processes, and keeps what it saw in a ledger.
 *
 *     static int setup(perflab_ctx *ctx) {
 *         ctx->state = ...;
 *         ctx->min_bytes = ...;
 *         return PERFLAB_OK;
 *     }
 *     static void baseline(perflab_ctx *ctx) { ... }
 *     static void candidate(perflab_ctx *ctx) { ... }
 *     static bool validate(perflab_ctx *ctx) { return perflab_check_floats(ctx, ...); }
 *
 *     PERFLAB_MODULE({.id = "5.1", .component = "scaling", .title = "multiply by the inverse",
 *                     .size = 100000, .setup = setup, .baseline = baseline, .candidate = candidate,
 *                     .validate = validate})
 *
 * The order of calls, for one set of parameters: setup; then reset and baseline, or reset and
 * candidate, any number of times in any order; validate; teardown. baseline and candidate write to
 * buffers of their own, so that validate sees both outputs.
 *
 * Everything is called from one thread, in a process of its own that may be killed at any time.
 */
#ifndef PERFLAB_H
#define PERFLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A module built against another number is refused. */
#define PERFLAB_ABI 2

#if defined(__GNUC__)
#define PERFLAB_EXPORT       __attribute__((visibility("default")))
#define PERFLAB_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PERFLAB_INLINE       __inline__
#else
#define PERFLAB_EXPORT
#define PERFLAB_PRINTF(f, a)
#define PERFLAB_INLINE inline
#endif

/* What setup returns. Anything else is a failure; say why with perflab_reason. */
#define PERFLAB_OK   0
#define PERFLAB_SKIP 1 /* these parameters cannot be run here (no GPU, no data): not a failure */

/* Flags of a benchmark. */
#define PERFLAB_RESET_PER_BLOCK 1u /* reset before a block of timed calls, not before each call */
#define PERFLAB_LEAK_IS_WRONG   2u /* a candidate that keeps memory of malloc is wrong: see below */

typedef enum perflab_side { PERFLAB_BASELINE = 0, PERFLAB_CANDIDATE = 1 } perflab_side;

/*
 * What a benchmark's functions are given. The first group is perflab's to set, the second is set by
 * setup.
 */
typedef struct perflab_ctx {
    size_t size;          /* the problem size, at least 1 */
    const char *input;    /* the kind of input, one of the benchmark's own `inputs` */
    uint64_t seed;        /* makes the input: the same seed, the same input */
    const char *data_dir; /* the folder of recorded inputs ($PERFLAB_DATA), or NULL */
    perflab_side side;    /* whose turn it is: reset need restore only this side's buffers */

    void *state;      /* the benchmark's own */
    double min_bytes; /* the least bytes one call must read and write, 0 if unknown */
    double min_ops;   /* the least arithmetic operations one call must do, 0 if unknown */

    struct perflab_host *host; /* perflab's own */
} perflab_ctx;

/* One improvement. Members left out are zero, which is a meaningful default for each. */
typedef struct perflab_benchmark {
    const char *id;        /* "5.1": unique among all modules loaded together */
    const char *component; /* a few words, the table's second column */
    const char *title;     /* what was changed, one line */
    const char *notes;     /* for the table, before what perflab has to say; NULL: the title */
    /* "gpu": only a run on a GPU makes it COMPLETE. NULL or "cpu": a run on this machine's CPU. */
    const char *requires_device;
    const char *const *inputs; /* kinds of input, ends with NULL; NULL: one kind, "default" */
    size_t size;               /* the size measured and shown, 0: 100000 */
    const size_t
        *gate_sizes; /* sizes the gate tries, ends with 0; NULL: 1, 2, 31, 33, 1000, size */
    unsigned flags;  /* of the above, or 0 */

    int (*setup)(perflab_ctx *ctx);     /* makes inputs and buffers; NULL: nothing to make */
    void (*reset)(perflab_ctx *ctx);    /* untimed, before each timed call; NULL: calls need none */
    void (*baseline)(perflab_ctx *ctx); /* one call of what there was; NULL: not started */
    void (*candidate)(perflab_ctx *ctx); /* one call of what is to replace it; NULL: not yet */
    bool (*validate)(perflab_ctx *ctx);  /* holds both outputs against each other */
    void (*teardown)(perflab_ctx *ctx);  /* frees what setup made outside perflab_alloc */
    void (*outputs)(
        perflab_ctx *ctx); /* names the last call's outputs, by perflab_output: see there */
} perflab_benchmark;

/* How a module was made; written by `perflab build` and by perflab_benchmark() in CMake. */
typedef struct perflab_build {
    const char *source_hash; /* SHA-256 of all sources that decide what runs, in hex */
    const char *variant;     /* "native" or "portable" */
    const char *compiler;
    const char *flags;
    const char *sources; /* paths of the benchmark's own sources, one a line */
} perflab_build;

extern const perflab_build perflab_build_info;

typedef struct perflab_module {
    uint32_t abi;
    uint32_t count;
    const perflab_benchmark *benchmarks;
    const perflab_build *build;
} perflab_module;

/* The one symbol a module exports. PERFLAB_MODULE writes it. */
PERFLAB_EXPORT const perflab_module *perflab_get_module(void);

/* Registers the benchmarks of a file: one or several initialisers of a perflab_benchmark. */
#define PERFLAB_MODULE(...)                                                                        \
    static const perflab_benchmark perflab_registered[] = {__VA_ARGS__};                           \
    PERFLAB_EXPORT const perflab_module *perflab_get_module(void) {                                \
        static const perflab_module module = {                                                     \
            PERFLAB_ABI, (uint32_t)(sizeof perflab_registered / sizeof perflab_registered[0]),     \
            perflab_registered, &perflab_build_info};                                              \
        return &module;                                                                            \
    }

/*
 * Registers one benchmark that a function fills in: void describe(perflab_benchmark *b), with all
 * members zero before. For dialects without named members in initialisers: C89, C++ before C++20.
 */
#define PERFLAB_DESCRIBED(describe)                                                                \
    PERFLAB_EXPORT const perflab_module *perflab_get_module(void) {                                \
        static perflab_benchmark registered;                                                       \
        static perflab_module module;                                                              \
        if (module.count == 0) {                                                                   \
            describe(&registered);                                                                 \
            module.abi = PERFLAB_ABI;                                                              \
            module.count = 1;                                                                      \
            module.benchmarks = &registered;                                                       \
            module.build = &perflab_build_info;                                                    \
        }                                                                                          \
        return &module;                                                                            \
    }

/* ---- Memory ------------------------------------------------------------------------------- */

/*
 * Returns a buffer of `bytes` bytes aligned to `align` (a power of two up to 4096; 0: 16 at least),
 * filled with 0xA5, freed by perflab after teardown. When timing, it starts at a random offset in
 * its page, another in each process. In the gate it lies flush against an inaccessible page, before
 * or after, so that a write (or read) outside it is caught. Never NULL: when memory runs out, the
 * process ends and perflab reports it.
 */
void *perflab_alloc(perflab_ctx *ctx, size_t bytes, size_t align);

/*
 * Loads the file `name` of the data folder into a buffer as perflab_alloc makes, and stores its
 * length. NULL if there is no such file; the reason is then set, so setup can return
 * PERFLAB_SKIP.
 */
void *perflab_load(perflab_ctx *ctx, const char *name, size_t *bytes);

/* ---- Inputs ------------------------------------------------------------------------------- */

/* A small generator for inputs (splitmix64). Start it with {ctx->seed}. */
typedef struct perflab_rng {
    uint64_t state;
} perflab_rng;

uint64_t perflab_rng_u64(perflab_rng *rng);
double perflab_rng_uniform(perflab_rng *rng); /* [0, 1), 53 bits */
double perflab_rng_normal(perflab_rng *rng);  /* mean 0, standard deviation 1 */

/*
 * Fill p[0..n) with random values of a type. In the gate, many of them are those that code tends to
 * get wrong: the smallest and the largest, 0, 1, -1 and their neighbours, powers of two; for floats
 * also -0, the smallest normal and subnormal, and, if `special`, infinities and NaN. In some cases
 * all values are such. When timing there are none: integers are uniform, floats normal.
 */
void perflab_fill_i32(perflab_ctx *ctx, perflab_rng *rng, int32_t *p, size_t n);
void perflab_fill_u32(perflab_ctx *ctx, perflab_rng *rng, uint32_t *p, size_t n);
void perflab_fill_i64(perflab_ctx *ctx, perflab_rng *rng, int64_t *p, size_t n);
void perflab_fill_u64(perflab_ctx *ctx, perflab_rng *rng, uint64_t *p, size_t n);
void perflab_fill_f32(perflab_ctx *ctx, perflab_rng *rng, float *p, size_t n, bool special);
void perflab_fill_f64(perflab_ctx *ctx, perflab_rng *rng, double *p, size_t n, bool special);

/* A length from 0 to `most`: in the gate often 0, 1, most - 1 or most; when timing `most`. */
size_t perflab_length(perflab_ctx *ctx, perflab_rng *rng, size_t most);

/* ---- What a benchmark says ---------------------------------------------------------------- */

/* Says why setup fails or skips, or what validate found. The last word counts; 500 characters. */
void perflab_reason(perflab_ctx *ctx, const char *format, ...) PERFLAB_PRINTF(2, 3);

/*
 * Says where the candidate runs, e.g. "gpu", "NVIDIA H100". Without it: "cpu" and the CPU's name.
 */
void perflab_device(perflab_ctx *ctx, const char *kind, const char *name);

/*
 * Says that a validator of one's own compared `n` values. A validator that compares nothing, by
 * this count and that of the checks below, does not pass the gate.
 */
void perflab_compared(perflab_ctx *ctx, size_t n);

/*
 * Called by a benchmark's `outputs`: hands perflab what the last call made, a copy of it. `perflab
 * compare` holds the outputs of two builds of the same benchmark against each other: bytes have to
 * be equal, floats |a - b| <= abs_tol + rel_tol * |a|. `what` names the output and must stay valid.
 */
void perflab_output(perflab_ctx *ctx, const char *what, const void *p, size_t bytes);
void perflab_output_floats(perflab_ctx *ctx, const char *what, const float *p, size_t n,
                           double abs_tol, double rel_tol);

/*
 * Takes `ns` nanoseconds on perflab's clock: busy waiting in real time, or an addition on an
 * injected clock. For benchmarks that test the measuring itself.
 */
void perflab_spend(perflab_ctx *ctx, uint64_t ns);

/* Keeps the compiler from dropping the work that made *p, and from knowing what *p holds. */
static PERFLAB_INLINE void perflab_keep(const void *p) {
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(p) : "memory");
#else
    static const void *volatile sink;
    sink = p;
#endif
}

/* ---- Validators --------------------------------------------------------------------------- */
/*
 * Each returns true if the outputs agree; else the first difference, with its index and both
 * values, is the reason. `what` names the output. NaN agrees with NaN only, an infinity only with
 * itself.
 */

/* The tolerance of the tracking table: outputs that differ by no more agree. */
#define PERFLAB_TOLERANCE 1e-5

bool perflab_check_ids(perflab_ctx *ctx, const char *what, const int32_t *baseline,
                       const int32_t *candidate, size_t n);

bool perflab_check_bytes(perflab_ctx *ctx, const char *what, const void *baseline,
                         const void *candidate, size_t n);

/* Sizes, counts, selected indices. */
bool perflab_check_index(perflab_ctx *ctx, const char *what, int64_t baseline, int64_t candidate);

/* |b - c| <= abs_tol + rel_tol * |b| for each. */
bool perflab_check_floats(perflab_ctx *ctx, const char *what, const float *baseline,
                          const float *candidate, size_t n, double abs_tol, double rel_tol);

bool perflab_check_doubles(perflab_ctx *ctx, const char *what, const double *baseline,
                           const double *candidate, size_t n, double abs_tol, double rel_tol);

/*
 * Judges both against a double-precision reference: the candidate must keep
 * |c - r| <= abs_tol + rel_tol * |r|; the baseline's own largest error is recorded and shown, and
 * fails nothing. Recorded errors are |x - r| / max(1, |r|).
 */
bool perflab_check_reference(perflab_ctx *ctx, const char *what, const double *reference,
                             const float *baseline, const float *candidate, size_t n,
                             double abs_tol, double rel_tol);

/* An entry of a candidate array: an id, its logit and its probability. */
typedef struct perflab_entry {
    int32_t id;
    float logit;
    float p;
} perflab_entry;

/* A whole array: same size, same order, same ids, logits and probabilities within `tol`. */
bool perflab_check_entries(perflab_ctx *ctx, const char *what, const perflab_entry *baseline,
                           size_t n_baseline, const perflab_entry *candidate, size_t n_candidate,
                           double tol);

/* An entry of a reference array in double precision. */
typedef struct perflab_exact {
    int32_t id;
    double logit;
    double p;
    double slack; /* how far this entry is from the boundary that let it in; HUGE_VAL: far */
} perflab_exact;

/*
 * A candidate array against a reference of all entries that could belong, in order; an entry with
 * negative slack lies that far outside the boundary. Logits and probabilities of the candidate must
 * be within `tol` of the reference; neighbours may swap if their reference logits differ by no
 * more than `tol`; an entry may be missing, or present though outside, if |slack| is no more
 * than the baseline's own error, which is measured on the way and recorded (at least `tol` is
 * granted).
 */
bool perflab_check_entries_reference(perflab_ctx *ctx, const char *what,
                                     const perflab_exact *reference, size_t n_reference,
                                     const perflab_entry *baseline, size_t n_baseline,
                                     const perflab_entry *candidate, size_t n_candidate,
                                     double tol);

/*
 * Random outputs: whether `counts`, of n cells, were drawn from `probabilities` (summing to 1
 * within 1e-6). A G-test, cells pooled until each expects at least 5, its p-value from the
 * chi-square distribution computed to double precision; fails below `alpha` (choose it small, 1e-6,
 * for the gate tries many seeds). A count in a cell of probability 0 fails outright.
 */
bool perflab_check_distribution(perflab_ctx *ctx, const char *what, const uint64_t *counts,
                                const double *probabilities, size_t n, double alpha);

#ifdef __cplusplus
}
#endif

#endif
