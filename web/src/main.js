// main.js: the page. Its state is the row, one chain or two, and how they are drawn, all of which the
// address has, so that a link shows the same.
import { PluckError, Sampler, init } from "pluck-sampling";
import { fromHash, toHash } from "./address.js";
import { layOut, make, places } from "./cards.js";
import { Draws, beginnings, binsOf, defaultChain, fromSpec, outcomesOf, toSpec } from "./chain.js";
import { N_BINS, bars, ids, ranks, svg } from "./chart.js";
import { addedTime, stepOf, timing, twoDigits } from "./clock.js";
import { layOutComparison, showComparison, showTimes } from "./compare.js";
import { liveText } from "./live.js";
import { ownRow } from "./own.js";
import * as rows from "./rows.js";

const $ = (id) => document.getElementById(id);
// chains: one, or two that are compared, each { chain, seed }; shown: the number of the one whose cards
// are shown.
const state = { rowName: "model-0", chains: [{ chain: defaultChain(), seed: 1 }], shown: 0, logarithmic: false, byId: false };
let row;

const count = (n) => n.toLocaleString("en");
const shown = () => state.chains[state.shown];
const specOf = ({ chain, seed }) => toSpec(chain, seed);
const say = (text) => ($("message").textContent = text);
const SPECS = ["spec", "spec-b"];

function writeAddress() {
  const specs = state.chains.map(specOf);
  SPECS.forEach((id, i) => {
    if (document.activeElement !== $(id)) $(id).value = specs[i] ?? "";
  });
  history.replaceState(null, "", toHash({ ...state, specs }));
}

// A chain of a spec; what cannot be shown is said, and nothing is returned.
function chainOf(spec) {
  try {
    return fromSpec(spec);
  } catch (error) {
    say(`This spec is not shown: ${error.message}.`);
    return undefined;
  }
}

function readAddress() {
  const { rowName: name, specs, ...drawn } = fromHash(location.hash);
  Object.assign(state, { ...drawn, shown: 0 });
  if (rows.CHOICES.some(([value]) => value === name)) state.rowName = name;
  else if (name === "own") {
    if (!rows.select("own")) say("The link's row was its author's own: paste its logits, or drop its file.");
    else state.rowName = name;
  } else if (name) say(`There is no row '${name}'.`);
  const first = specs[0] === undefined ? undefined : chainOf(specs[0]);
  const second = specs[1] === undefined ? undefined : chainOf(specs[1]);
  state.chains[0] = first ?? state.chains[0];
  state.chains.splice(1, 1, ...(second ? [second] : []));
  if (second) state.shown = drawn.shown;
}

// Puts the controls where the state is.
function showControls() {
  const two = state.chains.length > 1;
  $("row").value = state.rowName;
  document.querySelector(`[name=scale][value=${state.logarithmic ? "logarithmic" : "linear"}]`).checked = true;
  document.querySelector(`[name=order][value=${state.byId ? "id" : "likely"}]`).checked = true;
  document.querySelector(`[name=cards][value="${state.shown}"]`).checked = true;
  $("two").checked = two;
  $("which").hidden = $("second").hidden = $("comparison").hidden = !two;
  $("spec-name").textContent = two ? "Spec of A" : "Spec";
  layOut($("cards"), shown().chain, { changing: soon, changed: update, moved: refresh });
}

function refresh() {
  showControls();
  update();
}

// ---- numbers and charts ----

function factsOf(before, after) {
  const cut = before.n - after.n;
  return [...[`${count(after.n)} left`, cut > 0 ? `${count(cut)} cut` : "none cut", `entropy ${after.entropy.toFixed(3)} nats`,
    `most likely ${(100 * after.most[0][1]).toFixed(2)} %`].map((text) => make("span", { textContent: text })),
    make("span", { className: "time" })];
}

const isShown = new WeakMap(); // what a place shows: a slider changes only the stages from its own on

function show(place, before, after) {
  const wanted = [before, after, state.logarithmic, state.byId];
  if (isShown.get(place)?.every((one, i) => one === wanted[i])) return;
  isShown.set(place, wanted);
  place.querySelector(".facts").replaceChildren(...factsOf(before, after));
  const [left, right] = place.querySelector(".charts").children;
  const tokens = state.byId ? [...after.head].sort((a, b) => a - b) : after.head;
  left.innerHTML = svg(bars(tokens.map((token) =>
    [rows.textOf(token, state.rowName), before.byToken.get(token), after.byToken.get(token)]), state.logarithmic));
  const all = (of) => [["before", before], ["after", after]].map(([name, outcome]) => [name, name, ...of(outcome)]);
  right.innerHTML = svg(state.byId ? ids(all((outcome) => [binsOf(outcome, row.length, N_BINS)]), row.length)
    : ranks(all((outcome) => [outcome.n, outcome.ranks])));
}

// Shows what the chain leaves, and gives its last outcome, or nothing if goOn() says that the page is to show
// something else.
async function showCards(key, goOn) {
  const on = shown().chain.flatMap((card, i) => {
    const item = $("cards").children[i];
    item.classList.toggle("off", !card.on);
    item.querySelector(".facts").hidden = item.querySelector(".charts").hidden = !card.on;
    return card.on ? [item] : [];
  });
  let before;
  for (const after of outcomesOf(row, key, shown().chain)) {
    show(before ? on.shift() : $("start"), before ?? after, after);
    before = after;
    if (!(await goOn())) return undefined;
  }
  return before;
}

// Shows the other of two chains beside the one of the cards. False: as above.
async function showOther(key, last, goOn) {
  const lasts = [last, last];
  for (const outcome of outcomesOf(row, key, state.chains[1 - state.shown].chain)) {
    lasts[1 - state.shown] = outcome;
    if (!(await goOn())) return false;
  }
  showComparison($("comparison"), lasts, { nVocab: row.length, logarithmic: state.logarithmic, byId: state.byId,
    textOf: (token) => rows.textOf(token, state.rowName) });
  return true;
}

// ---- what takes longer, after the rest, in pieces: draws and times ----

const DRAWS = 1000;
let nChanges = 0; // what was begun for an earlier state is given up
let waiting;
let step; // of the clock, in ms
const times = new Map(); // by row and spec, in microseconds
const pause = () => new Promise((resolve) => setTimeout(resolve));

async function showDraws(last, isCurrent) {
  const draws = new Draws(last, row.length, shown().seed);
  try {
    let counts;
    for (let n = 0; n < DRAWS; await pause()) {
      if (!isCurrent()) return;
      const end = performance.now() + 8;
      do counts = draws.more(10);
      while ((n += 10) < DRAWS && performance.now() < end);
    }
    const most = state.byId ? [...last.most].sort((a, b) => a[0] - b[0]) : last.most;
    $("draws").querySelector(".facts").replaceChildren(make("span",
      { textContent: `${count(DRAWS)} draws (dark) beside the exact probabilities (pale)` }));
    $("draws").querySelector(".charts > div").innerHTML = svg(bars(most.map(([token, p]) =>
      [rows.textOf(token, state.rowName), p, (counts.get(token) ?? 0) / DRAWS]), state.logarithmic));
  } finally {
    draws.free();
  }
}

// Microseconds of a token with a chain on the row; undefined if the page shows something else by then.
async function timeOf(spec, isCurrent) {
  const key = `${rows.keyOf(state.rowName)}|${spec}`;
  if (times.has(key)) return times.get(key);
  const sampler = new Sampler(spec, row.length);
  try {
    step ??= stepOf(() => performance.now());
    const rounds = timing(() => sampler.sample(row), () => performance.now(), step);
    for (;;) {
      if (!isCurrent()) return undefined;
      const round = rounds.next();
      if (round.done) {
        times.set(key, 1000 * round.value);
        return times.get(key);
      }
      await pause();
    }
  } finally {
    sampler.free();
  }
}

async function showTimesOf(isCurrent) {
  const cards = [...$("cards").children].filter((item) => !item.classList.contains("off"));
  let before;
  for (const [i, spec] of beginnings(shown()).entries()) {
    const time = await timeOf(spec, isCurrent);
    if (time === undefined) return;
    const said = `${twoDigits(time)} µs a token`;
    const place = i === 0 ? $("start") : cards[i - 1];
    place.querySelector(".time").textContent = i === 0 ? `drawn from as it is: ${said}` : `up to here ${said}, this stage ${addedTime(before, time)}`;
    before = time;
  }
  if (state.chains.length > 1) {
    const words = [];
    for (const chain of state.chains) {
      const time = await timeOf(specOf(chain), isCurrent);
      if (time === undefined) return;
      words.push(`${twoDigits(time)} µs a token`);
    }
    showTimes($("comparison"), words);
  }
  document.documentElement.dataset.timed = "yes";
}

async function showRest(last, isCurrent) {
  await showDraws(last, isCurrent);
  if (!isCurrent()) return;
  document.documentElement.dataset.drawn = "yes";
  await showTimesOf(isCurrent);
}

const SLICE = 10; // ms after which the page shows what it has: on long lists a stage takes a frame or more

async function update() {
  writeAddress();
  const mine = ++nChanges;
  const isCurrent = () => mine === nChanges;
  delete document.documentElement.dataset.drawn;
  delete document.documentElement.dataset.timed;
  clearTimeout(waiting);
  let begun = performance.now();
  const goOn = async () => {
    if (performance.now() - begun > SLICE) {
      await pause();
      begun = performance.now();
    }
    return isCurrent();
  };
  try {
    const key = rows.keyOf(state.rowName);
    const last = await showCards(key, goOn);
    if (!last || (state.chains.length > 1 && !(await showOther(key, last, goOn)))) return;
    waiting = setTimeout(showRest, 150, last, isCurrent);
  } catch (error) {
    if (!(error instanceof PluckError)) throw error;
    say(error.message);
  }
}

let planned = false;

// A slider sends more steps than the screen shows.
function soon() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    update();
  });
}

// ---- controls ----

function sections() {
  $("start").append(make("h2", { textContent: "The row as it is" }), ...places(2));
  layOutComparison($("comparison"));
  const again = make("button", { type: "button", textContent: "Draw with another seed" });
  again.addEventListener("click", () => {
    shown().seed = (shown().seed + 1) % 0xffffffff;
    update();
  });
  $("draws").append(make("div", { className: "head" }, make("h2", { textContent: "Draws" }), again), ...places(1));
}

function showRow(name) {
  state.rowName = name;
  row = rows.select(name);
  update();
}

function showOwn(name) {
  const option = $("row").querySelector("[value=own]") ?? $("row").appendChild(make("option", { value: "own" }));
  option.textContent = `own: ${name}`;
  $("row").value = "own";
  showRow("own");
}

// Each of the radio buttons of a name, when it is chosen, says what follows.
function choice(name, follows) {
  document.querySelectorAll(`[name=${name}]`).forEach((button) => button.addEventListener("change", () => follows(button.value)));
}

function specControls() {
  SPECS.forEach((id, i) => $(id).addEventListener("change", () => {
    const chain = chainOf($(id).value);
    if (!chain) return;
    say("");
    state.chains[i] = chain;
    refresh();
  }));
  $("copy").addEventListener("click", async () => {
    const input = $(SPECS[state.shown]);
    await navigator.clipboard.writeText(input.value).then(() => say("Copied."), () => input.select());
  });
  $("default").addEventListener("click", () => {
    shown().chain = defaultChain();
    refresh();
  });
  $("two").addEventListener("change", () => {
    if ($("two").checked) state.chains.push(fromSpec(specOf(state.chains[0])));
    else state.chains.pop();
    state.shown = state.chains.length - 1; // of two, the new one is to be changed
    refresh();
  });
  choice("cards", (value) => {
    state.shown = Number(value);
    refresh();
  });
}

function controls() {
  $("row").append(...rows.CHOICES.map(([value, textContent]) => make("option", { value, textContent })));
  $("row").addEventListener("change", () => showRow($("row").value));
  choice("scale", (value) => {
    state.logarithmic = value === "logarithmic";
    update();
  });
  choice("order", (value) => {
    state.byId = value === "id";
    update();
  });
  specControls();
  ownRow({ say, show: showOwn });
  liveText({ say, show: showOwn, spec: () => specOf(shown()) });
  addEventListener("hashchange", () => {
    say("");
    readAddress();
    row = rows.select(state.rowName);
    refresh();
  });
}

async function start() {
  await Promise.all([init(), rows.load()]);
  readAddress();
  row = rows.select(state.rowName);
  sections();
  controls();
  showControls();
  await update();
  performance.mark("interactive");
}

start().catch((error) => {
  say(`The page could not start: ${error.message}`);
  throw error;
});
