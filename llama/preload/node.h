/*
 * node.h: what the drop-in knows about a llama_sampler.
 *
 * Every object that a program holds is libllama's own, made by libllama's own functions. So
 * libllama still answers who owns what, how a sampler is named and what a chain contains, and
 * samplers that the drop-in does not know still work. A node beside the object holds its parameters
 * and, in a pluck sampler, its state. Sampling runs the pluck samplers. Accepted tokens go to both;
 * apart from that, the state of libllama's object does not change meanwhile. If a sampler has to go
 * back to libllama (it is registered with a backend, or Pluck refuses a row), its random stream is
 * first moved to where Pluck's is. The node is then not used ("handed back") until a reset.
 *
 * A sampler, and so its node, is used by one thread at a time, as llama.cpp requires; the registry
 * is locked.
 */
#ifndef PLUCK_LLAMA_NODE_H
#define PLUCK_LLAMA_NODE_H

#include "../arrays.h"
#include "../effect.h"
#include "../vocab.h"
#include "real.h"

#include <stdatomic.h>

/* The arrays that a stage's parameters point into; shared by the nodes of clones. */
typedef struct plk_params {
    atomic_int n_users;
    plk_breakers breakers;
    pluck_logit_bias *biases;
} plk_params;

/* What a chain left of a row when the program's array was too short for it (lend.h). */
typedef struct plk_lent {
    llama_token_data *memory;      /* the chain's; NULL: nothing */
    llama_token_data_array *array; /* the program's, ... */
    llama_token_data_array left;   /* ... as it was left, pointing into `memory`, ... */
    llama_token_data *given;       /* ... and its own data, ... */
    size_t n_given;                /* ... with room for that many */
} plk_lent;

typedef struct plk_node plk_node;
struct plk_plan;

struct plk_node {
    plk_node *next; /* in the registry */
    struct llama_sampler *object;
    const struct llama_sampler_i *iface; /* what the object held when last seen: a node is */
    void *ctx;                           /* valid only while these agree */
    enum { PLK_CHAIN, PLK_STAGE, PLK_EMPTY } type;
    bool handed_back;

    /* A stage: what it is, and where its state is: in a chain's plan; in `own`; or nowhere, if it
     * has not begun. */
    pluck_stage stage;
    plk_params *params;   /* may be NULL */
    bool seed_is_random;  /* the program asked for a random seed */
    int32_t n_vocab_must; /* the n_vocab its formula has; 0: any */
    int32_t n_vocab_hint; /* the n_vocab the program named; 0: none */
    plk_node *home;       /* the chain whose plan it is in */
    int32_t home_segment, home_stage;
    pluck_sampler *own;
    int32_t own_vocab;
    int32_t n_seen; /* no token of its history is this or more; see plk_stage_seen */
    int64_t n_owed; /* how many draws libllama's stream is behind */
    plk_mirostat1 mirostat1;
    /* A second stage, which follows this one in a chain, since the object does what both do; NULL:
     * none. It has no object and no state. */
    plk_node *companion;

    /* A chain. */
    struct plk_plan *plan; /* NULL: not made yet */
    plk_lent lent;
    bool no_perf;
    int64_t extra_us; /* time spent in the drop-in, which libllama's counter lacks */
};

/* ---- The registry ---------------------------------------------------------------------------- */

/* The node of an object, or NULL if it has none or the object now holds something else. */
plk_node *plk_node_find(const struct llama_sampler *object);

/* Makes a node for an object; an older node of the same address is freed. NULL if out of memory. */
plk_node *plk_node_add(struct llama_sampler *object);

/* Gives a node the second stage that its sampler needs in this version of libllama, if any.
 * ERR_MEMORY. */
pluck_status plk_node_complete(plk_node *node);

/* Frees the object's node, if it has one. */
void plk_node_remove(const struct llama_sampler *object);

/* Call this after libllama replaced what the object holds: makes the node valid again. */
void plk_node_refresh(plk_node *node);

/* Drops one use of the parameters, and frees them with the last one; NULL is allowed. */
void plk_params_release(plk_params *params);

/* ---- Stages ---------------------------------------------------------------------------------- */

/* Makes node->own, the stage's state outside a chain, if it is not there or is for fewer tokens
 * than n_vocab. ERR_MEMORY; ERR_VOCAB if the stage insists on another n_vocab; errors of
 * pluck_sampler_create. */
pluck_status plk_stage_own(plk_node *node, int32_t n_vocab);

/* Gives `to` the state of `from` and, if asked, its parameters. Both are stages of one kind; `to`
 * must not be in a plan. Errors: ERR_SIZE if the stage has to be left to libllama, and those of
 * pluck_sampler_create; `to` then has no state. */
pluck_status plk_stage_copy(plk_node *to, const plk_node *from, bool with_params);

/* Changes the stage to what libpluck takes for a vocabulary: leaves out biases of tokens outside
 * it, for which llama.cpp finds no candidate. *kept is to be freed once the sampler is created;
 * NULL if unused. ERR_MEMORY. */
pluck_status plk_stage_fit(pluck_stage *stage, int32_t n_vocab, pluck_logit_bias **kept);

/* Makes a sampler of the node's stage alone, in its present state, wherever that is. Errors: those
 * of pluck_sampler_create. */
pluck_status plk_stage_extract(pluck_sampler **out, const plk_node *node, int32_t n_vocab);

/* Accepts a token for a stage outside a plan. ERR_TOKEN if it is negative; errors of
 * plk_stage_own. */
pluck_status plk_stage_accept(plk_node *node, llama_token token);

/* Forgets the state: the stage begins again, with the seed that libllama's object has now. */
void plk_stage_restart(plk_node *node);

/* Counts the draws of a call that left `n` candidates. */
void plk_stage_drew(plk_node *node, int32_t n);

/* Makes libllama's sampler draw as often as Pluck's did. It cannot be given what mirostat and
 * adaptive-p have learnt; these start again. */
void plk_stage_catch_up(plk_node *node);

/* Moves the stream of libllama's object on and leaves the stage to it. */
void plk_stage_hand_back(plk_node *node);

/* Leaves the stage to libllama's object in the state that the object has. */
void plk_stage_leave(plk_node *node);

/* A workspace to create samplers with, shared by all threads; no call uses it. NULL if out of
 * memory. */
pluck_workspace *plk_shared_workspace(int32_t n_vocab);

/* The calling thread's scratch memory. NULL if out of memory. */
plk_scratch *plk_thread_scratch(void);

/* The calling thread's array of n candidates. NULL if out of memory. */
llama_token_data *plk_thread_array(size_t n);

#endif
