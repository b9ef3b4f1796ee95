/*
 * bench-shard: what a row costs that is spread over ranks (pluck_shard.h), as a page in Markdown:
 * the time and the bytes of a rank, measured by running all ranks one after the other on one core,
 * and a model of what a step costs from these, against gathering the rows and against dealing them
 * out. The network is not measured: its latency and bandwidth are parameters.
 *
 * Usage: bench-shard [TURNS [LATENCY_US [GIGABYTES_PER_SECOND]]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_name.h"
#include "pluck_shard.h"
#include "rows.h"
#include "timing.h"

enum { N_VOCAB = 151936, N_ROWS = 8, MAX_RANKS = 64, MAX_TURNS = 1000, ROOM = 1 << 20 };

static const struct {
    const char *name, *spec;
} CHAINS[] = {
    {"default chain", "seed=1"},
    {"min-p .05, temperature .8", "seed=1;top_k=0;top_p=1"},
    {"top-p .9", "seed=1;top_k=0;top_p=0.9;min_p=0;temp=1"},
    {"plain draw", "seed=1;samplers=temperature;temp=1"},
    {"typical .9, which gathers", "seed=1;samplers=typ_p;typ_p=0.9"},
};
enum { N_CHAINS = sizeof CHAINS / sizeof *CHAINS };

static const int RANKS[] = {1, 2, 4, 8, 16, 32, 64};
enum { N_COUNTS = sizeof RANKS / sizeof *RANKS };

static uint16_t rows[N_ROWS][N_VOCAB];
static unsigned char *messages;

static void stop(const char *what) {
    fprintf(stderr, "bench-shard: %s\n", what);
    exit(1);
}

/* What a row costs; times in microseconds, means of the rows, of each the least of all turns, since
 * others may use the machine at the same time. */
typedef struct cost {
    double whole, write, merge; /* the whole row on one core; what each rank writes; one merge */
    double rounds, bytes;       /* bytes: of a rank's messages of all rounds */
} cost;

static pluck_shard *shards[MAX_RANKS];
static pluck_shard_config configs[MAX_RANKS];

static void open_shards(int n) {
    const int32_t blocks = (N_VOCAB + PLUCK_SHARD_ALIGN - 1) / PLUCK_SHARD_ALIGN;
    for (int i = 0; i < n; i++) {
        const int32_t first = (int32_t)((int64_t)blocks * i / n) * PLUCK_SHARD_ALIGN;
        const int32_t end = (int32_t)((int64_t)blocks * (i + 1) / n) * PLUCK_SHARD_ALIGN;
        configs[i] = (pluck_shard_config){
            .n_vocab = N_VOCAB,
            .first = first,
            .n = (end < N_VOCAB ? end : N_VOCAB) - first,
            .longest = (blocks + n - 1) / n * PLUCK_SHARD_ALIGN,
        };
        if (pluck_shard_create(&shards[i], &configs[i], NULL) != PLUCK_OK) stop("out of memory");
    }
}

static void close_shards(int n) {
    for (int i = 0; i < n; i++) pluck_shard_free(shards[i]);
}

/* Samples a row on n ranks; adds to what it cost. */
static int32_t sample(int n, pluck_sampler *s, const uint16_t *row, cost *c) {
    pluck_shard_request ask = {.dtype = PLUCK_DTYPE_BF16};
    pluck_shard_outcome out = {.done = false};
    while (!out.done) {
        const size_t size = pluck_shard_message_size(shards[0], s, &ask);
        if (size * (size_t)n > ROOM) stop("the messages are larger than expected");
        const double begin = timing_now_us();
        for (int i = 0; i < n; i++) {
            const pluck_shard_slice slice = {.logits = row + configs[i].first};
            if (pluck_shard_write(shards[i], s, &slice, &ask, messages + (size_t)i * size, size,
                                  NULL) != PLUCK_OK)
                stop("a message failed");
        }
        const double written = timing_now_us();
        if (pluck_shard_merge(shards[0], s, &ask, messages, size, n, &out, NULL) != PLUCK_OK)
            stop("a merge failed");
        c->merge += timing_now_us() - written;
        c->write += (written - begin) / n;
        c->bytes += (double)size;
        c->rounds += 1.0;
        ask = out.next;
    }
    return out.draw.token;
}

/* Runs a row on the ranks and as a whole, a turn; keeps the least times in *least. */
static void take_turn(int n, pluck_sampler *s, pluck_sampler *twin, const uint16_t *logits,
                      bool first, cost *least) {
    const pluck_row row = {.logits = logits, .dtype = PLUCK_DTYPE_BF16};
    pluck_draw draw;
    cost c = {0};
    const double begin = timing_now_us();
    if (pluck_sample_row(twin, &row, &draw) != PLUCK_OK) stop("a row failed");
    c.whole = timing_now_us() - begin;
    if (sample(n, s, logits, &c) != draw.token) stop("not the token of the whole row");
    least->whole = first ? c.whole : fmin(c.whole, least->whole);
    least->write = first ? c.write : fmin(c.write, least->write);
    least->merge = first ? c.merge : fmin(c.merge, least->merge);
    least->rounds = c.rounds;
    least->bytes = c.bytes;
}

static cost measure(int chain, int n, int turns) {
    pluck_sampler *s = NULL, *twin = NULL;
    if (pluck_sampler_from_spec(&s, CHAINS[chain].spec, N_VOCAB, NULL) != PLUCK_OK ||
        pluck_sampler_from_spec(&twin, CHAINS[chain].spec, N_VOCAB, NULL) != PLUCK_OK)
        stop("out of memory");
    cost mean = {0};
    open_shards(n);
    for (int i = 0; i < N_ROWS; i++) {
        cost least = {0};
        for (int t = 0; t < turns; t++) take_turn(n, s, twin, rows[i], t == 0, &least);
        mean.whole += least.whole / N_ROWS;
        mean.write += least.write / N_ROWS;
        mean.merge += least.merge / N_ROWS;
        mean.rounds += least.rounds / N_ROWS;
        mean.bytes += least.bytes / N_ROWS;
    }
    close_shards(n);
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
    return mean;
}

static void print_measured(int chain, const cost *costs) {
    printf("\n**%s**; the whole row takes %.1f µs\n\n", CHAINS[chain].name, costs[0].whole);
    printf(
        "| ranks | rounds | bytes of a rank | writing, µs | merging, µs | both, part of the whole "
        "row's |\n|--:|--:|--:|--:|--:|--:|\n");
    for (int i = 0; i < N_COUNTS; i++) {
        const cost *c = &costs[i];
        printf("| %d | %.2f | %.0f | %.1f | %.1f | %.2f |\n", RANKS[i], c->rounds, c->bytes,
               c->write, c->merge, (c->write + c->merge) / c->whole);
    }
}

/* One line of the model: a step of `batch` rows. */
static void print_step(const cost *c, int ranks, int batch, double latency, double bytes_per_us) {
    const double steps = ceil(log2(ranks)) * latency, others = ranks - 1;
    const double share = ceil((double)batch / ranks); /* rows of a rank, if they are dealt out */
    const double row = 2.0 * N_VOCAB * others / ranks;
    const double sent = c->bytes * others * batch, gathered = row * batch, dealt = row * share;
    const double messages_us =
        c->rounds * steps + sent / bytes_per_us + (c->write + c->merge) * batch;
    const double gather_us = steps + gathered / bytes_per_us + c->whole * batch;
    const double deal_us = 2.0 * steps + dealt / bytes_per_us + c->whole * share;
    printf("| %d | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |\n", ranks, batch, sent / 1024.0,
           gathered / 1024.0, dealt / 1024.0, messages_us, gather_us, deal_us);
}

static void print_model(int chain, const cost *costs, double latency, double bytes_per_us) {
    static const int batches[] = {1, 32, 1024};
    printf("\n**%s**\n\n", CHAINS[chain].name);
    printf("| ranks | rows | KiB received: messages | gathering | dealing out | µs: messages | "
           "gathering | dealing out |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int i = 1; i < N_COUNTS; i++)
        for (int b = 0; b < 3; b++)
            print_step(&costs[i], RANKS[i], batches[b], latency, bytes_per_us);
}

int main(int argc, char **argv) {
    const long asked = argc > 1 ? strtol(argv[1], NULL, 10) : 31;
    const int turns = asked < 1 ? 1 : asked > MAX_TURNS ? MAX_TURNS : (int)asked;
    const double latency = argc > 2 ? strtod(argv[2], NULL) : 10.0;
    const double gigabytes = argc > 3 ? strtod(argv[3], NULL) : 25.0;
    static cost costs[N_CHAINS][N_COUNTS];
    static float logits[N_VOCAB];
    char cpu[128];
    if (!(latency >= 0.0 && gigabytes > 0.0)) stop("latency or bandwidth is out of range");
    messages = malloc(ROOM);
    if (!messages) stop("out of memory");
    for (int i = 0; i < N_ROWS; i++) {
        rows_fill(ROWS_PEAKED, (uint64_t)i, logits, N_VOCAB);
        rows_store(PLUCK_DTYPE_BF16, logits, rows[i], N_VOCAB);
    }
    cpu_name(cpu, sizeof cpu);
    printf("<!-- Made by bench-shard. -->\n# A row spread over ranks\n\n"
           "%d peaked rows of %d bfloat16 logits; %s, %s, one core, each rank after the other; "
           "the least "
           "of %d turns. Every token was that of the whole row.\n",
           N_ROWS, N_VOCAB, cpu, pluck_isa(), turns);
    printf("\n## Measured\n");
    for (int c = 0; c < N_CHAINS; c++) {
        for (int i = 0; i < N_COUNTS; i++) costs[c][i] = measure(c, RANKS[i], turns);
        print_measured(c, costs[c]);
    }
    printf(
        "\n## Computed: a step\n\n"
        "What a rank receives, and the time of network and work together, in three ways. "
        "*Messages*: each round takes ⌈log2 ranks⌉ times %g µs, the bytes take their time at "
        "%g GB/s, and all ranks merge all rows, on one core each. *Gathering*: one round, the rest "
        "of each row at 2 bytes a logit, and all ranks sample all rows. *Dealing out*: each rank "
        "gets its part of the rows whole, samples them, and sends the tokens in a second round. "
        "Latency and bandwidth are assumptions; the work is what was measured above, times the "
        "rows.\n",
        latency, gigabytes);
    for (int c = 0; c < N_CHAINS - 1; c++) print_model(c, costs[c], latency, gigabytes * 1000.0);
    free(messages);
    return 0;
}
