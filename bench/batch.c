/*
 * bench-batch: what a batch costs beside a loop, what a second thread gains, the same under the masks
 * of JSON generations, and what log-probabilities and verified drafts add. All numbers are ratios of times taken one after the
 * other in turns, medians of them; the machine's own gain from a second thread is measured with two
 * threads that only read the rows, since two cores may share what feeds them.
 *
 * Usage: bench-batch [TURNS]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_masks.h"
#include "pass.h"
#include "pluck_batch.h"
#include "rows.h"
#include "timing.h"

enum { N_VOCAB = 151936, N_ROWS = 64, N_TOP = 20, N_DRAFT = 8, MAX_TURNS = 1000 };

static const char TOP_P[] = "temp=1;top_k=0;top_p=0.95;min_p=0;seed=1";
static const char DEFAULT[] = "seed=1"; /* top-k 40, top-p .95, min-p .05, temperature .8 */

static float *logits[N_ROWS];
static pass_fn pass;
static pluck_batch *batches[2]; /* of one thread, of two */
static json_masks masks;

/* ---- what is timed ---- */

typedef struct contest {
    pluck_sampler *samplers[N_ROWS];
    pluck_batch_row rows[N_ROWS];
    pluck_batch_out out;
    int32_t n;
    void (*prepare)(struct contest *c); /* before each run, not timed; may be NULL */
    bool failed;
} contest;

static void loop(contest *c) {
    for (int i = 0; i < c->n; i++) {
        int32_t token;
        c->failed |= pluck_sample(c->samplers[i], logits[i], &token) != PLUCK_OK;
    }
}

static void loop_over_rows(contest *c) {
    for (int i = 0; i < c->n; i++) {
        pluck_draw draw;
        c->failed |= pluck_sample_row(c->samplers[i], &c->rows[i].row, &draw) != PLUCK_OK;
    }
}

static void sample_with(contest *c, pluck_batch *batch) {
    c->failed |= pluck_batch_sample(batch, c->rows, c->n, &c->out, NULL) != PLUCK_OK;
}

static void one_thread(contest *c) {
    sample_with(c, batches[0]);
}

static void two_threads(contest *c) {
    sample_with(c, batches[1]);
}

static volatile float greatest;

/* Reads rows first, first + 2, ... or all. */
static void read_rows(int first, int step) {
    for (int i = first; i < N_ROWS; i += step) greatest = pass(logits[i], N_VOCAB);
}

static void *read_odd(void *unused) {
    read_rows(1, 2);
    return unused;
}

static void readers_alone(contest *c) {
    (void)c;
    read_rows(0, 1);
}

static void two_readers(contest *c) {
    pthread_t thread;
    c->failed |= pthread_create(&thread, NULL, read_odd, NULL) != 0;
    read_rows(0, 2);
    c->failed |= pthread_join(thread, NULL) != 0;
}

static void one_pass(contest *c) {
    (void)c;
    greatest = pass(logits[0], N_VOCAB);
}

/* ---- drafts that stand as a whole: what a clone drew, from what it drew them ---- */

enum { MAX_KEPT = 20000 };

typedef struct drafted {
    pluck_verify_way way;
    int32_t tokens[N_DRAFT + 1];
    int32_t ids[N_DRAFT + 1][MAX_KEPT];
    float probabilities[N_DRAFT + 1][MAX_KEPT];
    pluck_proposal proposals[N_DRAFT + 1];
    pluck_row rows[N_DRAFT + 1];
} drafted;

static drafted draft;

static void make_draft(contest *c) {
    pluck_sampler *clone;
    c->failed |= pluck_sampler_clone(&clone, c->samplers[0]) != PLUCK_OK;
    for (int i = 0; i <= N_DRAFT && !c->failed; i++) {
        int64_t offsets[2];
        const pluck_batch_row row = {.sampler = clone, .row.logits = logits[i], .accept = true};
        const pluck_batch_out out = {
            .tokens = &draft.tokens[i],
            .kept = {MAX_KEPT, offsets, draft.ids[i], draft.probabilities[i]}};
        c->failed |= pluck_batch_sample(batches[0], &row, 1, &out, NULL) != PLUCK_OK;
        draft.proposals[i] =
            (pluck_proposal){draft.ids[i], draft.probabilities[i], (int32_t)offsets[1]};
        draft.rows[i].logits = logits[i];
    }
    pluck_sampler_free(clone);
}

static void nine_draws(contest *c) {
    for (int i = 0; i <= N_DRAFT; i++) {
        int32_t token;
        c->failed |= pluck_sample(c->samplers[0], logits[i], &token) != PLUCK_OK;
        c->failed |= pluck_accept(c->samplers[0], token) != PLUCK_OK;
    }
}

static void verify_eight(contest *c) {
    const pluck_draft d = {.way = draft.way,
                           .tokens = draft.tokens,
                           .n_tokens = N_DRAFT,
                           .rows = draft.rows,
                           .proposals = draft.proposals};
    pluck_verified verified;
    c->failed |= pluck_verify(c->samplers[0], &d, &verified, NULL) != PLUCK_OK;
    c->failed |= verified.n_accepted != N_DRAFT;
}

/* ---- measuring ---- */

typedef void (*timed_fn)(contest *c);

static double time_of(timed_fn fn, contest *c) {
    if (c->prepare) c->prepare(c);
    const double from = timing_now_us();
    fn(c);
    return timing_now_us() - from;
}

/* Median of a's time over b's, taken in turns. */
static double ratio(timed_fn a, contest *ca, timed_fn b, contest *cb, int turns) {
    static double ratios[MAX_TURNS];
    (void)time_of(a, ca);
    (void)time_of(b, cb);
    for (int i = 0; i < turns; i++) {
        double ta = 0.0, tb = 0.0;
        if (i % 2 == 0) ta = time_of(a, ca);
        tb = time_of(b, cb);
        if (i % 2 == 1) ta = time_of(a, ca);
        ratios[i] = ta / tb;
    }
    return timing_median(ratios, turns);
}

static bool contest_open(contest *c, const char *spec, int32_t n) {
    *c = (contest){.n = n};
    pluck_spec *parsed;
    if (pluck_spec_parse(&parsed, spec, N_VOCAB, NULL)) return false;
    pluck_config config = *pluck_spec_config(parsed);
    config.max_rewind = N_DRAFT;
    bool good = pluck_workspace_create(&config.workspace, N_VOCAB, NULL) == PLUCK_OK;
    for (int i = 0; good && i < n; i++) {
        config.seed = (uint32_t)i;
        good = pluck_sampler_create(&c->samplers[i], &config) == PLUCK_OK;
        c->rows[i] = (pluck_batch_row){.sampler = c->samplers[i], .row.logits = logits[i]};
    }
    pluck_spec_free(parsed);
    return good;
}

static void contest_close(contest *c) {
    pluck_workspace *shared = pluck_sampler_workspace(c->samplers[0]);
    for (int i = 0; i < c->n; i++) pluck_sampler_free(c->samplers[i]);
    pluck_workspace_free(shared);
}

static void say(const char *what, double value, bool at_least, double limit) {
    const bool met = at_least ? value >= limit : value <= limit;
    printf("%-68s %6.2f  (at %s %.2f: %s)\n", what, value, at_least ? "least" : "most", limit,
           met ? "met" : "NOT met");
}

/* In passes over a row that is in the cache. */
static void say_logprobs(const char *name, contest *one, int turns) {
    int32_t ids[2][N_TOP];
    float logprobs[2][N_TOP], token[2];
    contest all = *one;
    all.out.raw = (pluck_batch_logprobs){&token[0], N_TOP, ids[0], logprobs[0]};
    all.out.processed = (pluck_batch_logprobs){&token[1], N_TOP, ids[1], logprobs[1]};
    const double with = ratio(one_thread, &all, one_pass, one, turns);
    const double without = ratio(one_thread, one, one_pass, one, turns);
    char what[80];
    (void)snprintf(what, sizeof what, "%s: passes for raw and processed top 20", name);
    say(what, with - without, false, 6.0);
    one->failed |= all.failed;
}

static void say_drafts(const char *name, contest *one, int turns) {
    static const char *const ways[] = {"the same token", "rejection", "block"};
    contest prepared = *one;
    prepared.prepare = make_draft;
    for (int way = PLUCK_VERIFY_SAME; way <= PLUCK_VERIFY_BLOCK; way++) {
        draft.way = (pluck_verify_way)way;
        char what[80];
        (void)snprintf(what, sizeof what, "%s: 8 drafted, %s, of nine draws", name, ways[way]);
        say(what, ratio(verify_eight, &prepared, nine_draws, &prepared, turns), false,
            way == PLUCK_VERIFY_SAME ? 1.1 : 2.0);
    }
    one->failed |= prepared.failed;
}

/* Each row under the mask of one step of the generations: of very different numbers of tokens. */
static void say_masks(const char *name, contest *c, double machine, int turns) {
    contest masked = *c;
    for (int i = 0; i < N_ROWS; i++)
        masked.rows[i].row.allowed = json_masks_at(&masks, i * masks.n_steps / N_ROWS);
    char what[80];
    (void)snprintf(what, sizeof what, "%s, JSON masks: batch of 64, 1 thread, of a loop's speed",
                   name);
    say(what, ratio(loop_over_rows, &masked, one_thread, &masked, turns), true, 0.97);
    (void)snprintf(what, sizeof what, "%s, JSON masks: batch of 64, 2 threads against 1", name);
    say(what, ratio(one_thread, &masked, two_threads, &masked, turns), true, 0.95 * machine);
    c->failed |= masked.failed;
}

static void say_chain(const char *name, const char *spec, double machine, int turns) {
    contest c, one;
    if (!contest_open(&c, spec, N_ROWS) || !contest_open(&one, spec, 1)) exit(1);
    char what[80];
    (void)snprintf(what, sizeof what, "%s: batch of 64, 1 thread, of a loop's speed", name);
    say(what, ratio(loop, &c, one_thread, &c, turns), true, 0.97);
    (void)snprintf(what, sizeof what, "%s: batch of 64, 2 threads against 1", name);
    say(what, ratio(one_thread, &c, two_threads, &c, turns), true, 0.95 * machine);
    say_masks(name, &c, machine, turns);
    (void)snprintf(what, sizeof what, "%s: batch of 1, 2 threads, of pluck_sample's speed", name);
    say(what, ratio(loop, &one, two_threads, &one, 4 * turns), true, 0.95);
    say_logprobs(name, &one, 4 * turns);
    say_drafts(name, &one, turns);
    if (c.failed || one.failed) exit(1);
    contest_close(&c);
    contest_close(&one);
}

static bool make_all(void) {
    for (int i = 0; i < N_ROWS; i++) {
        logits[i] = malloc(N_VOCAB * sizeof(float));
        if (!logits[i]) return false;
        rows_fill(ROWS_PEAKED, (uint64_t)i, logits[i], N_VOCAB);
    }
    for (int i = 0; i < 2; i++) {
        const pluck_batch_config config = {
            .n_vocab = N_VOCAB, .max_rows = N_ROWS, .n_threads = i + 1};
        if (pluck_batch_create(&batches[i], &config, NULL)) return false;
    }
    pass = pass_for_isa(pluck_isa());
    return pass != NULL && json_masks_load(&masks) && masks.n_vocab == N_VOCAB;
}

int main(int argc, char **argv) {
    const long turns = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    if (turns < 1 || 4 * turns > MAX_TURNS) {
        (void)fprintf(stderr, "bench-batch: turns are 1 to %d\n", MAX_TURNS / 4);
        return 2;
    }
    if (!make_all()) return 1;
    contest none = {.n = 0};
    const double machine = ratio(readers_alone, &none, two_readers, &none, (int)turns);
    printf("pluck %s, kernels: %s; %d rows of %d, medians of %ld turns\n", pluck_version(),
           pluck_isa(), N_ROWS, N_VOCAB, turns);
    printf("%-68s %6.2f\n", "two threads that only read the rows, against one", machine);
    say_chain("top_p .95", TOP_P, machine, (int)turns);
    say_chain("default chain", DEFAULT, machine, (int)turns);
    for (int i = 0; i < 2; i++) pluck_batch_free(batches[i]);
    for (int i = 0; i < N_ROWS; i++) free(logits[i]);
    json_masks_free(&masks);
    return none.failed;
}
