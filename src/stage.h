/*
 * stage.h: the descriptor of a kind of stage. Each kind is one file in stages/ that ends with its
 * descriptor.
 *
 * chain.c lists the descriptors; nothing else in the library switches on the kind of a stage. A
 * stage sees the candidates as a view (view.h). What it remembers is in its stage_memory, its
 * random stream and its history.
 */
#ifndef PLUCK_STAGE_H
#define PLUCK_STAGE_H

#include "fpenv.h"
#include "history.h"
#include "token_set.h"
#include "view.h"

/* What a stage remembers besides its stream and history. It is small, because each call saves it
 * for a rollback. */
typedef struct stage_memory {
    double mu; /* mirostat; of min_tokens how many tokens the output has */
    struct {
        double weighted_sum, total_weight, pending_probability;
        int32_t pending_token; /* -1: none */
    } adaptive;
    void *custom; /* context of a custom stage */
} stage_memory;

/* The token selected so far. */
typedef struct selection {
    bool made;
    int32_t token;
    double logit;
    float x;
    double probability; /* below 0: not known yet */
    bool behind;        /* later stages ran, so it must be looked up among the candidates */
} selection;

/* A stage and its mutable parts, while it runs. */
typedef struct stage_run {
    const pluck_stage *stage;
    const void *prepared; /* what the descriptor's `copy` returned */
    pluck_rng_kind rng;
    stage_memory *memory;
    rng_stream *stream;      /* NULL: not a random stage */
    history *history;        /* NULL: it keeps none */
    int32_t *work;           /* memory for one call; its contents are not kept */
    const rng_stream *ahead; /* the stream of the next stage if that is dist; else NULL */
    bool level;              /* the logits themselves matter behind, not only their differences */
    selection *selection;
    pk_fpenv *caller; /* whose environment callbacks run in (fpenv.h) */
    /* Chooses a token instead of pk_draw; NULL: nobody does. */
    pick (*choose)(void *arg, view *v, const struct stage_run *run);
    void *choose_arg;
} stage_run;

/* The block that a plan is laid out in (plan.c). Returns `size` bytes of it, aligned for any type;
 * NULL while the size of the block is computed. */
typedef struct plan_arena plan_arena;
void *pk_plan_put(plan_arena *arena, size_t size);
int32_t pk_plan_vocab(const plan_arena *arena);

/* An edit (view.h) that masks. */
void pk_mask_edits(const void *ctx, int32_t k, int32_t n, double *logit);

/* Copies sequences with their tokens; NULL while the block is only sized. */
const pluck_token_sequence *pk_plan_put_sequences(plan_arena *arena,
                                                  const pluck_token_sequence *from, int32_t n);

/* Makes a set of *n tokens, to which *tokens and *n point afterwards; NULL while the block is only
 * sized. */
const token_set *pk_plan_put_set(plan_arena *arena, const int32_t **tokens, int32_t *n);

typedef struct stage_kind {
    pluck_stage_kind kind;
    const char *name;     /* as in samplers= */
    pluck_stage defaults; /* parameters that a spec starts with: llama.cpp v0.5.0's */

    /* The state in which apply needs the view, and whether a cut may stay noted on a row. */
    view_state state;
    bool takes_cut;
    pluck_status (*apply)(view *v, const stage_run *run);

    bool random, selects;
    /* It combines the row with the second one, and comes before all others. */
    bool joins;
    /* Whether what it does changes if the same number is added to all logits. NULL: it does not. */
    bool (*reads_level)(const pluck_stage *stage);
    /* Checks the parameters; err, which may be NULL, receives what is wrong. NULL: there are no
     * parameters. */
    pluck_status (*check)(const pluck_stage *stage, int32_t n_vocab, pluck_error *err);
    /* Whether the stage does nothing with these parameters. NULL: never. */
    bool (*disabled)(const pluck_stage *stage);
    /* The stage's own seed; PLUCK_SEED_RANDOM: the config's. NULL: the config's. */
    uint32_t (*seed)(const pluck_stage *stage);
    /* Copies what the parameters point to; returns what it has prepared for apply. NULL: nothing to
     * copy. */
    const void *(*copy)(plan_arena *arena, pluck_stage *stage);

    /* The length of the history, and its kind; the number of int32 of work. NULL: none. */
    int32_t (*last_n)(const pluck_stage *stage);
    history_kind history;
    size_t (*work)(const pluck_stage *stage);
    /* HISTORY_NGRAMS: tokens of an n-gram. */
    int32_t (*ngram)(const pluck_stage *stage);
    /* Whether the history leaves out the tokens of a prompt. NULL: it does not. */
    bool (*output_only)(const pluck_stage *stage);

    /* The functions below call the caller's, so they run in its floating-point environment. */
    bool calls_back;
    /* Set the state after creation, and after a reset. NULL: it starts as zero; a reset leaves it
     * as it is. */
    void (*create)(const pluck_stage *stage, stage_memory *memory);
    void (*reset)(const pluck_stage *stage, stage_memory *memory);
    void (*accept)(const pluck_stage *stage, stage_memory *memory, int32_t token);
    /* Whether accept is told the tokens of a prompt as well. */
    bool hears_prompt;
    /* rewind: takes back the last n accepted tokens, for what the library does not keep itself.
     * can_rewind: whether that can be done. */
    void (*rewind)(const pluck_stage *stage, stage_memory *memory, int32_t n);
    bool (*can_rewind)(const pluck_stage *stage);
    /* clone: gives a copy of the memory what it must not share; false if that fails. release: frees
     * that. */
    bool (*clone)(const pluck_stage *stage, stage_memory *to, const stage_memory *from);
    void (*release)(const pluck_stage *stage, stage_memory *memory);
    /* Releases what all clones share, with the last one. */
    void (*release_shared)(const pluck_stage *stage);
} stage_kind;

/* Kinds are numbered from 1. */
enum { N_STAGE_KINDS = PLUCK_STAGE_CONTRASTIVE };

/* The descriptor of a kind; NULL if there is none. */
const stage_kind *pk_stage_kind(pluck_stage_kind kind);

/* A stage's own seed; PLUCK_SEED_RANDOM: the config's. */
uint32_t pk_stage_seed(const pluck_stage *stage);

/* ---- shared by several stages ---- */

/* Makes a pick the selection. */
void pk_select(const stage_run *run, const view *v, pick found);

/* Draws from the view's distribution with the stage's stream. */
pick pk_draw(view *v, const stage_run *run);

/* -log2 of a pick's probability. */
double pk_surprise(pick found);

/* ---- checks of parameters (stage.c) ---- */

/* OK if `ok`, else ERR_PARAM; err then names the parameter, its value and its range. */
pluck_status pk_check_param(bool ok, pluck_error *err, const char *name, double value,
                            const char *range);

/* Check that a number is from 0 to 1; that it is finite. */
pluck_status pk_check_unit(pluck_error *err, const char *name, float value);
pluck_status pk_check_finite(pluck_error *err, const char *name, float value);

/* Checks that a count is 0 or more. */
pluck_status pk_check_count(pluck_error *err, const char *name, int32_t value);
pluck_status pk_check_last_n(pluck_error *err, int32_t value);

/* Checks an array parameter, called `name`, and its length n_`name`: ERR_SIZE, ERR_NULL. */
pluck_status pk_check_array(pluck_error *err, const char *name, const void *array, int32_t n);

/* Checks that a token is in the vocabulary; ERR_TOKEN if it is not. */
pluck_status pk_check_token(pluck_error *err, const char *what, int32_t token, int32_t n_vocab);

/* Checks a list of n tokens, which `name` it has: ERR_SIZE, ERR_NULL, ERR_TOKEN. */
pluck_status pk_check_tokens(pluck_error *err, const char *name, const int32_t *tokens, int32_t n,
                             int32_t n_vocab);

/* Checks a sequence of 1 to PLUCK_MAX_BREAKER tokens; `what` it is called: ERR_SIZE, ERR_NULL,
 * ERR_TOKEN. */
pluck_status pk_check_sequence(pluck_error *err, const char *what, const pluck_token_sequence *s,
                               int32_t n_vocab);

#endif /* PLUCK_STAGE_H */
