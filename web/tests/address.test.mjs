// address.test.mjs: what the page shows comes back from its address.
import assert from "node:assert/strict";
import test from "node:test";
import { fromHash, toHash } from "../src/address.js";

test("an address comes back as it went", () => {
  for (const specs of [["samplers=top_k;top_k=3;seed=1"], ["samplers=;seed=1", "samplers=a:b;x=1&2#+ %"]]) {
    for (const logarithmic of [false, true]) {
      for (const byId of [false, true]) {
        for (let shown = 0; shown < specs.length; shown++) {
          const state = { rowName: "model-3", specs, shown, logarithmic, byId };
          assert.deepEqual(fromHash(toHash(state)), { ...state, specs: [specs[0], specs[1]] });
        }
      }
    }
  }
});

test("what an address does not say", () => {
  const nothing = { rowName: undefined, specs: [undefined, undefined], shown: 0, logarithmic: false, byId: false };
  assert.deepEqual(fromHash(""), nothing);
  assert.deepEqual(fromHash("#cards=b&scale=x&order=y"), nothing);
});
