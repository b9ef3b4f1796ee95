// main.js: the page. Its state is the row, the chain and the seed, which the address has, so that a link
// shows the same.
import { PluckError, init } from "pluck-sampling";
import { analyse, countDraws, defaultChain, fromSpec, kindOf, timeChain, toSpec } from "./chain.js";
import { bars, ranks } from "./chart.js";
import { ownRow } from "./own.js";
import * as rows from "./rows.js";

const $ = (id) => document.getElementById(id);
const state = { rowName: "model-0", chain: defaultChain(), seed: 1, logarithmic: false };
let row;

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const count = (n) => n.toLocaleString("en");

function writeAddress() {
  const spec = toSpec(state.chain, state.seed);
  if (document.activeElement !== $("spec")) $("spec").value = spec;
  history.replaceState(null, "", `#row=${state.rowName}&spec=${encodeURIComponent(spec)}`);
}

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  const name = address.get("row");
  if (rows.CHOICES.some(([value]) => value === name)) state.rowName = name;
  else if (name === "own") {
    if (!rows.select("own")) $("message").textContent = "The link's row was its author's own: paste its logits, or drop its file.";
    else state.rowName = name;
  }
  else if (name) $("message").textContent = `There is no row '${name}'.`;
  if (address.has("spec")) takeSpec(address.get("spec"));
}

function takeSpec(spec) {
  try {
    Object.assign(state, fromSpec(spec));
    $("message").textContent = "";
    return true;
  } catch (error) {
    $("message").textContent = `This spec is not shown: ${error.message}.`;
    return false;
  }
}

// ---- cards: made when the chain's order changes, filled when a number does ----

function move(i, to) {
  const [card] = state.chain.splice(i, 1);
  state.chain.splice(to, 0, card);
  layOut();
  update();
}

function dragging(item, i) {
  item.draggable = true;
  item.addEventListener("dragstart", (event) => {
    // The slider is dragged as a slider.
    if (document.activeElement?.type === "range" && item.contains(document.activeElement)) event.preventDefault();
    else event.dataTransfer.setData("text/plain", String(i));
  });
  item.addEventListener("dragover", (event) => event.preventDefault());
  item.addEventListener("drop", (event) => {
    event.preventDefault();
    const from = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(from) && state.chain[from] && from !== i) move(from, i);
  });
}

function cardOf(card, i) {
  const kind = kindOf(card.name);
  const slider = make("input", { type: "range", min: kind.min, max: kind.max, step: kind.step, value: card.value });
  slider.setAttribute("aria-label", kind.title);
  const output = make("output", { textContent: card.value });
  slider.addEventListener("input", () => {
    card.value = Number(slider.value);
    output.textContent = card.value;
    soon();
  });
  const on = make("input", { type: "checkbox", checked: card.on });
  on.addEventListener("change", () => {
    card.on = on.checked;
    update();
  });
  const shift = (text, by) => {
    const button = make("button", { type: "button", textContent: text, disabled: i + by < 0 || i + by >= state.chain.length });
    button.setAttribute("aria-label", `Move ${kind.title} ${by < 0 ? "up" : "down"}`);
    button.addEventListener("click", () => {
      move(i, i + by);
      const buttons = [...$("cards").children[i + by].querySelectorAll("button")];
      (by < 0 ? buttons : buttons.reverse()).find((one) => !one.disabled).focus(); // at an end, the other one
    });
    return button;
  };
  const handle = make("span", { className: "handle", textContent: "⠿" });
  handle.setAttribute("aria-hidden", "true");
  const item = make("li", { className: "card" },
    make("div", { className: "head" }, handle, make("h2", {}, make("label", {}, on, ` ${kind.title}`)), slider, output,
      shift("↑", -1), shift("↓", 1)),
    make("p", { textContent: kind.formula }),
    make("details", {}, make("summary", { textContent: `${kind.title}: definition and source` }),
      make("div", { className: "definition", innerHTML: rows.formulaOf(kind.title) })),
    make("div", { className: "facts" }), make("div", { className: "charts" }, make("div"), make("div")));
  dragging(item, i);
  return item;
}

function layOut() {
  $("cards").replaceChildren(...state.chain.map(cardOf));
}

function factsOf(before, after) {
  const cut = before.n - after.n;
  return [`${count(after.n)} left`, cut > 0 ? `${count(cut)} cut` : "none cut", `entropy ${after.entropy.toFixed(3)} nats`,
    `most likely ${(100 * after.ranked[0]).toFixed(2)} %`].map((text) => make("span", { textContent: text }));
}

function show(place, before, after, head) {
  place.querySelector(".facts").replaceChildren(...factsOf(before, after));
  const [left, right] = place.querySelector(".charts").children;
  left.replaceChildren(bars([...head].map((token) =>
    [rows.textOf(token, state.rowName), before.byToken.get(token), after.byToken.get(token)]), state.logarithmic));
  right.replaceChildren(ranks(before.ranked, after.ranked));
}

// ---- draws ----

let waiting;

function showDraws(last) {
  const n = last.n > 5000 ? 100 : 1000;
  const counts = countDraws(last, row.length, state.seed, n);
  const place = $("draws");
  place.querySelector(".facts").replaceChildren(make("span", { textContent: `${count(n)} draws (dark) beside the exact probabilities (pale)` }),
    make("span", { textContent: `the whole chain takes ${timeChain(row, toSpec(state.chain, state.seed)).toFixed(0)} µs here` }));
  place.querySelector(".charts > div").replaceChildren(bars(last.most.map(([token, p]) =>
    [rows.textOf(token, state.rowName), p, (counts.get(token) ?? 0) / n]), state.logarithmic));
  document.documentElement.dataset.drawn = "yes";
}

function update() {
  writeAddress();
  try {
    const { outcomes, head } = analyse(row, rows.keyOf(state.rowName), state.chain);
    show($("start"), outcomes[0], outcomes[0], head);
    let at = 0;
    state.chain.forEach((card, i) => {
      const item = $("cards").children[i];
      item.classList.toggle("off", !card.on);
      const before = outcomes[at];
      if (card.on) at++;
      item.querySelector(".facts").hidden = item.querySelector(".charts").hidden = !card.on;
      if (card.on) show(item, before, outcomes[at], head);
    });
    clearTimeout(waiting);
    waiting = setTimeout(showDraws, 150, outcomes[at]);
  } catch (error) {
    if (!(error instanceof PluckError)) throw error;
    $("message").textContent = error.message;
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

function sections() {
  const charts = (n) => [make("div", { className: "facts" }), make("div", { className: "charts" }, ...Array.from({ length: n }, () => make("div")))];
  $("start").append(make("h2", { textContent: "The row as it is" }), ...charts(2));
  const again = make("button", { type: "button", textContent: "Draw with another seed" });
  again.addEventListener("click", () => {
    state.seed = (state.seed + 1) % 0xffffffff;
    update();
  });
  $("draws").append(make("div", { className: "head" }, make("h2", { textContent: "Draws" }), again), ...charts(1));
}

function showOwn(name) {
  const option = $("row").querySelector("[value=own]") ?? $("row").appendChild(make("option", { value: "own" }));
  option.textContent = `own: ${name}`;
  $("row").value = state.rowName = "own";
  row = rows.select("own");
  update();
}

function controls() {
  $("row").append(...rows.CHOICES.map(([value, textContent]) => make("option", { value, textContent })));
  $("row").value = state.rowName;
  $("row").addEventListener("change", () => {
    state.rowName = $("row").value;
    row = rows.select(state.rowName);
    update();
  });
  document.querySelectorAll("[name=scale]").forEach((button) => button.addEventListener("change", () => {
    state.logarithmic = button.value === "logarithmic";
    update();
  }));
  $("spec").addEventListener("change", () => {
    if (!takeSpec($("spec").value)) return;
    layOut();
    update();
  });
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("spec").value).then(() => ($("message").textContent = "Copied."),
      () => $("spec").select());
  });
  $("default").addEventListener("click", () => {
    state.chain = defaultChain();
    layOut();
    update();
  });
  ownRow({ say: (text) => ($("message").textContent = text), show: showOwn });
  addEventListener("hashchange", () => {
    readAddress();
    $("row").value = state.rowName;
    row = rows.select(state.rowName);
    layOut();
    update();
  });
}

async function start() {
  await Promise.all([init(), rows.load()]);
  readAddress();
  row = rows.select(state.rowName);
  sections();
  controls();
  layOut();
  update();
}

start().catch((error) => {
  $("message").textContent = `The page could not start: ${error.message}`;
  throw error;
});
