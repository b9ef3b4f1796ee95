/*
 * parity.c: does Pluck draw the tokens that llama.cpp draws?
 *
 * For each chain, four samplers make the same steps with the same seed: Pluck, llama.cpp, and an
 * oracle for each, which is exact for Pluck and in single precision and llama.cpp's order for
 * llama.cpp. The rows are real, peaked and normal in turn. All four accept the token, so that
 * histories grow as in generation. If any two differ, the difference is counted and all four start
 * again with the next seed, because samplers with a state, such as mirostat's mu, would differ from
 * then on.
 *
 * Required: Pluck differs from its oracle in fewer than 1 of 2,000 draws, and so does llama.cpp
 * from its own; if the oracles agree, Pluck and llama.cpp differ in fewer than 1 of 2,000. Draws in
 * which llama.cpp takes another token of the same logit than its oracle are counted separately,
 * since std::sort leaves equals in any order.
 *
 * The draws of all four can be recorded and replayed with Pluck alone. The findings hold for a
 * later Pluck as long as it draws the recorded tokens or the exact oracle's.
 */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"
#include "commands/args.h"
#include "commands/llama_chain.h"
#include "commands/model.h"
#include "oracle/oracle.h"
#include "oracle_f32.h"
#include "parity_chains.h"
#include "parity_rows.h"
#include "rows/trials.h"
#include "vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { STEPS_PER_SEED = 400 };

typedef struct options {
    const char *model;
    int32_t n_full, n_small, v_small;
    int32_t part, n_parts;
    int32_t markdown;            /* 1: lines of a table for docs/parity.md */
    int32_t fewer;               /* 1: PLUCK_TEST_TRIALS percent of the steps */
    int32_t count;               /* 1: only prints how many chains there are */
    const char *record, *replay; /* file of findings: to write, to compare with */
} options;

typedef struct counts {
    int64_t steps, oracles_differ, on_edge, equal_logits, pluck_wrong, llama_wrong, unexcused;
} counts;

/* How a step ended. */
typedef enum outcome { AGREED, PARTED, FAILED } outcome;

/* What the four samplers drew in a step. */
typedef struct finding {
    int32_t pluck, exact, llama, f32;
    int32_t edge;   /* 1: Pluck differs from the exact oracle, on the edge of a decision */
    int32_t equals; /* 1: llama.cpp drew another token than its oracle, of the same logit */
} finding;

/* Files with a finding for each step; NULL: none. */
typedef struct files {
    FILE *record; /* is written */
    FILE *replay; /* is compared with */
} files;

/* The four samplers of one chain. */
typedef struct four {
    const pluck_config *config;
    const struct llama_vocab *vocab;
    pluck_sampler *pluck;
    oracle *exact;
    oracle_f32 *f32;
    struct llama_sampler *llama;
    llama_token_data *data;
    uint32_t seed;
    int32_t accepted[STEPS_PER_SEED], n_accepted;
    const files *io;
} four;

static void end_four(four *f) {
    pluck_sampler_free(f->pluck);
    oracle_free(f->exact);
    oracle_f32_free(f->f32);
    if (f->llama) llama_sampler_free(f->llama);
    f->pluck = NULL;
    f->exact = NULL;
    f->f32 = NULL;
    f->llama = NULL;
    f->n_accepted = 0;
}

static bool begin_four(four *f, uint32_t seed) {
    end_four(f);
    pluck_config config = *f->config;
    config.seed = f->seed = seed;
    if (pluck_sampler_create(&f->pluck, &config) != PLUCK_OK) return false;
    if (f->io->replay) return true;
    f->exact = oracle_create(f->config, seed);
    f->f32 = oracle_f32_create(f->config, seed);
    f->llama = plk_llama_chain(f->config, seed, f->vocab);
    return f->exact && f->f32 && f->llama;
}

/* A token, and its logit when it was drawn. */
typedef struct drawn {
    int32_t token;
    float logit;
} drawn;

static drawn sample_llama(four *f, const float *row) {
    size_t n = (size_t)f->config->n_vocab;
    for (size_t i = 0; i < n; i++) f->data[i] = (llama_token_data){(llama_token)i, row[i], 0.0f};
    llama_token_data_array cur = {f->data, n, -1, false};
    llama_sampler_apply(f->llama, &cur);
    if (cur.selected < 0) return (drawn){-1, NAN};
    return (drawn){cur.data[cur.selected].id, cur.data[cur.selected].logit};
}

static drawn sample_f32(four *f, const parity_rows *p) {
    drawn d = {-1, NAN};
    oracle_f32_expect(f->f32, p->order);
    d.token = oracle_f32_sample(f->f32, p->row, &d.logit);
    return d;
}

/* Are these two tokens with equal logits, in the row and when they were drawn? */
static bool are_equals(drawn a, drawn b, const float *row) {
    return a.token >= 0 && b.token >= 0 && a.token != b.token && a.logit == b.logit &&
           row[a.token] == row[b.token];
}

/* How far the draw's uniform number is from the nearer end of the interval of the exact oracle's
 * token. */
static double distance_to_boundary(const oracle_result *r) {
    double sum = 0.0;
    for (int32_t i = 0; i < r->n; i++) {
        double before = sum;
        sum += r->probabilities[i];
        if (r->ids[i] == r->token) return fmin(fabs(r->u - before), fabs(r->u - sum));
    }
    return NAN;
}

/* Is the uniform number in the interval that the exact oracle gives to token, or so near that
 * rounding of the sums decides? */
static bool holds_u(const oracle_result *r, int32_t token) {
    double sum = 0.0;
    for (int32_t i = 0; i < r->n; i++) {
        double before = sum;
        sum += r->probabilities[i];
        if (r->ids[i] == token) return r->u >= before - ORACLE_BAND && r->u <= sum + ORACLE_BAND;
    }
    return false;
}

static int32_t sample_exact(four *f, parity_rows *p, oracle_result *result) {
    int32_t n = parity_rows_narrow(p, f->config, f->accepted, f->n_accepted);
    pluck_row row = {.logits = p->row};
    if (n > 0) row = (pluck_row){.logits = p->logits, .n = n, .ids = p->ids};
    oracle_expect(f->exact, p->order);
    return oracle_sample(f->exact, &row, result) == PLUCK_OK ? result->token : -2;
}

static bool all_agree(const finding *d) {
    return d->pluck == d->exact && d->llama == d->f32 && d->exact == d->f32;
}

static void count(const finding *d, counts *c) {
    c->steps++;
    c->oracles_differ += d->exact != d->f32;
    c->on_edge += d->edge;
    c->equal_logits += d->equals;
    c->pluck_wrong += d->pluck != d->exact && !d->edge;
    c->llama_wrong += d->llama != d->f32 && !d->equals;
    c->unexcused += d->exact == d->f32 && d->pluck != d->llama && !d->edge && !d->equals;
}

/* Makes one step with all four samplers. */
static outcome step(four *f, parity_rows *p, counts *c) {
    oracle_result found;
    finding d = {.pluck = -1};
    pluck_sample(f->pluck, p->row, &d.pluck);
    d.exact = sample_exact(f, p, &found);
    drawn llama = sample_llama(f, p->row), f32 = sample_f32(f, p);
    d.llama = llama.token;
    d.f32 = f32.token;
    d.equals = are_equals(llama, f32, p->row);
    /* So near to its boundary, rounding exp to float can decide either way. */
    d.edge = d.pluck != d.exact && (found.wild || holds_u(&found, d.pluck));
    count(&d, c);
    if (d.pluck != d.exact && !d.edge)
        fprintf(stderr,
                "seed %u, step %d: Pluck draws %d, the exact oracle %d (u is %.1e from its "
                "boundary, of %d candidates), llama.cpp %d\n",
                (unsigned)f->seed, f->n_accepted, d.pluck, d.exact, distance_to_boundary(&found),
                found.n, d.llama);
    if (f->io->record && fwrite(&d, sizeof d, 1, f->io->record) != 1) return FAILED;
    if (!all_agree(&d)) return PARTED;
    pluck_accept(f->pluck, d.pluck);
    oracle_accept(f->exact, d.pluck);
    oracle_f32_accept(f->f32, d.pluck);
    llama_sampler_accept(f->llama, d.pluck);
    f->accepted[f->n_accepted++] = d.pluck;
    return AGREED;
}

/* Makes one step with Pluck alone; what the others drew is read from the record. */
static outcome step_again(four *f, const parity_rows *p, counts *c) {
    finding d;
    int32_t token = -1;
    if (fread(&d, sizeof d, 1, f->io->replay) != 1) return FAILED;
    outcome end = all_agree(&d) ? AGREED : PARTED;
    pluck_sample(f->pluck, p->row, &token);
    if (token != d.pluck && token != d.exact) return FAILED;
    if (token == d.exact) d.edge = 0;
    d.pluck = token;
    count(&d, c);
    if (end == AGREED) pluck_accept(f->pluck, token);
    return end;
}

static bool walk(four *f, parity_rows *p, int32_t n_steps, uint32_t seed, counts *c) {
    rows_random random = {seed};
    int32_t until = 0;
    for (int32_t i = 0; i < n_steps; i++) {
        if (i >= until) {
            if (!begin_four(f, seed++)) return false;
            until = i + STEPS_PER_SEED;
        }
        parity_rows_next(p, i, &random);
        outcome end = f->io->replay ? step_again(f, p, c) : step(f, p, c);
        if (end == FAILED) return false;
        if (end == PARTED) until = 0;
    }
    return true;
}

static bool run_chain(const parity_chain *chain, parity_rows *p, int32_t n_steps,
                      const plk_model *model, uint32_t seed, const files *io, counts *c) {
    bool infill = chain->more == PARITY_INFILL;
    if (n_steps == 0 || (infill && p->n_vocab != model->n_vocab))
        return true; /* infill's end-of-text token is outside a small vocabulary */
    pluck_stage stages[64];
    pluck_config config;
    pluck_spec *parsed;
    pluck_stage_infill infill_stage;
    if (infill && plk_infill_stage(&infill_stage, model->vocab) != PLUCK_OK) return false;
    if (!parity_config(chain, p->n_vocab, infill ? &infill_stage : NULL, stages, &config, &parsed))
        return false;
    four f = {.config = &config, .vocab = infill ? model->vocab : NULL, .io = io};
    f.data = malloc(sizeof *f.data * (size_t)p->n_vocab);
    bool done = f.data && walk(&f, p, n_steps, seed, c);
    end_four(&f);
    free(f.data);
    pluck_spec_free(parsed);
    return done;
}

static bool within(const counts *c) {
    return c->pluck_wrong * 2000 < c->steps && c->llama_wrong * 2000 < c->steps &&
           c->unexcused * 2000 < c->steps;
}

static void print_counts(const options *o, const parity_chain *chain, const counts *c,
                         double seconds) {
    static const char *const more[] = {"", " + greedy", " + infill"};
    char name[256];
    snprintf(name, sizeof name, "%s%s", chain->spec[0] ? chain->spec : "(default)",
             more[chain->more]);
    const char *format = o->markdown
                             ? "| `%s` | %lld | %.3f %% | %lld | %lld | %lld | %lld | %lld |\n"
                             : "%-90.90s %7lld %8.3f %% %6lld %6lld %6lld %6lld %6lld";
    printf(format, name, (long long)c->steps, 100.0 * (double)c->oracles_differ / (double)c->steps,
           (long long)c->on_edge, (long long)c->equal_logits, (long long)c->pluck_wrong,
           (long long)c->llama_wrong, (long long)c->unexcused);
    if (!o->markdown) printf("  %6.1f s%s\n", seconds, within(c) ? "" : "  FAILED");
    fflush(stdout);
}

/* Runs chain number i; false, with a line on stderr, if it fails. */
static bool run_one(const options *o, int i, parity_rows *full, parity_rows *small,
                    const plk_model *model, const files *io) {
    const parity_chain *chain = &parity_chains[i];
    counts c = {0};
    int64_t begin = plk_now_ns();
    uint32_t seed = 1000u * (uint32_t)(i + 1);
    if (!run_chain(chain, full, o->n_full, model, seed, io, &c) ||
        !run_chain(chain, small, o->n_small, model, seed + 500, io, &c)) {
        fprintf(stderr, "%s: %s\n", chain->spec,
                io->replay ? "not as recorded" : "could not be run");
        return false;
    }
    print_counts(o, chain, &c, 1e-9 * (double)(plk_now_ns() - begin));
    if (!within(&c)) fprintf(stderr, "%s: too many differences\n", chain->spec);
    return within(&c);
}

static int run_all(const options *o, const plk_model *model, const files *io) {
    parity_rows full = {0}, small = {0};
    int failed = 0;
    if (!parity_rows_init(&full, model->n_vocab) || !parity_rows_init(&small, o->v_small)) {
        fprintf(stderr, "parity: out of memory\n");
        failed = 1;
    } else {
        if (!o->markdown)
            printf("%-90s %7s %10s %6s %6s %6s %6s %6s\n", "chain", "steps", "oracles!=", "edge",
                   "equals", "pluck!", "llama!", "pair!");
        for (int i = o->part; i < parity_n_chains; i += o->n_parts)
            failed += !run_one(o, i, &full, &small, model, io);
    }
    parity_rows_free(&full);
    parity_rows_free(&small);
    return failed > 0;
}

/* Opens a file. NULL if there is no path, or, with a line on stderr, if it cannot be opened. */
static FILE *open_path(const char *path, const char *mode) {
    FILE *file = path ? fopen(path, mode) : NULL;
    if (path && !file) perror(path);
    return file;
}

static int run(const options *o, const plk_model *model) {
    files io = {open_path(o->record, "wb"), open_path(o->replay, "rb")};
    int status = 1;
    if (!o->record == !io.record && !o->replay == !io.replay) status = run_all(o, model, &io);
    if (io.replay) fclose(io.replay);
    if (io.record && fclose(io.record) != 0) {
        perror(o->record);
        status = 1;
    }
    return status;
}

static bool read_option(options *o, const char *name, const char *value) {
    const struct {
        const char *name;
        int32_t min, *number;
    } numbers[] = {
        {"--full", 0, &o->n_full}, {"--small", 0, &o->n_small}, {"--small-vocab", 400, &o->v_small},
        {"--part", 0, &o->part},   {"--parts", 1, &o->n_parts}, {"--markdown", 0, &o->markdown},
        {"--fewer", 0, &o->fewer}, {"--count", 0, &o->count},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0)
            return plk_read_int(value, numbers[i].min, numbers[i].number);
    }
    return false;
}

/* Every step allocates and frees megabytes. They stay in the process, instead of being mapped and
 * cleared again each time. */
static void keep_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

int main(int argc, char **argv) {
    keep_memory();
    options o = {.n_full = 300, .n_small = 2000, .v_small = 1024, .n_parts = 1};
    bool known = argc % 2 == 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--model") == 0)
            o.model = value;
        else if (strcmp(name, "--record") == 0)
            o.record = value;
        else if (strcmp(name, "--replay") == 0)
            o.replay = value;
        else
            known = read_option(&o, name, value) && known;
    }
    if (!known || (!o.model && !o.count)) {
        fprintf(stderr, "usage: parity --model MODEL [--full STEPS] [--small STEPS] "
                        "[--small-vocab V] [--part I --parts N] [--fewer 1] [--markdown 1] "
                        "[--record FILE | --replay FILE], or --count 1\n");
        return 2;
    }
    if (o.count) {
        printf("%d\n", parity_n_chains);
        return 0;
    }
    if (o.fewer) {
        o.n_full = trials_of(o.n_full);
        o.n_small = trials_of(o.n_small);
    }
    plk_model model;
    char err[512];
    if (!plk_model_open(&model, o.model, 64, 1, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    int status = run(&o, &model);
    plk_model_close(&model);
    return status;
}
