/*
 * test_threads.c: many samplers on many threads. Clones that share biases and breakers run at the
 * same time, each with its own workspace or several taking turns on one. The first calls of all
 * threads race to choose the kernels. Each thread must draw what the same sampler draws alone. Run
 * it under ThreadSanitizer.
 */
#include "check.h"

#include <pthread.h>

enum { N = 2000, THREADS = 8, STEPS = 150, SAMPLERS = 3 };

static float logits[4][N];

typedef struct job {
    pluck_sampler *samplers[SAMPLERS]; /* NULL: the thread makes its own */
    pluck_workspace *workspace;        /* of this thread's calls */
    uint32_t seed;
    int32_t tokens[SAMPLERS][STEPS];
    bool ok;
} job;

static const pluck_logit_bias biases[] = {{3, 1.0f}, {100, -2.0f}, {1999, 0.5f}};
static const int32_t tokens[] = {7, 8};
static const pluck_token_sequence breakers[] = {{tokens, 1}, {tokens, 2}};

static pluck_status create(pluck_sampler **s, uint32_t seed) {
    pluck_stage stages[] = {with_bias(biases, 3),         with_penalties(32, 1.1f, 0.1f, 0.0f),
                            with_dry(0.8f, 1.75f, 1, 32), with_top_p(0.98f, 0),
                            with_xtc(0.5f, 0.05f, 0),     with_dist()};
    stages[2].as.dry.breakers = breakers;
    stages[2].as.dry.n_breakers = 2;
    const pluck_config c = with_chain(N, seed, PLUCK_RNG_MT19937, stages, 6);
    return pluck_sampler_create(s, &c);
}

static bool draw_all(job *j) {
    for (int step = 0; step < STEPS; ++step) {
        for (int i = 0; i < SAMPLERS; ++i) {
            const pluck_row row = {.logits = logits[(step + i) % 4], .workspace = j->workspace};
            pluck_draw draw;
            if (pluck_sample_row(j->samplers[i], &row, &draw) != PLUCK_OK) return false;
            if (pluck_accept(j->samplers[i], draw.token) != PLUCK_OK) return false;
            j->tokens[i][step] = draw.token;
        }
    }
    return true;
}

static void *work(void *arg) {
    job *j = arg;
    bool created = false;
    if (!j->samplers[0]) {
        created = true;
        for (int i = 0; i < SAMPLERS; ++i) {
            if (create(&j->samplers[i], j->seed + (uint32_t)i) != PLUCK_OK) return NULL;
        }
    }
    j->ok = draw_all(j);
    for (int i = 0; i < SAMPLERS && created; ++i) pluck_sampler_free(j->samplers[i]);
    return NULL;
}

static void run_jobs(job *jobs, bool threaded) {
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; ++t) {
        if (threaded) {
            assert_int_equal(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
        } else {
            work(&jobs[t]);
        }
    }
    for (int t = 0; t < THREADS && threaded; ++t) pthread_join(threads[t], NULL);
    for (int t = 0; t < THREADS; ++t) assert_true(jobs[t].ok);
}

static void assert_same(const job *a, const job *b) {
    for (int t = 0; t < THREADS; ++t) {
        assert_memory_equal(a[t].tokens, b[t].tokens, sizeof a[t].tokens);
    }
}

/* The first test, so that the threads make the library's first call. */
static void samplers_of_their_own(void **state) {
    (void)state;
    static job together[THREADS];
    static job alone[THREADS];
    for (int t = 0; t < THREADS; ++t) together[t].seed = alone[t].seed = 100u * (uint32_t)t;
    run_jobs(together, true);
    run_jobs(alone, false);
    assert_same(together, alone);
}

static void clones_on_shared_data(void **state) {
    (void)state;
    static job together[THREADS];
    static job alone[THREADS];
    pluck_sampler *origin[SAMPLERS];
    for (int i = 0; i < SAMPLERS; ++i) {
        origin[i] = NULL;
        assert_int_equal(create(&origin[i], 5u + (uint32_t)i), PLUCK_OK);
    }
    for (int t = 0; t < THREADS; ++t) {
        job *const both[2] = {&together[t], &alone[t]};
        for (int k = 0; k < 2; ++k) {
            for (int i = 0; i < SAMPLERS; ++i) {
                assert_int_equal(pluck_sampler_clone(&both[k]->samplers[i], origin[i]), PLUCK_OK);
                assert_int_equal(pluck_accept(both[k]->samplers[i], t), PLUCK_OK);
            }
            /* Odd threads: three samplers on one workspace. */
            if (t % 2) {
                assert_int_equal(pluck_workspace_create(&both[k]->workspace, N, NULL), PLUCK_OK);
            }
        }
    }
    for (int i = 0; i < SAMPLERS; ++i) pluck_sampler_free(origin[i]);
    run_jobs(together, true);
    run_jobs(alone, false);
    assert_same(together, alone);
    for (int t = 0; t < THREADS; ++t) {
        for (int i = 0; i < SAMPLERS; ++i) {
            pluck_sampler_free(together[t].samplers[i]);
            pluck_sampler_free(alone[t].samplers[i]);
        }
        pluck_workspace_free(together[t].workspace);
        pluck_workspace_free(alone[t].workspace);
    }
}

/* The last owner of shared data frees it, whichever thread that is. */
static void *free_one(void *s) {
    pluck_sampler_free(s);
    return NULL;
}

static void clones_die_anywhere(void **state) {
    (void)state;
    for (int round = 0; round < 50; ++round) {
        pluck_sampler *s[THREADS] = {NULL};
        pthread_t threads[THREADS];
        assert_int_equal(create(&s[0], 1), PLUCK_OK);
        for (int t = 1; t < THREADS; ++t) {
            assert_int_equal(pluck_sampler_clone(&s[t], s[t - 1]), PLUCK_OK);
        }
        for (int t = 0; t < THREADS; ++t) {
            assert_int_equal(pthread_create(&threads[t], NULL, free_one, s[t]), 0);
        }
        for (int t = 0; t < THREADS; ++t) pthread_join(threads[t], NULL);
    }
}

int main(void) {
    for (int i = 0; i < 4; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samplers_of_their_own),
        cmocka_unit_test(clones_on_shared_data),
        cmocka_unit_test(clones_die_anywhere),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
