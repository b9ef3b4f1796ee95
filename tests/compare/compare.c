/*
 * compare.c: comparing the library's outcome with the oracle's.
 *
 * Sets must be equal, except for candidates that the oracle marked as near a boundary. Orders must
 * be equal, except among near-equal keys. Probabilities must agree to 1e-5 relative, plus the shift
 * that a differing set causes, plus the rounding of a float32 logit of large magnitude. The token
 * must be the one whose interval of the cumulative distribution holds the uniform number, within
 * 1e-6.
 */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = CHECK_WHY };

/* The index of each token in the oracle's result and in the library's; -1 if it is not there. */
typedef struct places {
    int32_t *want;
    int32_t *got;
} places;

static bool find_places(const pluck_config *config, const oracle_result *want,
                        const pluck_candidates *got, const places *at, char *why) {
    for (int32_t t = 0; t < config->n_vocab; ++t) at->want[t] = at->got[t] = -1;
    for (int32_t i = 0; i < want->n; ++i) at->want[want->ids[i]] = i;
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t id = got->ids[i];
        if (id < 0 || id >= config->n_vocab || at->got[id] >= 0) {
            snprintf(why, WHY, "candidate %d: id %d is out of range or there twice", i, id);
            return false;
        }
        at->got[id] = i;
    }
    return true;
}

/* Compares the sets; *shift receives the probability of the candidates that only one side has. */
static check_verdict compare_sets(const oracle_result *want, const pluck_candidates *got,
                                  const places *at, double *shift, char *why) {
    check_verdict verdict = CHECK_SAME;
    *shift = 0.0;
    for (int32_t i = 0; i < want->n; ++i) {
        const int32_t id = want->ids[i];
        if (at->got[id] >= 0) continue;
        snprintf(why, WHY, "id %d (logit %.9g, p %.3g) is missing: %d candidates, wanted %d", id,
                 want->logits[i], want->probabilities[i], got->n, want->n);
        /* A probability below float's range is 0, and its candidate is as good as masked. */
        if (!want->near[id] && want->probabilities[i] > 1e-38) return CHECK_DIFFERS;
        *shift += want->probabilities[i];
        verdict = CHECK_EXCUSED;
    }
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t id = got->ids[i];
        if (at->want[id] >= 0) continue;
        snprintf(why, WHY, "id %d (logit %.9g, p %.3g) is too many: %d candidates, wanted %d", id,
                 (double)got->logits[i], (double)got->probabilities[i], got->n, want->n);
        if (!want->near[id] && (double)got->probabilities[i] > 1e-38) return CHECK_DIFFERS;
        *shift += (double)got->probabilities[i];
        verdict = CHECK_EXCUSED;
    }
    return verdict;
}

static bool near_equal(double a, double b, double tolerance) {
    return a == b || fabs(a - b) <= tolerance * fmax(1.0, fmax(fabs(a), fabs(b)));
}

/* If no stage computes what it sorts by, equal keys are equal logits, and their
 * order by id is exact. */
static bool ties_are_exact(const pluck_config *config) {
    for (int32_t i = 0; i < config->n_stages; ++i) {
        switch (config->stages[i].kind) {
        case PLUCK_STAGE_LOGIT_BIAS:
        case PLUCK_STAGE_PENALTIES:
        case PLUCK_STAGE_DRY:
        case PLUCK_STAGE_TYPICAL:
        case PLUCK_STAGE_TEMPERATURE:
        case PLUCK_STAGE_SMOOTHING:
        case PLUCK_STAGE_ADAPTIVE_P:
        case PLUCK_STAGE_GUIDANCE:
        case PLUCK_STAGE_CONTRASTIVE:
        case PLUCK_STAGE_CUSTOM:
            return false;
        default:
            break;
        }
    }
    return true;
}

/* Leaves out what only one side has. Then each position must be equal, or near-equal in the key. */
static bool compare_order(const pluck_config *config, const oracle_result *want,
                          const pluck_candidates *got, const places *at, char *why) {
    const bool exact_ties = ties_are_exact(config);
    int32_t j = 0;
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t k = at->want[got->ids[i]];
        if (k < 0) continue;
        while (j < want->n && at->got[want->ids[j]] < 0) ++j;
        const double a = want->order_keys[k];
        const double b = want->order_keys[j];
        const bool excused = fabs(a - b) <= want->key_tolerance && !(exact_ties && a == b);
        if (k != j && !excused) {
            snprintf(why, WHY, "place %d: id %d (key %.9g), wanted id %d (key %.9g)", i,
                     got->ids[i], a, want->ids[j], b);
            return false;
        }
        ++j;
    }
    return true;
}

/* If a stage makes new logits from the whole distribution, a candidate that only one side has may
 * change the logits of all others. */
static bool bends(const pluck_config *config) {
    for (int32_t i = 0; i < config->n_stages; ++i) {
        const pluck_stage *s = &config->stages[i];
        if (s->kind == PLUCK_STAGE_ADAPTIVE_P || s->kind == PLUCK_STAGE_CUSTOM) return true;
        if (s->kind == PLUCK_STAGE_TEMPERATURE && s->as.temperature.range > 0.0f) return true;
    }
    return false;
}

/* Whether the logits are known up to a number that is the same for all: behind guidance, if nothing
 * needs them themselves. */
static bool is_level_open(const pluck_config *config) {
    bool guided = false, selects = false, read = false;
    for (int32_t i = 0; i < config->n_stages; ++i) {
        const pluck_stage *s = &config->stages[i];
        pluck_stage_traits traits;
        if (!pluck_stage_describe(s, &traits) || traits.disabled) continue;
        guided = guided || s->kind == PLUCK_STAGE_GUIDANCE;
        selects = selects || traits.selects;
        read = read || s->kind == PLUCK_STAGE_CUSTOM ||
               (s->kind == PLUCK_STAGE_PENALTIES && s->as.penalties.repeat != 1.0f);
    }
    return guided && selects && !read;
}

/* How far the library's logits are off by that number: seen at the most likely candidate. */
static double level_of(const pluck_config *config, const oracle_result *want,
                       const pluck_candidates *got, const places *at) {
    int32_t best = -1;
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t k = at->want[got->ids[i]];
        if (k < 0 || !isfinite(want->logits[k]) || !isfinite(got->logits[i])) continue;
        if (best < 0 || got->probabilities[i] > got->probabilities[best]) best = i;
    }
    if (best < 0 || !is_level_open(config)) return 0.0;
    return (double)got->logits[best] - want->logits[at->want[got->ids[best]]];
}

static bool compare_values(const pluck_config *config, const oracle_result *want,
                           const pluck_candidates *got, const places *at, double shift, char *why) {
    double sum = 0.0;
    double max = -INFINITY;
    int slopes = 0;
    double base = 1e-5;   /* relative */
    double spread = 1e-5; /* of logits, relative */
    double blur = 0.0;    /* of a dynamic temperature, relative: 1e-6 of the entropy, to a power */
    for (int32_t i = 0; i < config->n_stages; ++i) {
        const pluck_stage *s = &config->stages[i];
        /* Its slope is up to 33 per unit of probability, which behind a low temperature is off by
         * 2e-6: logits of 50 are float32. */
        if (s->kind == PLUCK_STAGE_ADAPTIVE_P) base = slopes++ ? 33.0 * base : 66e-6;
        if (s->kind == PLUCK_STAGE_TEMPERATURE && s->as.temperature.range > 0.0f) {
            blur += 1e-6 * (1.0 + (double)s->as.temperature.exponent);
        }
    }
    spread = fmax(spread, base);
    /* If one candidate has nearly all the probability, the entropy is a small difference of float
     * sums. The dynamic temperature is then very low and inexact, so logits are not compared. */
    for (int32_t i = 0; i < want->n && blur > 0.0; ++i) {
        if (want->probabilities[i] > 0.999) spread = INFINITY;
    }
    const double level = level_of(config, want, got, at);
    double slack = 0.0; /* of the sum that probabilities are divided by, relative */
    for (int32_t i = 0; i < want->n; ++i) {
        max = fmax(max, want->logits[i]);
        if (want->probabilities[i] > 0.0) slack += want->probabilities[i] * want->slacks[i];
    }
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t k = at->want[got->ids[i]];
        sum += (double)got->probabilities[i];
        if (k < 0) continue;
        const double x = want->logits[k];
        if (!near_equal((double)got->logits[i], x + level, spread) && fabs(x) < 1e30 &&
            fabs((double)got->logits[i]) < 1e30 &&
            fabs((double)got->logits[i] - x - level) > want->slacks[k] + 1e-6 * fabs(level)) {
            snprintf(why, WHY, "id %d: logit %.9g, wanted %.9g", got->ids[i],
                     (double)got->logits[i], x);
            return false;
        }
        /* A float32 logit x is off by up to |x| 2^-24, and so is ln p. */
        const double magnitude = isinf(x) ? 0.0 : fabs(x) + fabs(max);
        const double below = isinf(x) ? 0.0 : max - x;
        const double tolerance = base + shift * 2.0 + 1.2e-7 * fmax(0.0, magnitude - 40.0) + slack +
                                 expm1(fmin(want->slacks[k], 700.0)) + blur * below;
        const double p = want->probabilities[k];
        if (fabs((double)got->probabilities[i] - p) > tolerance * p + 1e-37) {
            snprintf(why, WHY, "id %d (logit %.9g): p %.9g, wanted %.9g (off by %.2g)", got->ids[i],
                     x, (double)got->probabilities[i], p, (double)got->probabilities[i] / p - 1.0);
            return false;
        }
    }
    if (fabs(sum - 1.0) > 1e-5) {
        snprintf(why, WHY, "the probabilities add up to %.9g", sum);
        return false;
    }
    return true;
}

/* Does u fall into the library's token in the distribution of the library's candidates, in the
 * library's order, with the oracle's probabilities? */
static bool holds_u(const pluck_config *config, const oracle_result *want,
                    const pluck_candidates *got, const places *at, int32_t token) {
    double total = 0.0;
    for (int32_t i = 0; i < got->n; ++i) {
        const int32_t k = at->want[got->ids[i]];
        total += k >= 0 ? want->probabilities[k] : (double)got->probabilities[i];
    }
    /* Rounding of the logits to float32 has moved masses, and with them every boundary. */
    double band = ORACLE_BAND;
    for (int32_t i = 0; i < want->n; ++i) {
        if (want->probabilities[i] > 0.0) band += want->probabilities[i] * want->slacks[i];
    }
    double before = 0.0;
    for (int32_t step = 0; step < (want->by_id ? config->n_vocab : got->n); ++step) {
        const int32_t i = want->by_id ? at->got[step] : step;
        if (i < 0) continue;
        const int32_t k = at->want[got->ids[i]];
        const double p = (k >= 0 ? want->probabilities[k] : (double)got->probabilities[i]) / total;
        if (got->ids[i] == token) {
            return want->u >= before - band && want->u <= before + p + band;
        }
        before += p;
    }
    return false;
}

static check_verdict compare_token(const pluck_config *config, const oracle_result *want,
                                   const pluck_candidates *got, const places *at,
                                   const pluck_draw *draw, char *why) {
    if (draw->token == want->token) return CHECK_SAME;
    snprintf(why, WHY, "token %d, wanted %d (u %.17g)", draw->token, want->token, want->u);
    if (draw->token < 0 || draw->token >= config->n_vocab) return CHECK_DIFFERS;
    if (!want->drawn_by_mass) {
        const int32_t a = at->want[draw->token];
        const int32_t b = want->token >= 0 ? at->want[want->token] : -1;
        if (a >= 0 && b >= 0 && want->logits[a] != want->logits[b] &&
            near_equal(want->logits[a], want->logits[b], ORACLE_BAND)) {
            return CHECK_EXCUSED;
        }
        return want->near[draw->token] ? CHECK_EXCUSED : CHECK_DIFFERS;
    }
    if (want->draw_last && !isnan(want->u)) {
        return holds_u(config, want, got, at, draw->token) ? CHECK_EXCUSED : CHECK_DIFFERS;
    }
    return want->n_near ? CHECK_EXCUSED : CHECK_DIFFERS;
}

static check_verdict compare_draw(const oracle_result *want, const pluck_candidates *got,
                                  const pluck_draw *draw, char *why) {
    if (draw->n_candidates != got->n) {
        snprintf(why, WHY, "draw.n_candidates %d, candidates.n %d", draw->n_candidates, got->n);
        return CHECK_DIFFERS;
    }
    const int32_t s = got->selected;
    if (s < -1 || s >= got->n || (s >= 0 && got->ids[s] != draw->token)) {
        snprintf(why, WHY, "selected %d of %d does not point at token %d", s, got->n, draw->token);
        return CHECK_DIFFERS;
    }
    /* The draw's probability comes from the sums; the candidate's is computed when it is read. */
    if (s >= 0 && (draw->logit != got->logits[s] ||
                   fabs((double)draw->probability - (double)got->probabilities[s]) >
                       2e-6 * (double)got->probabilities[s] + 1e-37)) {
        snprintf(why, WHY, "draw (%.9g, p %.9g) and candidate (%.9g, p %.9g) disagree",
                 (double)draw->logit, (double)draw->probability, (double)got->logits[s],
                 (double)got->probabilities[s]);
        return CHECK_DIFFERS;
    }
    if (s < 0 && (want->probability > 0.0 || draw->probability != 0.0f) && !want->n_near) {
        snprintf(why, WHY, "token %d is not among the candidates (p %.9g)", draw->token,
                 (double)draw->probability);
        return CHECK_DIFFERS;
    }
    return CHECK_SAME;
}

static check_verdict worse(check_verdict a, check_verdict b) {
    return a > b ? a : b;
}

static check_verdict compare_all(const pluck_config *config, const oracle_result *want,
                                 const pluck_candidates *got, const pluck_draw *draw,
                                 const places *at, char *why) {
    if (!find_places(config, want, got, at, why)) return CHECK_DIFFERS;
    double shift = 0.0;
    check_verdict verdict = compare_sets(want, got, at, &shift, why);
    if (verdict == CHECK_DIFFERS) return verdict;
    if (verdict == CHECK_SAME && got->n_masked != want->n_masked) {
        snprintf(why, WHY, "%d masked candidates counted, wanted %d", got->n_masked,
                 want->n_masked);
        /* What one side dropped near a boundary, a later stage may have masked on the other. */
        if (abs(got->n_masked - want->n_masked) > want->n_near) return CHECK_DIFFERS;
        return CHECK_EXCUSED;
    }
    if (verdict == CHECK_EXCUSED && bends(config)) return verdict;
    if (!compare_order(config, want, got, at, why)) return CHECK_DIFFERS;
    if (!compare_values(config, want, got, at, shift, why)) return CHECK_DIFFERS;
    if (draw) {
        verdict = worse(verdict, compare_token(config, want, got, at, draw, why));
        if (verdict != CHECK_DIFFERS) verdict = worse(verdict, compare_draw(want, got, draw, why));
    }
    return verdict;
}

check_verdict check_compare(const pluck_config *config, const oracle_result *want,
                            pluck_status status, const pluck_draw *draw, pluck_workspace *workspace,
                            char *why) {
    why[0] = '\0';
    if (status != want->status) {
        snprintf(why, WHY, "status %s, wanted %s", pluck_status_name(status),
                 pluck_status_name(want->status));
        return want->wild || want->n_near ? CHECK_EXCUSED : CHECK_DIFFERS;
    }
    if (status != PLUCK_OK) return CHECK_SAME;
    pluck_candidates got;
    const pluck_status read = pluck_workspace_candidates(workspace, &got);
    if (read != PLUCK_OK) {
        snprintf(why, WHY, "reading the candidates: %s", pluck_status_name(read));
        return CHECK_DIFFERS;
    }
    const size_t bytes = (size_t)config->n_vocab * sizeof(int32_t);
    places at = {malloc(bytes), malloc(bytes)};
    check_verdict verdict = CHECK_DIFFERS;
    if (at.want && at.got) verdict = compare_all(config, want, &got, draw, &at, why);
    free(at.want);
    free(at.got);
    if (verdict == CHECK_DIFFERS && want->wild) verdict = CHECK_EXCUSED;
    return verdict;
}
