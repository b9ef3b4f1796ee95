/*
 * test_llama_verify.c: pluck_llama_verify on a real model. Lines and trees of drafted tokens are
 * evaluated in one batch; the outcome is pluck_verify's on copies of the rows, and the text is the one
 * that is generated without drafts. Argument: the model.
 */
#include "commands/model.h"
#include "pluck_llama.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONTEXT = 512, LENGTH = 48, MOST = 8, STATE = 1 << 16 };

static plk_model m; /* with a context of its own for two sequences */
static llama_token text[LENGTH + MOST + 1];

/* ---- evaluating ---- */

static struct llama_batch batch;

static void add(llama_token token, int32_t at, bool first, bool second) {
    const int32_t i = batch.n_tokens++;
    batch.token[i] = token;
    batch.pos[i] = at;
    batch.n_seq_id[i] = first + second;
    batch.seq_id[i][0] = first ? 0 : 1;
    if (first && second) batch.seq_id[i][1] = 1;
    batch.logits[i] = 1;
}

static void evaluate(void) {
    assert_int_equal(llama_decode(m.ctx, batch), 0);
    llama_synchronize(m.ctx);
}

/* Begins with the prompt in both sequences; returns its length. The last token is not evaluated. */
static int32_t begin(llama_token *last) {
    int32_t n;
    llama_token *prompt = plk_model_prompt(&m, "And it came to pass", &n);
    assert_non_null(prompt);
    plk_model_clear(&m);
    batch.n_tokens = 0;
    for (int32_t i = 0; i + 1 < n; i++) add(prompt[i], i, true, true);
    evaluate();
    *last = prompt[n - 1];
    free(prompt);
    return n - 1;
}

/* Keeps the first n positions of a sequence, in both. */
static void keep(int32_t sequence, int32_t n) {
    llama_memory_t memory = llama_get_memory(m.ctx);
    llama_memory_seq_rm(memory, sequence, n, -1);
    llama_memory_seq_rm(memory, 1 - sequence, -1, -1);
    llama_memory_seq_cp(memory, sequence, 1 - sequence, -1, -1);
}

/* ---- samplers ---- */

static pluck_sampler *create(const char *spec) {
    pluck_sampler *made = NULL, *s = NULL;
    pluck_error err = {0};
    if (pluck_llama_sampler_from_spec(&made, spec, m.vocab, NULL, &err) != PLUCK_OK)
        fail_msg("%s: %s", spec, err.message);
    pluck_config config = *pluck_sampler_config(made);
    config.max_rewind = MOST;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    pluck_sampler_free(made);
    return s;
}

static void assert_same_state(const pluck_sampler *a, const pluck_sampler *b) {
    static char states[2][STATE];
    size_t sizes[2];
    assert_int_equal(pluck_sampler_save(a, states[0], STATE, &sizes[0]), PLUCK_OK);
    assert_int_equal(pluck_sampler_save(b, states[1], STATE, &sizes[1]), PLUCK_OK);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(states[0], states[1], sizes[0]);
}

/* The text without drafts, greedily: what the tests draft from. */
static void write_text(void **state) {
    (void)state;
    llama_token last;
    int32_t past = begin(&last);
    pluck_sampler *s = create("temp=0;seed=1");
    for (int i = 0; i < LENGTH + MOST + 1; i++) {
        batch.n_tokens = 0;
        add(last, past++, true, true);
        evaluate();
        assert_int_equal(pluck_llama_sample(s, m.ctx, 0, &text[i]), PLUCK_OK);
        last = text[i];
    }
    pluck_sampler_free(s);
}

/* ---- drafts ---- */

static float *copies; /* of MOST + 1 rows */

/* Verifies, and lets pluck_verify do the same on copies of the rows with a twin. */
static pluck_verified verify(pluck_sampler *s, pluck_sampler *twin, const int32_t *outputs,
                             const pluck_draft *draft) {
    const size_t n_vocab = (size_t)m.n_vocab;
    pluck_row rows[MOST + 1];
    for (int32_t i = 0; i <= draft->n_tokens; i++) {
        float *row = copies + (size_t)i * n_vocab;
        memcpy(row, llama_get_logits_ith(m.ctx, outputs[i]), n_vocab * sizeof *row);
        rows[i] = (pluck_row){.logits = row};
        if (draft->rows) rows[i].allowed = draft->rows[i].allowed;
    }
    pluck_draft copy = *draft;
    copy.rows = rows;
    pluck_verified got, want;
    pluck_error err;
    if (pluck_llama_verify(s, m.ctx, outputs, draft, &got, &err) != PLUCK_OK)
        fail_msg("%s", err.message);
    assert_int_equal(pluck_verify(twin, &copy, &want, NULL), PLUCK_OK);
    assert_memory_equal(&got, &want, sizeof got);
    assert_same_state(s, twin);
    return got;
}

/* Four tokens at a time, of which the third is often wrong. */
static void lines(const char *spec, pluck_verify_way way, bool is_text) {
    enum { N = 4 };
    pluck_sampler *s = create(spec), *twin = create(spec);
    llama_token last;
    int32_t past = begin(&last), asked = 0;
    for (int32_t at = 0; at < LENGTH; asked++) {
        int32_t drafted[N], outputs[N + 1] = {0};
        batch.n_tokens = 0;
        add(last, past, true, true);
        for (int32_t i = 0; i < N; i++) {
            drafted[i] = text[at + i] + (i == 2 && at % 3 == 0);
            add(drafted[i], past + 1 + i, true, true);
            outputs[i + 1] = i + 1;
        }
        evaluate();
        const pluck_draft draft = {.way = way, .tokens = drafted, .n_tokens = N};
        const pluck_verified got = verify(s, twin, outputs, &draft);
        if (is_text) {
            for (int32_t i = 0; i < got.n_accepted; i++) assert_int_equal(drafted[i], text[at + i]);
            assert_int_equal(got.token, text[at + got.n_accepted]);
        }
        keep(0, past + 1 + got.n_accepted);
        past += 1 + got.n_accepted;
        at += 1 + got.n_accepted;
        last = got.token;
    }
    if (is_text) assert_true(asked < LENGTH / 2);
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
}

static void in_a_line(void **state) {
    (void)state;
    lines("temp=0;seed=1", PLUCK_VERIFY_SAME, true);
    lines("temp=0;seed=1", PLUCK_VERIFY_REJECTION, true);
    lines("temp=0.8;repeat_penalty=1.1;seed=3", PLUCK_VERIFY_SAME, false);
    lines("temp=0.8;top_k=40;seed=4", PLUCK_VERIFY_REJECTION, false);
    lines("temp=0.8;top_k=40;seed=5", PLUCK_VERIFY_BLOCK, false);
}

/* A wrong token and the right one at the first place, each with two behind it, as two sequences. The
 * outputs are not in the order of the tokens. */
static void in_a_tree(void **state) {
    (void)state;
    enum { N = 6 };
    static const int32_t parents[N] = {-1, -1, 0, 1, 2, 3};
    static const int32_t outputs[N + 1] = {0, 1, 4, 2, 5, 3, 6};
    for (int way = PLUCK_VERIFY_SAME; way <= PLUCK_VERIFY_REJECTION; way++) {
        pluck_sampler *s = create("temp=0;seed=1"), *twin = create("temp=0;seed=1");
        llama_token last;
        int32_t past = begin(&last), asked = 0;
        for (int32_t at = 0; at < LENGTH; asked++) {
            const int32_t right = at % 2, wrong = 1 - right; /* which of the two paths */
            int32_t tokens[N];
            for (int32_t depth = 0; depth < 3; depth++) {
                tokens[2 * depth + right] = text[at + depth];
                tokens[2 * depth + wrong] = text[at + depth] + 1;
            }
            batch.n_tokens = 0;
            add(last, past, true, true);
            for (int32_t path = 0; path < 2; path++)
                for (int32_t depth = 0; depth < 3; depth++)
                    add(tokens[2 * depth + path], past + 1 + depth, path == 0, path == 1);
            evaluate();
            const pluck_draft draft = {.way = (pluck_verify_way)way,
                                       .tokens = tokens,
                                       .n_tokens = N,
                                       .parents = parents,
                                       .without_replacement = true};
            const pluck_verified got = verify(s, twin, outputs, &draft);
            assert_int_equal(got.n_accepted, 3);
            assert_int_equal(got.node, 4 + right);
            assert_int_equal(got.token, text[at + 3]);
            keep(right, past + 4);
            past += 4;
            at += 4;
            last = got.token;
        }
        assert_int_equal(asked, LENGTH / 4);
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
}

/* The masks of the draft's rows are used. */
static void with_masks(void **state) {
    (void)state;
    pluck_sampler *s = create("temp=0;seed=1"), *twin = create("temp=0;seed=1");
    llama_token last;
    const int32_t past = begin(&last);
    batch.n_tokens = 0;
    add(last, past, true, true);
    add(text[0], past + 1, true, true);
    evaluate();
    const size_t n_words = (size_t)m.n_vocab / 32 + 1;
    uint32_t *allowed = malloc(n_words * sizeof *allowed);
    assert_non_null(allowed);
    memset(allowed, 0xff, n_words * sizeof *allowed);
    allowed[text[0] / 32] &= ~(1u << text[0] % 32);
    const pluck_row rows[2] = {{.allowed = allowed}, {0}};
    static const int32_t outputs[2] = {0, 1};
    const pluck_draft draft = {.tokens = text, .n_tokens = 1, .rows = rows};
    const pluck_verified got = verify(s, twin, outputs, &draft);
    assert_int_equal(got.n_accepted, 0);
    assert_true(got.token != text[0]);
    free(allowed);
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
}

/* ---- what is refused ---- */

static void refused(void **state) {
    (void)state;
    pluck_sampler *s = create("temp=0;seed=1"), *twin = create("temp=0;seed=1"), *other = NULL;
    llama_token last;
    const int32_t past = begin(&last);
    batch.n_tokens = 0;
    add(last, past, true, true);
    add(text[0], past + 1, true, true);
    batch.logits[1] = 0;
    evaluate();
    int32_t outputs[2] = {0, 1};
    pluck_draft draft = {.tokens = text, .n_tokens = 1};
    pluck_verified got = {-7, -7, -7};
    pluck_error err;
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, &draft, &got, &err), PLUCK_ERR_ROW);
    assert_string_equal(err.message, "outputs[1] is 1: the context has no logits there");
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, &draft, &got, NULL), PLUCK_ERR_ROW);
    draft.n_tokens = 65;
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, &draft, &got, &err), PLUCK_ERR_SIZE);
    assert_string_equal(err.message, "n_tokens is 65; allowed: 0 to 64");
    draft.n_tokens = 0;
    assert_int_equal(pluck_llama_verify(NULL, m.ctx, outputs, &draft, &got, &err), PLUCK_ERR_NULL);
    assert_string_equal(err.message, "the sampler is NULL");
    assert_int_equal(pluck_llama_verify(s, NULL, outputs, &draft, &got, &err), PLUCK_ERR_NULL);
    assert_int_equal(pluck_llama_verify(s, m.ctx, NULL, &draft, &got, &err), PLUCK_ERR_NULL);
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, NULL, &got, &err), PLUCK_ERR_NULL);
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, &draft, NULL, &err), PLUCK_ERR_NULL);
    assert_string_equal(err.message, "verified is NULL");
    assert_int_equal(pluck_sampler_from_spec(&other, "", 100, NULL), PLUCK_OK);
    assert_int_equal(pluck_llama_verify(other, m.ctx, outputs, &draft, &got, &err),
                     PLUCK_ERR_VOCAB);
    assert_true(got.n_accepted == -7 && got.token == -7 && got.node == -7);
    assert_same_state(s, twin);
    assert_int_equal(pluck_llama_verify(s, m.ctx, outputs, &draft, &got, &err), PLUCK_OK);
    assert_int_equal(got.token, text[0]);
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
    pluck_sampler_free(other);
}

/* The model, with a context for two sequences that share their memory. */
static bool open_model(const char *path) {
    char err[512];
    if (!plk_model_open(&m, path, CONTEXT, 1, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return false;
    }
    llama_free(m.ctx);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = CONTEXT;
    params.n_batch = CONTEXT;
    params.n_seq_max = 2;
    params.kv_unified = true;
    params.n_threads = params.n_threads_batch = 1;
    m.ctx = llama_init_from_model(m.model, params);
    return m.ctx != NULL;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_llama_verify MODEL\n");
        return 1;
    }
    if (!open_model(argv[1])) return 1;
    copies = malloc((MOST + 1) * (size_t)m.n_vocab * sizeof *copies);
    if (!copies) return 1;
    batch = llama_batch_init(CONTEXT, 0, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_text), cmocka_unit_test(in_a_line), cmocka_unit_test(in_a_tree),
        cmocka_unit_test(with_masks), cmocka_unit_test(refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    llama_batch_free(batch);
    free(copies);
    plk_model_close(&m);
    return failed;
}
