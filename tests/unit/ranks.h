/*
 * ranks.h: the ranks of a test of shards: each has a shard, and a sampler of its own, of the same
 * chain. Messages are exchanged in an array.
 */
#ifndef PLUCK_TESTS_RANKS_H
#define PLUCK_TESTS_RANKS_H

#include "check.h"
#include "pluck_shard.h"

enum { MOST_RANKS = 8 };

typedef struct ranks {
    int32_t n;
    pluck_shard_config configs[MOST_RANKS];
    pluck_shard *shards[MOST_RANKS];
    pluck_sampler *samplers[MOST_RANKS];
    pluck_shard_slice slices[MOST_RANKS];
    unsigned char *messages; /* of the round; room for n of size `size` */
    size_t size, room;
    pluck_shard_request request;
    int rounds; /* that the last call took */
} ranks;

/* Spreads n_vocab tokens over n ranks, at random: slices may be empty, and the last one padded. */
void ranks_open(ranks *r, const pluck_config *config, int32_t n, int32_t n_candidates,
                rows_random *random);
void ranks_close(ranks *r);

/* Gives each rank its slice of a row without ids. */
void ranks_set_row(ranks *r, const pluck_row *row);

/* Begins a call: the first request. */
void ranks_begin(ranks *r, pluck_dtype dtype, bool skip_probability);

/* Writes the messages of a round. */
void ranks_write(ranks *r);

/* Merges on every rank, which must all come to the same, and goes on to the next round until there is
 * a token. */
pluck_status ranks_sample(ranks *r, pluck_draw *draw);

void ranks_accept(ranks *r, int32_t token);

#endif
