/*
 * cut.h: cuts at a probability that is known after one sum over the candidates: top-a, epsilon and
 * eta cut-off, p-less. With the weights w = exp(x - maximum), Z their sum and ln p = x - maximum -
 * ln Z, each is a limit of x - maximum. A second sum gives the entropy H or the sum of squares:
 *     H = ln Z - sum of w ln w / Z          S = sum of w^2 / Z^2
 * The sums are fixed-point numbers; what follows from them is computed with pairs.
 */
#ifndef PLK_CUT_H
#define PLK_CUT_H

/* What a candidate adds to the second sum of an operation that has one. */
FN u64 other_weight(i32 kind, float x, float maximum, plk_rate rate) {
    return kind == PLK_OP_ETA ? weighted_distance(x, maximum, rate)
                              : squared_weight(x, maximum, rate);
}

/* (V S - 1) / (V - 1) Z, from Z and the sum of squares; 0 if nothing is left of V S - 1. */
FN plk_pair norm_of(plk_pair sum, plk_pair squares, float n_vocab) {
    const plk_pair excess =
        pair_add(pair_multiply_float(squares, n_vocab), pair_negated(pair_multiply(sum, sum)));
    if (n_vocab <= 1.0f || !(excess.hi > 0.0f)) return pair_of(0.0f);
    return pair_divide(excess, pair_multiply_float(sum, n_vocab - 1.0f));
}

/* The limit of x - maximum in nats, 0 at most; `sum` and `other`: both sums over all candidates. */
FN plk_pair limit_of(GLOBAL const plk_op *op, plk_pair sum, plk_pair other) {
    plk_pair value, limit;
    value.hi = op->value.hi;
    value.lo = op->value.mid;
    if (op->kind == PLK_OP_TOP_A) {
        limit = pair_add(value, pair_negated(pair_logarithm(sum)));
    } else if (op->kind == PLK_OP_EPSILON) {
        limit = pair_add(value, pair_logarithm(sum));
    } else if (op->kind == PLK_OP_ETA) {
        const plk_pair mean = pair_multiply(pair_ln2(), pair_divide(other, sum));
        const plk_pair by_entropy = pair_add(pair_scaled(value, 0.5f), pair_negated(mean));
        limit = pair_add(value, pair_logarithm(sum));
        if (by_entropy.hi < limit.hi || (by_entropy.hi == limit.hi && by_entropy.lo < limit.lo))
            limit = by_entropy;
    } else {
        const plk_pair least =
            op->kind == PLK_OP_P_LESS ? pair_divide(other, sum) : norm_of(sum, other, value.hi);
        if (!(least.hi > 0.0f)) return pair_of(NEG_INF);
        limit = pair_logarithm(least);
    }
    return limit.hi < 0.0f ? limit : pair_of(0.0f);
}

/* The smallest key that is kept, of a logit above -inf and not above the maximum. */
FN u64 key_of_cut(GLOBAL const plk_op *op, u64 mass, u64 other, float maximum) {
    const float unit = 2.2737367544323206e-13f; /* 2^-42 */
    const plk_pair limit =
        limit_of(op, pair_scaled(pair_of_u64(mass), unit), pair_scaled(pair_of_u64(other), unit));
    plk_pair distance;
    plk_triple below;
    if (limit.hi == 0.0f) return FIRST_KEY(ordered_from_float(maximum));
    distance = pair_multiply(limit, op->temperature);
    below.hi = distance.hi;
    below.mid = distance.lo;
    below.lo = 0.0f;
    return key_at_least(maximum, below, FIELD_ONE);
}

#endif /* PLK_CUT_H */
