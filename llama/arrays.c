/* arrays.c: see arrays.h. */
#include "arrays.h"

#include "array_write.h"
#include "pluck_blocks.h"
#include "shortlist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sorting fewer candidates than this costs less than the rest of a call. */
enum { MANY = 4096 };

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
    if (n <= scratch->capacity) return PLUCK_OK;
    free(scratch->logits);
    free(scratch->ids);
    free(scratch->carried);
    free(scratch->tail);
    free(scratch->softmax);
    scratch->softmax = NULL;
    const size_t room = n + 16;
    scratch->logits = malloc(room * sizeof *scratch->logits);
    scratch->ids = malloc(room * sizeof *scratch->ids);
    scratch->carried = malloc(room * sizeof *scratch->carried);
    scratch->tail = malloc(room * sizeof *scratch->tail);
    bool made = scratch->logits && scratch->ids && scratch->carried && scratch->tail;
    scratch->capacity = made ? n : 0;
    return made ? PLUCK_OK : PLUCK_ERR_MEMORY;
}

void plk_scratch_clear(plk_scratch *scratch) {
    pluck_workspace_free(scratch->workspace);
    free(scratch->logits);
    free(scratch->ids);
    free(scratch->carried);
    free(scratch->tail);
    free(scratch->softmax);
    free(scratch->place);
    memset(scratch, 0, sizeof *scratch);
}

int32_t plk_array_bound(const llama_token_data_array *cur) {
    int32_t max = -1;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].id < 0) return 0;
        max = cur->data[i].id > max ? cur->data[i].id : max;
    }
    return max < PLUCK_MAX_VOCAB ? max + 1 : 0;
}

/* Copies the logits; true if candidate i is token i throughout. */
PLK_FOR_BOTH static bool copy_logits(float *restrict to, const llama_token_data *restrict from,
                                     int32_t n) {
    uint32_t difference = 0;
    for (int32_t i = 0; i < n; i++) {
        to[i] = from[i].logit;
        difference |= (uint32_t)from[i].id ^ (uint32_t)i;
    }
    return difference == 0;
}

/* Copies the ids; false if one is negative or not below n_vocab. */
PLK_FOR_BOTH static bool copy_ids(int32_t *restrict to, const llama_token_data *restrict from,
                                  int32_t n, int32_t n_vocab) {
    uint32_t max = 0;
    for (int32_t i = 0; i < n; i++) {
        uint32_t id = (uint32_t)from[i].id;
        to[i] = from[i].id;
        max = id > max ? id : max;
    }
    return max < (uint32_t)n_vocab;
}

static bool descends(const float *x, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        if (!(x[i - 1] >= x[i])) return false;
    }
    return true;
}

/* llama.cpp's draws take exp(x - x[0]) if the array is flagged as sorted. Does that give the
 * softmax even if x[0] is not the greatest? */
static bool first_will_do(const float *x, int32_t n) {
    float max = x[0];
    for (int32_t i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
    return max - x[0] < 60.0f; /* false if x[0] is -inf, too */
}

/* An array as libpluck reads it. */
typedef struct input {
    pluck_row row;
    bool dense;     /* candidate i of the array is token i */
    bool flag_lies; /* the array is flagged as sorted and is not */
} input;

static pluck_status read_array(input *in, const llama_token_data_array *cur, int32_t n_vocab,
                               plk_scratch *scratch, const plk_effect *effect) {
    int32_t n = (int32_t)cur->size;
    *in = (input){.row = {.logits = scratch->logits, .workspace = scratch->workspace, .n = n}};
    int32_t n_short = 0;
    if (effect->first_k > 0 && n == n_vocab && !cur->sorted && !effect->softmax_first)
        n_short = plk_shortlist(cur->data, n, effect->first_k, scratch->ids, scratch->logits,
                                scratch->carried);
    if (n_short > 0) {
        in->row.ids = scratch->ids;
        in->row.n = n_short;
        in->dense = true;
        return PLUCK_OK;
    }
    in->dense = copy_logits(scratch->logits, cur->data, n) && n == n_vocab && !cur->sorted;
    if (in->dense) return PLUCK_OK;
    if (!copy_ids(scratch->ids, cur->data, n, n_vocab)) return PLUCK_ERR_TOKEN;
    in->row.ids = scratch->ids;
    if (!cur->sorted) return PLUCK_OK;
    in->flag_lies = !descends(scratch->logits, n);
    if (in->flag_lies)
        return effect->minds_order || !first_will_do(scratch->logits, n) ? PLUCK_ERR_ORDER
                                                                         : PLUCK_OK;
    /* For XTC the order is not declared, so that found.descending shows whether its coin made it
     * sort. */
    in->row.descending = !effect->by_coin;
    return PLUCK_OK;
}

/* The softmax that llama.cpp's truncating samplers leave in `p`, over all candidates. */
static pluck_status softmax_of(plk_scratch *scratch, const float *logits, size_t n) {
    if (!scratch->softmax)
        scratch->softmax = malloc((scratch->capacity + 16) * sizeof *scratch->softmax);
    if (!scratch->softmax) return PLUCK_ERR_MEMORY;
    return pluck_softmax(logits, n, scratch->softmax);
}

/* Sets `sorted` of an array that had `before` candidates and now has `size`. */
static void flag_order(llama_token_data_array *cur, const pluck_candidates *found, size_t before,
                       size_t size, const plk_effect *effect) {
    plk_flag flag = effect->sorted;
    if (size == 1) flag = before == 1 ? effect->sorted_single : effect->sorted_one;
    if (flag == PLK_SORTED || flag == PLK_NOT_SORTED)
        cur->sorted = flag == PLK_SORTED;
    else if (flag == PLK_SORTED_IF_FEW)
        cur->sorted = size < (size_t)effect->sorts_below ||
                      (size == (size_t)effect->sorts_below && found->descending);
    else if (flag == PLK_SORTED_AS_FOUND && !effect->sorts)
        cur->sorted = cur->sorted && found->descending;
    else if (flag == PLK_SORTED_AS_FOUND && !(effect->by_coin && cur->sorted && !effect->edits))
        cur->sorted = found->descending || size < (size_t)effect->sorts_below;
}

/* Writes back what the last call on scratch->workspace left of the array. `logits`: the array's
 * logits before the call, needed only for softmax_first. */
static pluck_status write_back(llama_token_data_array *cur, plk_scratch *scratch,
                               const pluck_candidates *found, const plk_effect *expected,
                               const float *logits, bool dense) {
    plk_effect effect = *expected;
    size_t size = (size_t)found->n + (size_t)found->n_masked;
    effect.keeps_p = effect.keeps_p || (effect.not_for_one && size == 1);
    bool untouched = cur->size == size && (size == 1 || !found->descending);
    const float *p = NULL;
    if (effect.softmax_first && !(effect.by_coin && untouched)) {
        pluck_status status = softmax_of(scratch, logits, cur->size);
        if (status != PLUCK_OK) return status;
        p = scratch->softmax;
    }
    const size_t before = cur->size;
    pluck_status status = plk_write_array(cur, scratch, found, &effect, p, dense);
    if (status == PLUCK_OK) flag_order(cur, found, before, size, &effect);
    return status;
}

/* Draws from n_vocab candidates or a list. Sets *plain if plk_write_plain is to write what is left:
 * all candidates are left, or mirostat 2 left so many that sorting them would take longer than the
 * call. */
static pluck_status draw_from(pluck_sampler *sampler, const pluck_row *row, int32_t n_vocab,
                              plk_scratch *scratch, const plk_effect *effect, pluck_draw *draw,
                              bool *plain) {
    bool mirostat = effect->sorted == PLK_SORTED;
    bool perhaps = effect->plain_scale > 0.0f && !row->ids && !effect->mirostat1;
    pluck_row wanted = *row;
    wanted.skip_probability = !perhaps;
    pluck_status status = plk_draw_row(sampler, n_vocab, scratch, &wanted, effect, draw);
    *plain = status == PLUCK_OK && perhaps &&
             (mirostat ? draw->n_candidates > MANY : draw->n_candidates == n_vocab);
    return status;
}

pluck_status plk_apply(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                       llama_token_data_array *cur, const plk_effect *expected) {
    if (cur->size == 0 || cur->size > (size_t)n_vocab) return PLUCK_ERR_ROW;
    pluck_status status = plk_scratch_reserve(scratch, n_vocab, cur->size);
    if (status != PLUCK_OK) return status;
    input in;
    status = read_array(&in, cur, n_vocab, scratch, expected);
    if (status != PLUCK_OK) return status;
    pluck_draw draw;
    bool plain;
    status = draw_from(sampler, &in.row, n_vocab, scratch, expected, &draw, &plain);
    if (status != PLUCK_OK) return status;
    if (plain) {
        plk_write_plain(cur, scratch, scratch->logits, n_vocab, &draw, expected->plain_scale);
        return PLUCK_OK;
    }
    pluck_candidates found;
    status = pluck_workspace_candidates(scratch->workspace, &found);
    if (status != PLUCK_OK) return status;
    plk_effect effect = *expected;
    if (in.flag_lies && effect.sorted == PLK_SORTED_AS_FOUND) effect.sorted = PLK_SORTED_UNCHANGED;
    return write_back(cur, scratch, &found, &effect, scratch->logits, in.dense);
}

pluck_status plk_apply_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                           const float *row, llama_token_data_array *cur, llama_token_data *large,
                           const plk_effect *expected) {
    const size_t room = cur->size;
    pluck_status status = plk_scratch_reserve(scratch, n_vocab, room);
    if (status != PLUCK_OK) return status;
    pluck_row all = {.logits = row, .workspace = scratch->workspace};
    pluck_draw draw;
    bool plain;
    status = draw_from(sampler, &all, n_vocab, scratch, expected, &draw, &plain);
    if (status != PLUCK_OK) return status;
    pluck_candidates found = {0};
    if (!plain) status = pluck_workspace_candidates(scratch->workspace, &found);
    if (status != PLUCK_OK) return status;
    bool fits = !plain && found.n_masked == 0 && (size_t)found.n <= room;
    if (fits && !expected->keeps_p && !(expected->not_for_one && found.n == 1)) {
        plk_join(cur->data, found.ids, found.logits, found.probabilities, found.n);
        cur->size = (size_t)found.n;
        if (expected->selects) cur->selected = found.selected;
        flag_order(cur, &found, (size_t)n_vocab, cur->size, expected);
        return PLUCK_OK;
    }
    status = plk_scratch_reserve(scratch, n_vocab, (size_t)n_vocab);
    if (status != PLUCK_OK) return status;
    llama_token_data_array full = {large, (size_t)n_vocab, -1, false};
    if (plain) {
        plk_write_plain(&full, scratch, row, n_vocab, &draw, expected->plain_scale);
    } else {
        pluck_token_data_fill(row, n_vocab, (pluck_token_data *)(void *)large);
        status = write_back(&full, scratch, &found, expected, row, true);
        if (status != PLUCK_OK) return status;
    }
    if (full.size <= room) {
        memcpy(cur->data, full.data, full.size * sizeof *full.data);
        full.data = cur->data;
    }
    *cur = full;
    return PLUCK_OK;
}
