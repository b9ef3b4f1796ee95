/* probe.c: see probe.h. */
#include "probe.h"

#include "hooks.h"
#include "node.h"
#include "probe_pair.h"

#include <math.h>
#include <stdio.h>

/* ---- What is known to differ between versions ------------------------------------------------ */

/* Does libllama's sampler change the logit of `token`, among equal ones? */
static bool changes(struct llama_sampler *sampler, llama_token token) {
    llama_token_data data[4];
    for (int32_t i = 0; i < 4; i++) data[i] = (llama_token_data){i, 1.0f, 0.0f};
    llama_token_data_array cur = {data, 4, -1, false};
    plk_libllama.sampler_apply(sampler, &cur);
    return data[token].logit != 1.0f;
}

static void accept_all(struct llama_sampler *sampler, const llama_token *tokens, int32_t n) {
    for (int32_t i = 0; i < n; i++) plk_libllama.sampler_accept(sampler, tokens[i]);
}

/* The zeros are in registers that a version might read for arguments that are unknown here. */
typedef struct llama_sampler *(*penalties_with_zeros)(int32_t, int32_t, float, float, float,
                                                      int32_t, int32_t, int32_t, int32_t);
typedef struct llama_sampler *(*dry_with_zeros)(const struct llama_vocab *, int32_t, int32_t, float,
                                                float, const char **, size_t, size_t);

/* Called with n_vocab = 8 and last_n = 1, penalties remember one token. A version without n_vocab
 * takes the 8 for last_n and remembers both. */
static void find_penalties_arguments(plk_real *library) {
    penalties_with_zeros init = (penalties_with_zeros)(plk_function)library->sampler_init_penalties;
    struct llama_sampler *sampler = init(8, 1, 50.0f, 0.0f, 0.0f, 0, 0, 0, 0);
    accept_all(sampler, (const llama_token[]){1, 2}, 2);
    bool newest = changes(sampler, 2), before = changes(sampler, 1);
    library->sampler_free(sampler);
    library->penalties_lack_n_vocab = before;
    if (!newest) library->kept_off |= 1u << PLUCK_STAGE_PENALTIES;
}

/* Called with allowed_length = 2, last_n = 5 and no breakers, DRY finds a repetition. A version
 * with n_ctx_train reads this as n_ctx_train = 2, allowed_length = 5, last_n = 0, and finds none;
 * called with n_ctx_train, it has to find it. */
static void find_dry_arguments(plk_real *library) {
    static const llama_token history[] = {0, 1, 2, 0, 1};
    dry_with_zeros init = (dry_with_zeros)(plk_function)library->sampler_init_dry;
    struct llama_sampler *sampler = init(NULL, 2, 5, 1.0f, 1.1f, NULL, 0, 0);
    accept_all(sampler, history, 5);
    bool seen = changes(sampler, 2);
    library->sampler_free(sampler);
    if (seen) return;
    library->dry_has_n_ctx = true;
    sampler = plk_old_dry()(NULL, 64, 1.0f, 1.1f, 2, 5, NULL, 0);
    accept_all(sampler, history, 5);
    if (!changes(sampler, 2)) library->kept_off |= 1u << PLUCK_STAGE_DRY;
    library->sampler_free(sampler);
}

static llama_token draw(struct llama_sampler *sampler, int32_t n, uint32_t number) {
    llama_token_data data[PLK_PROBE_ROW];
    llama_token_data_array cur = plk_probe_array(data, NULL, n, number, false);
    plk_libllama.sampler_apply(sampler, &cur);
    return cur.selected >= 0 && (size_t)cur.selected < cur.size ? cur.data[cur.selected].id : -1;
}

/* Draws from two streams of one seed. They stay together if the draw from one candidate takes no
 * number. */
static void find_single(plk_real *library) {
    struct llama_sampler *a = library->sampler_init_dist(1), *b = library->sampler_init_dist(1);
    draw(a, 1, 0);
    library->single_takes_no_number = true;
    for (uint32_t i = 0; i < 8; i++) {
        if (draw(a, PLK_PROBE_ROW, i) != draw(b, PLK_PROBE_ROW, i))
            library->single_takes_no_number = false;
    }
    library->sampler_free(a);
    library->sampler_free(b);
}

static void find_sigma(plk_real *library) {
    struct llama_sampler *sampler = library->sampler_init_top_n_sigma(1.0f);
    llama_token_data data[PLK_PROBE_ROW];
    llama_token_data_array cur = plk_probe_array(data, NULL, PLK_PROBE_ROW, 1, false);
    library->sampler_apply(sampler, &cur);
    library->sigma_sorts = cur.sorted;
    library->sampler_free(sampler);
}

/* ---- Pluck's against libllama's -------------------------------------------------------------- */

static const pluck_logit_bias biases[] = {{3, 4.5f}, {17, -2.0f}, {22, -INFINITY}};

#define CASE(kind_, member, ...)                                                                   \
    {                                                                                              \
        .kind = PLUCK_STAGE_##kind_, .as.member = { __VA_ARGS__ }                                  \
    }

/* Every kind of stage, with the parameters that make a difference in it. The draw comes first,
 * since the chains of the others end with it. */
static const pluck_stage cases[] = {
    CASE(DIST, dist, 42),
    CASE(GREEDY, dist, 0),
    CASE(LOGIT_BIAS, logit_bias, biases, 3),
    CASE(PENALTIES, penalties, .last_n = 4, .repeat = 1.2f, .freq = 0.1f, .present = 0.2f),
    CASE(PENALTIES, penalties, .last_n = -1, .repeat = 1.2f, .freq = 0.1f, .present = 0.2f),
    CASE(DRY, dry, .multiplier = 0.8f, .base = 1.75f, .allowed_length = 2, .last_n = 6),
    CASE(DRY, dry, .multiplier = 0.8f, .base = 1.75f, .allowed_length = 2, .last_n = -1),
    CASE(DRY, dry, .multiplier = 0.8f, .base = 1.75f, .allowed_length = 1, .last_n = 1000),
    CASE(TOP_N_SIGMA, top_n_sigma, 1.0f),
    CASE(TOP_N_SIGMA, top_n_sigma, -1.0f),
    CASE(TOP_K, top_k, 5),
    CASE(TOP_K, top_k, 100),
    CASE(TOP_K, top_k, 0),
    CASE(TYPICAL, typical, 0.6f, 1),
    CASE(TYPICAL, typical, 1.0f, 1),
    CASE(TOP_P, top_p, 0.8f, 1),
    CASE(TOP_P, top_p, 0.3f, 9),
    CASE(TOP_P, top_p, 1.0f, 1),
    CASE(MIN_P, min_p, 0.1f, 1),
    CASE(MIN_P, min_p, 0.5f, 12),
    CASE(XTC, xtc, .probability = 1.0f, .threshold = 0.05f, .min_keep = 1, .seed = 9),
    CASE(XTC, xtc, .probability = 0.5f, .threshold = 0.05f, .min_keep = 1, .seed = 9),
    CASE(TEMPERATURE, temperature, 0.7f, 0.0f, 1.0f),
    CASE(TEMPERATURE, temperature, 0.0f, 0.0f, 1.0f),
    CASE(TEMPERATURE, temperature, 0.9f, 0.5f, 1.2f),
    CASE(MIROSTAT, mirostat, 3.0f, 0.1f, 10, 42),
    CASE(MIROSTAT_V2, mirostat, 3.0f, 0.1f, 2, 42),
    CASE(ADAPTIVE_P, adaptive_p, 0.3f, 0.9f, 42),
};

/* Tokens accepted before the rows and between them; they repeat, for DRY. */
static const llama_token told[] = {1, 2, 3, 1, 2, 3, 1, 2};
enum { N_TOLD = sizeof told / sizeof told[0] };

static void tell_all(plk_pair pair) {
    for (int32_t i = 0; i < N_TOLD; i++) plk_pair_accept(pair, told[i]);
}

typedef struct row {
    int32_t n;
    bool sorted;
} row;

/* Rows with many candidates and with few. What a draw from one row takes of a random stream shows
 * in the next. */
static const row rows[] = {
    {PLK_PROBE_ROW, false}, {PLK_PROBE_ROW, true}, {1, false}, {PLK_PROBE_ROW, false}, {2, false},
    {PLK_PROBE_ROW, false}};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* May the flag of a sorted array differ? libllama leaves it set when a bias breaks the order, and
 * clears it when DRY has kept the order. */
static bool leaves_flag_open(pluck_stage_kind kind) {
    return kind == PLUCK_STAGE_LOGIT_BIAS || kind == PLUCK_STAGE_DRY;
}

static bool rows_agree(plk_pair pair, pluck_stage_kind kind, uint32_t first, uint32_t n_rows) {
    bool agree = true;
    for (uint32_t i = first; i < first + n_rows && agree; i++) {
        const row *r = &rows[i % N_ROWS];
        agree = plk_pair_agrees(pair, NULL, r->n, i, r->sorted && !leaves_flag_open(kind));
        plk_pair_accept(pair, told[i % N_TOLD]);
    }
    return agree;
}

/* Runs a sampler alone, cloned, reset and in a chain, and notes the differences. */
static void try_case(plk_real *library, const pluck_stage *stage) {
    const uint32_t bit = 1u << stage->kind;
    plk_pair pair = plk_pair_make(stage);
    tell_all(pair);
    bool agrees = rows_agree(pair, stage->kind, 0, N_ROWS);
    plk_pair clone = plk_pair_clone(pair);
    if (agrees && !rows_agree(clone, stage->kind, 0, 2)) library->clone_differs |= bit;
    plk_pair_free(clone);
    plk_pair_reset(pair);
    tell_all(pair);
    agrees = agrees && rows_agree(pair, stage->kind, 0, 2);
    plk_pair_free(pair);
    pair = plk_pair_chain(stage);
    tell_all(pair);
    agrees = agrees && rows_agree(pair, stage->kind, 0, N_ROWS);
    plk_pair_free(pair);
    if (!agrees) library->kept_off |= bit;
}

void plk_probe(plk_real *library) {
    find_penalties_arguments(library);
    find_dry_arguments(library);
    find_single(library);
    find_sigma(library);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (library->kept_off >> cases[i].kind & 1) continue;
        if (cases[i].kind == PLUCK_STAGE_ADAPTIVE_P && !library->sampler_init_adaptive_p) continue;
        try_case(library, &cases[i]);
    }
}

/* ---- With a vocabulary ----------------------------------------------------------------------- */

static void keep_off(struct llama_sampler *object, pluck_stage_kind kind) {
    plk_libllama.kept_off |= 1u << kind;
    plk_node_remove(object);
    if (plk_libllama.log)
        fprintf(stderr, "pluck: left to libllama, since its results differ: %s\n",
                plk_kind_name(kind));
}

/* Adds a token to ids unless it is there already. Tokens whose text is longer than libllama's
 * buffer are left out: libllama would end the program. */
static int32_t add_candidate(const struct llama_vocab *vocab, llama_token id, llama_token *ids,
                             int32_t n) {
    char text[512];
    bool fits = id >= 0 && plk_libllama.token_to_piece(vocab, id, text, sizeof text, 0, false) >= 0;
    for (int32_t i = 0; i < n; i++) fits = fits && ids[i] != id;
    if (fits) ids[n++] = id;
    return n;
}

/* Collects tokens from the whole vocabulary, and behind them, from index *n_text on, those that end
 * a text. */
static int32_t infill_candidates(const struct llama_vocab *vocab, llama_token *ids,
                                 int32_t *n_text) {
    enum { N_TEXT = 16 };
    const int32_t n_vocab = plk_libllama.vocab_n_tokens(vocab);
    int32_t n = 0;
    for (int32_t i = 0; i < N_TEXT; i++) {
        llama_token id = i < N_TEXT / 2 ? i : (int32_t)((int64_t)n_vocab * i / N_TEXT);
        if (id < n_vocab && !plk_libllama.vocab_is_eog(vocab, id))
            n = add_candidate(vocab, id, ids, n);
    }
    *n_text = n;
    n = add_candidate(vocab, plk_libllama.vocab_eot(vocab), ids, n);
    return add_candidate(vocab, plk_libllama.vocab_eos(vocab), ids, n);
}

void plk_probe_infill(struct llama_sampler *object, const struct llama_vocab *vocab) {
    const plk_node *node = plk_node_find(object);
    if (!node || atomic_exchange(&plk_libllama.infill_probed, true)) return;
    plk_pair pair = {object, plk_libllama.sampler_init_infill(vocab)};
    llama_token ids[PLK_PROBE_ROW];
    int32_t n_text, n = infill_candidates(vocab, ids, &n_text);
    bool agree = true;
    for (uint32_t i = 0; i < 6 && n_text > 0 && agree; i++) {
        agree = plk_pair_agrees(pair, ids, n, i, false) && /* first all, for the largest id */
                plk_pair_agrees(pair, ids, n_text, i, false);
    }
    plk_libllama.sampler_free(pair.own);
    if (!agree || node->handed_back) keep_off(object, PLUCK_STAGE_INFILL);
}

/* Fills ids with up to n_ids tokens that begin no breaker; returns how many. */
static int32_t plain_tokens(const pluck_stage_dry *dry, int32_t n_vocab, llama_token *ids,
                            int32_t n_ids) {
    int32_t n = 0;
    for (llama_token id = 0; id < n_vocab && n < n_ids; id++) {
        bool begins = false;
        for (int32_t s = 0; s < dry->n_breakers && !begins; s++)
            begins = dry->breakers[s].tokens[0] == id;
        if (!begins) ids[n++] = id;
    }
    return n;
}

/* Accepts "a BREAKER b c a BREAKER b": the repetition would continue with c. */
static bool breaker_agrees(struct llama_sampler *object, const llama_token *ids, int32_t n,
                           const pluck_token_sequence *breaker) {
    plk_pair pair = plk_pair_clone((plk_pair){object, object});
    for (int time = 0; time < 2; time++) {
        plk_pair_accept(pair, ids[0]);
        for (int32_t i = 0; i < breaker->n_tokens; i++) plk_pair_accept(pair, breaker->tokens[i]);
        plk_pair_accept(pair, ids[1]);
        if (time == 0) plk_pair_accept(pair, ids[2]);
    }
    bool agrees = plk_pair_agrees(pair, ids, n, 1, false);
    plk_pair_free(pair);
    return agrees;
}

void plk_probe_breakers(struct llama_sampler *object) {
    enum { N_PLAIN = 8 };
    const plk_node *node = plk_node_find(object);
    if (!node || node->type != PLK_STAGE || node->stage.as.dry.n_breakers == 0 ||
        atomic_exchange(&plk_libllama.breakers_probed, true))
        return;
    const pluck_stage_dry *dry = &node->stage.as.dry;
    llama_token ids[N_PLAIN];
    int32_t n = plain_tokens(dry, node->n_vocab_hint, ids, N_PLAIN);
    bool agree = true;
    for (int32_t i = 0; i < 4 && n >= 3 && agree; i++)
        agree = breaker_agrees(object, ids, n, &dry->breakers[i * (dry->n_breakers - 1) / 3]);
    if (!agree) keep_off(object, PLUCK_STAGE_DRY);
}
