/*
 * banned.c: strings that a text must not contain (pluck_banned.h). The automaton is at a state that
 * stands for the longest end of the text that begins a string; the tokens of that end are held, each
 * with the state before it, so that going back is reading that state.
 *
 * As bytes, all numbers little-endian:
 *
 *     "PLKB", u32 version, u32 n_vocab, u64 FNV-1a of the strings, u64 place, u32 state,
 *     u32 held tokens, oldest first, each u32 token, length and state,
 *     u32 bans, in ascending order of their places, each u32 token, u64 place,
 *     u64 FNV-1a of all that comes before
 */
#include "arithmetic.h"

#include "pluck_banned.h"

#include <stdatomic.h>

#include "automaton.h"
#include "bytes.h"
#include "common.h"
#include "error.h"

enum { VERSION = 1 };

/* What clones share. */
typedef struct strings {
    atomic_int references;
    pluck_banned_config config; /* without the strings */
    size_t size;                /* of this block */
    uint64_t sum;               /* of the strings, to know a state that was saved with others */
    automaton *automaton;
} strings;

typedef struct held_token {
    int32_t token;
    int32_t length; /* of its text */
    int32_t state;  /* before it */
} held_token;

struct pluck_banned {
    strings *strings;
    int32_t state;
    int64_t place; /* of the next token: how many the text has */
    int32_t first; /* ring index of the oldest held token */
    int32_t n_held;
    int32_t n_bans;                              /* in ascending order of their places */
    int64_t ban_places[PLUCK_MAX_BANNED_TOKENS]; /* where each is banned */
    int32_t ban_tokens[PLUCK_MAX_BANNED_TOKENS];
    held_token ring[]; /* max_held */
};

/* ---- life ---- */

static size_t size_of(int32_t max_held) {
    return sizeof(pluck_banned) + (size_t)max_held * sizeof(held_token);
}

static size_t length_of(const pluck_banned_config *c, int32_t i) {
    return c->lengths ? (size_t)c->lengths[i] : strlen(c->strings[i]);
}

/* Checks the strings and adds up their lengths. */
static pluck_status measure(const pluck_banned_config *c, int32_t *bytes, pluck_error *err) {
    size_t sum = 0;
    for (int32_t i = 0; i < c->n_strings; i++) {
        if (!c->strings[i]) return pk_fail(err, PLUCK_ERR_NULL, "strings[%d] is NULL", (int)i);
        if (c->lengths && c->lengths[i] < 0)
            return pk_fail(err, PLUCK_ERR_SIZE, "lengths[%d] is %d; allowed: 1 and above", (int)i,
                           (int)c->lengths[i]);
        if (length_of(c, i) == 0)
            return pk_fail(err, PLUCK_ERR_SIZE, "strings[%d] is empty", (int)i);
        sum += length_of(c, i);
        if (sum > PLUCK_MAX_BANNED_TEXT)
            return pk_fail(err, PLUCK_ERR_SIZE, "the strings have more than %d bytes",
                           PLUCK_MAX_BANNED_TEXT);
    }
    *bytes = (int32_t)sum;
    return PLUCK_OK;
}

static pluck_status check(const pluck_banned_config *c, pluck_error *err) {
    if (c->n_vocab < 1 || c->n_vocab > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_VOCAB, "n_vocab is %d; allowed: 1 to %d", (int)c->n_vocab,
                       PLUCK_MAX_VOCAB);
    if (c->n_strings < 1)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_strings is %d; allowed: 1 and above",
                       (int)c->n_strings);
    if (!c->strings || !c->piece)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", c->strings ? "piece" : "strings");
    if (c->max_held < 1 || c->max_held > PLUCK_MAX_REWIND)
        return pk_fail(err, PLUCK_ERR_SIZE, "max_held is %d; allowed: 1 to %d", (int)c->max_held,
                       PLUCK_MAX_REWIND);
    if (!pk_allocator_is_whole(&c->allocator))
        return pk_fail(err, PLUCK_ERR_NULL, "the allocator has one function without the other");
    return PLUCK_OK;
}

static uint64_t sum_of(const pluck_banned_config *c) {
    const unsigned char folds = c->ignore_case;
    uint64_t sum = fnv(fnv_of_nothing, &folds, 1);
    for (int32_t i = 0; i < c->n_strings; i++) {
        const size_t n = length_of(c, i);
        const unsigned char length[] = {(unsigned char)n, (unsigned char)(n >> 8),
                                        (unsigned char)(n >> 16)};
        sum = fnv(fnv(sum, length, sizeof length), c->strings[i], n);
    }
    return sum;
}

/* An object at the beginning of a text. NULL: out of memory. */
static pluck_banned *begin(strings *s) {
    pluck_banned *b = pk_allocate(&s->config.allocator, size_of(s->config.max_held));
    if (!b) return NULL;
    b->strings = s;
    pluck_banned_reset(b);
    return b;
}

pluck_status pluck_banned_create(pluck_banned **out, const pluck_banned_config *config,
                                 pluck_error *err) {
    if (!out || !config)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", out ? "the config" : "out");
    int32_t bytes = 0;
    TRY(check(config, err));
    TRY(measure(config, &bytes, err));
    const size_t head = round_up(sizeof(strings), 16), size = head + pk_automaton_size(bytes);
    strings *s = pk_allocate(&config->allocator, size);
    if (!s) return pk_fail(err, PLUCK_ERR_MEMORY, "out of memory");
    s->config = *config;
    s->config.strings = NULL;
    s->config.lengths = NULL;
    s->size = size;
    s->sum = sum_of(config);
    s->automaton = pk_automaton_begin((char *)s + head, bytes, config->ignore_case);
    for (int32_t i = 0; i < config->n_strings; i++)
        pk_automaton_add(s->automaton, config->strings[i], (int32_t)length_of(config, i), i);
    pk_automaton_finish(s->automaton);
    atomic_init(&s->references, 1);
    pluck_banned *b = begin(s);
    if (!b) {
        pk_deallocate(&config->allocator, s, size);
        return pk_fail(err, PLUCK_ERR_MEMORY, "out of memory");
    }
    *out = b;
    return PLUCK_OK;
}

pluck_status pluck_banned_clone(pluck_banned **out, const pluck_banned *banned) {
    if (!out || !banned) return PLUCK_ERR_NULL;
    const size_t size = size_of(banned->strings->config.max_held);
    pluck_banned *b = begin(banned->strings);
    if (!b) return PLUCK_ERR_MEMORY;
    memcpy(b, banned, size);
    atomic_fetch_add_explicit(&b->strings->references, 1, memory_order_relaxed);
    *out = b;
    return PLUCK_OK;
}

void pluck_banned_reset(pluck_banned *banned) {
    if (!banned) return;
    banned->state = banned->first = banned->n_held = banned->n_bans = 0;
    banned->place = 0;
}

void pluck_banned_free(pluck_banned *banned) {
    if (!banned) return;
    strings *s = banned->strings;
    const pluck_allocator from = s->config.allocator;
    pk_deallocate(&from, banned, size_of(s->config.max_held));
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        pk_deallocate(&from, s, s->size);
}

/* ---- what is held ---- */

/* The held token `back` places before the newest. */
static held_token *held(pluck_banned *b, int32_t back) {
    PLUCK_ASSERT(back >= 0 && back < b->n_held);
    const int32_t at = b->first + b->n_held - 1 - back, room = b->strings->config.max_held;
    return &b->ring[at >= room ? at - room : at];
}

/* Gives out the oldest n held tokens. */
static void release(pluck_banned *b, int32_t n) {
    const int32_t room = b->strings->config.max_held;
    b->first = b->first + n >= room ? b->first + n - room : b->first + n;
    b->n_held -= n;
    const int64_t oldest = b->place - b->n_held;
    int32_t gone = 0;
    while (gone < b->n_bans && b->ban_places[gone] < oldest) gone++;
    b->n_bans -= gone;
    memmove(b->ban_places, b->ban_places + gone, (size_t)b->n_bans * sizeof *b->ban_places);
    memmove(b->ban_tokens, b->ban_tokens + gone, (size_t)b->n_bans * sizeof *b->ban_tokens);
}

/* Takes back the newest n. */
static void take_back(pluck_banned *b, int32_t n) {
    if (n == 0) return;
    b->state = held(b, n - 1)->state;
    b->n_held -= n;
    b->place -= n;
    while (b->n_bans > 0 && b->ban_places[b->n_bans - 1] > b->place) b->n_bans--;
}

/* How many held tokens the last `length` bytes of the text are in; all if it began before them. */
static int32_t tokens_of(pluck_banned *b, int32_t length) {
    int32_t n = 0;
    while (length > 0 && n < b->n_held) length -= held(b, n++)->length;
    return n;
}

/* Bans a token in the next place. */
static void ban(pluck_banned *b, int32_t token) {
    for (int32_t i = b->n_bans; i-- > 0 && b->ban_places[i] == b->place;)
        if (b->ban_tokens[i] == token) return;
    PLUCK_ASSERT(b->n_bans < PLUCK_MAX_BANNED_TOKENS);
    b->ban_places[b->n_bans] = b->place;
    b->ban_tokens[b->n_bans++] = token;
}

/* Whether there is room for the ban that follows if `token` comes next and `back` tokens are taken
 * back with it. Bans after that place are forgotten then, and so are those in the place of a token
 * that is given out because no more can be held. */
static bool can_ban(pluck_banned *b, int32_t token, int32_t back) {
    if (b->n_bans < PLUCK_MAX_BANNED_TOKENS) return true;
    const bool full = b->n_held == b->strings->config.max_held;
    const int64_t place = b->place + 1 - back, oldest = b->place - b->n_held + full;
    const int32_t banned = back == 1 ? token : held(b, back - 2)->token;
    int32_t left = 0;
    for (int32_t i = 0; i < b->n_bans; i++) {
        if (b->ban_places[i] < oldest || b->ban_places[i] > place) continue;
        if (b->ban_places[i] == place && b->ban_tokens[i] == banned) return true;
        left++;
    }
    return left < PLUCK_MAX_BANNED_TOKENS;
}

/* Follows a token's text to its end, or to that of the first string in it: *used bytes. */
static int32_t follow(const pluck_banned *b, const char *text, int32_t length, int32_t *used) {
    const automaton *a = b->strings->automaton;
    int32_t state = b->state;
    for (*used = 0; *used < length;) {
        int32_t ignored;
        state = pk_automaton_next(a, state, text[(*used)++]);
        if (pk_automaton_match(a, state, &ignored) >= 0) break;
    }
    return state;
}

pluck_status pluck_banned_accept(pluck_banned *banned, int32_t token, pluck_banned_step *step) {
    if (!banned || !step) return PLUCK_ERR_NULL;
    const strings *s = banned->strings;
    if (token < 0 || token >= s->config.n_vocab) return PLUCK_ERR_TOKEN;
    char text[PLUCK_MAX_PIECE];
    const int32_t length = s->config.piece(s->config.ctx, token, text, PLUCK_MAX_PIECE);
    if (length < 0 || length > PLUCK_MAX_PIECE) return PLUCK_ERR_CALLBACK;
    int32_t used, match_length, back = 0;
    const int32_t state = follow(banned, text, length, &used);
    const int32_t string = used > 0 ? pk_automaton_match(s->automaton, state, &match_length) : -1;
    if (string >= 0) {
        back = 1 + tokens_of(banned, match_length - used);
        if (back > s->config.max_held) back = s->config.max_held;
        if (!can_ban(banned, token, back)) return PLUCK_ERR_SIZE;
    }

    *step = (pluck_banned_step){.take_back = back, .string = string, .token = -1};
    if (banned->n_held == s->config.max_held) {
        release(banned, 1);
        step->n_released = 1;
    }
    banned->n_held++;
    banned->place++;
    *held(banned, 0) = (held_token){token, used, banned->state};
    banned->state = state;
    if (string >= 0) {
        step->token = held(banned, back - 1)->token;
        take_back(banned, back);
        ban(banned, step->token);
    }
    const int32_t needed = tokens_of(banned, pk_automaton_depth(s->automaton, banned->state));
    step->n_released += banned->n_held - needed;
    release(banned, banned->n_held - needed);
    step->n_held = needed;
    return PLUCK_OK;
}

pluck_status pluck_banned_rewind(pluck_banned *banned, int32_t n) {
    if (!banned) return PLUCK_ERR_NULL;
    if (n < 0) return PLUCK_ERR_SIZE;
    if (n > banned->n_held) return PLUCK_ERR_REWIND;
    take_back(banned, n);
    return PLUCK_OK;
}

/* ---- what is banned ---- */

const int32_t *pluck_banned_tokens(const pluck_banned *banned, int32_t *n) {
    if (!n) return NULL;
    *n = 0;
    if (!banned) return NULL;
    while (*n < banned->n_bans && banned->ban_places[banned->n_bans - 1 - *n] == banned->place)
        ++*n;
    return banned->ban_tokens + banned->n_bans - *n;
}

pluck_status pluck_banned_mask(const pluck_banned *banned, uint32_t *allowed, int32_t n) {
    if (!banned || !allowed) return PLUCK_ERR_NULL;
    if (n < 0) return PLUCK_ERR_SIZE;
    int32_t n_tokens;
    const int32_t *tokens = pluck_banned_tokens(banned, &n_tokens);
    for (int32_t i = 0; i < n_tokens; i++)
        if (tokens[i] < n) allowed[tokens[i] / 32] &= ~((uint32_t)1 << (tokens[i] % 32));
    return PLUCK_OK;
}

/* ---- as bytes ---- */

static void put_banned(writer *w, pluck_banned *b) {
    put_name(w, "PLKB");
    put_32(w, VERSION);
    put_32(w, (uint32_t)b->strings->config.n_vocab);
    put(w, b->strings->sum, 8);
    put(w, (uint64_t)b->place, 8);
    put_32(w, (uint32_t)b->state);
    put_32(w, (uint32_t)b->n_held);
    for (int32_t back = b->n_held; back-- > 0;) {
        const held_token *h = held(b, back);
        put_32(w, (uint32_t)h->token);
        put_32(w, (uint32_t)h->length);
        put_32(w, (uint32_t)h->state);
    }
    put_32(w, (uint32_t)b->n_bans);
    for (int32_t i = 0; i < b->n_bans; i++) {
        put_32(w, (uint32_t)b->ban_tokens[i]);
        put(w, (uint64_t)b->ban_places[i], 8);
    }
}

pluck_status pluck_banned_save(const pluck_banned *banned, void *bytes, size_t room, size_t *size) {
    if (!banned || !size) return PLUCK_ERR_NULL;
    pluck_banned *read = (pluck_banned *)(uintptr_t)banned; /* held() also serves to write */
    writer w = {NULL, 0, 0};
    put_banned(&w, read);
    *size = w.used + SUM_SIZE;
    if (!bytes) return PLUCK_OK;
    if (room < *size) return PLUCK_ERR_SIZE;
    w = (writer){bytes, 0, room};
    put_banned(&w, read);
    put_sum(&w);
    return PLUCK_OK;
}

/* Reads a number that must be below `limit`. */
static int32_t get_below(reader *r, int32_t limit, bool *sound) {
    const uint32_t value = get_32(r);
    if (value >= (uint32_t)limit) *sound = false;
    return (int32_t)value;
}

static bool get_held(reader *r, pluck_banned *b, int32_t n_states) {
    bool sound = true;
    for (int32_t i = 0; i < b->n_held; i++) {
        b->ring[i].token = get_below(r, b->strings->config.n_vocab, &sound);
        b->ring[i].length = get_below(r, PLUCK_MAX_PIECE + 1, &sound);
        b->ring[i].state = get_below(r, n_states, &sound);
    }
    return sound;
}

static bool get_bans(reader *r, pluck_banned *b) {
    bool sound = true;
    int64_t before = b->place - b->n_held;
    const int32_t n = get_below(r, PLUCK_MAX_BANNED_TOKENS + 1, &sound);
    for (int32_t i = 0; sound && i < n; i++) {
        b->ban_tokens[i] = get_below(r, b->strings->config.n_vocab, &sound);
        const uint64_t place = get(r, 8);
        if (place < (uint64_t)before || place > (uint64_t)b->place) return false;
        before = b->ban_places[i] = (int64_t)place;
    }
    b->n_bans = n;
    return sound;
}

/* Reads what follows the head; after an error b is of no use. */
static pluck_status get_banned(reader *r, pluck_banned *b, pluck_error *err) {
    const int32_t n_states = pk_automaton_states(b->strings->automaton);
    bool sound = true;
    b->place = (int64_t)(get(r, 8) & INT64_MAX);
    b->state = get_below(r, n_states, &sound);
    b->n_held = get_below(r, PLUCK_MAX_REWIND + 1, &sound);
    if (sound && b->n_held > b->strings->config.max_held)
        return pk_fail(err, PLUCK_ERR_STATE, "the state holds %d tokens; max_held is %d",
                       (int)b->n_held, (int)b->strings->config.max_held);
    sound = sound && b->place >= b->n_held && b->place <= INT64_MAX / 2 &&
            get_held(r, b, n_states) && get_bans(r, b);
    if (sound && !r->short_of && r->used == r->size) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_STATE, "the state is not one that was saved");
}

static pluck_status get_head(reader *r, const strings *s, pluck_error *err) {
    if (!get_name(r, "PLKB"))
        return pk_fail(err, PLUCK_ERR_STATE, "these are not the bytes of a pluck_banned");
    const uint32_t version = get_32(r), n_vocab = get_32(r);
    if (version != VERSION)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is of version %u; this library reads %d",
                       (unsigned)version, VERSION);
    if (n_vocab != (uint32_t)s->config.n_vocab)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is for %u tokens, this for %d",
                       (unsigned)n_vocab, (int)s->config.n_vocab);
    if (get(r, 8) != s->sum) return pk_fail(err, PLUCK_ERR_STATE, "the state is of other strings");
    return PLUCK_OK;
}

pluck_status pluck_banned_load(pluck_banned *banned, const void *bytes, size_t size,
                               pluck_error *err) {
    if (!banned || !bytes)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", banned ? "bytes" : "the object");
    strings *s = banned->strings;
    if (size < SUM_SIZE)
        return pk_fail(err, PLUCK_ERR_STATE, "%lu bytes are no state", (unsigned long)size);
    reader r = {bytes, 0, size - SUM_SIZE, false};
    TRY(get_head(&r, s, err)); /* another version may have another checksum */
    if (!sum_is_right(bytes, size - SUM_SIZE))
        return pk_fail(err, PLUCK_ERR_STATE,
                       "the state was altered or cut off: its checksum is not right");
    pluck_banned *read = begin(s);
    if (!read) return pk_fail(err, PLUCK_ERR_MEMORY, "out of memory");
    const pluck_status status = get_banned(&r, read, err);
    if (status == PLUCK_OK) memcpy(banned, read, size_of(s->config.max_held));
    pk_deallocate(&s->config.allocator, read, size_of(s->config.max_held));
    return status;
}
