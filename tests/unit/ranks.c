/*
 * ranks.c: see ranks.h.
 */
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

/* Where slices end: multiples of 1024, in ascending order, some of them equal. */
static void cut(int32_t n_vocab, int32_t n, rows_random *random, int32_t *end) {
    const uint32_t blocks = (uint32_t)(n_vocab + PLUCK_SHARD_ALIGN - 1) / PLUCK_SHARD_ALIGN;
    for (int32_t i = 0; i < n - 1; ++i)
        end[i] = (int32_t)rows_below(random, blocks + 1) * PLUCK_SHARD_ALIGN;
    for (int32_t i = 1; i < n - 1; ++i)
        for (int32_t k = i; k > 0 && end[k] < end[k - 1]; --k) {
            const int32_t larger = end[k - 1];
            end[k - 1] = end[k];
            end[k] = larger;
        }
    end[n - 1] = n_vocab;
}

void ranks_open(ranks *r, const pluck_config *config, int32_t n, int32_t n_candidates,
                rows_random *random) {
    int32_t end[MOST_RANKS], longest = 1;
    *r = (ranks){.n = n};
    cut(config->n_vocab, n, random, end);
    for (int32_t i = 0; i < n; ++i) {
        const int32_t first = i ? end[i - 1] : 0, of_rank = end[i] - first;
        r->configs[i] = (pluck_shard_config){.n_vocab = config->n_vocab,
                                             .first = first,
                                             .n = of_rank > 0 ? of_rank : 0,
                                             .n_candidates = n_candidates};
        if (r->configs[i].n > longest) longest = r->configs[i].n;
    }
    longest += (int32_t)rows_below(random, 100);
    for (int32_t i = 0; i < n; ++i) {
        r->configs[i].longest = longest;
        assert_int_equal(pluck_shard_create(&r->shards[i], &r->configs[i], NULL), PLUCK_OK);
        assert_int_equal(pluck_sampler_create(&r->samplers[i], config), PLUCK_OK);
    }
}

void ranks_close(ranks *r) {
    for (int32_t i = 0; i < r->n; ++i) {
        pluck_shard_free(r->shards[i]);
        pluck_sampler_free(r->samplers[i]);
    }
    free(r->messages);
}

void ranks_set_row(ranks *r, const pluck_row *row) {
    const int32_t bits = row->n_allowed;
    for (int32_t i = 0; i < r->n; ++i) {
        const pluck_shard_config *c = &r->configs[i];
        r->slices[i] = (pluck_shard_slice){0};
        if (c->n == 0) continue;
        r->slices[i].logits =
            (const char *)row->logits + (size_t)c->first * rows_element_size(row->dtype);
        if (!row->allowed) continue;
        r->slices[i].allowed = row->allowed + c->first / 32;
        if (bits > 0) r->slices[i].n_allowed = bits > c->first ? bits - c->first : 1;
        assert_true(bits == 0 || bits > c->first); /* a mask of no bits cannot be said */
    }
}

void ranks_begin(ranks *r, pluck_dtype dtype, bool skip_probability) {
    r->request = (pluck_shard_request){.dtype = dtype, .skip_probability = skip_probability};
    r->rounds = 0;
}

void ranks_write(ranks *r) {
    r->size = pluck_shard_message_size(r->shards[0], r->samplers[0], &r->request);
    assert_true(r->size > 0);
    if (r->size * (size_t)r->n > r->room) {
        r->room = r->size * (size_t)r->n;
        r->messages = realloc(r->messages, r->room);
        assert_non_null(r->messages);
    }
    for (int32_t i = 0; i < r->n; ++i) {
        pluck_error error = {PLUCK_OK, ""};
        assert_int_equal(pluck_shard_message_size(r->shards[i], r->samplers[i], &r->request),
                         r->size);
        if (pluck_shard_write(r->shards[i], r->samplers[i], &r->slices[i], &r->request,
                              r->messages + (size_t)i * r->size, r->size, &error) != PLUCK_OK)
            fail_msg("writing: %s", error.message);
    }
}

/* Members, because structs have padding. */
static void assert_equal_outcomes(const pluck_shard_outcome *a, const pluck_shard_outcome *b) {
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->draw.token, b->draw.token);
    assert_int_equal(a->draw.n_candidates, b->draw.n_candidates);
    assert_memory_equal(&a->draw.logit, &b->draw.logit, sizeof a->draw.logit);
    assert_memory_equal(&a->draw.probability, &b->draw.probability, sizeof a->draw.probability);
    assert_int_equal(a->next.ask, b->next.ask);
    assert_int_equal(a->next.block, b->next.block);
    assert_int_equal(a->next.stage, b->next.stage);
}

pluck_status ranks_sample(ranks *r, pluck_draw *draw) {
    for (r->rounds = 1;; r->rounds++) {
        assert_true(r->rounds <= 3);
        ranks_write(r);
        pluck_shard_outcome first = {0};
        pluck_status status = PLUCK_OK;
        for (int32_t i = 0; i < r->n; ++i) {
            pluck_shard_outcome out = {0};
            pluck_error error = {PLUCK_OK, ""};
            const pluck_status of_rank =
                pluck_shard_merge(r->shards[i], r->samplers[i], &r->request, r->messages, r->size,
                                  r->n, &out, &error);
            if (of_rank == PLUCK_ERR_SHARD) fail_msg("merging: %s", error.message);
            assert_int_equal(error.status, of_rank);
            if (i == 0) first = out, status = of_rank;
            assert_int_equal(of_rank, status);
            assert_equal_outcomes(&first, &out);
        }
        if (status != PLUCK_OK) return status;
        *draw = first.draw;
        if (first.done) return PLUCK_OK;
        r->request = first.next;
    }
}

void ranks_accept(ranks *r, int32_t token) {
    for (int32_t i = 0; i < r->n; ++i)
        assert_int_equal(pluck_accept(r->samplers[i], token), PLUCK_OK);
}
