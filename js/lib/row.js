// row.js: rows of logits, masks and lists of ids on their way into the module's memory.
import { Buffer, bytes, check, functions, integer, int32 } from "./module.js";

const DTYPES = { float32: 0, float16: 1, bfloat16: 2 };

function dtypeOf(logits, dtype) {
  const own = logits instanceof Float32Array ? "float32"
    : globalThis.Float16Array && logits instanceof globalThis.Float16Array ? "float16" : undefined;
  check(own || logits instanceof Uint16Array,
    "a row of logits is a Float32Array, a Float16Array, a Uint16Array with a dtype, or a Row");
  if (own) {
    check(dtype === undefined || dtype === own, `dtype is ${String(dtype)}; the row is ${own}`);
    return own;
  }
  check(dtype === "float16" || dtype === "bfloat16",
    `dtype is ${String(dtype)}; allowed for a Uint16Array: "float16", "bfloat16"`);
  return dtype;
}

const freed = new FinalizationRegistry((buffer) => buffer.free());

/** A row in the module's memory, which is read where it is: write the logits into `logits`. */
export class Row {
  #buffer = new Buffer();
  #dtype;
  #n;

  constructor(n, dtype = "float32") {
    check(Object.hasOwn(DTYPES, dtype), `dtype is ${String(dtype)}; allowed: "float32", "float16", "bfloat16"`);
    check(integer(n, "n") >= 1, `n is ${n}; allowed: 1 and above`);
    this.#n = n;
    this.#dtype = dtype;
    bytes(this.#buffer.take(n * this.#width), n * this.#width).fill(0);
    freed.register(this, this.#buffer, this);
  }

  get #width() {
    return this.#dtype === "float32" ? 4 : 2;
  }

  /** A view of the memory, of which a new one must be taken after the module's memory has grown. */
  get logits() {
    check(this.#buffer.address !== 0, "the row has been freed");
    const array = this.#dtype === "float32" ? Float32Array : Uint16Array;
    return new array(functions().memory.buffer, this.#buffer.address, this.#n);
  }

  get dtype() {
    return this.#dtype;
  }

  get length() {
    return this.#n;
  }

  free() {
    freed.unregister(this);
    this.#buffer.free();
  }

  [Symbol.dispose ?? Symbol.for("dispose")]() {
    this.free();
  }
}

/** The bits of a mask: bit t % 32 of word t / 32 says whether token t is allowed. */
function maskBits(mask, nVocab) {
  if (mask instanceof Uint32Array) return [mask, mask.length * 32];
  check(mask instanceof Uint8Array || (Array.isArray(mask) && mask.every((x) => typeof x === "boolean")),
    "a mask is a Uint32Array of bits, or a Uint8Array or an array of booleans with an element for each token");
  check(mask.length === nVocab, `the mask has ${mask.length} elements; the vocabulary has ${nVocab}`);
  const bits = new Uint32Array((nVocab + 31) >>> 5);
  for (let t = 0; t < nVocab; t++) if (mask[t]) bits[t >>> 5] |= 1 << (t & 31);
  return [bits, nVocab];
}

/** Where a row, its ids and its mask are copied to unless they are in the module's memory. */
export class RowPlace {
  #row = new Buffer();
  #second = new Buffer();
  #ids = new Buffer();
  #mask = new Buffer();

  // A row, the name of its type, and where it is if it is in the module's memory already.
  static #found(row, dtype) {
    const logits = row instanceof Row ? row.logits : row;
    const kind = row instanceof Row ? row.dtype : dtypeOf(logits, dtype);
    return { logits, kind: DTYPES[kind], at: logits.buffer === functions().memory.buffer ? logits.byteOffset : undefined };
  }

  // Where its logits are, after they have been copied unless a view of the module's memory is read there.
  static #placed({ logits, at }, buffer) {
    if (at !== undefined) return at;
    const copy = buffer.take(logits.byteLength);
    bytes(copy, logits.byteLength).set(new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength));
    return copy;
  }

  /** Hands a row to the module. */
  set(row, nVocab, { dtype, ids, descending = false, mask, second, secondDtype } = {}) {
    const wasm = functions();
    const n = row?.length;
    // Both are looked for before anything is copied, since views end when memory grows.
    const first = RowPlace.#found(row, dtype);
    const other = second === undefined ? undefined : RowPlace.#found(second, secondDtype);
    check(second === undefined || second.length === nVocab,
      `the second row has ${second?.length} logits; the vocabulary has ${nVocab} tokens`);
    const at = RowPlace.#placed(first, this.#row);
    const secondAt = other ? RowPlace.#placed(other, this.#second) : 0;
    let idsAt = 0;
    if (ids !== undefined) {
      check(ids instanceof Int32Array || Array.isArray(ids), "ids is an Int32Array or an array of tokens");
      check(ids.length === n, `ids has ${ids.length} elements; the row has ${n}`);
      if (Array.isArray(ids)) ids.forEach((id) => integer(id, "an id"));
      idsAt = this.#ids.take(4 * n);
      int32(idsAt, n).set(ids);
    } else {
      check(n === nVocab, `the row has ${n} logits; the vocabulary has ${nVocab} tokens`);
    }
    let maskAt = 0;
    let nAllowed = 0;
    if (mask !== undefined) {
      const [bits, count] = maskBits(mask, nVocab);
      check(count > 0, "the mask has no bits");
      maskAt = this.#mask.take(4 * bits.length);
      int32(maskAt, bits.length).set(bits);
      nAllowed = count;
    }
    // Memory may have grown under a row that was not copied; its address is the same.
    wasm.js_row(at, first.kind, n, idsAt, descending ? 1 : 0, maskAt, nAllowed, secondAt, other?.kind ?? 0);
  }

  free() {
    this.#row.free();
    this.#second.free();
    this.#ids.free();
    this.#mask.free();
  }
}
