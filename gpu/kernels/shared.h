/*
 * shared.h: what the host and the kernels share: the parameters of a row and of a chain, and the
 * layout of a result.
 *
 * Every member is 4 or 8 bytes wide and every struct a multiple of 8, so that CUDA, OpenCL and the
 * host's compiler lay them out alike. The vendor header gives the names plk_u32, plk_i32 and
 * plk_u64.
 */
#ifndef PLK_SHARED_H
#define PLK_SHARED_H

/* Largest vocabulary: an id must fit the low 20 bits of a key (see numeric.h). */
#define PLK_ID_BITS   20
#define PLK_MAX_VOCAB (1 << PLK_ID_BITS)

/* Candidates that finish.cl sorts in local memory; also the largest k of a top-k call. This, the
 * bins and the tiles of select.cl are smaller for a device with little local memory (src/sizes.c):
 * kernels are then compiled with other values, and the host asks the device for them. */
#ifndef PLK_SMALL_MAX
#define PLK_SMALL_MAX 2048
#endif

/* So few candidates are sorted for a draw; of more, draw.cl draws without sorting them. */
#define PLK_FEW 256

/* Bins of a histogram in reduce.cl; also the most tiles that a row may have. */
#ifndef PLK_BINS
#define PLK_BINS 2048
#endif

/* select.cl: the segments of a group that are read again are k, and this many more at most. */
#ifndef PLK_SELECT_SLACK
#define PLK_SELECT_SLACK 32
#endif

/* Tiles whose segments' keys select.cl keeps at a time. */
#ifndef PLK_SELECT_TILES
#define PLK_SELECT_TILES 16
#endif

/* Words (of 8 bytes) of local memory: scratch of group.h; of select.cl for k up to `k`, if it keeps
 * the keys of `tiles` tiles; of reduce.cl and finish.cl: keys, room for prefix sums or a histogram
 * of three 32-bit numbers a bin, scratch. */
#define PLK_SCRATCH_WORDS(wg) ((wg) + 8)
#define PLK_SELECT_BINS       256
#define PLK_SELECT_WORDS(k, wg, tiles)                                                             \
    ((tiles) * (wg) + PLK_SELECT_BINS / 2 + PLK_SCRATCH_WORDS(wg) + 1 +                            \
     ((k) + PLK_SELECT_SLACK + 1) / 2)
#define PLK_ROOM_WORDS(bins) ((bins) + (bins) / 2)
#define PLK_FINISH_WORDS(wg, small_max, bins)                                                      \
    ((small_max) + PLK_ROOM_WORDS(bins) + PLK_SCRATCH_WORDS(wg) + 1)

#define PLK_MAX_OPS 8

#define PLK_DTYPE_F32  0
#define PLK_DTYPE_F16  1
#define PLK_DTYPE_BF16 2

/* Statuses a kernel writes: pluck.h's codes, and one of pluck_gpu.h's. */
#define PLK_OK           0
#define PLK_ERR_NAN      (-7)
#define PLK_ERR_EMPTY    (-8)
#define PLK_ERR_OVERFLOW (-113)

/* hi + lo: see pair.h. */
typedef struct plk_pair {
    float hi;
    float lo;
} plk_pair;

/* log2(e) / temperature: a distance from the maximum times it is the exponent of a power of 2. */
typedef plk_pair plk_rate;

/* hi + mid + lo: holds any double whose parts are not below a float's range. */
typedef struct plk_triple {
    float hi;
    float mid;
    float lo;
} plk_triple;

/* A standard deviation: value * 2^(field - 127). value < 0: not known. */
typedef struct plk_deviation {
    plk_pair value;
    plk_u32 field;
    plk_u32 pad;
} plk_deviation;

/*
 * One truncation. Each keeps a prefix of the row sorted by logit (lower id first among equals), so
 * a chain of them is one boundary that only rises.
 */
#define PLK_OP_TOP_K 1 /* the first `count` */
#define PLK_OP_TOP_P 2 /* the shortest prefix of mass >= share, at least `count`; at `rate` */
#define PLK_OP_MIN_P 3 /* logits >= maximum + value (unscaled, value <= 0), at least `count` */
#define PLK_OP_SIGMA 4 /* logits >= maximum - value.hi * standard deviation */
/* Cuts at a probability that is known after a sum (cut.h); `value` is hi + mid. The maximum always
 * stays. H is the entropy, S the sum of squared probabilities. */
#define PLK_OP_TOP_A       5 /* ln p >= value + 2 ln (maximum of p), at least `count` */
#define PLK_OP_EPSILON     6 /* ln p >= value, or not below the count-th greatest */
#define PLK_OP_ETA         7 /* ln p >= value or >= value / 2 - H, or not below the count-th */
#define PLK_OP_P_LESS      8 /* p >= S */
#define PLK_OP_P_LESS_NORM 9 /* p >= (V S - 1) / (V - 1), V = value.hi */

/* Does it need the mass of what is left? */
#define PLK_OP_SUMS(kind) ((kind) == PLK_OP_TOP_P || (kind) >= PLK_OP_TOP_A)
/* A second sum, of squares or for the entropy? */
#define PLK_OP_SUMS_OTHER(kind) ((kind) >= PLK_OP_ETA)
/* Keeps all that tie with the last, and no masked token? */
#define PLK_OP_KEEPS_TIES(kind) ((kind) >= PLK_OP_EPSILON)

typedef struct plk_op {
    plk_i32 kind;
    plk_i32 count;
    plk_u64 share; /* TOP_P: of the mass, times 2^64 */
    plk_triple value;
    /* The rest is for operations that sum, and holds at the temperature at which they run. */
    float reach; /* for survey.cl's distance_of_list */
    plk_rate rate;
    plk_pair temperature;
} plk_op;

/*
 * Which kernels a row goes through:
 *   GREEDY   argmax.
 *   TOP      select -> reduce -> finish: a top-k comes first, the rest happens on its list.
 *   PLAIN    survey -> gather -> reduce -> draw: only cuts by value; draw needs masses of tiles.
 *   NUCLEUS  survey -> gather -> reduce -> finish: one operation that sums; what it may keep is
 *            gathered.
 *   GENERAL  reduce -> finish: reduce reads the row as often as it must. Any chain of operations.
 * NUCLEUS and GENERAL end in draw instead if many candidates are left.
 */
#define PLK_ROUTE_GREEDY  1
#define PLK_ROUTE_TOP     2
#define PLK_ROUTE_PLAIN   3
#define PLK_ROUTE_NUCLEUS 4
#define PLK_ROUTE_GENERAL 5

/* What comes back: a token, or the candidates that are left. */
#define PLK_GIVE_TOKEN      1
#define PLK_GIVE_CANDIDATES 2

typedef struct plk_chain {
    plk_i32 route;
    plk_i32 give;
    plk_i32 by_id; /* candidates are given in ascending order of id, not best first */
    plk_i32 n_ops;
    plk_i32 k;               /* TOP: the list's k */
    plk_i32 needs_sigma;     /* survey sums up what a standard deviation needs */
    plk_i32 penalties_first; /* 1: penalties come before the bias */
    plk_u32 pad;
    float repeat; /* penalties: 1, 0, 0 if there are none */
    float freq;
    float present;
    float scale;   /* 1 / temperature of the draw: what a reported logit is multiplied by */
    plk_rate rate; /* of the draw */
    plk_op ops[PLK_MAX_OPS];
} plk_chain;

/* What holds for all rows of one call. */
typedef struct plk_call {
    plk_u64 offset; /* bytes before the first row in the logits' buffer */
    plk_u64 stride; /* bytes from one row to the next */
    plk_i32 dtype;
    plk_i32 n_vocab;
    plk_i32 mask_stride;    /* words from one row of the bitmask to the next */
    plk_i32 list_capacity;  /* entries of one row's list */
    plk_i32 max_candidates; /* candidates that a row of the output holds */
    plk_i32 bare;           /* 1: no parameters at all; only argmax runs */
    plk_i32 n_tiles;        /* tiles of a row */
    plk_u32 rows_at; /* bytes before the rows, the chains, the edits in the parameters' buffer */
    plk_u32 chains_at;
    plk_u32 edits_at;
    plk_u64 masks_at; /* bytes before the bitmask's first row */
} plk_call;

/* What holds for all rows of one call of softmax.cl. */
typedef struct plk_softmax {
    plk_u64 out_at; /* elements before the first row of the output, and from one row to the next */
    plk_u64 out_stride;
    plk_u64 sums_at;  /* elements before the first log-sum-exp */
    plk_pair inverse; /* 1 / temperature is inverse * step; step is a power of two */
    plk_rate rate;
    float step;
    plk_i32 logarithms; /* 1: of the probabilities */
    plk_i32 gives_sums; /* 1: there is memory for the log-sum-exps */
    plk_u32 pad;
} plk_softmax;

/* One row of one call. */
typedef struct plk_row {
    plk_i32 chain; /* index into the call's chains */
    plk_u32 seed;
    plk_u32 stream;
    plk_u32 position_lo;
    plk_u32 position_hi;
    plk_i32 mask_row;   /* row of the bitmask, -1: none */
    plk_i32 edit_begin; /* its edits, ascending by id */
    plk_i32 n_edits;
} plk_row;

/* logit += bias, and how often the token occurs in the penalised history. */
typedef struct plk_edit {
    plk_i32 id;
    plk_i32 count;
    float bias;
    plk_u32 has_bias;
} plk_edit;

/* The kernel that ends a row: none (the row failed), draw.cl, finish.cl, or softmax.cl's second. */
#define PLK_NEXT_NOTHING 0
#define PLK_NEXT_DRAW    1
#define PLK_NEXT_FINISH  2
#define PLK_NEXT_SOFTMAX 3

/* What a row's kernels pass to each other. The first three members are zero between calls: reduce
 * and finish clear them. */
typedef struct plk_state {
    plk_u32 arrived;   /* groups of this row that have finished */
    plk_u32 n_list;    /* entries of its list; more than fit: the list is unusable */
    plk_u32 threshold; /* ordered logit: at least k logits are this high (TOP) */
    plk_u32 next_op;   /* reduce: the operation with which finish goes on */
    plk_u32 next;      /* reduce: which kernel ends the row */
    plk_u32 pad;
    plk_u64 max_key;  /* key of the maximum */
    plk_u64 low_key;  /* survey: the first key of the lowest logit that is not cut off */
    plk_u64 list_key; /* survey: of the lowest logit that goes to the list; of NaN if none does */
    plk_u64 boundary; /* reduce: keys of the list at or above it are in */
    plk_u64 tail; /* reduce: mass of what counts but is not on the list; softmax.cl: of the row */
    plk_u64 tail_other;      /* reduce: its second sum */
    plk_deviation deviation; /* of the row's logits, if the chain begins with a top-n-sigma */
} plk_state;

/* What is known of one tile; its sums are taken in a fixed order. */
typedef struct plk_tile {
    plk_u64 max_key;
    plk_u64 mass;    /* gather: of what counts but is not on the list */
    plk_u64 other;   /* moments: the second sum of the same */
    plk_pair sum;    /* of unmasked logits, scaled by `field` (see pair.h) */
    plk_pair spread; /* of the squares of their distances from the tile's mean, scaled */
    plk_u32 unmasked;
    plk_u32 n_mass; /* logits that `mass` is the sum of */
    plk_u32 field;
    plk_u32 pad;
} plk_tile;

/* The same layout as pluck_gpu_result. */
typedef struct plk_result {
    plk_i32 status;
    plk_i32 token;
    float logit;
    float probability;
    float logprob;
    plk_i32 n_candidates;
} plk_result;

#endif /* PLK_SHARED_H */
