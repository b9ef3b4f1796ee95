// compare.js: two chains on one row, beside each other.
import { N_BINS, ids, pairs, ranks, svg } from "./chart.js";
import { binsOf, compare } from "./chain.js";
import { make, places } from "./cards.js";

const NAMES = ["A", "B"];
const count = (n) => n.toLocaleString("en");

/** Makes the places that showComparison() fills. */
export function layOutComparison(section) {
  const [facts, charts] = places(3);
  section.append(make("h2", { textContent: "A beside B" }),
    ...NAMES.map((name) => make("div", { className: "facts", id: `facts-${name.toLowerCase()}` })), facts, charts);
  [...charts.children].forEach((place, i) => place.append(
    make("h3", { textContent: ["The most likely", "Where they differ most", "All candidates"][i] }), make("div")));
}

/** lasts: what each of the two chains leaves. */
export function showComparison(section, lasts, { nVocab, logarithmic, byId, textOf }) {
  const [a, b] = lasts;
  const { both, onlyA, onlyB, distance, most, apart } = compare(a, b, nVocab);
  lasts.forEach((last, i) => section.querySelector(`#facts-${NAMES[i].toLowerCase()}`).replaceChildren(
    ...[`${count(last.n)} left`, `entropy ${last.entropy.toFixed(3)} nats`, `most likely ${(100 * last.most[0][1]).toFixed(2)} %`]
      .map((text) => make("span", { textContent: text })), make("span", { className: "time" })));
  section.querySelectorAll("[id^=facts]").forEach((line, i) =>
    line.prepend(make("span", { className: `key of-${NAMES[i].toLowerCase()}`, textContent: NAMES[i] })));
  section.querySelector(":scope > .facts:not([id])").replaceChildren(...[`${count(both)} left by both`, `${count(onlyA)} only by A`,
    `${count(onlyB)} only by B`, `${(100 * distance).toFixed(2)} % of the probability is elsewhere (total variation)`]
    .map((text) => make("span", { textContent: text })));
  const texts = (list) => (byId ? [...list].sort((x, y) => x[0] - y[0]) : list).map(([token, ...p]) => [textOf(token), ...p]);
  const all = lasts.map((last, i) => [`in ${NAMES[i]}`, `of-${NAMES[i].toLowerCase()}`,
    ...(byId ? [binsOf(last, nVocab, N_BINS)] : [last.n, last.ranks])]);
  const same = apart.length === 0;
  const drawings = [svg(pairs(texts(most), logarithmic)), same ? "" : svg(pairs(texts(apart), logarithmic)),
    svg(byId ? ids(all, nVocab) : ranks(all))];
  section.querySelectorAll(".charts > div > div").forEach((place, i) => (place.innerHTML = drawings[i]));
  if (same) section.querySelectorAll(".charts > div > div")[1].textContent = "Nowhere: they leave the same.";
}

/** Says how long a token of each takes, in words. */
export function showTimes(section, words) {
  section.querySelectorAll(".time").forEach((place, i) => (place.textContent = words[i]));
}
