/*
 * batch.c: one step of a server: a row for each of eight conversations, in one call on two threads.
 *
 * Asked for beside the tokens: the kept sets, with which a trainer can replay what could have been
 * drawn, and log-probabilities as an API returns them. One row is spoilt: it fails alone. One is a
 * draft of two tokens, which is verified beside the others.
 */
#include <math.h>
#include <pluck_batch.h>
#include <pluck_blocks.h>
#include <stdio.h>

enum { N_VOCAB = 32000, N_ROWS = 8, N_TOP = 2, MAX_KEPT = 64, N_DRAFT = 2 };

static float logits[N_ROWS][N_VOCAB];

/* A greedy sampler that can go back, as verification must. */
static pluck_status create_greedy(pluck_sampler **out) {
    const pluck_stage greedy = {.kind = PLUCK_STAGE_GREEDY};
    const pluck_config config = {
        .n_vocab = N_VOCAB, .stages = &greedy, .n_stages = 1, .max_rewind = N_DRAFT};
    return pluck_sampler_create(out, &config);
}

int main(void) {
    pluck_batch *batch;
    pluck_error error;
    const pluck_batch_config config = {.n_vocab = N_VOCAB, .max_rows = N_ROWS, .n_threads = 2};
    if (pluck_batch_create(&batch, &config, &error)) return 1;

    pluck_batch_row rows[N_ROWS] = {{0}};
    for (int i = 0; i < N_ROWS; i++) {
        char spec[64];
        (void)snprintf(spec, sizeof spec, "temp=0.8;top_k=40;top_p=0.95;seed=%d", i);
        if (pluck_sampler_from_spec(&rows[i].sampler, spec, N_VOCAB, &error)) return 1;
        for (int t = 0; t < N_VOCAB; t++)
            logits[i][t] = (float)((t * 7919 + i * 997) % N_VOCAB) / 200.0f;
        rows[i].row.logits = logits[i];
        rows[i].accept = true;
    }
    logits[5][1234] = NAN;

    /* Row 6 has two drafted tokens, and three rows from one evaluation of the model: behind the text,
     * and behind each of them. The first one is right. */
    size_t best;
    if (pluck_argmax(logits[6], N_VOCAB, &best)) return 1;
    const int32_t drafted[N_DRAFT] = {(int32_t)best, 0};
    const pluck_row places[] = {
        {.logits = logits[6]}, {.logits = logits[4]}, {.logits = logits[2]}};
    const pluck_draft draft = {.tokens = drafted, .n_tokens = N_DRAFT, .rows = places};
    pluck_sampler_free(rows[6].sampler);
    rows[6] = (pluck_batch_row){.draft = &draft, .leave_out = PLUCK_BATCH_KEPT};
    if (create_greedy(&rows[6].sampler)) return 1;

    int32_t tokens[N_ROWS] = {0}, kept[N_ROWS * MAX_KEPT], ids[N_ROWS * N_TOP];
    int64_t offsets[N_ROWS + 1];
    pluck_verified verified[N_ROWS] = {{0}};
    float logprobs[N_ROWS * N_TOP] = {0}, logprob[N_ROWS] = {0};
    const pluck_batch_out out = {
        .tokens = tokens,
        .verified = verified,
        .kept = {.max_kept = MAX_KEPT, .offsets = offsets, .ids = kept},
        .raw = {.token = logprob, .n_top = N_TOP, .ids = ids, .logprobs = logprobs},
    };
    if (pluck_batch_sample(batch, rows, N_ROWS, &out, &error)) printf("%s\n", error.message);
    for (int i = 0; i < N_ROWS; i++) {
        if (tokens[i] < 0) continue;
        if (rows[i].draft)
            printf("row %d: %d of %d drafted tokens stand\n", i, (int)verified[i].n_accepted,
                   N_DRAFT);
        printf("row %d: token %d at %.2f, most likely %d at %.2f; %d kept\n", i, (int)tokens[i],
               (double)logprob[i], (int)ids[i * N_TOP], (double)logprobs[i * N_TOP],
               (int)(offsets[i + 1] - offsets[i]));
    }
    for (int i = 0; i < N_ROWS; i++) pluck_sampler_free(rows[i].sampler);
    pluck_batch_free(batch);
    return 0;
}
