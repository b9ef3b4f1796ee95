/*
 * draft_model.h: a target and a draft model of five tokens, chains for the target, and the exact joint
 * distribution of three tokens, for the tests of verified drafts.
 */
#ifndef PLUCK_TESTS_DRAFT_MODEL_H
#define PLUCK_TESTS_DRAFT_MODEL_H

#include "check.h"
#include "pluck_verify.h"
#include "rows/trials.h"

enum { DRAFT_V = 5, DRAFT_SEQUENCES = DRAFT_V * DRAFT_V * DRAFT_V, DRAFT_SCENES = 5 };

/* The target's rows and the draft's distributions, by the token before; the last is the start's. */
typedef struct draft_model {
    float logits[DRAFT_V + 1][DRAFT_V];
    float q[DRAFT_V + 1][DRAFT_V];
} draft_model;

typedef struct draft_scene {
    const char *name;
    pluck_stage stages[5];
    int32_t n_stages;
    int xtc;    /* place of a stage whose coin is fair; -1: none */
    int drafts; /* which kind of draft */
} draft_scene;

void draft_scenes_make(draft_scene scenes[DRAFT_SCENES]);

/* Drafts 0: near the target; 1: far, and none for a token; 2: one token as good as always; 3: flat. */
void draft_model_make(draft_model *m, int drafts, uint64_t seed);

/* A sampler's config that goes back three tokens. */
pluck_config draft_config(const pluck_stage *stages, int32_t n, uint32_t seed);

/* The exact distribution of three tokens, number (t0 V + t1) V + t2. */
void draft_joint(const draft_scene *c, const draft_model *m, double p[DRAFT_SEQUENCES]);

/* A token from weights that need not add up to 1. */
int32_t draft_draw(const float q[DRAFT_V], rows_random *r);

/* Samples tokens n to 2 behind the n that are there. */
void draft_go_on(pluck_sampler *s, const draft_model *m, int32_t n, int32_t t[3]);

/* Draws three tokens, some of them drafted in the way that `how` says; returns how many stood. */
typedef int32_t (*draft_three)(pluck_sampler *s, const draft_model *m, const void *how,
                               rows_random *r, int32_t t[3]);

typedef struct draft_seeds {
    uint64_t model, drafts;
    uint32_t sampler;
} draft_seeds;

/* Draws n times three tokens, which must fit the exact joint distribution. Returns the mean number of
 * drafted tokens that stood. */
double draft_check_joint(const draft_scene *c, draft_three three, const void *how,
                         draft_seeds seeds, long n);

/* Fails the test unless n sequences that were counted fit the distribution, by chi-squared. */
void draft_assert_fits(const char *name, const double *p, const long *seen, long n);

#endif
