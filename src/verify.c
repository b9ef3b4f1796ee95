/*
 * verify.c: drafted tokens checked against the target's rows (pluck_verify.h).
 *
 * The chain runs at each place as it does in any call. What differs is the draw: the stage that
 * draws asks a `choose` function instead (run.h), which sees exactly what would be drawn from, with
 * the chain's history and the stage's own stream. So each stage learns from the token that it is
 * given as if it had drawn it. A drafted token stands if the chain selects it.
 */
#include "arithmetic.h"

#include "verify.h"

#include "proposal.h"
#include "rewind.h"
#include "run.h"

#include "error.h"

/* How a sampler was when the call began. */
typedef struct start {
    uint64_t positions[PLUCK_MAX_STAGES];
    stage_memory memory[PLUCK_MAX_STAGES];
} start;

typedef struct verifier {
    pluck_sampler *s;
    const pluck_draft *draft;
    const verify_hooks *hooks; /* NULL: none */
    pk_fpenv *caller;
    pluck_error *err;
    int32_t n_accepted; /* tokens that the sampler has been told */
    start begun;
    proposal proposals[PLUCK_MAX_DRAFT];

    /* The place that is being run: */
    int32_t place;
    int32_t token; /* that the chain selected */

    /* Block verification, by place: how probable the draft is up to it, within what is allowed. */
    double reached[PLUCK_MAX_DRAFT + 1];
    int32_t chosen;    /* token of the place that `choose` gave; -1: it was not asked */
    double p, left;    /* of the drafted token; of reached P - Q */
    int32_t longest;   /* that stands so far */
    rng_stream *coins; /* of the stage that draws; NULL: none has yet */
} verifier;

/* ---- the sampler's state ---- */

static void note_start(const pluck_sampler *s, start *begun) {
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const rng_stream *stream = pk_stream_of(s, &s->plan->steps[i]);
        begun->positions[i] = stream ? stream->position : 0;
        begun->memory[i] = s->memory[i];
    }
}

/* Goes back to the first n tokens that were accepted in this call. */
static void go_back_to(verifier *v, int32_t n) {
    pluck_sampler *s = v->s;
    if (v->n_accepted > n) pk_rewind(s, v->n_accepted - n, v->caller);
    v->n_accepted = n;
    if (n > 0) return;
    /* The sampler may have drawn since the last token before the call was accepted. */
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        rng_stream *stream = pk_stream_of(s, &s->plan->steps[i]);
        if (stream) pk_stream_go_to(stream, v->begun.positions[i]);
        s->memory[i] = v->begun.memory[i];
    }
}

static void accept(verifier *v, int32_t token) {
    pk_run_accept(v->s, token, v->caller);
    v->n_accepted++;
}

/* ---- a place ---- */

typedef pick (*choose_fn)(void *arg, view *seen, const stage_run *run);

static void look(void *arg, view *seen) {
    const verifier *v = arg;
    v->hooks->look(v->hooks->arg, seen);
}

/* Runs the chain at a place; v->token is what it selected. */
static pluck_status run_place(verifier *v, int32_t place, choose_fn choose) {
    pluck_row row = v->draft->rows[place];
    row.workspace = v->draft->workspace;
    const bool looks = v->hooks && v->hooks->look;
    const run_hooks hooks = {.look = looks ? look : NULL, .choose = choose, .arg = v};
    v->place = place;
    pluck_workspace *ws;
    const pluck_status status =
        pk_run(v->s, &row, true, choose || looks ? &hooks : NULL, &ws, v->caller);
    if (status != PLUCK_OK)
        return pk_fail(v->err, status, "rows[%d]: %s", (int)place, pluck_status_string(status));
    v->token = ws->selection.token;
    return PLUCK_OK;
}

/* The place that was run, behind drafted token `node`, is the last one: its outcome is read, and its
 * token accepted. */
static pluck_status end_here(verifier *v, int32_t node, pluck_verified *out) {
    if (v->hooks && v->hooks->read) TRY(v->hooks->read(v->hooks->arg, &v->draft->rows[v->place]));
    *out = (pluck_verified){v->n_accepted, v->token, node};
    accept(v, v->token);
    return PLUCK_OK;
}

/* The target's probability of drafted token i; 0 if it is not there. */
static pick drafted(const verifier *v, view *seen, int32_t i) {
    const int32_t token = v->draft->tokens[i];
    const float x = pk_view_value(seen, token);
    return (pick){token, x, x > -INFINITY ? pk_view_probability(seen, x) : 0.0};
}

/* Draws from what is left of P. Nothing is, but for rounding, if Q is P itself. */
static pick draw_residual(const residual *left, view *seen, const stage_run *run) {
    const double u = pk_stream_double(run->stream);
    const pick found = pk_residual_draw(left, seen, u);
    return found.token >= 0 ? found : pk_view_pick(seen, run->rng, u);
}

/* ---- one token after the other ---- */

/* The first drafted token from `from` on that comes right behind `parent`; -1 if there is none. */
static int32_t next_child(const pluck_draft *d, int32_t parent, int32_t from) {
    if (!d->parents) return from == parent + 1 && from < d->n_tokens ? from : -1;
    for (int32_t i = from; i < d->n_tokens; i++)
        if (d->parents[i] == parent) return i;
    return -1;
}

static int32_t child_with(const pluck_draft *d, int32_t parent, int32_t token) {
    int32_t i = next_child(d, parent, parent + 1);
    while (i >= 0 && d->tokens[i] != token) i = next_child(d, parent, i + 1);
    return i;
}

/* Judges the tokens that were drafted for this place, one by one, each by what those before have
 * left. */
static pick choose_by_rejection(void *arg, view *seen, const stage_run *run) {
    verifier *v = arg;
    const int32_t parent = v->place - 1;
    residual left;
    pk_residual_begin(&left, 1.0);
    for (int32_t i = next_child(v->draft, parent, v->place); i >= 0;
         i = next_child(v->draft, parent, i + 1)) {
        const proposal *q = &v->proposals[i];
        const pick found = drafted(v, seen, i);
        pk_residual_rescale(&left, seen);
        const double r = pk_residual_at(&left, found.token, found.probability);
        const double u = pk_stream_double(run->stream);
        if (u * pk_proposal_at(q, found.token) < r) return found;
        pk_residual_take(&left, q);
    }
    return draw_residual(&left, seen, run);
}

static pluck_status verify_in_turn(verifier *v, pluck_verified *out) {
    const pluck_draft *d = v->draft;
    const choose_fn choose = d->way == PLUCK_VERIFY_REJECTION ? choose_by_rejection : NULL;
    for (int32_t node = -1;;) {
        TRY(run_place(v, node + 1, next_child(d, node, node + 1) >= 0 ? choose : NULL));
        const int32_t next = child_with(d, node, v->token);
        if (next < 0) return end_here(v, node, out);
        accept(v, v->token);
        node = next;
    }
}

/* ---- the draft as a whole ---- */

/* Whether the draft up to a place stands, given what is left there of reached P - Q. */
static void judge(verifier *v) {
    const double reached = v->reached[v->place], rest = v->left + (1.0 - reached);
    if (v->place == 0) return;
    const double h = rest > 0.0 ? v->left / rest : 1.0;
    /* Short of 1 it has been decided by chances before, so there is a stream. */
    const bool certain = reached == 1.0 && h == 1.0;
    if (certain || (v->coins && pk_stream_double(v->coins) < h)) v->longest = v->place;
}

/* What is left of reached P at a place whose token is turned down. */
static void begin_residual(const verifier *v, residual *left) {
    pk_residual_begin(left, v->reached[v->place]);
    pk_residual_take(left, &v->proposals[v->place]);
}

/* Lets the drafted token be drawn, if it can be. */
static pick choose_drafted(void *arg, view *seen, const stage_run *run) {
    verifier *v = arg;
    pick found = drafted(v, seen, v->place);
    residual left;
    begin_residual(v, &left);
    v->p = found.probability;
    v->left = pk_residual_sum(&left, seen);
    v->coins = run->stream;
    if (!(v->p > 0.0)) {
        found = pk_view_argmax(seen);
        found.probability = pk_view_probability(seen, found.x);
    }
    v->chosen = found.token;
    return found;
}

/* Runs the chain at a place and lets it select the drafted token, if that can be; then the draft goes
 * on from there, as probable as it then is. */
static pluck_status pass_place(verifier *v, int32_t place) {
    const int32_t token = v->draft->tokens[place];
    const proposal *q = &v->proposals[place];
    v->chosen = -1;
    TRY(run_place(v, place, choose_drafted));
    if (v->token != v->chosen) { /* a stage selects without drawing */
        v->left = fmax(v->reached[place] - pk_proposal_at(q, v->token), 0.0);
        v->p = v->token == token ? 1.0 : 0.0;
    }
    judge(v);
    v->reached[place + 1] = fmin(v->reached[place] * v->p / pk_proposal_at(q, token), 1.0);
    return PLUCK_OK;
}

/* The place that was run comes to nothing, but for the coins. */
static void forget_place(verifier *v) {
    const uint64_t used = v->coins ? v->coins->position : 0;
    pk_run_undo(v->s);
    if (v->coins) pk_stream_go_to(v->coins, used);
}

static pick choose_residual(void *arg, view *seen, const stage_run *run) {
    residual left;
    begin_residual(arg, &left);
    return draw_residual(&left, seen, run);
}

/* Goes along the draft as far as the target gives it any probability. */
static pluck_status go_along(verifier *v) {
    const int32_t n = v->draft->n_tokens;
    v->reached[0] = 1.0;
    for (int32_t i = 0; i < n; i++) {
        TRY(pass_place(v, i));
        if (v->reached[i + 1] == 0.0) {
            forget_place(v);
            return PLUCK_OK;
        }
        accept(v, v->draft->tokens[i]);
    }
    const double reached = v->reached[n];
    if (reached == 1.0 || (v->coins && pk_stream_double(v->coins) < reached)) v->longest = n;
    return PLUCK_OK;
}

static pluck_status verify_block(verifier *v, pluck_verified *out) {
    TRY(go_along(v));
    /* The places behind are forgotten, but the coins they were judged by must not be used again. */
    const uint64_t used = v->coins ? v->coins->position : 0;
    go_back_to(v, v->longest);
    if (v->coins) pk_stream_go_to(v->coins, used);
    TRY(run_place(v, v->longest, v->longest < v->draft->n_tokens ? choose_residual : NULL));
    return end_here(v, v->longest - 1, out);
}

/* ---- checks ---- */

/* The sibling of token i that is before it; -1 if there is none. */
static int32_t sibling_before(const pluck_draft *d, int32_t i) {
    int32_t at = i - 1;
    while (d->parents && at >= 0 && d->parents[at] != d->parents[i]) at--;
    return d->parents ? at : -1;
}

/* Takes what siblings were drawn before token i from what it was drawn from. */
static pluck_status check_siblings(verifier *v, int32_t i) {
    const pluck_draft *d = v->draft;
    double taken = 0.0;
    for (int32_t k = sibling_before(d, i); k >= 0; k = sibling_before(d, k)) {
        if (d->tokens[k] == d->tokens[i])
            return pk_fail(v->err, PLUCK_ERR_PARAM,
                           "tokens[%d] is %d, as tokens[%d] is: siblings that were drawn without "
                           "replacement differ",
                           (int)i, (int)d->tokens[i], (int)k);
        taken += pk_proposal_given(&v->proposals[i], d->tokens[k]);
    }
    if (taken > 0.0) pk_proposal_take(&v->proposals[i], taken);
    return PLUCK_OK;
}

static pluck_status check_tokens(verifier *v) {
    const pluck_draft *d = v->draft;
    const int32_t n_vocab = v->s->plan->config.n_vocab;
    for (int32_t i = 0; i < d->n_tokens; i++) {
        if (d->tokens[i] < 0 || d->tokens[i] >= n_vocab)
            return pk_fail(v->err, PLUCK_ERR_TOKEN, "tokens[%d] is %d; allowed: 0 to %d", (int)i,
                           (int)d->tokens[i], (int)n_vocab - 1);
        if (d->way == PLUCK_VERIFY_SAME) continue;
        proposal *q = &v->proposals[i];
        *q = (proposal){.of = d->proposals ? &d->proposals[i] : NULL, .token = d->tokens[i]};
        const int32_t before = sibling_before(d, i);
        TRY(pk_proposal_check(q, n_vocab, i, before < 0 ? NULL : &v->proposals[before], v->err));
        if (d->without_replacement) TRY(check_siblings(v, i));
    }
    return PLUCK_OK;
}

/* How many tokens the longest path has: each parent comes before its children. */
static pluck_status check_parents(const verifier *v, int32_t *longest) {
    const pluck_draft *d = v->draft;
    int32_t depths[PLUCK_MAX_DRAFT];
    *longest = d->parents ? 0 : d->n_tokens;
    if (d->parents && d->way == PLUCK_VERIFY_BLOCK)
        return pk_fail(v->err, PLUCK_ERR_PARAM,
                       "way: a draft with parents, which is a tree, is not judged as a block");
    for (int32_t i = 0; d->parents && i < d->n_tokens; i++) {
        const int32_t parent = d->parents[i];
        if (parent < -1 || parent >= i)
            return pk_fail(v->err, PLUCK_ERR_PARAM, "parents[%d] is %d; allowed: %s%d", (int)i,
                           (int)parent, i > 0 ? "-1 to " : "", (int)i - 1);
        depths[i] = parent < 0 ? 1 : depths[parent] + 1;
        if (depths[i] > *longest) *longest = depths[i];
    }
    return PLUCK_OK;
}

static pluck_status check_room(const verifier *v) {
    const pluck_draft *d = v->draft;
    const int32_t max_rewind = v->s->plan->config.max_rewind;
    int32_t longest;
    TRY(check_parents(v, &longest));
    if (longest > max_rewind)
        return pk_fail(v->err, PLUCK_ERR_REWIND, "%s %d, the sampler's max_rewind is %d",
                       d->parents ? "the tree's depth is" : "n_tokens is", (int)longest,
                       (int)max_rewind);
    if (longest > 0 && pk_rewind_room(v->s) < 0)
        return pk_fail(v->err, PLUCK_ERR_REWIND, "a custom stage of the sampler has no rewind");
    return PLUCK_OK;
}

static pluck_status check(verifier *v) {
    const pluck_draft *d = v->draft;
    if (d->way != PLUCK_VERIFY_SAME && d->way != PLUCK_VERIFY_REJECTION &&
        d->way != PLUCK_VERIFY_BLOCK)
        return pk_fail(v->err, PLUCK_ERR_PARAM, "way: there is no way %d", (int)d->way);
    if (d->n_tokens < 0 || d->n_tokens > PLUCK_MAX_DRAFT)
        return pk_fail(v->err, PLUCK_ERR_SIZE, "n_tokens is %d; allowed: 0 to %d", (int)d->n_tokens,
                       PLUCK_MAX_DRAFT);
    if (!d->rows || (d->n_tokens > 0 && !d->tokens))
        return pk_fail(v->err, PLUCK_ERR_NULL, "%s is NULL", d->rows ? "tokens" : "rows");
    TRY(check_room(v));
    return check_tokens(v);
}

pluck_status pk_verify(pluck_sampler *s, const pluck_draft *draft, const verify_hooks *hooks,
                       pluck_verified *out, pluck_error *err, pk_fpenv *caller) {
    verifier v = {.s = s, .draft = draft, .hooks = hooks, .caller = caller, .err = err};
    TRY(check(&v));
    note_start(s, &v.begun);
    const pluck_status status =
        draft->way == PLUCK_VERIFY_BLOCK ? verify_block(&v, out) : verify_in_turn(&v, out);
    if (status != PLUCK_OK) go_back_to(&v, 0);
    return status;
}

static PK_APART pluck_status verify(pluck_sampler *s, const pluck_draft *draft, pluck_verified *out,
                                    pluck_error *err, pk_fpenv *caller) {
    return pk_verify(s, draft, NULL, out, err, caller);
}

pluck_status pluck_verify(pluck_sampler *sampler, const pluck_draft *draft,
                          pluck_verified *verified, pluck_error *err) {
    if (!sampler || !draft || !verified)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL",
                       !sampler ? "the sampler"
                       : draft  ? "verified"
                                : "the draft");
    PK_IN_OWN_ENV(pluck_status, verify(sampler, draft, verified, err, &caller_));
}
