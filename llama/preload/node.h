/*
 * node.h: what the drop-in knows about a llama_sampler.
 *
 * Every object a program holds is libllama's own, made by libllama's own functions: what owns what,
 * what a name is, what a chain contains is answered by libllama as always, and whatever the drop-in
 * does not understand still works. A node beside the object holds its parameters and, in a pluck
 * sampler, its state. Sampling runs the pluck samplers; the state of libllama's object stands still
 * meanwhile, except that accepted tokens go to both. Where a sampler has to go back to libllama (it
 * is registered with a backend, or Pluck refuses a row), its random stream is first brought up to
 * where Pluck's is, and the node stays out of the way from then on ("handed back") until a reset.
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

/* What a chain has left of a row that the program's array was too short for (lend.h). */
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
    void *ctx;                           /* believed only while they agree */
    enum { PLK_CHAIN, PLK_STAGE, PLK_EMPTY } type;
    bool handed_back;

    /* A stage: what it is, and where its state is: in a chain's plan, in `own`, or (neither) it has
     * not begun. */
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
    int64_t n_owed; /* draws that libllama's stream is behind */
    plk_mirostat1 mirostat1;
    /* A second stage that the same object stands for, in a chain behind this one; NULL: none. It
     * has no object and no state. */
    plk_node *companion;

    /* A chain. */
    struct plk_plan *plan; /* NULL: to be made */
    plk_lent lent;
    bool no_perf;
    int64_t extra_us; /* time spent here, which libllama's counter lacks */
};

/* ---- The registry ---------------------------------------------------------------------------- */

/* The node of an object, or NULL where the drop-in knows nothing of it. */
plk_node *plk_node_find(const struct llama_sampler *object);

/* A new node for an object; an older one of the same address is forgotten. NULL when out of
 * memory. */
plk_node *plk_node_add(struct llama_sampler *object);

/* Gives a node the second stage that its sampler needs in this version of libllama, if any. */
pluck_status plk_node_complete(plk_node *node);

/* Forgets an object. */
void plk_node_remove(const struct llama_sampler *object);

/* The object's inside was exchanged by libllama: believe it again. */
void plk_node_refresh(plk_node *node);

/* One user of the parameters fewer; NULL is allowed. */
void plk_params_release(plk_params *params);

/* ---- Stages ---------------------------------------------------------------------------------- */

/* The state of a stage outside a chain, able to run rows of n_vocab; made if it is not there.
 * ERR_VOCAB where the stage insists on another n_vocab. */
pluck_status plk_stage_own(plk_node *node, int32_t n_vocab);

/* Gives `to` the parameters (if asked) and the state of `from`. Both are stages of one kind; `to`
 * must be in no plan. */
pluck_status plk_stage_copy(plk_node *to, const plk_node *from, bool with_params);

/* The stage as libpluck takes it for a vocabulary: biases of tokens that do not exist are left out,
 * as llama.cpp finds no candidate for them. *kept is to be freed once the sampler is created. */
pluck_status plk_stage_fit(pluck_stage *stage, int32_t n_vocab, pluck_logit_bias **kept);

/* A sampler of one stage of `node`, in the state that it has now, wherever that is. */
pluck_status plk_stage_extract(pluck_sampler **out, const plk_node *node, int32_t n_vocab);

/* Tells one stage of a token. */
pluck_status plk_stage_accept(plk_node *node, llama_token token);

/* Forgets the state: the stage begins anew, with the seed that libllama's object now has. */
void plk_stage_restart(plk_node *node);

/* Counts the draws of a run; `n` candidates were left. */
void plk_stage_drew(plk_node *node, int32_t n);

/* Makes libllama's sampler draw as often as Pluck did in its place. What mirostat and adaptive-p
 * have learnt cannot be told to it; they learn it anew. */
void plk_stage_catch_up(plk_node *node);

/* Brings libllama's object up to date and leaves the stage to it. */
void plk_stage_hand_back(plk_node *node);

/* Leaves the stage to libllama's object as that is. */
void plk_stage_leave(plk_node *node);

/* A workspace for creating samplers with; no call ever uses it. NULL when out of memory. */
pluck_workspace *plk_shared_workspace(int32_t n_vocab);

/* The calling thread's scratch memory. NULL when out of memory. */
plk_scratch *plk_thread_scratch(void);

/* ... and its array of n candidates; NULL when out of memory. */
llama_token_data *plk_thread_array(size_t n);

#endif
