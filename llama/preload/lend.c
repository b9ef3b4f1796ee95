/* lend.c: see lend.h. */
#define _GNU_SOURCE
#include "lend.h"

#include "hooks.h"
#include "pluck_blocks.h"
#include "readable.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N_LOANS = 64, N_SITES = 256, N_NEEDS = 1024, LEAST = 128, OFTEN = 2 };

/* ---- Places in programs that ask ------------------------------------------------------------- */

/* For each return address: how often it was seen to continue as lend.h describes, or BANNED. */
enum { BANNED = -1 };

typedef struct site {
    const void *address;
    int seen;
} site;

static site sites[N_SITES];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all tables in this file */

/* Needs the mutex. NULL if the table is full. */
static site *site_at(const void *address) {
    size_t start = (uintptr_t)address * 0x9E3779B97F4A7C15u >> 56;
    for (size_t i = 0; i < N_SITES; i++) {
        site *s = &sites[(start + i) % N_SITES];
        if (!s->address) s->address = address;
        if (s->address == address) return s;
    }
    return NULL;
}

/* ---- Loans ----------------------------------------------------------------------------------- */

struct plk_loan {
    enum { FREE, ASKED, LENT, COMPLETED } state;
    const struct llama_context *ctx;
    int32_t idx, n_vocab;
    const float *row;                /* the context's, or `saved` */
    float *saved;                    /* room for a row */
    llama_token_data *large, *given; /* room for all candidates; the program's array */
    size_t n;                        /* how many were lent */
    int32_t room;                    /* of `saved` and `large` */
    uint64_t serial;
    const void *site;
    pthread_mutex_t reading; /* locked while the row is read or saved */
};

static plk_loan loans[N_LOANS];
static uint64_t n_serial; /* number of loans so far */
static atomic_int n_out;  /* loans that an array may have been filled from */

/* Which questions this thread has asked, and so what it is expected to ask next. */
typedef struct asking {
    enum { NOTHING, PROBS, LOGITS, IDS, FILLS } step;
    const struct llama_context *ctx;
    int32_t idx;
    const void *site;
    plk_loan *loan;    /* being asked for */
    plk_loan *pending; /* lent, with this serial number */
    uint64_t serial;
    int n_refused; /* how often other code was refused a loan because of it */
} asking;

static _Thread_local asking now;

/* How many candidates were left of a row before, by context and index; collisions do no harm. */
static _Atomic uint32_t needs[N_NEEDS];

static _Atomic uint32_t *need_of(const struct llama_context *ctx, int32_t idx) {
    uintptr_t key = (uintptr_t)ctx + 16 * (uintptr_t)(uint32_t)idx;
    return &needs[(key >> 4) * 0x9E3779B97F4A7C15u >> 54];
}

static bool is_off(void) {
    static atomic_int off; /* 0: not known yet, 1: on, 2: off */
    int known = atomic_load_explicit(&off, memory_order_relaxed);
    if (known == 0) {
        known = plk_setting("fill") ? 2 : 1;
        atomic_store_explicit(&off, known, memory_order_relaxed);
    }
    return known == 2;
}

/* How many candidates to lend of a row; 0: none. */
static size_t lot_for(const struct llama_context *ctx, int32_t idx, int32_t n_vocab) {
    size_t need = 2 * (size_t)atomic_load_explicit(need_of(ctx, idx), memory_order_relaxed);
    size_t least = need > LEAST ? need : LEAST;
    return least + N_LOANS < (size_t)n_vocab / 4 ? least : 0;
}

/* Makes room for the row and all candidates. The system provides no memory until it is written
 * to. */
static bool make_room(plk_loan *loan, int32_t n_vocab) {
    if (loan->room < n_vocab) {
        free(loan->saved);
        free(loan->large);
        loan->saved = NULL;
        loan->large = NULL;
        loan->room = n_vocab;
    }
    if (!loan->saved) loan->saved = malloc((size_t)loan->room * sizeof *loan->saved);
    if (!loan->large) loan->large = malloc((size_t)loan->room * sizeof *loan->large);
    return loan->saved && loan->large;
}

/* Has this thread a loan to which no chain has been applied yet, on any thread? If the code that
 * has the loan asks again, or other code asks twice, then the code that has it does not do what
 * lend.h expects and is lent nothing from now on. The loan itself stays, since an array may have
 * been filled from it. Needs the mutex. */
static bool is_pending(const void *address) {
    plk_loan *loan = now.pending;
    if (!loan || loan->state == FREE || loan->serial != now.serial) return false;
    if (loan->site == address || now.n_refused++ > 0) {
        site *s = site_at(loan->site);
        if (s) s->seen = BANNED;
        now.pending = NULL;
    }
    return true;
}

/* Makes a loan of the row if this place in the program may have one; otherwise NULL. */
static plk_loan *ask_for(struct llama_context *ctx, int32_t idx, const void *address) {
    const struct llama_vocab *vocab = plk_libllama.model_get_vocab(plk_libllama.get_model(ctx));
    int32_t n_vocab = plk_libllama.vocab_n_tokens(vocab);
    size_t n = lot_for(ctx, idx, n_vocab);
    const float *row = n > 0 ? plk_libllama.get_logits_ith(ctx, idx) : NULL;
    if (!row) return NULL;
    plk_loan *result = NULL;
    pthread_mutex_lock(&mutex);
    site *s = is_pending(address) ? NULL : site_at(address);
    for (size_t i = 0; s && s->seen >= OFTEN && i < N_LOANS; i++) {
        plk_loan *loan = &loans[i];
        if (loan->state != FREE) continue;
        if (!make_room(loan, n_vocab)) break;
        loan->state = ASKED;
        loan->ctx = ctx;
        loan->idx = idx;
        loan->n_vocab = n_vocab;
        loan->row = row;
        loan->n = n + i; /* no two loans have the same number at a time: it identifies them */
        loan->serial = ++n_serial;
        loan->site = address;
        result = loan;
        break;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static void end_loan(plk_loan *loan) {
    pthread_mutex_lock(&mutex);
    if (loan->state != ASKED) atomic_fetch_sub(&n_out, 1);
    loan->state = FREE;
    pthread_mutex_unlock(&mutex);
}

/* The sequence of questions was interrupted. */
static void stop_asking(void) {
    if (now.loan) end_loan(now.loan);
    now.loan = NULL;
    now.step = NOTHING;
}

static bool goes_on(int step, const struct llama_context *ctx, int32_t idx) {
    return (int)now.step == step && now.ctx == ctx && now.idx == idx;
}

/* ---- The four questions ---------------------------------------------------------------------- */

float *plk_hook_get_sampled_probs_ith(struct llama_context *ctx, int32_t i) {
    float *probs = plk_libllama.get_sampled_probs_ith(ctx, i);
    stop_asking();
    if (!probs && !is_off()) {
        now.step = PROBS;
        now.ctx = ctx;
        now.idx = i;
    }
    return probs;
}

float *plk_hook_get_sampled_logits_ith(struct llama_context *ctx, int32_t i) {
    const void *address = __builtin_return_address(0);
    float *logits = plk_libllama.get_sampled_logits_ith(ctx, i);
    bool next = goes_on(PROBS, ctx, i);
    stop_asking();
    if (logits || !next || plk_libllama.get_sampled_token_ith(ctx, i) != LLAMA_TOKEN_NULL)
        return logits;
    now.step = LOGITS;
    now.site = address;
    now.loan = ask_for(ctx, i, address);
    /* the row itself: llama_get_logits_ith returns it without const */
    return now.loan ? plk_libllama.get_logits_ith(ctx, i) : NULL;
}

llama_token *plk_hook_get_sampled_candidates_ith(struct llama_context *ctx, int32_t i) {
    llama_token *ids = plk_libllama.get_sampled_candidates_ith(ctx, i);
    bool plain = goes_on(LOGITS, ctx, i) && ids;
    for (size_t k = 0; plain && now.loan && k < now.loan->n; k++) plain = ids[k] == (llama_token)k;
    if (plain)
        now.step = IDS;
    else
        stop_asking();
    return ids;
}

uint32_t plk_hook_get_sampled_logits_count_ith(struct llama_context *ctx, int32_t i) {
    uint32_t n = plk_libllama.get_sampled_logits_count_ith(ctx, i);
    plk_loan *loan = goes_on(IDS, ctx, i) ? now.loan : NULL;
    if (!loan || n != (uint32_t)loan->n_vocab) {
        stop_asking();
        return n;
    }
    pthread_mutex_lock(&mutex);
    loan->state = LENT;
    atomic_fetch_add(&n_out, 1);
    pthread_mutex_unlock(&mutex);
    now.loan = NULL;
    now.pending = loan;
    now.serial = loan->serial;
    now.n_refused = 0;
    now.step = NOTHING;
    return (uint32_t)loan->n;
}

/* ---- Watching contexts ----------------------------------------------------------------------- */

/* Saves the context's rows that loans still need. */
static void save_rows(const struct llama_context *ctx) {
    for (size_t i = 0; i < N_LOANS; i++) {
        plk_loan *loan = &loans[i];
        pthread_mutex_lock(&loan->reading); /* another thread may be sampling from it */
        pthread_mutex_lock(&mutex);
        if (loan->state == LENT && loan->ctx == ctx && loan->row != loan->saved) {
            memcpy(loan->saved, loan->row, (size_t)loan->n_vocab * sizeof *loan->saved);
            loan->row = loan->saved;
        }
        pthread_mutex_unlock(&mutex);
        pthread_mutex_unlock(&loan->reading);
    }
}

void plk_watch(size_t slot, const void *ctx) {
    switch (slot) {
    case PLK_SLOT_get_logits_ith:
        if (now.step == IDS && now.ctx == ctx && !now.loan)
            now.step = FILLS;
        else
            stop_asking();
        break;
    case PLK_SLOT_get_logits:
    case PLK_SLOT_get_sampled_probs_count_ith:
    case PLK_SLOT_get_sampled_candidates_count_ith:
        stop_asking();
        break;
    default:
        stop_asking();
        if (atomic_load(&n_out) > 0) save_rows(ctx);
        break;
    }
}

/* ---- Forks ----------------------------------------------------------------------------------- */

static void before_fork(void) {
    pthread_mutex_lock(&mutex);
}

static void after_fork(void) {
    pthread_mutex_unlock(&mutex);
}

static void make_reading_mutexes(void) {
    for (size_t i = 0; i < N_LOANS; i++) pthread_mutex_init(&loans[i].reading, NULL);
}

/* The threads that were reading rows do not exist in the child. */
static void after_fork_in_child(void) {
    after_fork();
    make_reading_mutexes();
}

__attribute__((constructor)) static void prepare(void) {
    make_reading_mutexes();
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

/* Whether two floats are the same bits: what was copied is, a NaN too. */
static bool same_bits(float a, float b) {
    uint32_t bits[2];
    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return bits[0] == bits[1];
}

static bool is_filled_from(const llama_token_data_array *cur, const plk_loan *loan) {
    if (cur->size != loan->n || cur->selected != -1 || cur->sorted) return false;
    for (size_t i = 0; i < cur->size; i++) {
        const llama_token_data *d = &cur->data[i];
        if (d->id != (llama_token)i || d->p != 0.0f || !same_bits(d->logit, loan->row[i]))
            return false;
    }
    return true;
}

plk_loan *plk_loan_of(const llama_token_data_array *cur) {
    if (atomic_load_explicit(&n_out, memory_order_relaxed) == 0 || !cur) return NULL;
    plk_loan *result = NULL;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < N_LOANS && !result; i++) {
        plk_loan *loan = &loans[i];
        if ((loan->state == COMPLETED && cur->data == loan->large) ||
            (loan->state == LENT && is_filled_from(cur, loan)))
            result = loan;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

bool plk_loan_is_complete(const plk_loan *loan) {
    return loan->state == COMPLETED;
}

int32_t plk_loan_vocab(const plk_loan *loan) {
    return loan->n_vocab;
}

void plk_loan_complete(plk_loan *loan, llama_token_data_array *cur) {
    if (loan->state == COMPLETED) return;
    pthread_mutex_lock(&loan->reading);
    pluck_token_data_fill(loan->row, loan->n_vocab, (pluck_token_data *)(void *)loan->large);
    loan->given = cur->data;
    pthread_mutex_lock(&mutex);
    loan->state = COMPLETED;
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&loan->reading);
    cur->data = loan->large;
    cur->size = (size_t)loan->n_vocab;
}

pluck_status plk_loan_apply(plk_loan *loan, pluck_sampler *sampler, plk_scratch *scratch,
                            llama_token_data_array *cur, const plk_effect *effect) {
    pthread_mutex_lock(&loan->reading);
    loan->given = cur->data;
    pluck_status status =
        plk_apply_row(sampler, loan->n_vocab, scratch, loan->row, cur, loan->large, effect);
    if (status == PLUCK_OK) {
        pthread_mutex_lock(&mutex);
        loan->state = COMPLETED; /* the row is no longer needed */
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_unlock(&loan->reading);
    return status;
}

static void note_need(const struct llama_context *ctx, int32_t idx, size_t n_left) {
    /* sinks by half at most, so a chain that leaves much only now and then gets room for it */
    _Atomic uint32_t *need = need_of(ctx, idx);
    uint32_t before = atomic_load_explicit(need, memory_order_relaxed);
    uint32_t sunk = before / 2;
    uint32_t left = n_left > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)n_left;
    atomic_store_explicit(need, left > sunk ? left : sunk, memory_order_relaxed);
}

uint64_t plk_loan_serial(const plk_loan *loan) {
    return loan->serial;
}

void plk_loan_settle(plk_loan *loan, uint64_t serial, plk_node *chain,
                     llama_token_data_array *cur) {
    /* a sampler of the chain may have applied another chain to the array, which ended the loan */
    if (loan->serial != serial || loan->state == FREE) return;
    note_need(loan->ctx, loan->idx, cur->size);
    /* libllama's XTC moves cur->data forward within its memory */
    bool in_large = cur->data >= loan->large && cur->data < loan->large + loan->n_vocab;
    if (in_large && cur->size <= loan->n) {
        memcpy(loan->given, cur->data, cur->size * sizeof *cur->data);
        cur->data = loan->given;
    } else if (in_large) {
        free(chain->lent.memory);
        chain->lent = (plk_lent){loan->large, cur, *cur, loan->given, loan->n};
        loan->large = NULL;
    }
    end_loan(loan);
}

void plk_lend_learn(size_t n_before, llama_token_data first, llama_token_data last, size_t n_left) {
    if (now.step != FILLS) return;
    struct llama_context *ctx = (struct llama_context *)(uintptr_t)now.ctx;
    now.step = NOTHING;
    const struct llama_vocab *vocab = plk_libllama.model_get_vocab(plk_libllama.get_model(ctx));
    int32_t n_vocab = plk_libllama.vocab_n_tokens(vocab);
    const float *row = plk_libllama.get_logits_ith(ctx, now.idx);
    if (!row || n_before != (size_t)n_vocab || first.id != 0 || last.id != n_vocab - 1 ||
        !same_bits(first.logit, row[0]) || !same_bits(last.logit, row[n_vocab - 1]))
        return;
    note_need(ctx, now.idx, n_left);
    pthread_mutex_lock(&mutex);
    site *s = site_at(now.site);
    if (s && s->seen != BANNED && s->seen < OFTEN) s->seen++;
    pthread_mutex_unlock(&mutex);
}

void plk_lend_before_copy(plk_node *chain) {
    plk_lent *lent = &chain->lent;
    llama_token_data_array seen;
    if (!lent->memory || !plk_read_safely(&seen, lent->array, sizeof seen) ||
        seen.data != lent->left.data || seen.size != lent->left.size)
        return;
    size_t n = seen.size < lent->n_given ? seen.size : lent->n_given;
    memcpy(lent->given, seen.data, n * sizeof *seen.data);
    if (seen.selected >= (int64_t)n) {
        lent->given[n - 1] = seen.data[seen.selected];
        seen.selected = (int64_t)n - 1;
    }
    seen.data = lent->given;
    seen.size = n;
    *lent->array = seen;
}
