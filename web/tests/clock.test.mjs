// clock.test.mjs: times by a coarse clock, on a clock that is made up.
import assert from "node:assert/strict";
import test from "node:test";
import { addedTime, stepOf, timing, twoDigits } from "../src/clock.js";

// A clock that shows whole steps, and calls that take as long as they are told to.
function world(step) {
  let time = 0.123;
  return { now: () => Math.floor((time += 1e-4) / step) * step, spend: (t) => (time += t) };
}

function measure(run, now, step) {
  const rounds = timing(run, now, step);
  for (let round = rounds.next(); ; round = rounds.next()) if (round.done) return round.value;
}

test("the step of a clock", () => {
  for (const step of [0.005, 0.1, 1]) assert.ok(Math.abs(stepOf(world(step).now) - step) < 1e-9);
});

test("a call is timed within 5 %, however short and however coarse the clock", () => {
  for (const step of [0.005, 0.1, 1]) {
    for (const took of [0.004, 0.17, 3, 90]) {
      const { now, spend } = world(step);
      const found = measure(() => spend(took), now, step);
      assert.ok(Math.abs(found / took - 1) <= 0.05, `${took} by steps of ${step}: ${found}`);
    }
  }
});

test("the least of the rounds counts", () => {
  const { now, spend } = world(0.1);
  let calls = 0;
  const found = measure(() => spend(++calls % 7 === 0 ? 50 : 2.5), now, 0.1);
  assert.ok(found >= 2.4 && found <= 2.7, `${found}`);
});

test("times in words", () => {
  assert.equal(twoDigits(1734), "1,700");
  assert.equal(twoDigits(7.46), "7.5");
  assert.equal(addedTime(1600, 170), "−1,400 µs");
  assert.equal(addedTime(170, 260), "+90 µs");
  assert.equal(addedTime(170, 172), "less than 8.6 µs");
  assert.equal(addedTime(172, 170), "less than 8.6 µs");
});
