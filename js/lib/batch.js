// batch.js: many rows in one call. There are no threads; what a batch brings is kept sets and
// log-probabilities together with the tokens, and rows that fail alone.
import { DraftPlace } from "./draft.js";
import { Buffer, PluckError, check, ensure, errorMessage, float32, functions, int32, integer,
  readResults, text } from "./module.js";
import { RowPlace } from "./row.js";
import { Sampler } from "./sampler.js";

function release({ address, places, drafts, out }) {
  functions().js_batch_free(address);
  places.forEach((place) => place.free());
  drafts.forEach((place) => place.free());
  out.free();
}

const freed = new FinalizationRegistry(release);

export class Batch {
  #held; // what is freed with the batch: the batch, places for each row and draft, what a call writes
  #nVocab;
  #maxRows;

  constructor(nVocab, maxRows) {
    const at = new Buffer();
    try {
      const status = functions().js_batch_create(integer(nVocab, "nVocab"), integer(maxRows, "maxRows"),
        at.take(4));
      if (status !== 0) ensure(status, errorMessage());
      this.#held = { address: int32(at.address, 1)[0], places: [], drafts: [], out: new Buffer() };
    } finally {
      at.free();
    }
    this.#nVocab = nVocab;
    this.#maxRows = maxRows;
    freed.register(this, this.#held, this);
  }

  get nVocab() {
    return this.#nVocab;
  }

  get maxRows() {
    return this.#maxRows;
  }

  // Where the arrays of a call are in one block of memory.
  #layOut(n, { maxKept, raw, processed }) {
    let size = 0;
    const part = (bytes) => {
      const at = size;
      size += (bytes + 7) & ~7;
      return at;
    };
    const kept = maxKept && { offsets: part(8 * (n + 1)), ids: part(4 * n * maxKept), probabilities: part(4 * n * maxKept) };
    const logprobs = (nTop) => nTop !== undefined &&
      { nTop, token: part(4 * n), ids: part(4 * n * nTop), logprobs: part(4 * n * nTop) };
    const layout = { kept, raw: logprobs(raw), processed: logprobs(processed) };
    const base = this.#held.out.take(size);
    for (const arrays of [layout.kept, layout.raw, layout.processed]) {
      for (const name of ["offsets", "token", "ids", "probabilities", "logprobs"]) {
        if (arrays && name in arrays) arrays[name] += base;
      }
    }
    return layout;
  }

  #want(n, wanted) {
    const wasm = functions();
    const batch = this.#held.address;
    const layout = this.#layOut(n, wanted);
    const k = layout.kept;
    wasm.js_batch_kept(batch, wanted.maxKept, k ? k.offsets : 0, k ? k.ids : 0, k ? k.probabilities : 0);
    [layout.raw, layout.processed].forEach((l, processed) =>
      wasm.js_batch_logprobs(batch, processed, l ? l.token : 0, l ? l.nTop : 0, l ? l.ids : 0, l ? l.logprobs : 0));
    return layout;
  }

  #read(i, layout, hasDraft) {
    const wasm = functions();
    const status = wasm.js_batch_status(this.#held.address, i);
    const message = text(wasm.js_batch_read(this.#held.address, i));
    if (status !== 0) {
      return { error: new PluckError(status, text(wasm.pluck_status_name(status)), message) };
    }
    const { draw, verified } = readResults();
    const result = hasDraft ? { draw, verified } : { draw };
    if (layout.kept) {
      const [from, , to] = int32(layout.kept.offsets + 8 * i, 4); // of 64 bits each
      result.kept = {
        ids: int32(layout.kept.ids + 4 * from, to - from).slice(),
        probabilities: float32(layout.kept.probabilities + 4 * from, to - from).slice(),
      };
    }
    for (const name of ["raw", "processed"]) {
      const l = layout[name];
      if (!l) continue;
      const all = int32(l.ids + 4 * i * l.nTop, l.nTop);
      const n = all.includes(-1) ? all.indexOf(-1) : l.nTop;
      result[name] = {
        token: float32(l.token, i + 1)[i],
        ids: all.slice(0, n),
        logprobs: float32(l.logprobs + 4 * i * l.nTop, n).slice(),
      };
    }
    return result;
  }

  /** Samples from each row with its own sampler. Rows that fail have an `error` and are as they were. */
  sample(rows, { kept = 0, raw, processed } = {}) {
    check(this.#held, "the batch has been freed");
    check(Array.isArray(rows), "rows is an array of { sampler, row }");
    const wanted = { maxKept: integer(kept, "kept"), raw, processed };
    check(kept >= 0 && kept <= this.#nVocab, `kept is ${kept}; allowed: 0 to ${this.#nVocab}`);
    for (const name of ["raw", "processed"]) {
      const n = wanted[name];
      check(n === undefined || (integer(n, name) >= 0 && n <= this.#nVocab),
        `${name} is ${n}; allowed: 0 to ${this.#nVocab}`);
    }
    check(rows.length <= this.#maxRows, `there are ${rows.length} rows; allowed: 0 to ${this.#maxRows}`);
    const { address, places, drafts } = this.#held;
    const layout = this.#want(rows.length, wanted);
    rows.forEach((one, i) => {
      check(one?.sampler instanceof Sampler, `row ${i}: sampler is no Sampler`);
      const sampler = one.sampler.address;
      if (one.draft !== undefined) {
        (drafts[i] ??= new DraftPlace()).set(address, i, sampler, one.draft, one.sampler.nVocab);
        return;
      }
      places[i] ??= new RowPlace();
      places[i].set(one.row, one.sampler.nVocab, one);
      functions().js_batch_row(address, i, sampler, one.accept ? 1 : 0);
    });
    const status = functions().js_batch_sample(address, rows.length);
    const someFailed = -22;
    if (status !== 0 && status !== someFailed) ensure(status, errorMessage());
    return rows.map((one, i) => this.#read(i, layout, one.draft !== undefined));
  }

  free() {
    if (!this.#held) return;
    freed.unregister(this);
    release(this.#held);
    this.#held = undefined;
  }

  [Symbol.dispose ?? Symbol.for("dispose")]() {
    this.free();
  }
}
