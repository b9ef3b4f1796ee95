// npy.js: NumPy's .npy files, as the command reads them (npy/): one row or rows of float32, float16,
// bfloat16 or float64, in either byte order, in C or Fortran order. Everything else is refused with the
// command's words. Of a file only the header is read, and then each row that is asked for.

const MOST_HEADER = 65535;
const TYPES = {
  f4: { dtype: "float32", size: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { dtype: "float32", size: 8, read: (view, at, little) => view.getFloat64(at, little) },
  f2: { dtype: "float16", size: 2, read: (view, at, little) => view.getUint16(at, little) },
  V2: { dtype: "bfloat16", size: 2, read: (view, at, little) => view.getUint16(at, little) }, // ml_dtypes' name
};
const NAMES = { b: "bool", S: "bytes", U: "text", O: "Python objects", V: "raw bytes", M: "dates", m: "times" };
const WIDE = { f: "float", i: "int", u: "uint", c: "complex" };

const damaged = (what) => new Error(`the .npy header is damaged: ${what}`);

// A Python dictionary with the three keys, which may be in any order.
class Header {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
  }

  // What a pattern matches at this place, after blanks.
  #take(pattern) {
    const sticky = new RegExp(`[ \\t\\n]*(${pattern})`, "y");
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#text);
    if (match) this.#at = sticky.lastIndex;
    return match?.[1];
  }

  #string() {
    const quoted = this.#take("'[^'\\n]*'|\"[^\"\\n]*\"");
    if (quoted === undefined) throw damaged("a quoted string is missing, or does not end");
    if (/[^ -~]|\\/.test(quoted)) throw damaged("a string holds an odd character");
    return quoted.slice(1, -1);
  }

  #descr() {
    if (this.#take("\\[") !== undefined) throw new Error("the array has fields; plain numbers are needed");
    return this.#string();
  }

  #order() {
    const word = this.#take("True|False");
    if (word === undefined) throw damaged("'fortran_order' is neither True nor False");
    return word === "True";
  }

  #shape() {
    const shape = [];
    if (this.#take("\\(") === undefined) throw damaged("'shape' is not a tuple");
    while (this.#take("\\)") === undefined) {
      const digits = this.#take("[0-9]+");
      if (digits === undefined) throw damaged("'shape' holds something that is not a number");
      shape.push(Number(digits));
      if (!Number.isSafeInteger(shape.at(-1))) throw damaged("a dimension is too large");
      if (this.#take(",") !== undefined) continue;
      if (shape.length < 2 || this.#take("\\)") === undefined) throw damaged("'shape' does not end");
      break;
    }
    return shape;
  }

  read() {
    const readers = { descr: () => this.#descr(), fortran_order: () => this.#order(), shape: () => this.#shape() };
    const found = {};
    if (this.#take("\\{") === undefined) throw damaged("it does not start with '{'");
    while (this.#take("\\}") === undefined) {
      const key = this.#string();
      if (this.#take(":") === undefined) throw damaged("a ':' is missing");
      if (!Object.hasOwn(readers, key)) throw damaged("it has an unknown key");
      if (key in found) throw damaged("a key is there twice");
      found[key] = readers[key]();
      if (this.#take(",") !== undefined) continue;
      if (this.#take("\\}") === undefined) throw damaged("it does not end with '}'");
      break;
    }
    if (this.#take("$") === undefined) throw damaged("something follows the '}'");
    if (Object.keys(found).length < 3) throw damaged("'descr', 'fortran_order' or 'shape' is missing");
    return found;
  }
}

function nameOf(code) {
  if (code[0] in WIDE && /^[1-9]/.test(code.slice(1))) return WIDE[code[0]] + 8 * Number(/^\d{1,2}/.exec(code.slice(1))[0]);
  return NAMES[code[0]] ?? WIDE[code[0]] ?? "of an unknown type";
}

function typeOf(descr) {
  const code = descr === "bfloat16" ? "V2" : descr.replace(/^[<>|=]/, "");
  if (Object.hasOwn(TYPES, code)) return { ...TYPES[code], little: descr[0] !== ">" };
  throw new Error(`the elements are ${nameOf(code)} ('${descr}'); float32, float16, bfloat16 or float64 is needed`);
}

function describe({ descr, fortran_order: byColumns, shape }) {
  const type = typeOf(descr);
  if (shape.length < 1 || shape.length > 2) {
    throw new Error(`the array has ${shape.length} dimensions; 1 (one row) or 2 (rows) are needed`);
  }
  const [nColumns, nRows] = [shape.at(-1), shape.length === 2 ? shape[0] : 1];
  if (nRows === 0 || nColumns === 0) throw new Error("the array is empty");
  if (!Number.isSafeInteger(nRows * nColumns * type.size)) throw new Error("the shape is too large");
  return { ...type, nRows, nColumns, byColumns: byColumns && nRows > 1 && nColumns > 1 };
}

async function part(file, from, to) {
  return new DataView(await file.slice(from, to).arrayBuffer());
}

// Where the header's text is in the file.
async function findHeader(file) {
  const view = await part(file, 0, 12);
  const bytes = new Uint8Array(view.buffer);
  if (bytes.length === 0) throw new Error("the file is empty");
  if (bytes.length >= 4 && String.fromCharCode(...bytes.subarray(0, 4)) === "PK\x03\x04") {
    throw new Error("an archive of arrays (.npz), not a .npy file: save the one array with numpy.save");
  }
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 6)) !== "\x93NUMPY") throw new Error("not a .npy file");
  const [major, minor] = bytes.subarray(6);
  if (major < 1 || major > 3 || minor !== 0) {
    throw new Error(`version ${major}.${minor} of .npy is not known; 1.0, 2.0 and 3.0 are`);
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw new Error("the file ends inside its header");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MOST_HEADER) throw new Error(`the header is too long: ${length} bytes`);
  if (file.size < start + length) throw new Error("the file ends inside its header");
  return [start, start + length];
}

/** Opens a Blob: { nRows, nColumns, row }. row(i) resolves to { logits, dtype }, where logits are a
 * Float32Array (float64 is rounded to it), or a Uint16Array of float16 or bfloat16. Rejects with an Error
 * that says what is wrong with the file. */
export async function openNpy(file) {
  const [start, end] = await findHeader(file);
  const text = new TextDecoder("latin1").decode(await part(file, start, end));
  const array = describe(new Header(text).read());
  const { nRows, nColumns, size, dtype, little, byColumns } = array;
  const needed = nRows * nColumns * size;
  if (file.size - end !== needed) throw new Error(`the shape needs ${needed} bytes of data, the file has ${file.size - end}`);
  return {
    nRows,
    nColumns,
    async row(i) {
      const view = byColumns ? await part(file, end, end + needed) : await part(file, end + i * nColumns * size, end + (i + 1) * nColumns * size);
      const [from, step] = byColumns ? [i * size, nRows * size] : [0, size];
      const logits = dtype === "float32" ? new Float32Array(nColumns) : new Uint16Array(nColumns);
      for (let c = 0; c < nColumns; c++) logits[c] = array.read(view, from + c * step, little);
      return { logits, dtype };
    },
  };
}
