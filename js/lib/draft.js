// draft.js: a draft on its way into the module's memory: tokens, the rows behind them, and what they were
// drawn from.
import { Buffer, check, ensure, float32, functions, int32, integer } from "./module.js";
import { RowPlace } from "./row.js";

const WAYS = { same: 0, rejection: 1, block: 2 };

function integers(list, name) {
  check(list instanceof Int32Array || Array.isArray(list), `${name} is an Int32Array or an array`);
  return Int32Array.from(list, (x) => integer(x, `an element of ${name}`));
}

export class DraftPlace {
  #tokens = new Buffer();
  #parents = new Buffer();
  #rows = [];
  #proposals = [];

  // One distribution: a probability for each token, or for each of some ids.
  #propose(batch, i, k, proposal, nVocab) {
    const dense = proposal instanceof Float32Array;
    const probabilities = dense ? proposal : proposal?.probabilities;
    check(probabilities instanceof Float32Array, "a proposal is a Float32Array, or { ids, probabilities }");
    const n = probabilities.length;
    const ids = dense ? undefined : integers(proposal.ids, "a proposal's ids");
    check(dense ? n === nVocab : n === ids.length, dense ? `a proposal has ${n} probabilities; the vocabulary has ${nVocab} tokens`
      : `a proposal has ${ids?.length} ids and ${n} probabilities`);
    const at = (this.#proposals[k] ??= new Buffer()).take(8 * n);
    float32(at, n).set(probabilities);
    if (ids) int32(at + 4 * n, n).set(ids);
    functions().js_batch_proposal(batch, i, k, ids ? at + 4 * n : 0, at, n);
  }

  /** Makes a draft row i of a batch's next call. */
  set(batch, i, sampler, draft, nVocab) {
    const { way = "same", rows, proposals, parents, withoutReplacement = false } = draft;
    check(Object.hasOwn(WAYS, way), `way is ${String(way)}; allowed: "same", "rejection", "block"`);
    const tokens = integers(draft.tokens, "tokens");
    const n = tokens.length;
    check(Array.isArray(rows) && rows.length === n + 1, `${n} tokens need ${n + 1} rows`);
    check(proposals === undefined || (Array.isArray(proposals) && proposals.length === n), `${n} tokens need ${n} proposals, or none`);
    const behind = parents === undefined ? undefined : integers(parents, "parents");
    check(behind === undefined || behind.length === n, `${n} tokens need ${n} parents, or none`);
    const [tokensAt, parentsAt] = [[tokens, this.#tokens], [behind, this.#parents]].map(([list, buffer]) => {
      if (!list) return 0;
      const at = buffer.take(4 * n);
      int32(at, n).set(list);
      return at;
    });
    ensure(functions().js_batch_draft(batch, i, sampler, WAYS[way], tokensAt, n, parentsAt, withoutReplacement ? 1 : 0));
    rows.forEach((one, k) => {
      // A row of logits, or { row } with options.
      const options = one?.row === undefined ? {} : one;
      (this.#rows[k] ??= new RowPlace()).set(one?.row ?? one, nVocab, options);
      functions().js_batch_draft_row(batch, i, k);
    });
    proposals?.forEach((proposal, k) => this.#propose(batch, i, k, proposal, nVocab));
  }

  free() {
    for (const one of [this.#tokens, this.#parents, ...this.#rows, ...this.#proposals]) one.free();
  }
}
