/*
 * test_published.c: worked examples that others have published for their samplers: a distribution, a
 * parameter, and the tokens that stay. The numbers are those of transformers' own tests
 * (tests/generation/test_logits_process.py), which come with a small distribution for each of its
 * processors.
 */
#include "check.h"

#include <math.h>
#include <string.h>

enum { MOST = 10 };

typedef struct example {
    const char *spec;
    int32_t n_vocab;
    double p[MOST]; /* probabilities; all 0: all tokens alike */
    int32_t history[8], n_history;
    const char *stays; /* '1' or '0' for each token */
} example;

static const example examples[] = {
    {"samplers=top_k;top_k=3",
     10,
     {1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, .01, .1, .8},
     {0},
     0,
     "0000000111"},
    {"samplers=top_p;top_p=.8", 4, {.15, .3, .3, .25}, {0}, 0, "0111"},
    {"samplers=top_h;top_h=.3", 4, {.97, .01, .01, .01}, {0}, 0, "1000"},
    {"samplers=top_h;top_h=.7", 4, {.4, .3, .2, .1}, {0}, 0, "1100"},
    {"samplers=top_h;top_h=1", 4, {.25, .25, .25, .25}, {0}, 0, "1111"},
    {"samplers=top_h;top_h=.4", 4, {.75, .25, 0, 0}, {0}, 0, "1000"},
    {"samplers=min_p;min_p=.05", 4, {.9, .0274, .047, .0274}, {0}, 0, "1010"},
    {"samplers=min_p;min_p=.05", 4, {.15, .3, .3, .25}, {0}, 0, "1111"},
    {"samplers=min_p;min_p=.05", 4, {.97, .01, .01, .01}, {0}, 0, "1000"},
    {"samplers=typ_p;typ_p=.5", 4, {.97, .01, .01, .01}, {0}, 0, "1000"},
    {"samplers=typ_p;typ_p=.5", 4, {.4, .2, .2, .2}, {0}, 0, "0111"},
    {"samplers=epsilon_cutoff;epsilon_cutoff=.1", 4, {.87, .099, .001, .03}, {0}, 0, "1000"},
    {"samplers=epsilon_cutoff;epsilon_cutoff=.1", 4, {.4, .299, .101, .2}, {0}, 0, "1111"},
    {"samplers=eta_cutoff;eta_cutoff=.0625", 4, {0, .1, .8, .1}, {0}, 0, "0111"},
    {"samplers=eta_cutoff;eta_cutoff=.0625", 4, {.01, .04, .9, .05}, {0}, 0, "0010"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=2", 3, {0}, {1, 1, 2, 1}, 4, "100"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=2", 3, {0}, {0, 1, 0, 1}, 4, "011"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=3", 3, {0}, {1, 1, 2, 1}, 4, "111"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=3", 3, {0}, {0, 1, 0, 1}, 4, "011"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=3", 3, {0}, {1, 2}, 2, "111"},
    {"samplers=no_repeat_ngram;no_repeat_ngram_size=3",
     10,
     {0},
     {1, 2, 5, 7, 8, 5, 1, 2},
     8,
     "1111101111"},
    {"samplers=bad_words;bad_words_ids=1:1/0:0/1/2:1/3/1/3", 5, {0}, {0, 1, 3, 1}, 4, "00101"},
    {"samplers=bad_words;bad_words_ids=1:1/0:0/1/2:1/3/1/3", 5, {0}, {0, 1, 0, 1}, 4, "00011"},
};

static void check_example(const example *e) {
    pluck_error err;
    pluck_sampler *s;
    if (pluck_sampler_from_spec(&s, e->spec, e->n_vocab, &err) != PLUCK_OK)
        fail_msg("%s: %s", e->spec, err.message);
    float logits[MOST];
    bool alike = true;
    for (int i = 0; i < e->n_vocab; ++i) alike = alike && e->p[i] == 0.0;
    for (int i = 0; i < e->n_vocab; ++i) logits[i] = alike ? 0.0f : (float)log(e->p[i]);
    for (int32_t i = 0; i < e->n_history; ++i)
        assert_int_equal(pluck_accept(s, e->history[i]), PLUCK_OK);
    pluck_draw draw;
    assert_int_equal(pluck_sample_row(s, &(pluck_row){.logits = logits}, &draw), PLUCK_OK);
    char stays[MOST + 1];
    memset(stays, '0', (size_t)e->n_vocab);
    stays[e->n_vocab] = '\0';
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    for (int32_t i = 0; i < left.n; ++i) stays[left.ids[i]] = '1';
    if (strcmp(stays, e->stays) != 0)
        fail_msg("%s: stays %s, published %s", e->spec, stays, e->stays);
    pluck_sampler_free(s);
}

static void examples_of_transformers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; ++i) check_example(&examples[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_of_transformers)};
    return cmocka_run_group_tests_name("published", tests, NULL, NULL);
}
