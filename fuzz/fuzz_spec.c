/*
 * fuzz_spec.c: any text as a spec. A refusal must have a message. A spec that is accepted must make
 * a sampler that samples, or fails with a status that is allowed.
 */
#include "fuzz.h"
#include "pluck.h"

#include <string.h>

enum { N = 100 };

static void sample(pluck_sampler *s) {
    float logits[N], second[N];
    for (int i = 0; i < N; ++i) {
        logits[i] = (float)((i * 37) % N) / 9.0f;
        second[i] = (float)((i * 53) % N) / 9.0f;
    }
    for (int call = 0; call < 3; ++call) {
        pluck_draw draw = {.token = -1};
        /* Some stages need a second row, others do not look at it. */
        const pluck_row row = {.logits = logits, .second = second};
        const pluck_status status = pluck_sample_row(s, &row, &draw);
        const int32_t token = draw.token;
        if (status != PLUCK_OK) {
            /* Biases of -inf, or penalties beyond float's range, may mask everything. */
            FUZZ_REQUIRE(status == PLUCK_ERR_EMPTY || status == PLUCK_ERR_NO_DRAW);
            FUZZ_REQUIRE(token == -1);
            return;
        }
        FUZZ_REQUIRE(token >= 0 && token < N);
        FUZZ_REQUIRE(pluck_accept(s, token) == PLUCK_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';

    pluck_error error;
    memset(&error, 0x7f, sizeof error);
    pluck_sampler *s = NULL;
    pluck_spec *spec = NULL;
    const pluck_status status = pluck_sampler_from_spec(&s, text, N, &error);
    const pluck_status parsed = pluck_spec_parse(&spec, text, N, NULL);
    FUZZ_REQUIRE(status == parsed);
    if (status == PLUCK_OK) {
        const pluck_config *config = pluck_spec_config(spec);
        FUZZ_REQUIRE(config && config->n_vocab == N && config->n_stages <= 64);
        sample(s);
        pluck_sampler_free(s);
        pluck_spec_free(spec);
    } else {
        FUZZ_REQUIRE(!s && !spec);
        FUZZ_REQUIRE(error.status == status);
        FUZZ_REQUIRE(memchr(error.message, '\0', sizeof error.message) && error.message[0]);
    }
    free(text);
    return 0;
}
