/*
 * fuzz_shard.c: any bytes as messages of shards. They are refused with a reason, or merged to what a
 * merge can come to; nothing else happens.
 *
 * The first bytes choose a chain, a round and the way in which the rest becomes messages: as they
 * are, or as changes of messages that ranks wrote, whose checksums are made right again, so that what
 * comes behind the checksum is reached.
 */
#include "fuzz.h"
#include "pluck.h"
#include "shard.h"

#include <math.h>
#include <string.h>

enum { N = 3000, RANKS = 3, MOST_SIZE = 1 << 14 };

static const char *const SPECS[] = {
    "seed=3;top_k=9",
    "seed=3;top_k=130",
    "seed=3;samplers=temperature;temp=0.7",
    "seed=3;top_k=0;min_p=0;top_p=0.9",
    "seed=3;top_k=0;top_p=1;min_p=0.05",
    "seed=3;samplers=;temp=0",
    "seed=3;samplers=typ_p;typ_p=0.8",
    "seed=3;samplers=temperature;temp=0",
};
enum { N_SPECS = sizeof SPECS / sizeof *SPECS };

typedef struct scene {
    pluck_shard *shards[RANKS];
    pluck_sampler *samplers[N_SPECS];
    float logits[N];
} scene;

static scene *make_scene(void) {
    static scene s;
    if (s.shards[0]) return &s;
    for (int32_t i = 0; i < N; ++i) s.logits[i] = 4.0f * sinf((float)i * 1.7f) - (float)(i % 11);
    for (int i = 0; i < RANKS; ++i) {
        const int32_t first = i * 1024, left = N - first;
        const pluck_shard_config config = {.n_vocab = N,
                                           .first = first,
                                           .n = left < 1024 ? left : 1024,
                                           .longest = 1024,
                                           .n_candidates = 150};
        FUZZ_REQUIRE(pluck_shard_create(&s.shards[i], &config, NULL) == PLUCK_OK);
    }
    for (int i = 0; i < N_SPECS; ++i)
        FUZZ_REQUIRE(pluck_sampler_from_spec(&s.samplers[i], SPECS[i], N, NULL) == PLUCK_OK);
    return &s;
}

static size_t write_all(scene *s, int chain, const pluck_shard_request *ask, uint8_t *messages) {
    const size_t size = pluck_shard_message_size(s->shards[0], s->samplers[chain], ask);
    FUZZ_REQUIRE(size > 0 && size <= MOST_SIZE);
    for (int i = 0; i < RANKS; ++i) {
        const pluck_shard_slice slice = {.logits = s->logits + (size_t)i * 1024};
        FUZZ_REQUIRE(pluck_shard_write(s->shards[i], s->samplers[chain], &slice, ask,
                                       messages + (size_t)i * size, size, NULL) == PLUCK_OK);
    }
    return size;
}

static void check_outcome(pluck_status status, const pluck_shard_outcome *out,
                          const pluck_error *error) {
    if (status != PLUCK_OK) {
        FUZZ_REQUIRE(error->status == status && error->message[0] != '\0');
        FUZZ_REQUIRE(status == PLUCK_ERR_SHARD || status == PLUCK_ERR_NAN ||
                     status == PLUCK_ERR_EMPTY || status == PLUCK_ERR_NO_DRAW);
        FUZZ_REQUIRE(!out->done && out->draw.token == -7);
        return;
    }
    if (!out->done) {
        FUZZ_REQUIRE(out->next.ask == PLUCK_SHARD_ASK_SUMS || out->next.ask == PLUCK_SHARD_ASK_ROW);
        return;
    }
    FUZZ_REQUIRE(out->draw.token >= 0 && out->draw.token < N);
    FUZZ_REQUIRE(out->draw.n_candidates >= 1 && out->draw.n_candidates <= N);
}

/* Each three bytes of the input change a byte of a message: its place, then what it becomes. */
static void change(const uint8_t *data, size_t size, uint8_t *messages, size_t of_message) {
    for (size_t i = 0; i + 3 < size; i += 4) {
        const size_t at = (size_t)data[i + 1] << 8 | data[i + 2];
        messages[data[i] % RANKS * of_message + at % (of_message - 8)] = data[i + 3];
    }
    const shard_layout l = {.sum = of_message - 8};
    for (size_t i = 0; i < RANKS; ++i) pk_shard_seal(messages + i * of_message, &l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t messages[RANKS * MOST_SIZE];
    if (size < 2) return 0;
    scene *s = make_scene();
    const int chain = data[0] % N_SPECS;
    const bool raw = data[1] & 1, later = data[1] & 2, gather = data[1] & 4;
    data += 2;
    size -= 2;
    pluck_sampler *sampler = NULL;
    FUZZ_REQUIRE(pluck_sampler_clone(&sampler, s->samplers[chain]) == PLUCK_OK);
    pluck_shard_request ask = {.dtype = PLUCK_DTYPE_F32};
    if (gather) ask.ask = PLUCK_SHARD_ASK_ROW;
    size_t of_message = write_all(s, chain, &ask, messages);
    pluck_shard_outcome out = {.draw = {.token = -7}};
    pluck_error error = {PLUCK_OK, ""};
    if (later && !gather) {
        FUZZ_REQUIRE(pluck_shard_merge(s->shards[0], sampler, &ask, messages, of_message, RANKS,
                                       &out, &error) == PLUCK_OK);
        if (!out.done) {
            ask = out.next;
            of_message = write_all(s, chain, &ask, messages);
        } else {
            pluck_sampler_reset(sampler);
        }
        out = (pluck_shard_outcome){.draw = {.token = -7}};
    }
    if (raw)
        memcpy(messages, data, size < RANKS * of_message ? size : RANKS * of_message);
    else
        change(data, size, messages, of_message);
    const pluck_status status =
        pluck_shard_merge(s->shards[0], sampler, &ask, messages, of_message, RANKS, &out, &error);
    check_outcome(status, &out, &error);
    pluck_sampler_free(sampler);
    return 0;
}
