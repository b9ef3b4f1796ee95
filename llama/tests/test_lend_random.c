/*
 * test_lend_random.c: random calls of programs that are lent rows (preload/lend.h): questions in any
 * order, arrays that are filled and sampled from, sampled from twice, forgotten, or used after their
 * row is gone, two contexts in turns, chains that are copied, cloned and reset meanwhile. Beside each
 * array is a complete one that nobody was asked for, with a chain of its own. Both must end the same.
 * Run with the drop-in preloaded.
 *
 *     test_lend_random FOLDER [SEQUENCES [FIRST_SEED]]
 *
 * FOLDER: where a small model is written. What the drop-in learns of a program lasts as long as the
 * process, so every BLOCK sequences have a process of their own. A failure names the block's first
 * seed, which as FIRST_SEED runs the block again.
 */
#define _GNU_SOURCE
#include "commands/model.h"
#include "lend_chains.h"
#include "made_model.h"
#include "rows/rows.h"
#include "twin.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { V = 1024, N_CTX = 64, STEPS = 16, BLOCK = 250, N_CHAINS = sizeof chains / sizeof *chains };

static struct llama_model *model;
static float *(*own_logits)(struct llama_context *, int32_t); /* past the drop-in */
static rows_random rnd;
static size_t n_filled, n_short; /* arrays, and those of them that a row was lent for */

static int below(int n) {
    return (int)rows_below(&rnd, (uint32_t)n);
}

/* An array and the memory that a program has for it. */
typedef struct program {
    llama_token_data own[V];
    llama_token_data_array cur;
} program;

/* A context with the two arrays of its last row, and the chains that are applied to them. */
typedef struct side {
    struct llama_context *ctx;
    int32_t n_past;
    program ours, theirs;
    enum { NONE, PROPER, ODD } filled; /* ODD: by code that may do anything with it */
    const chain *chain;
    struct llama_sampler *a, *b;
} side;

static side sides[2];

/* ---- Places in the program that fill arrays ---------------------------------------------------- */

#if defined(__clang__)
#define NOT_MERGED __attribute__((noinline))
#else
#define NOT_MERGED __attribute__((noinline, noclone))
#endif

/* What common_sampler's set_logits does, as code of its own for each name. */
#define FILL(name)                                                                                 \
    NOT_MERGED static void name(program *p, struct llama_context *ctx) {                           \
        const float *probs = llama_get_sampled_probs_ith(ctx, -1);                                 \
        const float *logits = llama_get_sampled_logits_ith(ctx, -1);                               \
        const llama_token *ids = llama_get_sampled_candidates_ith(ctx, -1);                        \
        size_t n = V;                                                                              \
        assert_null(probs);                                                                        \
        if (logits) {                                                                              \
            n = llama_get_sampled_logits_count_ith(ctx, -1);                                       \
            assert_true(n <= V);                                                                   \
        } else {                                                                                   \
            logits = llama_get_logits_ith(ctx, -1);                                                \
        }                                                                                          \
        for (size_t i = 0; i < n; i++) p->own[i] = (llama_token_data){ids[i], logits[i], 0.0f};    \
        p->cur = (llama_token_data_array){p->own, n, -1, false};                                   \
    }
FILL(proper_0)
FILL(proper_1)
FILL(proper_2)
FILL(odd_0)
FILL(odd_1)
FILL(odd_2)
FILL(odd_3)
FILL(odd_4)
FILL(odd_5)

typedef void fill_function(program *, struct llama_context *);
static fill_function *const proper[] = {proper_0, proper_1, proper_2};
static fill_function *const odd[] = {odd_0, odd_1, odd_2, odd_3, odd_4, odd_5};

/* ---- Contexts ---------------------------------------------------------------------------------- */

static void open_context(side *s) {
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = N_CTX;
    params.n_threads = params.n_threads_batch = 1;
    s->ctx = llama_init_from_model(model, params);
    assert_non_null(s->ctx);
    s->n_past = 0;
}

/* A token more; the row that it leaves is made up. */
static void decode(side *s) {
    if (s->n_past == N_CTX) {
        llama_memory_clear(llama_get_memory(s->ctx), true);
        s->n_past = 0;
    }
    llama_token token = below(V);
    assert_int_equal(llama_decode(s->ctx, llama_batch_get_one(&token, 1)), 0);
    s->n_past++;
    float *row = own_logits(s->ctx, -1);
    double spread = below(2) ? 1 : 3;
    for (int32_t i = 0; i < V; i++) row[i] = (float)(spread * rows_gauss(&rnd));
}

/* The context's state is saved and loaded again, which takes the row with it. */
static void load_state(side *s) {
    static uint8_t saved[1 << 20];
    size_t size = llama_state_get_size(s->ctx);
    assert_true(size <= sizeof saved);
    assert_true(llama_state_get_data(s->ctx, saved, size) > 0);
    assert_true(llama_state_set_data(s->ctx, saved, size) > 0);
    decode(s);
}

/* ---- Arrays ------------------------------------------------------------------------------------ */

static void *apply_elsewhere(void *of) {
    side *s = of;
    llama_sampler_apply(s->a, &s->ours.cur);
    return NULL;
}

static void apply_chains(side *s, int how) {
    pthread_t thread;
    if (how == 0) llama_sampler_apply(NULL, &s->ours.cur); /* no reasoning budget */
    if (how == 1) {
        assert_int_equal(pthread_create(&thread, NULL, apply_elsewhere, s), 0);
        pthread_join(thread, NULL);
    } else {
        llama_sampler_apply(s->a, &s->ours.cur);
    }
    by_name.sampler_apply(s->b, &s->theirs.cur);
}

/* A sampler of the program's own before the chain: it sees all candidates. */
static void apply_own(side *s) {
    twin_tell("own ");
    size_t size = s->theirs.cur.size;
    struct llama_sampler *own = llama_sampler_init(&twin_seeing, NULL);
    llama_sampler_apply(own, &s->ours.cur);
    assert_int_equal(twin_n_seen, size);
    by_name.sampler_apply(own, &s->theirs.cur);
    llama_sampler_free(own);
}

/* Both arrays are sampled from, compared, and the token is accepted. */
static void apply(side *s, int step) {
    if (s->filled == NONE) return;
    int how = below(8);
    twin_tell("apply %d ", how);
    if (how == 2) apply_own(s);
    apply_chains(s, how);
    twin_assert_same(&s->ours.cur, &s->theirs.cur, twin_story, step);
    int64_t selected = s->theirs.cur.selected;
    if (selected >= 0) {
        llama_token token = s->theirs.cur.data[selected].id;
        by_name.sampler_accept(s->a, token);
        by_name.sampler_accept(s->b, token);
    }
    if (how > 3 || selected < 0) s->filled = NONE; /* otherwise once more, to what was left */
}

/* Code that fills properly samples from each of its arrays before anything is filled again. */
static void fill(side *s, int step) {
    for (int k = 0; k < 2; k++) {
        while (sides[k].filled == PROPER) apply(&sides[k], step);
    }
    bool is_odd = !below(5);
    int which = below(is_odd ? (int)(sizeof odd / sizeof *odd) : 3);
    twin_tell("%s%d ", is_odd ? "odd" : "fill", which);
    (is_odd ? odd : proper)[which](&s->ours, s->ctx);
    n_filled++;
    n_short += s->ours.cur.size < V;
    const float *row = own_logits(s->ctx, -1);
    for (int32_t i = 0; i < V; i++) s->theirs.own[i] = (llama_token_data){i, row[i], 0.0f};
    s->theirs.cur = (llama_token_data_array){s->theirs.own, V, -1, false};
    s->filled = is_odd ? ODD : PROPER;
}

/* ---- Chains ------------------------------------------------------------------------------------ */

static void make_chains(side *s) {
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    const chain *c = &chains[below(N_CHAINS)];
    twin_tell("[%s] ", c->name);
    s->chain = c;
    s->a = twin_chain(&by_name, c->stages, c->n, V, vocab);
    s->b = twin_chain(&by_name, c->stages, c->n, V, vocab);
}

/* With the chain goes what it left, if the program's own memory was too small for it. */
static void drop_chains(side *s) {
    if (s->ours.cur.data < s->ours.own || s->ours.cur.data >= s->ours.own + V) s->filled = NONE;
    by_name.sampler_free(s->a);
    by_name.sampler_free(s->b);
}

/* As common_sampler_clone does it: chain and array are copied, the array from the program's memory.
 * So by then it must be there, if only in part. */
static void clone_chains(side *s) {
    twin_tell("clone ");
    bool elsewhere = s->filled != NONE && s->ours.cur.data != s->ours.own;
    struct llama_sampler *a = by_name.sampler_clone(s->a), *b = by_name.sampler_clone(s->b);
    if (elsewhere && s->ours.cur.data == s->ours.own) {
        const llama_token_data_array *x = &s->ours.cur, *y = &s->theirs.cur;
        assert_true(x->size <= V);
        if (y->selected >= 0) assert_int_equal(x->data[x->selected].id, y->data[y->selected].id);
        s->filled = NONE;
    }
    drop_chains(s);
    s->a = a;
    s->b = b;
}

/* ---- Sequences --------------------------------------------------------------------------------- */

/* A program that only looks sees the complete row, in whatever order it asks. */
static void look(side *s) {
    const float *row = own_logits(s->ctx, -1);
    int order = below(4);
    twin_tell("look %d ", order);
    if (order == 0) { /* as llama-server does for n_probs */
        assert_memory_equal(llama_get_logits_ith(s->ctx, -1), row, V * sizeof *row);
        const llama_token *ids = llama_get_sampled_candidates_ith(s->ctx, -1);
        assert_int_equal(llama_get_sampled_logits_count_ith(s->ctx, -1), V);
        assert_int_equal(ids[V - 1], V - 1);
    } else if (order == 1) {
        assert_null(llama_get_sampled_probs_ith(s->ctx, -1));
        const float *logits = llama_get_sampled_logits_ith(s->ctx, -1);
        if (logits) assert_memory_equal(logits, row, V * sizeof *row);
    } else if (order == 2) {
        assert_int_equal(llama_get_sampled_candidates_count_ith(s->ctx, -1), 0);
        assert_null(llama_get_sampled_probs_ith(s->ctx, -1));
        assert_int_equal(llama_get_sampled_logits_count_ith(s->ctx, -1), V);
    } else {
        assert_memory_equal(llama_get_logits(s->ctx), row, V * sizeof *row);
    }
}

static void sample(side *s) {
    if (s->chain->stages[s->chain->n - 1].kind == PLUCK_STAGE_TOP_P) return; /* selects nothing */
    twin_tell("sample ");
    llama_token token = by_name.sampler_sample(s->a, s->ctx, -1);
    assert_int_equal(token, by_name.sampler_sample(s->b, s->ctx, -1));
}

static void do_something(side *s, int step) {
    switch (below(20)) {
    case 0:
        look(s);
        break;
    case 1:
        clone_chains(s);
        break;
    case 2:
        twin_tell("reset ");
        by_name.sampler_reset(s->a);
        by_name.sampler_reset(s->b);
        break;
    case 3:
        sample(s);
        break;
    case 4:
        twin_tell("other chain ");
        drop_chains(s);
        make_chains(s);
        break;
    case 5:
        if (below(4)) break;
        twin_tell("load ");
        load_state(s);
        break;
    case 6:
        if (below(16)) break;
        twin_tell("free ");
        llama_free(s->ctx);
        open_context(s);
        decode(s);
        break;
    case 7: /* the row goes while the array is there */
        twin_tell("decode ");
        decode(s);
        break;
    case 8:
    case 9:
        fill(s, step);
        break;
    default: /* what programs mostly do */
        if (s->filled == NONE) {
            decode(s);
            fill(s, step);
        }
        apply(s, step);
        break;
    }
}

static void run_sequence(uint64_t seed) {
    rnd.state = seed * 0xD1342543DE82EF95u; /* far apart in the one stream */
    twin_story[0] = '\0';
    twin_tell("seed %llu, its block from %llu on: ", (unsigned long long)seed,
              (unsigned long long)(seed - seed % BLOCK));
    for (int k = 0; k < 2; k++) {
        make_chains(&sides[k]);
        decode(&sides[k]);
    }
    for (int step = 0; step < STEPS; step++) {
        int k = below(2);
        twin_tell("%d:", k);
        do_something(&sides[k], step);
    }
    for (int k = 0; k < 2; k++) {
        while (sides[k].filled == PROPER) apply(&sides[k], STEPS);
        sides[k].filled = NONE;
        drop_chains(&sides[k]);
    }
}

static uint64_t first_seed, n_sequences = 1000, block_start;

/* The sequences from block_start to the end of its block. */
static void test_block(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) open_context(&sides[k]);
    uint64_t end = first_seed + n_sequences;
    for (uint64_t seed = block_start; seed < block_start + BLOCK && seed < end; seed++)
        run_sequence(seed);
    for (int k = 0; k < 2; k++) llama_free(sides[k].ctx);
    /* otherwise little was tested */
    if (end >= block_start + BLOCK) assert_true(10 * n_short > n_filled);
}

static bool run_block(void) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_block)};
        cmocka_set_message_output(CM_OUTPUT_TAP);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        fflush(NULL);
        exit(failed ? 1 : 0); /* leaks are looked for at exit */
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool find_own_logits(void) {
    void *address = twin_own("llama_get_logits_ith");
    memcpy(&own_logits, &address, sizeof address);
    return address != NULL;
}

static bool open_model(plk_model *m, const char *folder) {
    char path[4096], err[512] = "cannot write the model";
    snprintf(path, sizeof path, "%s/lend_random.%d.gguf", folder, (int)getpid());
    bool opened = write_made_model(path, V) && plk_model_open(m, path, N_CTX, 1, err, sizeof err);
    unlink(path);
    if (!opened) fprintf(stderr, "%s: %s\n", path, err);
    model = opened ? m->model : NULL;
    return opened;
}

int main(int argc, char **argv) {
    if (argc > 2) n_sequences = strtoull(argv[2], NULL, 10);
    if (argc > 3) first_seed = strtoull(argv[3], NULL, 10);
    if (argc < 2) {
        fprintf(stderr, "usage: LD_PRELOAD=(the drop-in) test_lend_random FOLDER [SEQUENCES "
                        "[FIRST_SEED]]\n");
        return 1;
    }
    plk_model m;
    if (!twin_begin() || !find_own_logits() || !open_model(&m, argv[1])) return 1;
    bool good = true;
    uint64_t end = first_seed + n_sequences;
    for (block_start = first_seed; good && block_start < end; block_start += BLOCK)
        good = run_block();
    plk_model_close(&m);
    printf("%llu sequences%s\n", (unsigned long long)n_sequences, good ? "" : ": failed");
    return good ? 0 : 1;
}
