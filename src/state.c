/*
 * state.c: what a sampler remembers as bytes. All numbers are little-endian, doubles as their bits:
 *
 *     "PLKS", u32 version, u32 n_vocab, u32 generator, u32 seed in use, u32 number of steps
 *     for each step: u32 kind, u32 parts (1 stream, 2 history, 4 memory; 8: the history
 *     leaves out the prompt), and those parts:
 *         stream   u64 position; mt19937: u32 next, 624 words; Philox: u32 key[2]
 *         history  u32 capacity, u32 size, the tokens, oldest first
 *         memory   u64 mu, weighted sum, total weight, pending probability; u32 pending token
 *     u64 FNV-1a of all that comes before
 *
 * Loading reads everything twice: once to check, then to take it over.
 */
#include "arithmetic.h"

#include "rewind.h"

#include "bytes.h"
#include "error.h"

enum { VERSION = 1, PART_STREAM = 1, PART_HISTORY = 2, PART_MEMORY = 4, WITHOUT_PROMPT = 8 };

/* ---- saving ---- */

static uint32_t parts_of(const step *at) {
    return (at->stream != NONE ? PART_STREAM : 0u) | (at->history != NONE ? PART_HISTORY : 0u) |
           (journal_remembers(at->kind) ? PART_MEMORY : 0u) |
           (at->kind->output_only && at->kind->output_only(at->stage) ? WITHOUT_PROMPT : 0u);
}

static void put_stream(writer *w, const rng_stream *stream) {
    put(w, stream->position, 8);
    if (stream->kind == PLUCK_RNG_PHILOX) {
        for (int i = 0; i < 2; i++) put_32(w, stream->as.philox.key[i]);
        return;
    }
    put_32(w, stream->as.mt.next);
    for (int i = 0; i < MT_WORDS; i++) put_32(w, stream->as.mt.state[i]);
}

static void put_history(writer *w, const history *h) {
    put_32(w, (uint32_t)h->capacity);
    put_32(w, (uint32_t)h->size);
    for (int32_t back = h->size; back-- > 0;) put_32(w, (uint32_t)pk_history_back(h, back));
}

static void put_memory(writer *w, const stage_memory *m) {
    put_double(w, m->mu);
    put_double(w, m->adaptive.weighted_sum);
    put_double(w, m->adaptive.total_weight);
    put_double(w, m->adaptive.pending_probability);
    put_32(w, (uint32_t)m->adaptive.pending_token);
}

static void put_sampler(writer *w, const pluck_sampler *s) {
    const plan *p = s->plan;
    put_name(w, "PLKS");
    put_32(w, VERSION);
    put_32(w, (uint32_t)p->config.n_vocab);
    put_32(w, (uint32_t)p->config.rng);
    put_32(w, s->seed);
    put_32(w, (uint32_t)p->n_steps);
    for (int32_t i = 0; i < p->n_steps; i++) {
        const step *at = &p->steps[i];
        const uint32_t parts = parts_of(at);
        put_32(w, (uint32_t)at->kind->kind);
        put_32(w, parts);
        if (parts & PART_STREAM) put_stream(w, pk_stream_of(s, at));
        if (parts & PART_HISTORY) put_history(w, pk_history_of(s, at));
        if (parts & PART_MEMORY) put_memory(w, &s->memory[i]);
    }
}

pluck_status pluck_sampler_save(const pluck_sampler *sampler, void *bytes, size_t room,
                                size_t *size) {
    if (!sampler || !size) return PLUCK_ERR_NULL;
    writer count = {NULL, 0, 0};
    put_sampler(&count, sampler);
    *size = count.used + SUM_SIZE;
    if (!bytes) return PLUCK_OK;
    if (room < *size) return PLUCK_ERR_SIZE;
    writer w = {bytes, 0, room};
    put_sampler(&w, sampler);
    put_sum(&w);
    PLUCK_ASSERT(w.used == *size);
    return PLUCK_OK;
}

/* ---- loading: each part is checked, and taken over if `take` says so ---- */

static bool get_stream(reader *r, rng_stream *stream, bool take) {
    rng_stream read = *stream;
    read.position = read.begun = get(r, 8);
    if (read.kind == PLUCK_RNG_PHILOX) {
        for (int i = 0; i < 2; i++) read.as.philox.key[i] = get_32(r);
    } else {
        read.as.mt.next = get_32(r);
        for (int i = 0; i < MT_WORDS; i++) read.as.mt.state[i] = get_32(r);
        if (read.as.mt.next >= MT_WORDS) return false;
    }
    if (take) *stream = read;
    return true;
}

static bool get_history(reader *r, history *h, int32_t n_vocab, bool take) {
    const uint32_t capacity = get_32(r), size = get_32(r);
    if (capacity != (uint32_t)h->capacity || size > capacity) return false;
    if (take) pk_history_clear(h);
    for (uint32_t i = 0; i < size && !r->short_of; i++) {
        const uint32_t token = get_32(r);
        if (token >= (uint32_t)n_vocab) return false;
        if (take) pk_history_push(h, (int32_t)token);
    }
    return true;
}

static bool get_memory(reader *r, stage_memory *m, int32_t n_vocab, bool take) {
    stage_memory read = *m;
    read.mu = get_double(r);
    read.adaptive.weighted_sum = get_double(r);
    read.adaptive.total_weight = get_double(r);
    read.adaptive.pending_probability = get_double(r);
    const uint32_t token = get_32(r);
    read.adaptive.pending_token = token == UINT32_MAX ? -1 : (int32_t)token;
    if (token != UINT32_MAX && token >= (uint32_t)n_vocab) return false;
    if (isnan(read.mu) || isnan(read.adaptive.weighted_sum) || isnan(read.adaptive.total_weight) ||
        isnan(read.adaptive.pending_probability))
        return false;
    if (take) *m = read;
    return true;
}

static bool get_step(reader *r, pluck_sampler *s, int32_t i, bool take) {
    const step *at = &s->plan->steps[i];
    const int32_t n_vocab = s->plan->config.n_vocab;
    const uint32_t parts = parts_of(at);
    if (get_32(r) != (uint32_t)at->kind->kind || get_32(r) != parts) return false;
    if (parts & PART_STREAM && !get_stream(r, pk_stream_of(s, at), take)) return false;
    if (parts & PART_HISTORY && !get_history(r, pk_history_of(s, at), n_vocab, take)) return false;
    return !(parts & PART_MEMORY) || get_memory(r, &s->memory[i], n_vocab, take);
}

static pluck_status get_head(reader *r, const pluck_sampler *s, uint32_t *seed, pluck_error *err) {
    const plan *p = s->plan;
    if (!get_name(r, "PLKS"))
        return pk_fail(err, PLUCK_ERR_STATE, "these are not the bytes of a sampler");
    const uint32_t version = get_32(r), n_vocab = get_32(r), rng = get_32(r);
    if (version != VERSION)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is of version %u; this library reads %d",
                       (unsigned)version, VERSION);
    if (n_vocab != (uint32_t)p->config.n_vocab)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is for %u tokens, the sampler for %d",
                       (unsigned)n_vocab, (int)p->config.n_vocab);
    if (rng != (uint32_t)p->config.rng)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is of generator %u, the sampler of %d",
                       (unsigned)rng, (int)p->config.rng);
    *seed = get_32(r);
    const uint32_t n_steps = get_32(r);
    if (n_steps != (uint32_t)p->n_steps)
        return pk_fail(err, PLUCK_ERR_STATE, "the state has %u enabled stages, the sampler %d",
                       (unsigned)n_steps, (int)p->n_steps);
    return PLUCK_OK;
}

static pluck_status read_all(pluck_sampler *s, const void *bytes, size_t size, bool take,
                             pluck_error *err) {
    reader r = {bytes, 0, size, false};
    uint32_t seed = 0;
    TRY(get_head(&r, s, &seed, err));
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const bool sound = get_step(&r, s, i, take);
        if (r.short_of) break;
        if (!sound)
            return pk_fail(err, PLUCK_ERR_STATE, "the state of stage %d is not one of %s",
                           (int)s->plan->steps[i].index, s->plan->steps[i].kind->name);
    }
    if (r.short_of || r.used != size)
        return pk_fail(err, PLUCK_ERR_STATE, "the state is %s than that of this chain",
                       r.short_of ? "shorter" : "longer");
    if (take) s->seed = seed;
    return PLUCK_OK;
}

pluck_status pluck_sampler_load(pluck_sampler *sampler, const void *bytes, size_t size,
                                pluck_error *err) {
    if (!sampler || !bytes)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", sampler ? "bytes" : "the sampler");
    if (size < SUM_SIZE)
        return pk_fail(err, PLUCK_ERR_STATE, "%lu bytes are no state", (unsigned long)size);
    const size_t n = size - SUM_SIZE;
    uint32_t seed;
    reader head = {bytes, 0, n, false};
    TRY(get_head(&head, sampler, &seed, err)); /* another version may have another checksum */
    if (!sum_is_right(bytes, n))
        return pk_fail(err, PLUCK_ERR_STATE,
                       "the state was altered or cut off: its checksum is not right");
    TRY(read_all(sampler, bytes, n, false, err));
    TRY(read_all(sampler, bytes, n, true, err));
    pk_rewind_forget_all(sampler);
    return PLUCK_OK;
}
