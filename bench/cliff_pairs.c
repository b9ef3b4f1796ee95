/*
 * cliff_pairs.c: runs the pairs of a set, each together with what it is compared with.
 */
#include "cliff_pairs.h"

#include "cliff_cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest ratios that are allowed. */
#define LIMIT_ROW         2.5
#define LIMIT_MASK        1.6
#define LIMIT_MASK_GREEDY 1.9
#define LIMIT_MASK_AVX512 1.35
#define LIMIT_LIST        3.0
#define LIMIT_LIST_PHILOX 5.0

enum { MAX_CHAINS = 128, DIST_CHAIN = 1 };

/* One vocabulary: the samplers, and the normal row that rows are compared with. */
typedef struct cliff_set {
    const cliff_plan *plan;
    int32_t n_vocab;
    pluck_workspace *workspace;
    cliff_input normal;
    int32_t *by_rank;
    pluck_sampler *masters[MAX_CHAINS]; /* with their histories; each job uses a clone */
    double normal_cost[MAX_CHAINS];     /* counted once */
} cliff_set;

typedef enum role { PAIR, SELF, PLAIN, BASE, OTHER, OTHER_2, N_ROLES } role;

/* ---- the tokens by rank ---- */

typedef struct ranked {
    float logit;
    int32_t id;
} ranked;

static int by_logit(const void *a, const void *b) {
    const ranked *x = a;
    const ranked *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The indices of n values by descending value. The caller frees them. NULL if there is no
 * memory. */
static int32_t *ranks_of(const float *values, int32_t n) {
    ranked *all = malloc((size_t)n * sizeof *all);
    int32_t *ranks = malloc((size_t)n * sizeof *ranks);
    if (all == NULL || ranks == NULL) {
        free(all);
        free(ranks);
        return NULL;
    }
    for (int32_t i = 0; i < n; i++) all[i] = (ranked){values[i], i};
    qsort(all, (size_t)n, sizeof *all, by_logit);
    for (int32_t i = 0; i < n; i++) ranks[i] = all[i].id;
    free(all);
    return ranks;
}

/* ---- a set ---- */

static bool wanted(const cliff_plan *plan, const char *name, const char *only, bool small) {
    return (only == NULL || strstr(name, only) != NULL) && (small || !plan->small);
}

static bool chain_wanted(const cliff_set *set, int chain) {
    const cliff_chain *c = &cliff_chains[chain];
    return wanted(set->plan, c->name, set->plan->chain, c->small);
}

static bool add_master(cliff_set *set, int chain) {
    /* The set owns the sampler. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return set->masters[chain] != NULL ||
           cliff_chain_sampler(&set->masters[chain], &cliff_chains[chain], set->by_rank,
                               set->n_vocab, set->workspace) == PLUCK_OK;
}

static void close_set(cliff_set *set) {
    for (int c = 0; c < n_cliff_chains; c++) pluck_sampler_free(set->masters[c]);
    pluck_workspace_free(set->workspace);
    cliff_input_free(&set->normal);
    free(set->by_rank);
}

static bool open_set(cliff_set *set) {
    if (n_cliff_chains > MAX_CHAINS ||
        pluck_workspace_create(&set->workspace, set->n_vocab, NULL) != PLUCK_OK ||
        !cliff_input_make(&set->normal, &cliff_shapes[0], set->n_vocab, PLUCK_DTYPE_F32)) {
        return false;
    }
    set->by_rank = ranks_of(set->normal.values, set->n_vocab);
    bool good = set->by_rank != NULL && add_master(set, DIST_CHAIN);
    for (int c = 0; c < n_cliff_chains && good; c++) {
        if (!chain_wanted(set, c)) continue;
        const char *base = cliff_chains[c].base;
        good = add_master(set, c) && (base == NULL || add_master(set, cliff_chain_find(base)));
    }
    return good;
}

/* ---- a pair ---- */

static pluck_row row_of(const cliff_input *in) {
    return (pluck_row){.logits = in->logits,
                       .dtype = in->dtype,
                       .n = in->n,
                       .ids = in->ids,
                       .descending = in->shape->list == LIST_BY_LOGIT,
                       .allowed = in->allowed,
                       .second = in->second,
                       .second_dtype = in->dtype};
}

/* Makes a job of a list's candidates as a row, with a sampler for a vocabulary of that size. */
static pluck_status add_row_of_list(cliff_job *job, const cliff_set *set, const cliff_input *in,
                                    int chain) {
    int32_t *ranks = ranks_of(in->values, in->n);
    if (ranks == NULL) return PLUCK_ERR_MEMORY;
    const pluck_status status =
        cliff_chain_sampler(&job->sampler, &cliff_chains[chain], ranks, in->n, set->workspace);
    job->row = row_of(in);
    job->row.ids = NULL;
    job->row.second = in->logits; /* as many, for tokens of this vocabulary */
    job->row.descending = false;
    free(ranks);
    return status;
}

static pluck_status add_job(cliff_job *job, const cliff_set *set, int chain, pluck_row row) {
    job->row = row;
    return pluck_sampler_clone(&job->sampler, set->masters[chain]);
}

/* Makes the jobs of a pair: the pair itself, and everything that it may be compared with. */
static pluck_status add_jobs(cliff_job *jobs, const cliff_set *set, int chain,
                             const cliff_input *in) {
    const pluck_row normal = row_of(&set->normal);
    pluck_row row = row_of(in);
    pluck_status status = add_job(&jobs[PAIR], set, chain, row);
    if (status == PLUCK_OK) status = add_job(&jobs[SELF], set, chain, normal);
    if (status == PLUCK_OK) status = add_job(&jobs[PLAIN], set, DIST_CHAIN, normal);
    if (status == PLUCK_OK && cliff_chains[chain].base != NULL) {
        status = add_job(&jobs[BASE], set, cliff_chain_find(cliff_chains[chain].base), normal);
    }
    if (status == PLUCK_OK && in->allowed != NULL) {
        row.allowed = NULL;
        status = add_job(&jobs[OTHER], set, chain, row);
        row.logits = in->masked_logits;
        if (status == PLUCK_OK) status = add_job(&jobs[OTHER_2], set, chain, row);
    }
    if (status == PLUCK_OK && in->ids != NULL) {
        status = add_row_of_list(&jobs[OTHER], set, in, chain);
    }
    return status;
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double mask_limit(const cliff_chain *chain) {
    if (strcmp(pluck_isa(), "avx512") == 0) return LIMIT_MASK_AVX512;
    return strcmp(chain->name, "greedy") == 0 ? LIMIT_MASK_GREEDY : LIMIT_MASK;
}

/* Philox draws in the order of ids, so a list must be sorted by id first. */
static double list_limit(const cliff_chain *chain, const cliff_shape *shape) {
    const bool philox = strstr(chain->spec, "philox") != NULL;
    return philox && shape->list != LIST_BY_ID ? LIMIT_LIST_PHILOX : LIMIT_LIST;
}

/* The cost that the chain's own limit allows; 0 if it has none. Its microseconds are for a CPU that
 * takes PLAIN_US for a plain draw from PLAIN_VOCAB logits. */
static double own_limit(const cliff_pair *pair, const cliff_job *jobs) {
    enum { PLAIN_US = 44, PLAIN_VOCAB = 151936 };
    const cliff_chain *chain = pair->chain;
    const double us = jobs[PLAIN].cost / PLAIN_US * PLAIN_VOCAB / pair->n_vocab;
    return chain->factor * jobs[BASE].cost + chain->plain * jobs[PLAIN].cost +
           chain->microseconds * us;
}

/* Sets the pair's ratio and limit. */
static void judge(cliff_pair *pair, const cliff_job *jobs) {
    const cliff_chain *chain = pair->chain;
    double against = larger(jobs[SELF].cost, jobs[PLAIN].cost);
    pair->limit = LIMIT_ROW;
    if (pair->shape->mask != MASK_NONE) {
        against = larger(jobs[OTHER].cost, jobs[OTHER_2].cost);
        pair->limit = mask_limit(chain);
    } else if (pair->shape->list != LIST_NONE) {
        against = jobs[OTHER].cost;
        pair->limit = list_limit(chain, pair->shape);
    } else if (pair->shape->ordinary && own_limit(pair, jobs) > 0 &&
               own_limit(pair, jobs) < pair->limit * against) {
        against = own_limit(pair, jobs);
        pair->limit = 1;
    }
    pair->cost = jobs[PAIR].cost;
    pair->ratio = pair->cost / against;
}

static bool run_pair(cliff_pair *pair, cliff_set *set, int chain, const cliff_input *in) {
    cliff_job jobs[N_ROLES] = {{0}};
    cliff_job *all[N_ROLES];
    const char *base = cliff_chains[chain].base;
    for (int i = 0; i < N_ROLES; i++) all[i] = &jobs[i];
    pluck_status status = add_jobs(jobs, set, chain, in);
    /* Instructions are counted once for each chain's normal row. */
    jobs[SELF].cost = set->normal_cost[chain];
    jobs[PLAIN].cost = set->normal_cost[DIST_CHAIN];
    if (base != NULL) jobs[BASE].cost = set->normal_cost[cliff_chain_find(base)];
    if (status == PLUCK_OK) status = cliff_measure(all, N_ROLES, set->plan->blocks);
    if (status == PLUCK_OK) {
        judge(pair, jobs);
        set->normal_cost[chain] = jobs[SELF].cost;
        set->normal_cost[DIST_CHAIN] = jobs[PLAIN].cost;
        if (base != NULL) set->normal_cost[cliff_chain_find(base)] = jobs[BASE].cost;
    } else {
        fprintf(stderr, "bench-cliffs: %s on '%s': %s\n", pair->chain->name, pair->shape->name,
                pluck_status_string(status));
    }
    for (int i = 0; i < N_ROLES; i++) pluck_sampler_free(jobs[i].sampler);
    return status == PLUCK_OK;
}

static cliff_pair *add_pair(cliff_pairs *pairs) {
    if (pairs->n == pairs->room) {
        const int room = pairs->room > 0 ? 2 * pairs->room : 1024;
        cliff_pair *items = realloc(pairs->items, (size_t)room * sizeof *items);
        if (items == NULL) return NULL;
        pairs->items = items;
        pairs->room = room;
    }
    return &pairs->items[pairs->n++];
}

/* A row made of a short list has too few tokens for the history or the breakers of some chains. */
static bool applies(const cliff_chain *chain, const cliff_input *in) {
    enum { ROOM = 4096 };
    return in->ids == NULL || in->n >= ROOM || strstr(chain->spec, "dry_") == NULL;
}

static bool run_shape(cliff_pairs *out, cliff_set *set, const cliff_input *in) {
    for (int c = 0; c < n_cliff_chains; c++) {
        if (!chain_wanted(set, c) || !applies(&cliff_chains[c], in)) continue;
        cliff_pair *pair = add_pair(out);
        if (pair == NULL) return false;
        *pair = (cliff_pair){.chain = &cliff_chains[c],
                             .shape = in->shape,
                             .n_vocab = set->n_vocab,
                             .dtype = in->dtype};
        if (!run_pair(pair, set, c, in)) return false;
        if (set->plan->progress != NULL) set->plan->progress(pair);
    }
    return true;
}

bool cliff_pairs_run(cliff_pairs *out, const cliff_plan *plan, int32_t n_vocab, pluck_dtype dtype) {
    cliff_set set = {.plan = plan, .n_vocab = n_vocab};
    bool good = open_set(&set);
    for (int s = 0; s < n_cliff_shapes && good; s++) {
        const cliff_shape *shape = &cliff_shapes[s];
        cliff_input input;
        if (!wanted(plan, shape->name, plan->shape, shape->small)) continue;
        good = cliff_input_make(&input, shape, n_vocab, dtype);
        if (!good) break;
        good = run_shape(out, &set, &input);
        cliff_input_free(&input);
    }
    close_set(&set);
    return good;
}
