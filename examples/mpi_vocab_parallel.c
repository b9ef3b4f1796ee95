/*
 * mpi_vocab_parallel.c: a row of logits spread over MPI's ranks. Each rank has a slice of the
 * vocabulary, as with tensor parallelism, and sends some hundred bytes about it; all ranks get the
 * token that the whole row gives. Rank 0 checks that: it samples the whole row too.
 *
 *     mpicc mpi_vocab_parallel.c $(pkg-config --cflags --libs pluck) -o mpi_vocab_parallel
 *     mpirun -n 4 ./mpi_vocab_parallel
 */
#include <mpi.h>
#include <pluck_shard.h>

#include <stdio.h>
#include <stdlib.h>

enum { N_VOCAB = 50000, N_TOKENS = 20 };

static void stop(const char *what) {
    fprintf(stderr, "%s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* The model: made-up logits of tokens first to first + n - 1, which depend on the step. */
static void compute_logits(int step, int32_t first, int32_t n, float *logits) {
    for (int32_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)(first + i) * 2654435761u + (uint32_t)step * 40503u;
        x ^= x >> 15;
        x *= 2246822519u;
        x ^= x >> 13;
        const float even = (float)(x >> 8) / 16777216.0f; /* 0 to 1, evenly */
        logits[i] = 12.0f * even * even * even * even;
    }
}

/* One token: rounds of messages until the merge has it. Counts rounds and bytes. */
static int32_t sample(pluck_shard *shard, pluck_sampler *sampler, const float *logits, int n_ranks,
                      int *rounds, size_t *bytes) {
    const pluck_shard_slice slice = {.logits = logits};
    pluck_shard_request ask = {.dtype = PLUCK_DTYPE_F32};
    pluck_shard_outcome out = {.done = false};
    pluck_error error;
    while (!out.done) {
        const size_t size = pluck_shard_message_size(shard, sampler, &ask);
        unsigned char *mine = malloc(size), *all = malloc(size * (size_t)n_ranks);
        if (!mine || !all) stop("out of memory");
        if (pluck_shard_write(shard, sampler, &slice, &ask, mine, size, &error) != PLUCK_OK)
            stop(error.message);
        MPI_Allgather(mine, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, MPI_COMM_WORLD);
        if (pluck_shard_merge(shard, sampler, &ask, all, size, n_ranks, &out, &error) != PLUCK_OK)
            stop(error.message);
        free(mine);
        free(all);
        ask = out.next;
        ++*rounds;
        *bytes += size;
    }
    return out.draw.token;
}

/* Draws some tokens with a chain, and compares them with those of the whole row. */
static void run(const char *spec, int rank, int n_ranks) {
    /* Slices of whole blocks; the last ones may be short, or empty. */
    const int32_t blocks = (N_VOCAB + PLUCK_SHARD_ALIGN - 1) / PLUCK_SHARD_ALIGN;
    const int32_t longest = (blocks + n_ranks - 1) / n_ranks * PLUCK_SHARD_ALIGN;
    const int32_t first = rank * longest;
    const int32_t left = first < N_VOCAB ? N_VOCAB - first : 0;
    const pluck_shard_config config = {.n_vocab = N_VOCAB,
                                       .first = first,
                                       .n = left < longest ? left : longest,
                                       .longest = longest};
    float *logits = malloc(sizeof(float) * (size_t)(rank == 0 ? N_VOCAB : longest));
    pluck_shard *shard = NULL;
    pluck_sampler *sampler = NULL, *whole = NULL;
    pluck_error error;
    if (!logits) stop("out of memory");
    if (pluck_shard_create(&shard, &config, &error) != PLUCK_OK ||
        pluck_sampler_from_spec(&sampler, spec, N_VOCAB, &error) != PLUCK_OK ||
        pluck_sampler_from_spec(&whole, spec, N_VOCAB, &error) != PLUCK_OK)
        stop(error.message);
    if (rank == 0) printf("%s\n   ", spec);
    int rounds = 0;
    size_t bytes = 0;
    for (int step = 0; step < N_TOKENS; step++) {
        compute_logits(step, first, config.n, logits);
        const int32_t token = sample(shard, sampler, logits, n_ranks, &rounds, &bytes);
        (void)pluck_accept(sampler, token);
        if (rank > 0) continue;
        int32_t expected = -1;
        compute_logits(step, 0, N_VOCAB, logits);
        if (pluck_sample(whole, logits, &expected) != PLUCK_OK || token != expected)
            stop("not the token of the whole row");
        (void)pluck_accept(whole, token);
        if (step < 10) printf(" %d", (int)token);
    }
    if (rank == 0) {
        printf("\n    as the whole row\n");
        fprintf(stderr, "%d ranks: %.2f rounds and %.0f bytes of each rank for a token: %s\n",
                n_ranks, (double)rounds / N_TOKENS, (double)bytes / N_TOKENS, spec);
    }
    pluck_sampler_free(sampler);
    pluck_sampler_free(whole);
    pluck_shard_free(shard);
    free(logits);
}

int main(int argc, char **argv) {
    static const char *const specs[] = {
        "seed=7;temp=0.8;top_k=40;top_p=0.95;min_p=0.05;repeat_penalty=1.1",
        "seed=7;samplers=temperature;temp=0.9", /* a plain draw */
        "seed=7;top_k=0;top_p=1;min_p=0.1;logit_bias=17-inf",
        "seed=7;top_k=0;top_p=0.5;min_p=0", /* more than messages hold: the row is gathered */
        "seed=7;samplers=typ_p;typ_p=0.9",
    };
    int rank, n_ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) run(specs[i], rank, n_ranks);
    MPI_Finalize();
    return 0;
}
