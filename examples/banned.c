/*
 * banned.c: a generation loop whose text must not contain some strings, wherever the tokens break.
 *
 * A string is known only when its last token comes. Then the sampler goes back to where it began,
 * with its random stream and its penalties, and draws again without the token that it began with.
 * Tokens are given out once they can no longer be part of a string.
 */
#include <pluck.h>
#include <pluck_banned.h>
#include <stdio.h>
#include <string.h>

enum { N_VOCAB = 12, MAX_TOKENS = 64, MAX_HELD = 16, END = 11 };

static const char *const pieces[N_VOCAB] = {"It",   " sent", " shi",  "vers", " down",  " my",
                                            " spi", "ne",    " back", " a",   " chill", "."};

/* A model: the logits that were recorded after each of its tokens. */
static const float rows[N_VOCAB][N_VOCAB] = {
    [0] = {[1] = 9},
    [1] = {[2] = 8, [9] = 7, [5] = 6},
    [2] = {[3] = 9},
    [3] = {[4] = 8, [11] = 7},
    [4] = {[5] = 9, [9] = 7},
    [5] = {[6] = 8, [8] = 7},
    [6] = {[7] = 9},
    [7] = {[11] = 9},
    [8] = {[11] = 9},
    [9] = {[10] = 8, [2] = 8},
    [10] = {[4] = 8, [11] = 7},
};

static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    const size_t n = strlen(pieces[token]);
    if (n > (size_t)capacity) return -1;
    memcpy(buffer, pieces[token], n);
    return (int32_t)n;
}

/* Generates until the end token and prints what is given out, and what is taken back. */
static pluck_status generate(pluck_sampler *sampler, pluck_banned *banned) {
    int32_t text[MAX_TOKENS] = {0}; /* begins with token 0, the prompt */
    int n = 1, n_out = 1;
    printf("%s", pieces[0]);
    while (n < MAX_TOKENS && text[n - 1] != END) {
        uint32_t allowed = 0xffffffff; /* a bit for each token of the vocabulary */
        pluck_banned_mask(banned, &allowed, N_VOCAB);
        const pluck_row row = {
            .logits = rows[text[n - 1]], .allowed = &allowed, .n_allowed = N_VOCAB};
        pluck_draw draw;
        pluck_status status = pluck_sample_row(sampler, &row, &draw);
        if (status == PLUCK_OK) status = pluck_accept(sampler, draw.token);
        pluck_banned_step step;
        if (status == PLUCK_OK) status = pluck_banned_accept(banned, draw.token, &step);
        if (status != PLUCK_OK) return status;
        text[n++] = draw.token;

        if (step.take_back > 0) { /* and so many tokens of the model's cache */
            status = pluck_sampler_rewind(sampler, step.take_back);
            if (status != PLUCK_OK) return status;
            printf(" <");
            for (int i = n - step.take_back; i < n; i++) printf("%s", pieces[text[i]]);
            printf(">");
            n -= step.take_back;
        }
        for (; n_out < n - step.n_held; n_out++) printf("%s", pieces[text[n_out]]);
    }
    for (; n_out < n; n_out++) printf("%s", pieces[text[n_out]]);
    printf("\n");
    return PLUCK_OK;
}

int main(void) {
    static const char *const strings[] = {"shivers down", "spine"};
    pluck_spec *spec;
    if (pluck_spec_parse(&spec, "temp=0.8;repeat_penalty=1.1", N_VOCAB, NULL)) return 1;
    pluck_config config = *pluck_spec_config(spec);
    config.max_rewind = MAX_HELD;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        config.seed = seed;
        pluck_sampler *sampler;
        pluck_banned *banned;
        const pluck_banned_config what = {.strings = strings,
                                          .n_strings = 2,
                                          .n_vocab = N_VOCAB,
                                          .max_held = MAX_HELD,
                                          .piece = piece};
        if (pluck_sampler_create(&sampler, &config)) return 1;
        if (pluck_banned_create(&banned, &what, NULL)) return 1;
        const pluck_status status = generate(sampler, banned);
        if (status != PLUCK_OK) printf("%s\n", pluck_status_string(status));
        pluck_banned_free(banned);
        pluck_sampler_free(sampler);
    }
    pluck_spec_free(spec);
    return 0;
}
