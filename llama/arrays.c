/* arrays.c: see arrays.h. */
#include "arrays.h"

#include "shortlist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The strided copy is the one loop here whose speed shows; the compiler vectorises it well for
 * AVX2, and the choice is made when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FOR_BOTH __attribute__((target_clones("avx2", "default")))
#else
#define FOR_BOTH
#endif

pluck_status plk_scratch_reserve(plk_scratch *scratch, int32_t n_vocab, size_t n) {
    if (n_vocab > scratch->n_vocab) {
        pluck_workspace *workspace;
        pluck_status status = pluck_workspace_create(&workspace, n_vocab, NULL);
        if (status != PLUCK_OK) return status;
        pluck_workspace_free(scratch->workspace);
        free(scratch->place);
        scratch->workspace = workspace;
        scratch->place = NULL;
        scratch->n_vocab = n_vocab;
    }
    if (n > scratch->capacity) {
        free(scratch->logits);
        free(scratch->ids);
        free(scratch->carried);
        free(scratch->tail);
        scratch->logits = malloc(n * sizeof *scratch->logits);
        scratch->ids = malloc(n * sizeof *scratch->ids);
        scratch->carried = malloc(n * sizeof *scratch->carried);
        scratch->tail = malloc(n * sizeof *scratch->tail);
        scratch->capacity = n;
        if (!scratch->logits || !scratch->ids || !scratch->carried || !scratch->tail) {
            scratch->capacity = 0;
            return PLUCK_ERR_MEMORY;
        }
    }
    return PLUCK_OK;
}

void plk_scratch_clear(plk_scratch *scratch) {
    pluck_workspace_free(scratch->workspace);
    free(scratch->logits);
    free(scratch->ids);
    free(scratch->carried);
    free(scratch->tail);
    free(scratch->place);
    memset(scratch, 0, sizeof *scratch);
}

/* Copies the logits; true where candidate i is token i throughout. */
FOR_BOTH static bool copy_logits(float *restrict to, const llama_token_data *restrict from,
                                 int32_t n) {
    uint32_t difference = 0;
    for (int32_t i = 0; i < n; i++) {
        to[i] = from[i].logit;
        difference |= (uint32_t)from[i].id ^ (uint32_t)i;
    }
    return difference == 0;
}

/* Copies the ids; false where one is not below n_vocab. */
FOR_BOTH static bool copy_ids(int32_t *restrict to, const llama_token_data *restrict from,
                              int32_t n, int32_t n_vocab) {
    uint32_t max = 0;
    for (int32_t i = 0; i < n; i++) {
        uint32_t id = (uint32_t)from[i].id;
        to[i] = from[i].id;
        max = id > max ? id : max;
    }
    return max < (uint32_t)n_vocab;
}

/* ---- Writing back ------------------------------------------------------------------------------
 */

int32_t plk_array_bound(const llama_token_data_array *cur) {
    int32_t max = -1;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].id < 0) return 0;
        max = cur->data[i].id > max ? cur->data[i].id : max;
    }
    return max < 16777216 ? max + 1 : 0;
}

/* The softmax that llama.cpp's truncating samplers leave in `p`, over all candidates. */
static void write_softmax(llama_token_data_array *cur) {
    float max = -INFINITY;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].logit > max) max = cur->data[i].logit;
    }
    double sum = 0;
    for (size_t i = 0; i < cur->size; i++) {
        cur->data[i].p = expf(cur->data[i].logit - max);
        sum += (double)cur->data[i].p;
    }
    for (size_t i = 0; i < cur->size; i++) cur->data[i].p = (float)((double)cur->data[i].p / sum);
}

/* Fills scratch->place from the input's ids (which are scratch->ids unless dense). */
static pluck_status index_input(plk_scratch *scratch, size_t n, bool dense) {
    if (!scratch->place) {
        scratch->place = malloc((size_t)scratch->n_vocab * sizeof *scratch->place);
        if (!scratch->place) return PLUCK_ERR_MEMORY;
    }
    memset(scratch->place, 0xff, (size_t)scratch->n_vocab * sizeof *scratch->place);
    for (size_t i = 0; i < n; i++)
        scratch->place[dense ? (int32_t)i : scratch->ids[i]] = (int32_t)i;
    return PLUCK_OK;
}

/* Where nothing was dropped and the order stayed, masked candidates stand among the others: writes
 * the array in place and returns true. Returns false, having changed nothing, where that is not so.
 */
static bool write_in_place(llama_token_data_array *cur, const pluck_candidates *found,
                           const plk_effect *effect) {
    if (cur->size != (size_t)found->n + (size_t)found->n_masked) return false;
    int32_t k = 0;
    for (size_t i = 0; i < cur->size; i++) {
        if (k < found->n && cur->data[i].id == found->ids[k]) k++;
    }
    if (k < found->n) return false;
    int32_t selected = -1;
    k = 0;
    for (size_t i = 0; i < cur->size; i++) {
        llama_token_data *d = &cur->data[i];
        bool left = k < found->n && d->id == found->ids[k];
        d->logit = left ? found->logits[k] : -INFINITY;
        if (!effect->keeps_p) d->p = left ? found->probabilities[k] : 0.0f;
        if (left && k == found->selected) selected = (int32_t)i;
        k += left;
    }
    if (effect->selects) cur->selected = selected;
    return true;
}

/* Collects the ids and probabilities of the masked candidates that are still counted, of those that
 * are not among the ones found: first what was masked in the input, so that none is taken for
 * masked that XTC has dropped. Needs scratch->place; spoils it. */
static void collect_masked(plk_scratch *scratch, const llama_token_data_array *cur,
                           const pluck_candidates *found) {
    for (int32_t k = 0; k < found->n; k++) scratch->place[found->ids[k]] = -1;
    int32_t m = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < cur->size && m < found->n_masked; i++) {
            const llama_token_data *d = &cur->data[i];
            if ((d->logit == -INFINITY) == (pass == 0) && scratch->place[d->id] == (int32_t)i) {
                scratch->tail[m] = d->id;
                scratch->carried[found->n + m] = d->p;
                m++;
            }
        }
    }
}

/* Writes what was found, masked ones last. Everything read from the array is read before. */
static pluck_status write_listed(llama_token_data_array *cur, plk_scratch *scratch,
                                 const pluck_candidates *found, const plk_effect *effect,
                                 bool dense) {
    bool masked = found->n_masked > 0;
    if (masked || (effect->keeps_p && !dense)) {
        pluck_status status = index_input(scratch, cur->size, dense);
        if (status != PLUCK_OK) return status;
    }
    if (effect->keeps_p) {
        for (int32_t k = 0; k < found->n; k++) {
            int32_t at = dense ? found->ids[k] : scratch->place[found->ids[k]];
            scratch->carried[k] = at >= 0 ? cur->data[at].p : found->probabilities[k];
        }
    }
    if (masked) collect_masked(scratch, cur, found);
    for (int32_t k = 0; k < found->n; k++) {
        float p = effect->keeps_p ? scratch->carried[k] : found->probabilities[k];
        cur->data[k] = (llama_token_data){found->ids[k], found->logits[k], p};
    }
    for (int32_t m = 0; m < found->n_masked; m++) {
        float p = effect->keeps_p ? scratch->carried[found->n + m] : 0.0f;
        cur->data[found->n + m] = (llama_token_data){scratch->tail[m], -INFINITY, p};
    }
    cur->size = (size_t)found->n + (size_t)found->n_masked;
    if (effect->selects) cur->selected = found->selected;
    return PLUCK_OK;
}

static bool descends(const float *x, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        if (!(x[i - 1] >= x[i])) return false;
    }
    return true;
}

pluck_status plk_apply(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                       llama_token_data_array *cur, const plk_effect *expected) {
    if (cur->size == 0 || cur->size > (size_t)n_vocab) return PLUCK_ERR_ROW;
    pluck_status status = plk_scratch_reserve(scratch, n_vocab, cur->size);
    if (status != PLUCK_OK) return status;
    plk_effect own = *expected;
    plk_effect *effect = &own;
    int32_t n = (int32_t)cur->size;
    pluck_row row = {.logits = scratch->logits, .workspace = scratch->workspace, .n = n};
    int32_t n_short = 0;
    if (effect->first_k > 0 && n == n_vocab && !cur->sorted && !effect->softmax_first)
        n_short = plk_shortlist(cur->data, n, effect->first_k, scratch->ids, scratch->logits,
                                scratch->carried);
    bool dense =
        n_short > 0 || (copy_logits(scratch->logits, cur->data, n) && n == n_vocab && !cur->sorted);
    if (n_short > 0) {
        row.ids = scratch->ids;
        row.n = n_short;
    } else if (!dense) {
        if (!copy_ids(scratch->ids, cur->data, n, n_vocab)) return PLUCK_ERR_TOKEN;
        row.ids = scratch->ids;
        /* Left undeclared, an order that an XTC coin asked for shows. libpluck checks declared
         * ones. */
        row.descending = cur->sorted && !effect->by_coin;
        if (cur->sorted && effect->by_coin && !descends(scratch->logits, n)) return PLUCK_ERR_ORDER;
    }
    pluck_draw draw;
    status = pluck_sample_row(sampler, &row, effect->selects ? &draw : NULL);
    if (status != PLUCK_OK) return status;
    pluck_candidates found;
    status = pluck_workspace_candidates(scratch->workspace, &found);
    if (status != PLUCK_OK) return status;
    size_t size = (size_t)found.n + (size_t)found.n_masked;
    effect->keeps_p = effect->keeps_p || (effect->not_for_one && size == 1);
    bool untouched = cur->size == size && (size == 1 || !found.descending);
    if (effect->softmax_first && !(effect->by_coin && untouched)) write_softmax(cur);
    bool stays = found.n_masked > 0 && !found.descending; /* what is masked, where it is */
    if (!(stays && write_in_place(cur, &found, effect))) {
        status = write_listed(cur, scratch, &found, effect, dense);
        if (status != PLUCK_OK) return status;
    }
    if (effect->sorted == PLK_SORTED || effect->sorted == PLK_NOT_SORTED)
        cur->sorted = effect->sorted == PLK_SORTED;
    else if (effect->sorted == PLK_SORTED_AS_FOUND &&
             !(effect->by_coin && cur->sorted && !effect->edits))
        cur->sorted = found.descending || size < (size_t)effect->sorts_below;
    return PLUCK_OK;
}
