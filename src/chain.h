/*
 * chain.h: what a chain is made of once it is planned, and how a stage is run.
 *
 * The plan never changes and is shared by clones: the config with everything it points to, and
 * where each stage's mutable parts lie in a sampler's memory. Disabled stages stay in the plan's
 * config but not among its steps.
 */
#ifndef PLUCK_CHAIN_H
#define PLUCK_CHAIN_H

#include "candidates.h"
#include "history.h"
#include "rng.h"

/* What a stage remembers besides its stream and history; small enough to be saved for a rollback.
 */
typedef struct stage_memory {
    double mu; /* mirostat */
    struct {
        double weighted_sum, total_weight, pending_probability;
        int32_t pending_token; /* -1: none */
    } adaptive;
    void *custom; /* context of a custom stage */
} stage_memory;

/* One enabled stage of a plan. NONE marks a part the stage has not. */
typedef struct step {
    const pluck_stage *stage;
    int32_t index;                   /* in the config */
    uint32_t stream_number;          /* among the random stages, from 0 */
    size_t stream, history, scratch; /* offsets in the sampler's memory, or NONE */
    const int32_t *ids;              /* logit bias: the tokens, ascending */
} step;

#define NONE ((size_t)-1)

/* A step with its mutable parts, while it runs. */
typedef struct stage_run {
    const pluck_stage *stage;
    pluck_rng_kind rng;
    stage_memory *memory;
    rng_stream *stream;
    history *history;
    int32_t *scratch;
    const int32_t *ids;
} stage_run;

typedef pluck_status (*stage_fn)(candidates *c, const stage_run *run);

/*
 * What the chain knows of a kind of stage (chain.c's table).
 */
typedef struct stage_kind {
    const char *name; /* as in samplers= */
    stage_fn apply;
    /* Whether the parameters are in range; NULL: there are none. */
    pluck_status (*check)(const pluck_stage *stage, int32_t n_vocab);
    /* Whether the stage does nothing with these parameters; NULL: never. */
    bool (*disabled)(const pluck_stage *stage);
    bool random, selects;
    /* Whether it works on a view with a noted cut (candidates_cut); others get a LIST. */
    bool takes_cut;
    /* Length of the history kept, whether tokens are counted, int32 of scratch; NULL: none. */
    int32_t (*last_n)(const pluck_stage *stage);
    bool counted;
    int32_t (*scratch)(const pluck_stage *stage);
    /* The state after creation; NULL: zero. */
    void (*reset)(const pluck_stage *stage, stage_memory *memory);
    void (*accept)(const pluck_stage *stage, stage_memory *memory, int32_t token);
} stage_kind;

/* NULL for a kind that does not exist. */
const stage_kind *stage_kind_of(pluck_stage_kind kind);

/* The seed a random stage asks for, PLUCK_SEED_RANDOM: the config's. */
uint32_t stage_own_seed(const pluck_stage *stage);

/* Selects from the distribution as it is (dist, mirostat, adaptive-p). Scanned and summed. */
void draw_now(candidates *c, const stage_run *run);

/* -log2 of the probability of the token selected. */
double surprise_of(const candidates *c);

/* Divides all logits by t > 0. */
void scale_by(candidates *c, double t);

/* Keeps the maximum alone; the others are masked. Scanned. */
void keep_maximum(candidates *c);

#define STAGE(name) pluck_status stage_##name(candidates *c, const stage_run *run)
STAGE(logit_bias);
STAGE(penalties);
STAGE(dry);
STAGE(top_n_sigma);
STAGE(top_k);
STAGE(typical);
STAGE(top_p);
STAGE(min_p);
STAGE(xtc);
STAGE(temperature);
STAGE(infill);
STAGE(custom);
STAGE(greedy);
STAGE(dist);
STAGE(mirostat);
STAGE(mirostat_v2);
STAGE(adaptive_p);

/* stages/dry.c: int32 of scratch for a history of last_n. */
int32_t dry_scratch(const pluck_stage *stage);

/* stages/dry.c: the tokens (ascending) that would continue a repeat, and its length, of a history
 * of n given newest first; z has room for n. Returns how many. */
int32_t dry_repeats(const pluck_stage_dry *p, const int32_t *reversed, int32_t n, int32_t *z,
                    int32_t *tokens, int32_t *lengths);

#endif /* PLUCK_CHAIN_H */
