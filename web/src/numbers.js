// numbers.js: logits from pasted text: numbers with anything between them that lists of numbers have,
// as Python, NumPy, JSON and tables write them.

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(inity)?$/i;

function numberOf(word, place) {
  const infinite = INFINITE.exec(word);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  if (NUMBER.test(word)) return Number(word);
  if (word === "..." || word === "…") throw new Error(`number ${place} is '${word}': the list was shortened when it was printed`);
  const shown = word.length > 30 ? `${word.slice(0, 30)}…` : word;
  throw new Error(`number ${place} is '${shown}', which is not a number`);
}

/** A Float32Array of the numbers in a text. Throws an Error that names the first that is none. */
export function parseNumbers(text) {
  const words = text.replace(/^\s*(array|tensor)\(/i, "").replace(/,\s*(dtype|device)=[^)]*\)\s*$/, "").split(/[\s,;[\](){}]+/).filter(Boolean);
  if (words.length === 0) throw new Error("there are no numbers");
  return Float32Array.from(words, (word, i) => numberOf(word, i + 1));
}
