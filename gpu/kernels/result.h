/* result.h: writing a row's result. */
#ifndef PLK_RESULT_H
#define PLK_RESULT_H

FN void fail_row(GLOBAL plk_result *result, i32 status) {
    if (lane_id() != 0) return;
    result->status = status;
    result->token = -1;
    result->logit = 0.0f;
    result->probability = 0.0f;
    result->logprob = 0.0f;
    result->n_candidates = 0;
}

FN void give_token(GLOBAL plk_result *result, GLOBAL const plk_chain *chain, u32 id, float logit,
                   float maximum, u64 total, u32 n) {
    const plk_pair p =
        pair_divide(pair_of_u64(weight(logit, maximum, chain->rate)), pair_of_u64(total));
    result->status = PLK_OK;
    result->token = (i32)id;
    result->logit = logit * chain->scale;
    result->probability = p.hi;
    result->logprob = pair_logarithm(p).hi;
    result->n_candidates = (i32)n;
}

#endif /* PLK_RESULT_H */
