/*
 * offload.c: the offload planner. It walks a chain as far as the device can follow, and decides
 * what comes back.
 *
 * The device can run edits (bias, penalties) at the front, then anything that keeps a prefix of the
 * row in sorted order. A temperature in between only changes the scale on which later stages work.
 * If the walk reaches the draw, the token comes back. If it ends before, what the last truncation
 * left comes back without the temperatures: the tail's chain begins with them.
 *
 * A top-n-sigma in front of the tail keeps the row on the CPU: it masks tokens without removing
 * them, and stages such as XTC count masked tokens.
 */
#include "offload.h"

#include "pluck_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static pluck_stage_traits traits_of(const pluck_stage *stage) {
    pluck_stage_traits traits = {0};
    (void)pluck_stage_describe(stage, &traits);
    return traits;
}

bool gpu_stage_is_disabled(const pluck_stage *stage) {
    return traits_of(stage).disabled;
}

/* What is left of x after a float of it, or 0 if that is infinite. */
static double rest_of(double x, float part) {
    return isinf(part) ? 0.0 : x - (double)part;
}

static float rounded_up(double x) {
    const float rounded = (float)x;
    return (double)rounded < x ? nextafterf(rounded, INFINITY) : rounded;
}

plk_pair gpu_pair(double x) {
    plk_pair pair = {.hi = (float)x};
    pair.lo = (float)rest_of(x, pair.hi);
    return pair;
}

plk_triple gpu_triple(double x) {
    plk_triple triple = {.hi = (float)x};
    double rest = rest_of(x, triple.hi);
    triple.mid = (float)rest;
    rest = rest_of(rest, triple.mid);
    triple.lo = rounded_up(rest);
    return triple;
}

uint64_t gpu_share(double share) {
    if (!(share > 0.0)) return 0;
    return share >= 1.0 ? UINT64_MAX : (uint64_t)ldexp(share, 64);
}

/* log2(e) / temperature. */
static plk_rate rate_of(double temperature) {
    return gpu_pair(1.4426950408889634 / temperature);
}

/* The walk along the chain. */
typedef struct planner {
    pluck_gpu_plan *plan;
    double temperature; /* product of the temperatures passed */
    bool has_bias, has_penalties;
    bool one_only; /* a temperature <= 0 was passed: the maximum alone is left */
    /* At the last truncation after which candidates could come back: */
    int32_t cut_stage; /* its index, -1: none so far */
    int32_t cut_ops;
    bool cut_sorted; /* candidates are then in sorted order, not by id */
} planner;

/* Copies the biases, in order of id, those of one token added up. */
static pluck_gpu_status take_biases(pluck_gpu_plan *plan, const pluck_stage_logit_bias *s) {
    const size_t n = (size_t)s->n_biases;
    pluck_logit_bias *merged = malloc(n * sizeof *merged);
    plan->biases = malloc(n * sizeof *plan->biases);
    if (!merged || !plan->biases) {
        free(merged);
        return PLUCK_GPU_ERR_MEMORY;
    }
    memcpy(merged, s->biases, n * sizeof *merged);
    plan->n_biases = pluck_merge_biases(merged, s->n_biases);
    for (int32_t i = 0; i < plan->n_biases; i++)
        plan->biases[i] = (plk_edit){merged[i].token, 0, merged[i].bias, 1};
    free(merged);
    return PLUCK_GPU_OK;
}

static plk_op *add_op(planner *p, int32_t kind, int32_t count, double value) {
    plk_op *op;
    if (p->plan->chain.n_ops == PLK_MAX_OPS) return NULL;
    op = p->plan->chain.ops + p->plan->chain.n_ops++;
    op->kind = kind;
    op->count = count;
    op->value = gpu_triple(value);
    op->rate = rate_of(p->temperature);
    op->temperature = gpu_pair(p->temperature);
    return op;
}

/* How far the operation reaches below the maximum, in nats; slightly further, so that rounding does
 * not matter. */
static void set_reach(const planner *p, plk_op *op, double nats) {
    op->reach = rounded_up(nats * p->temperature * 1.000001);
}

/* Candidates could come back behind this stage. */
static void could_cut(planner *p, int32_t stage, bool sorted) {
    p->cut_stage = stage;
    p->cut_ops = p->plan->chain.n_ops;
    p->cut_sorted = sorted;
}

/* Takes an epsilon or eta cut-off. */
static plk_op *add_cutoff(planner *p, int32_t kind, const pluck_stage_cutoff *s) {
    const double log_epsilon = log((double)s->epsilon);
    plk_op *op = add_op(p, kind, s->min_keep, log_epsilon);
    if (!op) return NULL;
    /* The entropy is at most the logarithm of the vocabulary's size. */
    set_reach(p, op,
              kind == PLK_OP_EPSILON
                  ? -log_epsilon
                  : fmax(-log_epsilon, log((double)p->plan->n_vocab) - 0.5 * log_epsilon));
    return op;
}

/* Takes a cut at a probability that is known after a sum; NULL if it cannot. */
static plk_op *add_cut(planner *p, const pluck_stage *stage) {
    const double n_vocab = (double)p->plan->n_vocab;
    plk_op *op;
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_A:
        op = add_op(p, PLK_OP_TOP_A, stage->as.top_a.min_keep, log((double)stage->as.top_a.a));
        if (op) set_reach(p, op, -log((double)stage->as.top_a.a));
        return op;
    case PLUCK_STAGE_EPSILON_CUTOFF:
        return add_cutoff(p, PLK_OP_EPSILON, &stage->as.epsilon_cutoff);
    case PLUCK_STAGE_ETA_CUTOFF:
        return add_cutoff(p, PLK_OP_ETA, &stage->as.eta_cutoff);
    case PLUCK_STAGE_P_LESS:
        return add_op(p, PLK_OP_P_LESS, 1, 0.0);
    default: /* p-less-norm */
        op = add_op(p, PLK_OP_P_LESS_NORM, 1, n_vocab);
        /* Up to this logarithm of the sum Z, V / Z^2 is at least 2. */
        if (op) op->reach = (float)(0.5 * (log2(n_vocab) - 1.0)) - 0.001f;
        return op;
    }
}

/* Takes one stage; false if the device cannot run it here. */
static bool take_truncation(planner *p, const pluck_stage *stage, int32_t index) {
    const pluck_gpu_plan *plan = p->plan;
    const bool clean = !p->one_only && (plan->chain.n_ops == 0 || p->cut_ops == plan->chain.n_ops);
    plk_op *op;
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_N_SIGMA:
        if (isinf(stage->as.top_n_sigma.n)) return true; /* cuts nothing; would be 0 * inf */
        return add_op(p, PLK_OP_SIGMA, 1, (double)stage->as.top_n_sigma.n) != NULL;
    case PLUCK_STAGE_TOP_K:
        if (!add_op(p, PLK_OP_TOP_K, stage->as.top_k.k, 0.0)) return false;
        if (clean && (p->cut_sorted || stage->as.top_k.k <= PLK_SMALL_MAX))
            could_cut(p, index, true);
        return true;
    case PLUCK_STAGE_TOP_P:
        op = add_op(p, PLK_OP_TOP_P, stage->as.top_p.min_keep, 0.0);
        if (!op) return false;
        op->share = gpu_share((double)stage->as.top_p.p);
        set_reach(p, op, log((double)plan->n_vocab / (1.0 - (double)stage->as.top_p.p)));
        if (clean) could_cut(p, index, true);
        return true;
    case PLUCK_STAGE_MIN_P:
        op = add_op(p, PLK_OP_MIN_P, stage->as.min_p.min_keep,
                    log((double)stage->as.min_p.p) * p->temperature);
        if (!op) return false;
        /* min-p keeps an unsorted order, but with min_keep it may sort, depending on the row */
        if (clean && (p->cut_sorted || stage->as.min_p.min_keep <= 1))
            could_cut(p, index, p->cut_sorted);
        return true;
    case PLUCK_STAGE_TOP_A:
        if (!add_cut(p, stage)) return false;
        if (clean && (p->cut_sorted || stage->as.top_a.min_keep <= 1)) /* as min-p */
            could_cut(p, index, p->cut_sorted);
        return true;
    case PLUCK_STAGE_EPSILON_CUTOFF:
    case PLUCK_STAGE_ETA_CUTOFF:
    case PLUCK_STAGE_P_LESS:
    case PLUCK_STAGE_P_LESS_NORM:
        if (!add_cut(p, stage)) return false;
        if (clean) could_cut(p, index, p->cut_sorted);
        return true;
    default:
        return false;
    }
}

static pluck_gpu_status take_stage(planner *p, const pluck_stage *stage, int32_t index,
                                   bool *taken) {
    pluck_gpu_plan *plan = p->plan;
    const bool at_front = plan->chain.n_ops == 0 && p->temperature == 1.0 && !p->one_only;
    *taken = false;
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        if (!at_front || p->has_bias) return PLUCK_GPU_OK;
        plan->chain.penalties_first = p->has_penalties;
        p->has_bias = *taken = true;
        return take_biases(plan, &stage->as.logit_bias);
    case PLUCK_STAGE_PENALTIES:
        if (!at_front || p->has_penalties || stage->as.penalties.n_exempt > 0 ||
            stage->as.penalties.output_only)
            return PLUCK_GPU_OK;
        p->has_penalties = *taken = true;
        plan->last_n = stage->as.penalties.last_n;
        plan->chain.repeat = stage->as.penalties.repeat;
        plan->chain.freq = stage->as.penalties.freq;
        plan->chain.present = stage->as.penalties.present;
        return PLUCK_GPU_OK;
    case PLUCK_STAGE_TEMPERATURE:
        if (stage->as.temperature.range > 0.0f) return PLUCK_GPU_OK;
        if (stage->as.temperature.t > 0.0f)
            p->temperature *= (double)stage->as.temperature.t;
        else
            p->one_only = true;
        *taken = true;
        return PLUCK_GPU_OK;
    default:
        *taken = take_truncation(p, stage, index);
        return PLUCK_GPU_OK;
    }
}

void gpu_choose_route(plk_chain *chain) {
    int32_t top_k = -1, sums = -1, n_sums = 0, last_sigma = -1, last_sigma_before_k = -1;
    bool keeps = false;
    for (int32_t i = 0; i < chain->n_ops; i++) {
        const plk_op *op = chain->ops + i;
        if (op->kind == PLK_OP_TOP_K && top_k < 0) top_k = i;
        if (PLK_OP_SUMS(op->kind) && n_sums++ == 0) sums = i;
        if (op->kind == PLK_OP_SIGMA) {
            last_sigma = i;
            if (top_k < 0) last_sigma_before_k = i;
        }
        if (op->kind != PLK_OP_TOP_K && op->count > 1) keeps = true;
    }
    chain->k = 0;
    if (top_k >= 0 && (sums < 0 || sums > top_k) && chain->ops[top_k].count <= PLK_SMALL_MAX &&
        last_sigma_before_k <= 0) {
        chain->route = PLK_ROUTE_TOP;
        chain->k = chain->ops[top_k].count;
    } else if (!keeps && last_sigma <= 0 && n_sums <= 1 &&
               (top_k < 0 || (sums >= 0 && sums < top_k))) {
        chain->route =
            n_sums > 0 || chain->give == PLK_GIVE_CANDIDATES ? PLK_ROUTE_NUCLEUS : PLK_ROUTE_PLAIN;
    } else {
        chain->route = PLK_ROUTE_GENERAL;
    }
    chain->needs_sigma =
        chain->route != PLK_ROUTE_GENERAL && chain->n_ops > 0 && chain->ops[0].kind == PLK_OP_SIGMA;
}

/* The tail: the temperatures that the device left out, then the stages that it did not run. */
static pluck_gpu_status make_tail(planner *p, const pluck_config *config, int32_t first) {
    pluck_gpu_plan *plan = p->plan;
    int32_t n = 0;
    plan->tail = *config;
    plan->tail_stages = malloc((size_t)(config->n_stages + 1) * sizeof *plan->tail_stages);
    if (!plan->tail_stages) return PLUCK_GPU_ERR_MEMORY;
    for (int32_t i = 0; i < config->n_stages; i++)
        if (i >= first || config->stages[i].kind == PLUCK_STAGE_TEMPERATURE)
            plan->tail_stages[n++] = config->stages[i];
    plan->tail.stages = plan->tail_stages;
    plan->tail.n_stages = n;
    plan->first_cpu = first;
    return PLUCK_GPU_OK;
}

/* The draw is at stage `draw`: everything runs on the device. */
static void finish_on_device(planner *p, const pluck_config *config, int32_t draw) {
    pluck_gpu_plan *plan = p->plan;
    plan->first_cpu = config->n_stages;
    plan->chain.give = PLK_GIVE_TOKEN;
    if (config->stages[draw].kind == PLUCK_STAGE_GREEDY || p->one_only) {
        plan->placement = PLUCK_GPU_ARGMAX; /* no truncation removes the maximum */
        plan->chain.route = PLK_ROUTE_GREEDY;
        plan->chain.n_ops = 0;
        return;
    }
    plan->placement = PLUCK_GPU_TOKEN;
    plan->seed = config->stages[draw].as.dist.seed;
    plan->stream = 0;
    for (int32_t i = 0; i < draw; i++) /* disabled stages have a number, too */
        plan->stream += traits_of(config->stages + i).random ? 1u : 0u;
    plan->chain.scale = (float)(1.0 / p->temperature);
    plan->chain.rate = rate_of(p->temperature);
    gpu_choose_route(&plan->chain);
}

static pluck_gpu_status make_plan(pluck_gpu_plan *plan, const pluck_config *config) {
    planner p = {.plan = plan, .temperature = 1.0, .cut_stage = -1};
    int32_t last = config->n_stages - 1, i = 0;
    plan->n_vocab = config->n_vocab;
    plan->chain.repeat = plan->chain.scale = 1.0f;
    while (last >= 0 && gpu_stage_is_disabled(config->stages + last)) last--;
    for (; i <= last; i++) {
        const pluck_stage *stage = config->stages + i;
        bool taken;
        if (gpu_stage_is_disabled(stage)) continue;
        if (i == last && (stage->kind == PLUCK_STAGE_GREEDY ||
                          (stage->kind == PLUCK_STAGE_DIST && config->rng == PLUCK_RNG_PHILOX))) {
            finish_on_device(&p, config, i);
            return PLUCK_GPU_OK;
        }
        GPU_TRY(take_stage(&p, stage, i, &taken));
        if (!taken) break;
    }
    plan->chain.give = PLK_GIVE_CANDIDATES;
    if (p.cut_stage < 0) {
        plan->placement = PLUCK_GPU_ROW;
        GPU_TRY(make_tail(&p, config, 0));
        return PLUCK_GPU_OK;
    }
    plan->placement = PLUCK_GPU_CANDIDATES;
    plan->chain.n_ops = p.cut_ops;
    plan->chain.by_id = !p.cut_sorted;
    plan->chain.rate = rate_of(1.0);
    gpu_choose_route(&plan->chain);
    return make_tail(&p, config, p.cut_stage + 1);
}

/* Checks the config as libpluck does, with this library's status codes. */
static pluck_gpu_status check_config(const pluck_config *config, pluck_gpu_error *error) {
    pluck_error why;
    pluck_gpu_status status;
    switch (pluck_config_check(config, &why)) {
    case PLUCK_OK:
        return PLUCK_GPU_OK;
    case PLUCK_ERR_NULL:
        status = PLUCK_GPU_ERR_NULL;
        break;
    case PLUCK_ERR_VOCAB:
    case PLUCK_ERR_SIZE:
        status = PLUCK_GPU_ERR_SIZE;
        break;
    case PLUCK_ERR_TOKEN:
        status = PLUCK_GPU_ERR_TOKEN;
        break;
    default:
        status = PLUCK_GPU_ERR_CONFIG;
        break;
    }
    return gpu_fail(error, status, "%s", why.message);
}

pluck_gpu_status pluck_gpu_plan_create(pluck_gpu_plan **out, const pluck_config *config,
                                       pluck_gpu_error *error) {
    pluck_gpu_plan *plan;
    pluck_gpu_status status;
    if (!out || !config)
        return gpu_fail(error, PLUCK_GPU_ERR_NULL, "pluck_gpu_plan_create: NULL argument");
    GPU_TRY(check_config(config, error));
    if (config->n_vocab > PLK_MAX_VOCAB)
        return gpu_fail(error, PLUCK_GPU_ERR_SIZE, "n_vocab is %d; on a device it must be 1 to %d",
                        (int)config->n_vocab, PLK_MAX_VOCAB);
    plan = calloc(1, sizeof *plan);
    if (!plan) return gpu_fail(error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    status = make_plan(plan, config);
    if (status != PLUCK_GPU_OK) {
        pluck_gpu_plan_free(plan);
        return gpu_fail(error, status, "%s", pluck_gpu_status_string(status));
    }
    *out = plan;
    return PLUCK_GPU_OK;
}

void pluck_gpu_plan_free(pluck_gpu_plan *plan) {
    if (!plan) return;
    free(plan->biases);
    free(plan->tail_stages);
    free(plan);
}

pluck_gpu_status pluck_gpu_plan_top_k(pluck_gpu_plan **out, int32_t n_vocab, int32_t k,
                                      pluck_gpu_error *error) {
    pluck_stage stage = {.kind = PLUCK_STAGE_TOP_K};
    pluck_config config = {.n_vocab = n_vocab, .stages = &stage, .n_stages = 1};
    if (k < 1 || k > PLK_SMALL_MAX)
        return gpu_fail(error, PLUCK_GPU_ERR_SIZE, "k is %d; it must be 1 to %d", (int)k,
                        PLK_SMALL_MAX);
    stage.as.top_k.k = k;
    return pluck_gpu_plan_create(out, &config, error);
}

pluck_gpu_placement pluck_gpu_plan_placement(const pluck_gpu_plan *plan) {
    return plan->placement;
}

const pluck_config *pluck_gpu_plan_tail(const pluck_gpu_plan *plan) {
    return plan && plan->tail_stages ? &plan->tail : NULL;
}
