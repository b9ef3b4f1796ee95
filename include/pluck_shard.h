/*
 * pluck_shard.h: one row whose logits are spread over several ranks.
 *
 * With tensor parallelism each rank computes the logits of a slice of the vocabulary. Instead of
 * gathering the row, each rank writes a small message about its slice, the messages are exchanged by
 * whatever transport the engine has, and any rank that has all of them gets the token from them, or
 * is told what one more round must ask:
 *
 *     pluck_shard_request ask = {.dtype = PLUCK_DTYPE_BF16};
 *     pluck_shard_outcome out = {0};
 *     while (!out.done) {
 *         size_t size = pluck_shard_message_size(shard, sampler, &ask);
 *         pluck_shard_write(shard, sampler, &slice, &ask, mine, size, &error);
 *         MPI_Allgather(mine, size, MPI_BYTE, all, size, MPI_BYTE, comm);
 *         pluck_shard_merge(shard, sampler, &ask, all, size, n_ranks, &out, &error);
 *         ask = out.next;
 *     }
 *     pluck_accept(sampler, out.draw.token);
 *
 * Each rank has a sampler of the same chain, seed and history. The token is the one that
 * pluck_sample_row gives for the whole row, whatever the number of ranks; of equal logits the lower
 * id comes first. docs/serving.md says how that is done and what it costs.
 *
 * Rounds. What a chain asks of the row first, after the stages that edit single logits and after
 * temperatures, decides:
 *
 *     greedy, top-k of up to n_candidates                   one round
 *     min-p, top-p that keep up to n_candidates of a slice  one round; else a second one gathers
 *     dist                                                  two rounds
 *     anything else                                         one round, which gathers the row
 *
 * In rare cases, such as a draw that falls within rounding of a boundary, one more round gathers.
 * pluck_shard_describe tells which of these a sampler's chain is, and because of which stage.
 */
#ifndef PLUCK_SHARD_H
#define PLUCK_SHARD_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLUCK_MAX_SHARDS           1024 /* messages of a merge */
#define PLUCK_MAX_SHARD_CANDIDATES 4096 /* of a message */
#define PLUCK_SHARD_ALIGN          1024 /* slices begin at multiples of it */

/* A rank's place, and the memory that it needs; it remembers nothing of one call in the next, so one
 * serves any number of samplers and rows, one at a time. */
typedef struct pluck_shard pluck_shard;

typedef struct pluck_shard_config {
    int32_t n_vocab; /* of the whole row: 1 to 16777216 */
    int32_t first;   /* the token of the slice's first logit: a multiple of 1024 */
    int32_t n; /* logits of the slice, >= 0. Those of tokens beyond the vocabulary are padding,
                        which is never read. An empty slice may have any `first` */
    int32_t longest; /* n of the rank that has most, the same on all ranks; 0: n. Messages have the
                        same size on all ranks because of it */
    int32_t n_candidates;      /* that a message holds: 1 to 4096, the same on all ranks; 0: 256 */
    pluck_allocator allocator; /* all zero: malloc and free */
} pluck_shard_config;

/*
 * Creates a shard, with memory of about 4 bytes for each token of the vocabulary and 17 for each of
 * the slice. On error *out is left alone; err, which may be NULL, receives the member and its range.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SIZE (first, n, longest, n_candidates), ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_shard_create(pluck_shard **out, const pluck_shard_config *config,
                                          pluck_error *err);

/* Frees a shard; NULL is allowed. */
PLUCK_API void pluck_shard_free(pluck_shard *shard);

/* What a round asks. */
typedef enum pluck_shard_ask {
    PLUCK_SHARD_ASK_FIRST = 0, /* what the chain needs first */
    PLUCK_SHARD_ASK_SUMS,      /* of a plain draw: exact sums, and the logits where it falls */
    PLUCK_SHARD_ASK_ROW        /* all logits: the row is gathered */
} pluck_shard_ask;

/*
 * The question of a round, the same on all ranks. For the first round set dtype, and
 * skip_probability if you like, and the rest to zero; for later ones take pluck_shard_outcome.next
 * as it is.
 */
typedef struct pluck_shard_request {
    pluck_dtype dtype;     /* of the logits, on all ranks */
    bool skip_probability; /* greedy: draw.probability is not needed, which saves a pass */
    pluck_shard_ask ask;
    int32_t stage;   /* ASK_ROW: the stage, from 0, that needs more than was sent */
    int32_t block;   /* ASK_SUMS: the 1024 tokens in which the draw is expected, by number */
    float reference; /* ASK_SUMS: masses are exp((x - reference) / temperature) */
    double mass;     /* ASK_SUMS: an estimate of the whole mass, */
    double into;     /* and of what of the block comes before the draw */
} pluck_shard_request;

/* A rank's logits. Zero what is not needed. */
typedef struct pluck_shard_slice {
    const void *logits; /* n of the request's dtype, as in pluck_row; may be NULL if n is 0 */
    const uint32_t
        *allowed;      /* bit t % 32 of word t / 32: whether the slice's t-th token, from 0, is
                                allowed. NULL: all are */
    int32_t n_allowed; /* number of bits in `allowed`, >= 0; 0: n */
} pluck_shard_slice;

/* The bytes of each rank's message in a round; 0 if an argument is NULL or cannot be right. */
PLUCK_API size_t pluck_shard_message_size(const pluck_shard *shard, const pluck_sampler *sampler,
                                          const pluck_shard_request *request);

/*
 * Writes a rank's message: runs the edits of the chain (biases, penalties, DRY, bans) on the slice,
 * and sums it up. Reads the slice once, or twice for ASK_SUMS. A bias or a token of a history
 * outside the slice does nothing, so all ranks may have the same. The sampler stays as it is, except
 * for its workspace memory. A NaN at an allowed token is written to the message, because all ranks
 * must learn of it.
 *
 * Messages are little-endian, of fixed size, with a version and a checksum. What has no meaning in
 * one is zero.
 * Errors, with the reason in err, which may be NULL: ERR_NULL; ERR_ROW (dtype); ERR_SIZE (room is
 * below pluck_shard_message_size; n_allowed); ERR_VOCAB (the sampler's n_vocab is not the shard's);
 * ERR_PARAM (the request is none).
 */
PLUCK_API pluck_status pluck_shard_write(pluck_shard *shard, pluck_sampler *sampler,
                                         const pluck_shard_slice *slice,
                                         const pluck_shard_request *request, void *message,
                                         size_t room, pluck_error *err);

/* What a merge came to. */
typedef struct pluck_shard_outcome {
    bool done;                /* there is a token; else one more round is needed */
    pluck_draw draw;          /* if done; as of pluck_sample_row */
    pluck_shard_request next; /* if not: what to ask */
} pluck_shard_outcome;

/*
 * Merges the messages of all ranks, n_messages of them in any order, message i at
 * messages + i * stride bytes. If they suffice, the token is selected, which draws from the sampler's
 * streams as pluck_sample_row does; it is not accepted. Then pluck_workspace_candidates has the kept
 * set, except after greedy and a plain dist, which keep what no rank has: ERR_NO_RESULT.
 *
 * Every rank that merges the same messages with an equal sampler gets the same outcome. A rank that
 * does not merge must be told the token; before the next row its sampler needs the others' state
 * (pluck_sampler_load), unless its streams are Philox's and are moved on with pluck_sampler_seek.
 *
 * Errors, with the reason in err, which may be NULL; the sampler and *outcome are then as they were:
 * ERR_NULL; ERR_SIZE (n_messages is not 1 to 1024, or stride is below the size of a message);
 * ERR_VOCAB, ERR_ROW, ERR_PARAM as for pluck_shard_write; ERR_SHARD (a message is of another version,
 * vocabulary, chain, sampler state or request, was altered or cut off; slices overlap or leave tokens
 * out, or do not begin at a multiple of 1024); those of pluck_sample_row, such as ERR_NAN.
 */
PLUCK_API pluck_status pluck_shard_merge(pluck_shard *shard, pluck_sampler *sampler,
                                         const pluck_shard_request *request, const void *messages,
                                         size_t stride, int32_t n_messages,
                                         pluck_shard_outcome *outcome, pluck_error *err);

/* How a sampler's chain is served. */
typedef struct pluck_shard_route {
    int32_t least_rounds, most_rounds;
    bool gathers;     /* the first round gathers the row */
    int32_t stage;    /* the stage, from 0, that decides; -1: there is none */
    const char *name; /* of that stage, as in samplers=NAME; "" if there is none. Static text */
    const char *why;  /* one line, without a full stop. Static text */
} pluck_shard_route;

/* Says which of the routes above a sampler takes. Errors: ERR_NULL, ERR_VOCAB (the sampler's n_vocab
 * is not the shard's). */
PLUCK_API pluck_status pluck_shard_describe(const pluck_shard *shard, const pluck_sampler *sampler,
                                            pluck_shard_route *route);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_SHARD_H */
