// clock.js: how long a short call takes, by a clock that may be coarse: browsers round theirs to 0.1 ms or
// more. Knows nothing of the page.

const STEPS = 20; // of the clock in a round of calls, so that its rounding is 5 % of a round at most
const ROUNDS = 5;

/** The clock's step in its own unit: the least time between two different answers. */
export function stepOf(now) {
  let step = Infinity;
  for (let i = 0; i < 4; i++) {
    const start = now();
    let next = now();
    while (next === start) next = now();
    step = Math.min(step, next - start);
  }
  return step;
}

/** Times a call: rounds of as many calls as make the clock move 20 steps; the least of them counts, since
 * what else a machine does only adds. Each next() is a round, so that others can work in between; the last
 * value is the time of one call in the clock's unit. */
export function* timing(run, now, step) {
  let calls = 1;
  let least = Infinity;
  for (let rounds = 0; rounds < ROUNDS;) {
    const start = now();
    for (let i = 0; i < calls; i++) run();
    const took = now() - start;
    if (took >= STEPS * step) {
      least = Math.min(least, took / calls);
      rounds++;
    } else calls = Math.ceil(calls * Math.min(10, took > 0 ? (1.3 * STEPS * step) / took : 10));
    yield;
  }
  return least;
}

/** A time as it can be said: two digits, since more are not known. */
export const twoDigits = (time) => Number(time.toPrecision(2)).toLocaleString("en").replace("-", "−");

/** What a stage adds to the time of the chain before it: a difference within the clock's error is none. */
export function addedTime(before, after) {
  const error = Math.max(before, after) / STEPS;
  const difference = after - before;
  if (Math.abs(difference) <= error) return `less than ${twoDigits(error)} µs`;
  return `${difference > 0 ? "+" : ""}${twoDigits(difference)} µs`;
}
