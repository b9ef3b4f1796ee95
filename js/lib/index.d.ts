/// <reference lib="esnext.disposable" />

/** Loads pluck.wasm, which is beside the package's files unless `source` is given; must have been
 * awaited before anything else is used. Later calls return what the first did. */
export function init(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<void>;

/** An error of the library, with its message. Arguments of a wrong type or length are a TypeError,
 * integers beyond 32 bits a RangeError. A call that fails changes nothing. */
export class PluckError extends Error {
  /** A negative number of pluck.h's. */
  readonly status: number;
  /** Its name, such as "PLUCK_ERR_NAN". */
  readonly code: string;
}

export type Dtype = "float32" | "float16" | "bfloat16";

/** Logits: Float32Array; Float16Array, where there is one; Uint16Array together with `dtype`; Row. */
export type Logits = Float32Array | Uint16Array | Row;

export interface RowOptions {
  /** Of a Uint16Array. */
  dtype?: "float16" | "bfloat16";
  /** Allowed tokens: bits (bit t % 32 of word t / 32; tokens beyond them are not allowed), or an
   * element for each token. */
  mask?: Uint32Array | Uint8Array | boolean[];
}

export interface ChainOptions extends RowOptions {
  /** For a chain that begins with guidance or contrastive decoding: a logit for each token of the
   * vocabulary, which the model gives without the prompt, or a smaller model. */
  second?: Logits;
  /** Of a Uint16Array. */
  secondDtype?: "float16" | "bfloat16";
}

export interface ListOptions extends ChainOptions {
  /** The tokens of the logits, each at most once; without, logit i is that of token i. */
  ids?: Int32Array | number[];
  /** With ids: the logits are in descending order, which is checked. */
  descending?: boolean;
}

/** A row in the module's memory, which is read without a copy. */
export class Row {
  constructor(n: number, dtype?: Dtype);
  /** Write the logits here. Take a new view each time: memory that has grown is another buffer.
   * Do not write between a call and the reading of its candidates. */
  get logits(): Float32Array | Uint16Array;
  get dtype(): Dtype;
  get length(): number;
  free(): void;
  [Symbol.dispose](): void;
}

export interface Draw {
  token: number;
  /** After edits and temperature. */
  logit: number;
  /** In the final distribution. */
  probability: number;
  /** How many are left: not dropped, not masked. */
  nCandidates: number;
}

export interface Candidates {
  ids: Int32Array;
  logits: Float32Array;
  probabilities: Float32Array;
  /** The index of the selected token. */
  selected: number | undefined;
  nMasked: number;
  /** Whether the order is known to be by descending logit. */
  descending: boolean;
}

export interface SamplerOptions {
  /** Instead of the spec's: 0 to 4294967295; the last one asks for a random seed. */
  seed?: number;
  /** mt19937 draws what llama.cpp draws. */
  rng?: "mt19937" | "philox";
  /** How many accepted tokens rewind() can take back, 0 to 4096. */
  maxRewind?: number;
}

/** A chain of samplers with its random streams and histories. Samplers of one vocabulary share a
 * workspace of 21 bytes for each token. */
export class Sampler {
  /** `spec` is text as in docs/spec.md, such as "temp=0.8;top_k=40". */
  constructor(spec: string, nVocab: number, options?: SamplerOptions);
  get nVocab(): number;
  /** The seed in use. */
  get seed(): number;
  /** Runs the chain and returns the token that it selects. Does not accept it. */
  sample(row: Logits, options?: ListOptions): number;
  draw(row: Logits, options?: ListOptions): Draw;
  /** The candidates that the last call left, or those that the chain leaves of `row`; a chain
   * without a draw may be used for these. They are copies. Throws if another sampler of this
   * vocabulary has run since. */
  candidates(row?: Logits, options?: ListOptions): Candidates;
  /** Tells the sampler which token the engine goes on with. */
  accept(token: number): void;
  /** Tells it the tokens of a prompt, oldest first. */
  acceptPrompt(tokens: Iterable<number>): void;
  /** Back to the state after creation. */
  reset(): void;
  /** Takes back the last n accepted tokens. */
  rewind(n: number): void;
  /** Moves every stream to a draw's number, from 0; for philox. */
  seek(position: number): void;
  /** A sampler that goes on exactly as this one will. */
  clone(): Sampler;
  /** What the sampler remembers, as bytes that any build of this version reads. */
  save(): Uint8Array;
  load(state: Uint8Array): void;
  /** Frees its memory now; otherwise that happens some time after it can no longer be reached. */
  free(): void;
  [Symbol.dispose](): void;
}

export interface TopLogprobs {
  /** Most likely first, of equals the lower id. */
  ids: Int32Array;
  /** Natural logarithms. */
  logprobs: Float32Array;
  /** Of the token that was asked for; -Infinity for a masked one. */
  tokenLogprob: number | undefined;
}

/** The log-probabilities of a row before any chain: of the n most likely tokens, and of `token`. */
export function topLogprobs(row: Logits, n: number, options?: RowOptions & { token?: number }): TopLogprobs;

/** A distribution: a probability for each token of the vocabulary, or for each of some ids in ascending order. */
export type Proposal = Float32Array | { ids: Int32Array | number[]; probabilities: Float32Array };

/** Drafted tokens, in a line or in a tree, of which the batch says how many stand (pluck_verify.h). */
export interface Draft {
  /** A token stands if it is the one that sampling gives ("same", the default); with the probability that makes
   * the tokens distributed as if the chain had drawn each of them ("rejection"); the same with the draft judged
   * as a whole ("block"). */
  way?: "same" | "rejection" | "block";
  /** Up to 64, and no more behind each other than the sampler's maxRewind. */
  tokens: Int32Array | number[];
  /** One more than tokens: the first comes behind the text, row i + 1 behind token i. */
  rows: (Logits | ({ row: Logits } & ListOptions))[];
  /** What each token was drawn from. */
  proposals?: Proposal[];
  /** A tree: which token each comes behind; -1: it is a first one. */
  parents?: Int32Array | number[];
  /** Siblings were drawn without those before them. */
  withoutReplacement?: boolean;
}

export interface Verified {
  /** Drafted tokens that stand. */
  nAccepted: number;
  /** The token behind them. All of these have been accepted by the sampler. */
  token: number;
  /** The last one that stands, whose parents are the others; -1: none. */
  node: number;
}

export type BatchRow =
  | ({
      /** In one row of a call only. */
      sampler: Sampler;
      row: Logits;
      /** Accept the token drawn. */
      accept?: boolean;
      draft?: undefined;
    } & ListOptions)
  | { sampler: Sampler; draft: Draft };

export interface BatchOptions {
  /** Kept sets are wanted, of up to this many tokens; a row that keeps more fails. 0: not wanted. */
  kept?: number;
  /** How many top log-probabilities of the row as handed in, beside the token's. */
  raw?: number;
  /** The same of the final distribution. */
  processed?: number;
}

export interface BatchLogprobs {
  /** Of the token drawn. */
  token: number;
  ids: Int32Array;
  logprobs: Float32Array;
}

/** One row's outcome: an error, or what was asked for. */
export type BatchResult =
  | { error: PluckError }
  | {
      error?: undefined;
      /** Of the place that gave the token, if the row is a draft. */
      draw: Draw;
      /** Of a draft. */
      verified?: Verified;
      /** Every candidate with a probability above zero, ascending by id. */
      kept?: { ids: Int32Array; probabilities: Float32Array };
      raw?: BatchLogprobs;
      processed?: BatchLogprobs;
    };

/** Many rows in one call, each with a sampler of its own. */
export class Batch {
  constructor(nVocab: number, maxRows: number);
  get nVocab(): number;
  get maxRows(): number;
  /** A row that fails fails alone: it has an `error`, and its sampler is as it was. */
  sample(rows: BatchRow[], options?: BatchOptions): BatchResult[];
  free(): void;
  [Symbol.dispose](): void;
}

/** What a token led to. */
export interface BannedStep {
  /** How many of the held tokens, oldest first, may be given out now. */
  nReleased: number;
  nHeld: number;
  /** How many accepted tokens must be taken back, this one included: sampler.rewind(takeBack). */
  takeBack: number;
  /** The number of the string that was completed. */
  string: number | undefined;
  /** The token that is banned in place of those taken back. */
  token: number | undefined;
}

export interface BannedOptions {
  /** A to Z are the same as a to z. */
  ignoreCase?: boolean;
  /** Tokens held, and taken back, at most: 1 to 4096. The sampler's maxRewind should be as large. Default: 64. */
  maxHeld?: number;
}

/** Strings that a text must not contain, wherever tokens begin and end in them (pluck_banned.h). */
export class Banned {
  /** `pieces`: the text of each token, in the order of ids, or a function that returns a token's, always the
   * same, with `nVocab`. */
  constructor(strings: (string | Uint8Array)[], pieces: (string | Uint8Array)[], nVocab?: undefined, options?: BannedOptions);
  constructor(strings: (string | Uint8Array)[], pieces: (token: number) => string | Uint8Array, nVocab: number, options?: BannedOptions);
  get nVocab(): number;
  /** The tokens that are banned in the next place. */
  get tokens(): Int32Array;
  /** Accepts the next token of the text. */
  accept(token: number): BannedStep;
  /** Takes back the last n accepted tokens, which must be held. */
  rewind(n: number): void;
  /** Clears the bits of the banned tokens, of a mask or of one that allows all; returns it, for { mask }. */
  mask(allowed?: Uint32Array): Uint32Array;
  /** Begins a new text. */
  reset(): void;
  clone(): Banned;
  save(): Uint8Array;
  load(state: Uint8Array): void;
  free(): void;
  [Symbol.dispose](): void;
}

/** The version of the library, and its instruction set, "simd128". */
export function version(): string;
export function isa(): string;
