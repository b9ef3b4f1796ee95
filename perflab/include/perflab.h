/*
 * perflab.h - the header that a benchmark includes.
 *
 * A benchmark file registers improvements. Each has a baseline and a candidate that do the same
 * work, a function that makes their inputs, and a validator that compares both outputs. perflab
 * loads the file as a shared module, checks that the candidate is correct (the gate), times both
 * sides interleaved in fresh processes, and records the results in a ledger.
 *
 *     #include "perflab.h"
 *
 *     static float *in, *out[2];
 *
 *     static int setup(perflab_ctx *ctx) {
 *         const size_t bytes = ctx->size * sizeof *in;
 *         perflab_rng rng = {ctx->seed};
 *         in = perflab_alloc(ctx, bytes, 0);
 *         out[PERFLAB_BASELINE] = perflab_alloc(ctx, bytes, 0);
 *         out[PERFLAB_CANDIDATE] = perflab_alloc(ctx, bytes, 0);
 *         perflab_fill_f32(ctx, &rng, in, ctx->size, false);
 *         ctx->min_bytes = 2.0 * (double)bytes; // each call reads `in` and writes `out`
 *         return PERFLAB_OK;
 *     }
 *     static void baseline(perflab_ctx *ctx) {
 *         for (size_t i = 0; i < ctx->size; i++) out[PERFLAB_BASELINE][i] = in[i] / 0.8f;
 *     }
 *     static void candidate(perflab_ctx *ctx) {
 *         for (size_t i = 0; i < ctx->size; i++) out[PERFLAB_CANDIDATE][i] = in[i] * 1.25f;
 *     }
 *     static bool validate(perflab_ctx *ctx) {
 *         return perflab_check_floats(ctx, "output", out[PERFLAB_BASELINE],
 *                                     out[PERFLAB_CANDIDATE], ctx->size, PERFLAB_TOLERANCE, 1e-6);
 *     }
 *
 *     PERFLAB_MODULE({.id = "5.1", .component = "scaling", .title = "multiply by the inverse",
 *                     .setup = setup, .baseline = baseline, .candidate = candidate,
 *                     .validate = validate})
 *
 * The order of calls, for one set of parameters: setup; then reset and baseline, or reset and
 * candidate, any number of times in any order; validate; teardown. baseline and candidate write to
 * separate buffers, so that validate sees both outputs.
 *
 * Threads: perflab calls all functions of a benchmark from one thread, in a process of its own that
 * may be killed at any time. Call the functions below from that thread only; a benchmark's own
 * threads may use the buffers but not a perflab_ctx.
 */
#ifndef PERFLAB_H
#define PERFLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. perflab refuses a module that was built with another version. */
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

/* What setup returns. Any other value is a failure; say why with perflab_reason. */
#define PERFLAB_OK   0
#define PERFLAB_SKIP 1 /* these parameters cannot be run here (no GPU, no data): not a failure */

/* Flags of a benchmark. */
#define PERFLAB_RESET_PER_BLOCK 1u /* reset before a block of timed calls, not before each call */
#define PERFLAB_LEAK_IS_WRONG   2u /* a candidate that leaks memory of malloc is wrong */
/* A candidate whose calls allocate more often than the baseline's, first calls apart, is wrong. */
#define PERFLAB_ALLOCATION_IS_WRONG 4u

typedef enum perflab_side { PERFLAB_BASELINE = 0, PERFLAB_CANDIDATE = 1 } perflab_side;

/*
 * What a benchmark's functions are given. perflab sets the first group of members; setup sets the
 * second. The strings are valid until teardown returns.
 */
typedef struct perflab_ctx {
    size_t size;          /* the problem size, at least 1 */
    const char *input;    /* the kind of input: one of the benchmark's `inputs`, or "default" */
    uint64_t seed;        /* the input must depend on it alone: the same seed, the same input */
    const char *data_dir; /* the folder of recorded inputs ($PERFLAB_DATA), or NULL */
    perflab_side side;    /* which side runs next: reset need restore only its buffers */

    void *state;      /* for the benchmark; perflab does not look at it */
    double min_bytes; /* bytes that one call must read and write at least, 0 if unknown */
    double min_ops;   /* arithmetic operations that one call must do at least, 0 if unknown */

    struct perflab_host *host; /* for perflab; leave it alone */
} perflab_ctx;

/*
 * One improvement. A member that is left out is zero or NULL, which has a meaning for each but `id`
 * and `component`. Strings, arrays and functions must stay valid while the module is loaded.
 */
typedef struct perflab_benchmark {
    const char *id;        /* "5.1": unique among all modules that are loaded together */
    const char *component; /* a few words, the table's second column */
    const char *title;     /* what was changed, one line */
    const char *notes;     /* for the table's notes, before perflab's own; NULL: the title */
    /* "gpu": only a run on a GPU makes it COMPLETE. NULL or "cpu": a run on this machine's CPU. */
    const char *requires_device;
    const char *const *inputs; /* kinds of input, ends with NULL; NULL: one kind, "default" */
    size_t size;               /* the size that is timed and shown; 0: 100000 */
    /* Sizes that the gate tries besides `size`: at most 15, then 0. NULL: 1, 2, 31, 33, 1000. */
    const size_t *gate_sizes;
    unsigned flags; /* PERFLAB_RESET_PER_BLOCK and so on, or 0 */

    int (*setup)(perflab_ctx *ctx);      /* makes inputs and buffers; NULL: nothing to make */
    void (*reset)(perflab_ctx *ctx);     /* before each timed call, untimed; NULL: not needed */
    void (*baseline)(perflab_ctx *ctx);  /* one call of the old code; NULL: not started */
    void (*candidate)(perflab_ctx *ctx); /* one call of the new code; NULL: not written yet */
    bool (*validate)(perflab_ctx *ctx);  /* true if both outputs agree; needed by the gate */
    void (*teardown)(perflab_ctx *ctx);  /* frees what setup got elsewhere than perflab_alloc */
    void (*outputs)(perflab_ctx *ctx);   /* hands over the last call's outputs: perflab_output */
} perflab_benchmark;

/* How a module was made; written by `perflab build` and by perflab_benchmark() in CMake. */
typedef struct perflab_build {
    const char *source_hash; /* SHA-256 of all sources that decide what runs, 64 hex digits */
    const char *variant;     /* "native" or "portable" */
    const char *compiler;
    const char *flags;
    const char *sources; /* paths of the benchmark's own sources, one per line */
} perflab_build;

extern const perflab_build perflab_build_info;

typedef struct perflab_module {
    uint32_t abi;
    uint32_t count;
    const perflab_benchmark *benchmarks;
    const perflab_build *build;
} perflab_module;

/* The one symbol that a module exports. PERFLAB_MODULE or PERFLAB_DESCRIBED defines it. */
PERFLAB_EXPORT const perflab_module *perflab_get_module(void);

/* Registers the benchmarks of a file: one or more initialisers of perflab_benchmark. */
#define PERFLAB_MODULE(...)                                                                        \
    static const perflab_benchmark perflab_registered[] = {__VA_ARGS__};                           \
    PERFLAB_EXPORT const perflab_module *perflab_get_module(void) {                                \
        static const perflab_module module = {                                                     \
            PERFLAB_ABI, (uint32_t)(sizeof perflab_registered / sizeof perflab_registered[0]),     \
            perflab_registered, &perflab_build_info};                                              \
        return &module;                                                                            \
    }

/*
 * Registers one benchmark that a function fills in: void describe(perflab_benchmark *b). All
 * members are zero before the call. For dialects without designated initialisers: C89, C++ before
 * C++20.
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
 * Returns a buffer of `bytes` bytes (0 is allowed), aligned to `align` (a power of two up to 4096;
 * 0: at least 16) and filled with 0xA5. perflab frees it after teardown. When timing, the buffer
 * starts at a random offset in its page, which differs between processes. In the gate it borders on
 * an inaccessible page, at its start or its end, so that an access outside it is caught.
 *
 * Never returns NULL: if memory runs out, the process ends and perflab reports it.
 */
void *perflab_alloc(perflab_ctx *ctx, size_t bytes, size_t align);

/*
 * Loads the file `name` of the data folder into a buffer of perflab_alloc and stores its length in
 * *bytes. Returns NULL if there is no data folder or the file cannot be read; the reason is set
 * then, so that setup can return PERFLAB_SKIP at once.
 */
void *perflab_load(perflab_ctx *ctx, const char *name, size_t *bytes);

/* ---- Inputs ------------------------------------------------------------------------------- */

/*
 * A small random number generator for inputs: splitmix64 (Steele, Lea and Flood 2014). Start it
 * with {ctx->seed}; any state is valid.
 */
typedef struct perflab_rng {
    uint64_t state;
} perflab_rng;

uint64_t perflab_rng_u64(perflab_rng *rng);   /* all values alike */
double perflab_rng_uniform(perflab_rng *rng); /* [0, 1), 53 bits */
double perflab_rng_normal(perflab_rng *rng);  /* mean 0, standard deviation 1 (Box and Muller) */

/*
 * Fill p[0..n) with random values. When timing, integers are uniform and floats are normal. In the
 * gate, some or all of the values are edge cases, which code tends to get wrong: for integers the
 * smallest and the largest, 0, 1, -1, their neighbours, and powers of two; for floats 0, -0, 1, -1,
 * the neighbours of 1, the largest, the smallest normal and subnormal and, if `special`, infinities
 * and NaN.
 */
void perflab_fill_i32(perflab_ctx *ctx, perflab_rng *rng, int32_t *p, size_t n);
void perflab_fill_u32(perflab_ctx *ctx, perflab_rng *rng, uint32_t *p, size_t n);
void perflab_fill_i64(perflab_ctx *ctx, perflab_rng *rng, int64_t *p, size_t n);
void perflab_fill_u64(perflab_ctx *ctx, perflab_rng *rng, uint64_t *p, size_t n);
void perflab_fill_f32(perflab_ctx *ctx, perflab_rng *rng, float *p, size_t n, bool special);
void perflab_fill_f64(perflab_ctx *ctx, perflab_rng *rng, double *p, size_t n, bool special);

/* A length from 0 to `most`: when timing `most`; in the gate often 0, 1, most - 1 or `most`. */
size_t perflab_length(perflab_ctx *ctx, perflab_rng *rng, size_t most);

/*
 * Makes two buffers of `bytes` bytes for a function whose arguments may overlap, as memmove's may.
 * When timing they are apart. In the gate they are, by turns, apart, the same, and shifted by a
 * multiple of `align` (0: 16), in either order. For the same overlap on both sides, call it with a
 * copy of the same rng for each.
 */
void perflab_alloc_overlapping(perflab_ctx *ctx, perflab_rng *rng, size_t bytes, size_t align,
                               void **a, void **b);

/* The types of inputs that perflab explore changes. */
typedef enum perflab_type {
    PERFLAB_BYTES,
    PERFLAB_I32,
    PERFLAB_U32,
    PERFLAB_I64,
    PERFLAB_U64,
    PERFLAB_F32, /* finite */
    PERFLAB_F64  /* finite */
} perflab_type;

/*
 * To be called by setup: p[0..n) may have any values of that type, whatever setup has put there,
 * and nothing else depends on them yet. `perflab explore` then changes them, guided by coverage. At
 * most 16 for each setup; further ones are left as they are.
 */
void perflab_any(perflab_ctx *ctx, void *p, size_t n, perflab_type type);

/* How many threads a call should use: as `run --threads` or `perflab sweep` says, else 1. */
size_t perflab_threads(const perflab_ctx *ctx);

/* ---- What a benchmark reports ------------------------------------------------------------- */

/*
 * Says why setup fails or skips, or what validate found: a format and arguments as for printf. The
 * last call counts. Text beyond 511 bytes is cut off.
 */
void perflab_reason(perflab_ctx *ctx, const char *format, ...) PERFLAB_PRINTF(2, 3);

/*
 * Says where the candidate runs, e.g. "gpu", "NVIDIA H100"; at most 15 and 127 bytes. Without it:
 * "cpu" and the CPU's name.
 */
void perflab_device(perflab_ctx *ctx, const char *kind, const char *name);

/*
 * Says that the benchmark's own code compared `n` values of the outputs. The perflab_check
 * functions below count theirs themselves. If a validator compares no value at all, the gate fails.
 */
void perflab_compared(perflab_ctx *ctx, size_t n);

/*
 * To be called by a benchmark's `outputs`, once for each output of the last call: perflab copies
 * it. `perflab compare` compares the outputs of two builds, A and B, of the same benchmark. Bytes
 * must be equal; for floats |a - b| <= abs_tol + rel_tol * |a| must hold. `what` names the output
 * and must stay valid until teardown returns. If memory runs out, the process ends and perflab
 * reports it.
 */
void perflab_output(perflab_ctx *ctx, const char *what, const void *p, size_t bytes);
void perflab_output_floats(perflab_ctx *ctx, const char *what, const float *p, size_t n,
                           double abs_tol, double rel_tol);

/*
 * Lets `ns` nanoseconds pass on perflab's clock: a busy wait in real time, or an addition if the
 * clock is a simulated one. For benchmarks that test perflab's own measuring.
 */
void perflab_spend(perflab_ctx *ctx, uint64_t ns);

/*
 * Keeps the compiler from dropping the work that produced *p, and from assuming what *p holds.
 * Costs no instruction with gcc and clang.
 */
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
 * Each returns true if the outputs agree. If not, it sets the reason to the first difference, with
 * its index and both values. `what` names the output in that message. Arrays have n elements.
 * Tolerances are finite and at least 0. NaN agrees with NaN only, and an infinity only with itself.
 */

/* The tolerance of the tracking table: how far outputs may be apart that count as equal. */
#define PERFLAB_TOLERANCE 1e-5

/* Equal ids. */
bool perflab_check_ids(perflab_ctx *ctx, const char *what, const int32_t *baseline,
                       const int32_t *candidate, size_t n);

/* n equal bytes. */
bool perflab_check_bytes(perflab_ctx *ctx, const char *what, const void *baseline,
                         const void *candidate, size_t n);

/* One equal integer: a size, a count, a selected index. */
bool perflab_check_index(perflab_ctx *ctx, const char *what, int64_t baseline, int64_t candidate);

/* |b - c| <= abs_tol + rel_tol * |b| for each element b of the baseline and c of the candidate. */
bool perflab_check_floats(perflab_ctx *ctx, const char *what, const float *baseline,
                          const float *candidate, size_t n, double abs_tol, double rel_tol);

bool perflab_check_doubles(perflab_ctx *ctx, const char *what, const double *baseline,
                           const double *candidate, size_t n, double abs_tol, double rel_tol);

/*
 * Compares both sides with a reference in double precision. |c - r| <= abs_tol + rel_tol * |r| must
 * hold for each element of the candidate. The baseline's errors do not fail the check. The largest
 * error of each side, |x - r| / max(1, |r|), is recorded and shown.
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

/*
 * Arrays of entries: the same size and the same ids in the same order; logits and probabilities may
 * differ by at most `tol`, absolutely.
 */
bool perflab_check_entries(perflab_ctx *ctx, const char *what, const perflab_entry *baseline,
                           size_t n_baseline, const perflab_entry *candidate, size_t n_candidate,
                           double tol);

/* An entry of a reference array in double precision. */
typedef struct perflab_exact {
    int32_t id;
    double logit;
    double p;
    double slack; /* distance from the boundary: > 0 inside, < 0 outside; HUGE_VAL: far inside */
} perflab_exact;

/*
 * Compares a candidate array with a reference, which lists in order all entries that could belong
 * to the array, each id once. For the candidate's entries:
 * - Logits may differ from the reference by tol + tol * |logit|, probabilities by `tol`.
 * - Two entries may be out of order if their reference logits differ by at most `tol`.
 * - An entry inside the boundary may be missing, and one outside may be present, if its |slack| is
 *   at most the larger of `tol` and the baseline's own error. No id may occur twice.
 * The baseline's error is the largest error of its logits and probabilities (as for
 * perflab_check_reference), and the largest |slack| of an entry that it wrongly leaves out or
 * lists. The largest error of each side is recorded and shown. Also returns false if memory runs
 * out.
 */
bool perflab_check_entries_reference(perflab_ctx *ctx, const char *what,
                                     const perflab_exact *reference, size_t n_reference,
                                     const perflab_entry *baseline, size_t n_baseline,
                                     const perflab_entry *candidate, size_t n_candidate,
                                     double tol);

/*
 * Random outputs: tests if `counts[n]`, how often each of n values was drawn, fit
 * `probabilities[n]`. Returns false if the p-value of a G-test (the likelihood-ratio test;
 * neighbouring cells are pooled until each expects at least 5 draws) is below `alpha`. Choose a
 * small alpha such as 1e-6, since the gate tries many seeds. Also returns false if a value of
 * probability 0 was drawn, or if the probabilities do not sum to 1 within 1e-6.
 */
bool perflab_check_distribution(perflab_ctx *ctx, const char *what, const uint64_t *counts,
                                const double *probabilities, size_t n, double alpha);

#ifdef __cplusplus
}
#endif

#endif
