// ranks.js: probabilities by rank, at the hundred ranks that a curve with a logarithmic axis needs.

const POINTS = 100;
const EXACT = 4096; // as many are sorted; of more, each is known within half a percent, which no curve shows

// The value at each of some ascending ranks, from 1, in descending order, of floats that are not negative:
// their upper 16 bits are ordered as they are, so counting these is enough.
function counted(values, ranks) {
  const counts = new Uint32Array(65536);
  for (const bits of new Uint32Array(values.buffer, values.byteOffset, values.length)) counts[bits >>> 16]++;
  const word = new Uint32Array(1);
  const value = new Float32Array(word.buffer);
  let bucket = 65536;
  let above = 0;
  return ranks.map((rank) => {
    while (above < rank) above += counts[--bucket];
    word[0] = bucket === 0 ? 0 : (bucket << 16) | 0x8000; // the bucket's middle
    return value[0];
  });
}

/** [rank, probability] of ranks from 1 to the number of probabilities, evenly spaced in the logarithm; without
 * those whose probability is 0. */
export function rankPoints(probabilities) {
  const n = probabilities.length;
  const ranks = [...new Set(Array.from({ length: POINTS + 1 }, (_, i) => Math.round(n ** (i / POINTS))))];
  let values;
  if (n <= EXACT) {
    const sorted = probabilities.slice().sort().reverse();
    values = ranks.map((rank) => sorted[rank - 1]);
  } else {
    values = counted(probabilities, ranks);
    values[0] = probabilities.reduce((most, p) => Math.max(most, p)); // the one that is written out
  }
  return ranks.map((rank, i) => [rank, values[i]]).filter(([, p]) => p > 0);
}
