// own.test.mjs: logits of one's own: .npy files and pasted numbers, good ones and every kind of bad one.
import assert from "node:assert/strict";
import { Blob } from "node:buffer";
import test from "node:test";
import { openNpy } from "../src/npy.js";
import { parseNumbers } from "../src/numbers.js";

function npy(header, data, major = 1) {
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return new Blob([Buffer.from([0x93, ...Buffer.from("NUMPY"), major, 0]), length, header, data]);
}

const dictionary = (descr, shape, order = "False") => `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }  \n`;

function bigEndian(bytes, size) {
  const turned = Buffer.from(bytes);
  if (size === 2) turned.swap16();
  else if (size === 4) turned.swap32();
  else turned.swap64();
  return turned;
}

async function rowsOf(blob) {
  const array = await openNpy(blob);
  const found = [];
  for (let i = 0; i < array.nRows; i++) found.push(await array.row(i));
  return { dtype: found[0].dtype, rows: found.map(({ logits }) => [...logits]) };
}

test("every type, in both byte orders and both layouts", async () => {
  const values = [[1, -2.5, 3], [0.5, -Infinity, 7]];
  const bits = { f2: [[0x3c00, 0xc100, 0x4200], [0x3800, 0xfc00, 0x4700]], V2: [[0x3f80, 0xc020, 0x4040], [0x3f00, 0xff80, 0x40e0]] };
  const types = { f4: ["float32", Float32Array, values], f8: ["float32", Float64Array, values],
    f2: ["float16", Uint16Array, bits.f2], V2: ["bfloat16", Uint16Array, bits.V2] };
  for (const [code, [dtype, Type, rows]] of Object.entries(types)) {
    for (const byColumns of [false, true]) {
      const flat = byColumns ? [0, 1, 2].flatMap((c) => rows.map((row) => row[c])) : rows.flat();
      const bytes = Buffer.from(new Type(flat).buffer);
      for (const [order, data] of [["<", bytes], [">", bigEndian(bytes, Type.BYTES_PER_ELEMENT)]]) {
        for (const major of [1, 2, 3]) {
          const file = npy(dictionary(order + code, "(2, 3)", byColumns ? "True" : "False"), data, major);
          assert.deepEqual(await rowsOf(file), { dtype, rows }, `${order}${code} ${byColumns}`);
        }
      }
    }
  }
  assert.deepEqual(await rowsOf(npy(dictionary("bfloat16", "(1,)"), Buffer.from([0x80, 0x3f]))), { dtype: "bfloat16", rows: [[0x3f80]] });
});

test("files that are not right say why", async () => {
  const eight = Buffer.alloc(8);
  const whole = Buffer.from(await npy(dictionary("<f4", "(2,)"), eight).arrayBuffer());
  const bad = [
    [new Blob([]), "the file is empty"], [new Blob(["a text"]), "not a .npy file"], [new Blob(["PK\x03\x04 and more"]), "archive of arrays"],
    [npy(dictionary("<f4", "(2,)"), eight, 4), "version 4.0"], [new Blob([whole.subarray(0, 9)]), "ends inside its header"],
    [new Blob([whole.subarray(0, 40)]), "ends inside its header"], [npy(" ".repeat(70000), eight, 2), "header is too long: 70000"],
    [npy(dictionary("<i4", "(2,)"), eight), "are int32 ('<i4')"], [npy(dictionary("|b1", "(8,)"), eight), "are bool"],
    [npy(dictionary("<f16", "(1,)"), eight), "are float128"], [npy(dictionary("|O", "(1,)"), eight), "are Python objects"],
    [npy(dictionary("", "(1,)"), eight), "unknown type ('')"],
    [npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", eight), "fields"],
    [npy(dictionary("<f4", "(2,)", "Maybe"), eight), "neither True nor False"], [npy(dictionary("<f4", "()"), eight), "0 dimensions"],
    [npy(dictionary("<f4", "(1, 1, 2)"), eight), "3 dimensions"], [npy(dictionary("<f4", "(0, 4)"), eight), "empty"],
    [npy(dictionary("<f4", "(3,)"), eight), "needs 12 bytes of data, the file has 8"],
    [npy(dictionary("<f4", "(1,)"), eight), "needs 4 bytes of data, the file has 8"], [npy(dictionary("<f4", "2"), eight), "not a tuple"],
    [npy(dictionary("<f4", "(2)"), eight), "does not end"], [npy(dictionary("<f4", "(-2,)"), eight), "not a number"],
    [npy(dictionary("<f4", "(99999999999999999999,)"), eight), "too large"],
    [npy(dictionary("<f4", "(4294967296, 4294967296)"), eight), "too large"],
    [npy("{'shape': (2,), 'shape': (2,)}", eight), "there twice"], [npy("{'colour': 1}", eight), "unknown key"],
    [npy("{'shape': (2,)}", eight), "is missing"], [npy("{'shape': (2,)} x", eight), "something follows"],
    [npy("{'shape' (2,)}", eight), "a ':' is missing"], [npy("{'shape': (2,)", eight), "does not end with '}'"],
    [npy("x", eight), "does not start with '{'"], [npy("{shape: 1}", eight), "quoted string"],
  ];
  for (const [file, words] of bad) {
    await assert.rejects(openNpy(file), (error) => error.message.includes(words) || assert.fail(`'${words}' is not in '${error.message}'`));
  }
});

test("pasted numbers", () => {
  for (const [text, numbers] of [["1 2.5\n-3e-1", [1, 2.5, Math.fround(-0.3)]], ["[1, .5, 2.]", [1, 0.5, 2]], ["-inf;Infinity\t+7", [-Infinity, Infinity, 7]],
    ["array([[1., 2.]], dtype=float32)", [1, 2]], ["tensor([4, 5], device='cuda:0')", [4, 5]], ["1e300", [Infinity]]]) {
    assert.deepEqual([...parseNumbers(text)], numbers, text);
  }
  for (const [text, words] of [["", /no numbers/], [" [ ] ", /no numbers/], ["1, two", /number 2 is 'two', which is not a number/],
    ["1 2 ... 9", /number 3 is '...': the list was shortened/], ["0x10", /not a number/], ["nan", /number 1 is 'nan'/], ["1.2.3", /'1.2.3'/]]) {
    assert.throws(() => parseNumbers(text), words);
  }
});
