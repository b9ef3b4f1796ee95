/*
 * stage.h: what a kind of stage is: one file in stages/ that ends with its descriptor.
 *
 * chain.c lists the descriptors; nothing else in the library switches on the kind of a stage. A
 * stage sees the candidates as a view (view.h) and keeps what it remembers in its stage_memory, its
 * random stream and its history.
 */
#ifndef PLUCK_STAGE_H
#define PLUCK_STAGE_H

#include "fpenv.h"
#include "history.h"
#include "view.h"

/* What a stage remembers besides its stream and history; small enough to be saved for a rollback. */
typedef struct stage_memory {
    double mu; /* mirostat */
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
    bool behind;        /* stages ran after it was selected: look it up among the candidates */
} selection;

/* A stage with its mutable parts, while it runs. */
typedef struct stage_run {
    const pluck_stage *stage;
    const void *prepared; /* what the descriptor's copy made */
    pluck_rng_kind rng;
    stage_memory *memory;
    rng_stream *stream;      /* NULL: not a random stage */
    history *history;        /* NULL: keeps none */
    int32_t *work;           /* memory of its own, between the calls without meaning */
    const rng_stream *ahead; /* the stream of a plain draw that follows at once; NULL: none does */
    selection *selection;
    pk_fpenv *caller; /* whose environment callbacks run in (fpenv.h) */
} stage_run;

/* The block that a plan is laid out in (plan.c): room for `size` bytes, aligned for any type; NULL
 * while the block is only sized. */
typedef struct plan_arena plan_arena;
void *pk_plan_put(plan_arena *arena, size_t size);

typedef struct stage_kind {
    pluck_stage_kind kind;
    const char *name;     /* as in samplers= */
    pluck_stage defaults; /* parameters that a spec starts from: llama.cpp v0.5.0's */

    /* What must have been done to the view before apply; whether a cut may stay noted on a row. */
    view_state state;
    bool takes_cut;
    pluck_status (*apply)(view *v, const stage_run *run);

    bool random, selects;
    /* Whether the parameters are right, else why not (err may be NULL). NULL: there are none. */
    pluck_status (*check)(const pluck_stage *stage, int32_t n_vocab, pluck_error *err);
    /* Whether the stage does nothing with these parameters. NULL: never. */
    bool (*disabled)(const pluck_stage *stage);
    /* The seed asked for; PLUCK_SEED_RANDOM: the config's. NULL: that. */
    uint32_t (*seed)(const pluck_stage *stage);
    /* Copies what the parameters point to, and prepares what apply wants. NULL: nothing to do. */
    const void *(*copy)(plan_arena *arena, pluck_stage *stage);

    /* Length of the history kept, what it knows of the tokens; int32 of work. NULL: none. */
    int32_t (*last_n)(const pluck_stage *stage);
    history_kind history;
    size_t (*work)(const pluck_stage *stage);

    /* Whether these functions are the caller's, and so run in its floating-point environment. */
    bool calls_back;
    /* The state after creation, and again after a reset. NULL: zero, and left alone. */
    void (*create)(const pluck_stage *stage, stage_memory *memory);
    void (*reset)(const pluck_stage *stage, stage_memory *memory);
    void (*accept)(const pluck_stage *stage, stage_memory *memory, int32_t token);
    /* Gives a copied memory what it cannot share (false: failed), and takes that back. */
    bool (*clone)(const pluck_stage *stage, stage_memory *to, const stage_memory *from);
    void (*release)(const pluck_stage *stage, stage_memory *memory);
    /* Takes back what all clones shared. */
    void (*release_shared)(const pluck_stage *stage);
} stage_kind;

/* Kinds are numbered from 1. */
enum { N_STAGE_KINDS = PLUCK_STAGE_TOP_A };

/* The descriptor of a kind; NULL if there is none. */
const stage_kind *pk_stage_kind(pluck_stage_kind kind);

/* The seed a stage asks for; PLUCK_SEED_RANDOM: the config's. */
uint32_t pk_stage_seed(const pluck_stage *stage);

/* ---- what several stages do ---- */

/* Makes a pick the selection. */
void pk_select(const stage_run *run, const view *v, pick found);

/* Draws with the stage's own stream, from the distribution as it is. */
pick pk_draw(view *v, const stage_run *run);

/* -log2 of a pick's probability. */
double pk_surprise(pick found);

/* ---- checks of parameters (stage.c) ---- */

/* ERR_PARAM, naming parameter, value and range, unless ok. */
pluck_status pk_check_param(bool ok, pluck_error *err, const char *name, double value,
                            const char *range);

/* A number between 0 and 1; finite. */
pluck_status pk_check_unit(pluck_error *err, const char *name, float value);
pluck_status pk_check_finite(pluck_error *err, const char *name, float value);

/* Of 0 or more. */
pluck_status pk_check_count(pluck_error *err, const char *name, int32_t value);
pluck_status pk_check_last_n(pluck_error *err, int32_t value);

/* A token of the vocabulary: ERR_TOKEN. */
pluck_status pk_check_token(pluck_error *err, const char *what, int32_t token, int32_t n_vocab);

#endif /* PLUCK_STAGE_H */
