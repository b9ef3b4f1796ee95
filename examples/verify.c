/*
 * verify.c: a small model drafts four tokens at a time, in a line, or a tree of fifteen, three deep; the
 * large one's rows decide how many stand.
 *
 * Both models are tables here: the row behind a token. In an engine the rows behind a draft come
 * from one evaluation of the large model, which is what makes drafts worth while.
 */
#include <pluck_blocks.h>
#include <pluck_verify.h>
#include <stdbool.h>
#include <stdio.h>

enum { N_VOCAB = 64, N_DRAFT = 4, N_TREE = 15, N_TOKENS = 400 };

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

/* A draft, in memory of its own. */
typedef struct drafted {
    int32_t tokens[N_TREE], parents[N_TREE];
    float q[N_TREE][N_VOCAB]; /* what each token was drawn from */
    pluck_proposal proposals[N_TREE];
    pluck_row rows[N_TREE + 1];
    pluck_draft draft;
} drafted;

/* Draws token i behind its parent, or behind `last` if that is -1, of those that are allowed. */
static bool draw(drafted *d, pluck_sampler *drafter, int i, int32_t last, const uint32_t *allowed) {
    const float *row = small[d->parents[i] < 0 ? last : d->tokens[d->parents[i]]];
    const pluck_row r = {.logits = row, .allowed = allowed};
    pluck_draw drawn;
    if (pluck_softmax(row, N_VOCAB, d->q[i]) || pluck_sample_row(drafter, &r, &drawn)) return false;
    d->tokens[i] = drawn.token;
    d->proposals[i] = (pluck_proposal){.probabilities = d->q[i], .n = N_VOCAB};
    d->rows[i + 1].logits = large[drawn.token];
    return true;
}

/* Four tokens, each behind the one before. */
static bool draw_line(drafted *d, pluck_sampler *drafter, int32_t last) {
    for (int i = 0; i < N_DRAFT; i++) {
        d->parents[i] = i - 1;
        if (!draw(d, drafter, i, last, NULL)) return false;
    }
    d->draft.n_tokens = N_DRAFT;
    return true;
}

/* Three tokens, two behind each of them, and one behind each of these. Those with the same parent are
 * drawn without replacement: what has been drawn is masked. */
static bool draw_tree(drafted *d, pluck_sampler *drafter, int32_t last) {
    static const int n_behind[] = {3, 2, 2, 2, 1, 1, 1, 1, 1, 1};
    int n = 0;
    for (int parent = -1; parent < 9; parent++) {
        uint32_t allowed[N_VOCAB / 32] = {~0u, ~0u};
        for (int k = 0; k < n_behind[parent + 1]; k++, n++) {
            d->parents[n] = parent;
            if (!draw(d, drafter, n, last, allowed)) return false;
            allowed[d->tokens[n] / 32] &= ~(1u << d->tokens[n] % 32);
        }
    }
    d->draft.n_tokens = n;
    d->draft.parents = d->parents;
    d->draft.without_replacement = true;
    return true;
}

/* Generates N_TOKENS tokens; returns how many times the large model had to be asked. */
static int generate(pluck_sampler *target, pluck_sampler *drafter, pluck_verify_way way,
                    bool tree) {
    int asked = 0;
    for (int32_t n = 0, last = 0; n < N_TOKENS; asked++) {
        static drafted d;
        d.rows[0].logits = large[last];
        d.draft =
            (pluck_draft){.way = way, .tokens = d.tokens, .rows = d.rows, .proposals = d.proposals};
        if (!(tree ? draw_tree(&d, drafter, last) : draw_line(&d, drafter, last))) return -1;
        pluck_verified verified;
        pluck_error error;
        if (pluck_verify(target, &d.draft, &verified, &error)) {
            (void)fprintf(stderr, "%s\n", error.message);
            return -1;
        }
        /* The text goes on with the tokens from verified.node back to its first parent, in the other
         * order, and with verified.token. */
        last = verified.token;
        n += verified.n_accepted + 1;
    }
    return asked;
}

int main(void) {
    static const struct {
        const char *name;
        pluck_verify_way way;
        bool tree;
    } drafts[] = {
        {"line, the same token", PLUCK_VERIFY_SAME, false},
        {"line, rejection", PLUCK_VERIFY_REJECTION, false},
        {"line, block", PLUCK_VERIFY_BLOCK, false},
        {"tree, the same token", PLUCK_VERIFY_SAME, true},
        {"tree, rejection", PLUCK_VERIFY_REJECTION, true},
    };
    make_models();
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
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
        printf("%-20s %d tokens, the large model asked %d times\n", drafts[i].name, N_TOKENS,
               generate(target, drafter, drafts[i].way, drafts[i].tree));
        pluck_sampler_free(target);
        pluck_sampler_free(drafter);
        pluck_spec_free(spec);
    }
    return 0;
}
