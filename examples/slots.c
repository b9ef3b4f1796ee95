/*
 * slots.c: a server's thousand conversations on two threads.
 *
 * The state of a conversation (its random stream, its last tokens) is small and is kept in its
 * sampler. The memory that a call needs grows with the vocabulary and is kept in a workspace; there
 * is one for each thread, not one for each conversation. A sampler may run on another thread at
 * every token, because each call names its workspace.
 */
#include <pluck.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_VOCAB = 32000, N_SLOTS = 1000, N_THREADS = 2, N_TOKENS = 4 };

static float logits[N_VOCAB];
static pluck_sampler *slots[N_SLOTS];
static int32_t tokens[N_SLOTS][N_TOKENS];

typedef struct worker {
    pthread_t thread;
    pluck_workspace *workspace;
    int first; /* the worker has this slot and every N_THREADS-th after it */
    int step;
    pluck_status status;
} worker;

/* Draws one token for each of the worker's slots. */
static void *serve(void *argument) {
    worker *self = argument;
    pluck_row row = {.logits = logits, .workspace = self->workspace};
    for (int slot = self->first; slot < N_SLOTS; slot += N_THREADS) {
        pluck_draw draw;
        self->status = pluck_sample_row(slots[slot], &row, &draw);
        if (self->status != PLUCK_OK) break;
        tokens[slot][self->step] = draw.token;
        pluck_accept(slots[slot], draw.token);
    }
    return NULL;
}

int main(void) {
    for (int i = 0; i < N_VOCAB; i++) logits[i] = (float)(i * 7919 % N_VOCAB) / 1000.0f;

    /* All samplers have the chain of one spec and differ only in the seed. */
    pluck_spec *spec;
    if (pluck_spec_parse(&spec, "temp=0.8;top_k=40;repeat_penalty=1.1", N_VOCAB, NULL)) return 1;
    pluck_config config = *pluck_spec_config(spec);
    worker workers[N_THREADS] = {{0}};
    for (int i = 0; i < N_THREADS; i++) {
        if (pluck_workspace_create(&workers[i].workspace, N_VOCAB, NULL)) return 1;
    }
    config.workspace = workers[0].workspace;
    for (int i = 0; i < N_SLOTS; i++) {
        config.seed = (uint32_t)(i % 3); /* three kinds of conversation */
        if (pluck_sampler_create(&slots[i], &config)) return 1;
    }
    pluck_spec_free(spec);

    for (int step = 0; step < N_TOKENS; step++) {
        for (int i = 0; i < N_THREADS; i++) {
            workers[i].first = (i + step) % N_THREADS; /* slots change threads at every token */
            workers[i].step = step;
            if (pthread_create(&workers[i].thread, NULL, serve, &workers[i])) return 1;
        }
        for (int i = 0; i < N_THREADS; i++) pthread_join(workers[i].thread, NULL);
    }

    int same = 0;
    for (int i = 3; i < N_SLOTS; i++) {
        for (int t = 0; t < N_TOKENS; t++) same += tokens[i][t] == tokens[i % 3][t];
    }
    printf("%d of %d tokens equal those of the same seed\n", same, (N_SLOTS - 3) * N_TOKENS);
    printf("a slot takes less than 16 KB: %s\n",
           pluck_sampler_state_size(slots[0]) < 16384 ? "yes" : "no");
    printf("a thread takes less than 24 bytes for each token of the vocabulary: %s\n",
           pluck_workspace_size(N_VOCAB) < (size_t)24 * N_VOCAB ? "yes" : "no");

    for (int i = 0; i < N_SLOTS; i++) pluck_sampler_free(slots[i]);
    for (int i = 0; i < N_THREADS; i++) pluck_workspace_free(workers[i].workspace);
    return 0;
}
