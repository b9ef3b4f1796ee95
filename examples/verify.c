/*
 * verify.c: a small model drafts four tokens at a time, the large one's rows decide how many stand.
 *
 * Both models are tables here: the row behind a token. In an engine the rows behind a draft come
 * from one evaluation of the large model, which is what makes drafts worth while.
 */
#include <pluck_blocks.h>
#include <pluck_verify.h>
#include <stdio.h>

enum { N_VOCAB = 64, N_DRAFT = 4, N_TOKENS = 400 };

static float large[N_VOCAB][N_VOCAB], small[N_VOCAB][N_VOCAB];

/* The small model has the large one's logits, coarsely. */
static void make_models(void) {
    for (int a = 0; a < N_VOCAB; a++)
        for (int b = 0; b < N_VOCAB; b++) {
            const int x = (a * 31 + b * 17) % 61;
            large[a][b] = (float)x / 8.0f;
            const int coarse = x / 10;
            small[a][b] = (float)coarse;
        }
}

/* Generates N_TOKENS tokens; returns how many times the large model had to be asked. */
static int generate(pluck_sampler *target, pluck_sampler *drafter, pluck_verify_way way) {
    int asked = 0;
    for (int32_t n = 0, last = 0; n < N_TOKENS; asked++) {
        int32_t tokens[N_DRAFT] = {0};
        static float q[N_DRAFT][N_VOCAB];
        pluck_proposal proposals[N_DRAFT];
        pluck_row rows[N_DRAFT + 1] = {{.logits = large[last]}};
        for (int i = 0; i < N_DRAFT; i++) {
            const float *row = small[i ? tokens[i - 1] : last];
            if (pluck_softmax(row, N_VOCAB, q[i]) || pluck_sample(drafter, row, &tokens[i]))
                return -1;
            proposals[i] = (pluck_proposal){.probabilities = q[i], .n = N_VOCAB};
            rows[i + 1].logits = large[tokens[i]];
        }
        const pluck_draft draft = {.way = way,
                                   .tokens = tokens,
                                   .n_tokens = N_DRAFT,
                                   .rows = rows,
                                   .proposals = proposals};
        pluck_verified verified;
        pluck_error error;
        if (pluck_verify(target, &draft, &verified, &error)) {
            (void)fprintf(stderr, "%s\n", error.message);
            return -1;
        }
        last = verified.token;
        n += verified.n_accepted + 1;
    }
    return asked;
}

int main(void) {
    static const char *const names[] = {"the same token", "rejection", "block"};
    make_models();
    for (int way = PLUCK_VERIFY_SAME; way <= PLUCK_VERIFY_BLOCK; way++) {
        pluck_spec *spec;
        if (pluck_spec_parse(&spec, "temp=0.9;top_k=40;repeat_penalty=1.1;seed=3", N_VOCAB, NULL))
            return 1;
        pluck_config config = *pluck_spec_config(spec);
        config.max_rewind = N_DRAFT;
        pluck_sampler *target, *drafter;
        if (pluck_sampler_create(&target, &config)) return 1;
        if (pluck_sampler_from_spec(&drafter, "temp=1;top_k=0;top_p=1;min_p=0;seed=4", N_VOCAB,
                                    NULL))
            return 1;
        printf("%-15s %d tokens, the large model asked %d times\n", names[way], N_TOKENS,
               generate(target, drafter, (pluck_verify_way)way));
        pluck_sampler_free(target);
        pluck_sampler_free(drafter);
        pluck_spec_free(spec);
    }
    return 0;
}
