/*
 * real.h: the libllama that a call is meant for, and which of our functions replace its functions.
 *
 * The drop-in is linked with no libllama. It exports the names of the sampler functions as stubs
 * that ask plk_route (route.c) where the call is to go: to our function or, if nothing is taken
 * over, straight to libllama's. A stub passes on all arguments, so it works for versions of
 * libllama with other parameters.
 *
 * Versions are told apart by what they export, and by what their samplers do (probe.h), not by
 * their number.
 */
#ifndef PLUCK_LLAMA_REAL_H
#define PLUCK_LLAMA_REAL_H

#include "../sampler_functions.h"
#include "llama.h"
#include "pluck.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* X(name): the functions that have a stub; plk_hook_NAME is our llama_NAME. */
#define PLK_HOOKED(X)                                                                              \
    PLK_SAMPLER_FUNCTIONS(X)                                                                       \
    X(sampler_init_adaptive_p)                                                                     \
    X(sampler_copy)                                                                                \
    X(set_sampler)                                                                                 \
    X(get_sampled_probs_ith)                                                                       \
    X(get_sampled_logits_ith)                                                                      \
    X(get_sampled_candidates_ith)                                                                  \
    X(get_sampled_logits_count_ith)

/* X(name): functions that are watched (lend.h). Their first argument is a context. libllama's own
 * function runs, after plk_watch. Each may be missing. */
#define PLK_WATCHED(X)                                                                             \
    X(get_logits)                                                                                  \
    X(get_logits_ith)                                                                              \
    X(get_sampled_probs_count_ith)                                                                 \
    X(get_sampled_candidates_count_ith)                                                            \
    X(decode)                                                                                      \
    X(encode)                                                                                      \
    X(free)                                                                                        \
    X(opt_epoch)                                                                                   \
    X(state_set_data)                                                                              \
    X(state_load_file)                                                                             \
    X(state_seq_set_data)                                                                          \
    X(state_seq_set_data_ext)                                                                      \
    X(state_seq_load_file)                                                                         \
    X(set_state_data)                                                                              \
    X(load_session_file)

/* X(name): functions of libllama that are called and have no stub. */
#define PLK_CALLED(X)                                                                              \
    X(sampler_name)                                                                                \
    X(sampler_chain_get)                                                                           \
    X(sampler_chain_n)                                                                             \
    X(sampler_get_seed)                                                                            \
    X(get_logits_ith)                                                                              \
    X(get_sampled_token_ith)                                                                       \
    X(get_model)                                                                                   \
    X(model_get_vocab)                                                                             \
    X(vocab_n_tokens)                                                                              \
    X(tokenize)                                                                                    \
    X(detokenize)                                                                                  \
    X(token_to_piece)                                                                              \
    X(vocab_is_eog)                                                                                \
    X(vocab_eot)                                                                                   \
    X(vocab_eos)                                                                                   \
    X(log_get)

/* The slots of the stubs, in the order of the lists; the watched ones come last. */
enum {
#define PLK_NUMBER(name) PLK_SLOT_##name,
    PLK_HOOKED(PLK_NUMBER) PLK_WATCHED(PLK_NUMBER)
#undef PLK_NUMBER
        PLK_N_SLOTS
};

typedef void (*plk_function)(void);

/* Three generations of the interface: the oldest, the one with backend sampling (January 2026), and
 * the one with llama_sampler_copy (August 2026). The numbers are how many functions llama_sampler_i
 * has. */
typedef enum plk_generation {
    PLK_GENERATION_6 = 6,
    PLK_GENERATION_10 = 10,
    PLK_GENERATION_12 = 12
} plk_generation;

typedef struct plk_real {
#define PLK_MEMBER(name) __typeof__(&llama_##name) name;
    PLK_HOOKED(PLK_MEMBER)
    PLK_CALLED(PLK_MEMBER)
#undef PLK_MEMBER
    uintptr_t begin, end; /* the addresses of libllama's code and data */
    const char *path;     /* its file, as the loader names it */
    char version[32];     /* "0.5.0", "b7347", or "of unknown version" */
    plk_generation generation;
    bool log;            /* PLUCK_LLAMA=log */
    bool is_drop_in;     /* it is a drop-in, or behind one */
    const char *missing; /* a needed function that it lacks; NULL: none */

    /* What the probe found (see probe.h). Bits by PLUCK_STAGE_*. */
    _Atomic uint32_t kept_off;   /* samplers left to libllama */
    uint32_t clone_differs;      /* samplers whose clones are left to libllama */
    bool penalties_lack_n_vocab; /* init_penalties has no n_vocab */
    bool dry_has_n_ctx;          /* init_dry has n_ctx_train, and last_n = -1 means that many */
    bool single_takes_no_number; /* a draw with one candidate left takes no random number */
    bool sigma_sorts;            /* top_n_sigma sorts and writes p */
    atomic_bool infill_probed, breakers_probed; /* those that need a vocabulary */

    /* Where calls go: libllama's own functions, ours, and those for calls from inside libllama. */
    plk_function own[PLK_N_SLOTS], ours[PLK_N_SLOTS], inside[PLK_N_SLOTS];
    atomic_bool taken;
    struct plk_real *next;
} plk_real;

/* The libllama that the call on this thread is meant for; set before any function of ours runs. */
extern __attribute__((tls_model("initial-exec"))) _Thread_local plk_real *plk_library;
#define plk_libllama (*plk_library)

/* Is `word` one of the words of PLUCK_LLAMA, which are separated by commas? Always false if the
 * program runs with more rights than its user. */
bool plk_setting(const char *word);

/* Fills in what can be found out about the libllama that holds `symbol`, one of its functions,
 * without running anything. It is not taken over yet: calls go to its own functions. False if the
 * loader does not know the address or if out of memory. */
bool plk_real_open(plk_real *library, void *symbol);

/* Decides whether it is taken over and with which samplers, and prints what PLUCK_LLAMA=log asks
 * for, or why it is left alone. plk_library must point to `library`; needs the lock of route.c. */
void plk_real_take_over(plk_real *library);

/* Is the sampler left to libllama? */
static inline bool plk_kept_off(pluck_stage_kind kind) {
    return plk_libllama.kept_off >> kind & 1;
}

/* The name that llama.cpp gives the sampler of this kind; "?" if it has none. */
const char *plk_kind_name(pluck_stage_kind kind);

/* Was the function with this return address called from inside libllama? libllama calls its own
 * public functions through its PLT, so the call arrives here; it must then get its own code. */
static inline bool plk_from_inside(const void *return_address) {
    uintptr_t at = (uintptr_t)return_address;
    return at >= plk_libllama.begin && at < plk_libllama.end;
}
#define PLK_FROM_INSIDE() plk_from_inside(__builtin_return_address(0))

/* C has no conversion between object and function pointers; POSIX guarantees that one works. */
static inline plk_function plk_to_function(void *object) {
    plk_function f;
    __builtin_memcpy(&f, &object, sizeof f);
    return f;
}

static inline void *plk_to_object(plk_function f) {
    void *object;
    __builtin_memcpy(&object, &f, sizeof object);
    return object;
}

#endif
