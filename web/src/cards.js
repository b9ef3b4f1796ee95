// cards.js: the cards of a chain, which are dragged, switched and tuned. Made anew when the order of the
// stages changes, filled when a number does.
import { kindOf } from "./chain.js";
import { formulaOf } from "./rows.js";

export function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Places for numbers and for n charts. */
export const places = (n) => [make("div", { className: "facts" }),
  make("div", { className: "charts" }, ...Array.from({ length: n }, () => make("div")))];

function dragging(item, i, chain, move) {
  item.draggable = true;
  item.addEventListener("dragstart", (event) => {
    // The slider is dragged as a slider.
    if (document.activeElement?.type === "range" && item.contains(document.activeElement)) event.preventDefault();
    else event.dataTransfer.setData("text/plain", String(i));
  });
  item.addEventListener("dragover", (event) => event.preventDefault());
  item.addEventListener("drop", (event) => {
    const dropped = event.dataTransfer.getData("text/plain");
    if (!/^\d+$/.test(dropped)) return; // a file, or a text from elsewhere
    event.preventDefault();
    const from = Number(dropped);
    if (chain[from] && from !== i) move(from, i);
  });
}

function slider(card, kind, { changing }) {
  const input = make("input", { type: "range", min: kind.min, max: kind.max, step: kind.step, value: card.value });
  input.setAttribute("aria-label", kind.title);
  const output = make("output", { textContent: card.value });
  input.addEventListener("input", () => {
    card.value = Number(input.value);
    output.textContent = card.value;
    changing();
  });
  return [input, output];
}

function shift(text, by, i, chain, kind, move) {
  const button = make("button", { type: "button", textContent: text, disabled: i + by < 0 || i + by >= chain.length });
  button.setAttribute("aria-label", `Move ${kind.title} ${by < 0 ? "up" : "down"}`);
  button.addEventListener("click", () => {
    const list = button.closest("ol");
    move(i, i + by);
    const buttons = [...list.children[i + by].querySelectorAll("button")];
    (by < 0 ? buttons : buttons.reverse()).find((one) => !one.disabled).focus(); // at an end, the other one
  });
  return button;
}

function cardOf(card, i, chain, told) {
  const kind = kindOf(card.name);
  const on = make("input", { type: "checkbox", checked: card.on });
  on.addEventListener("change", () => {
    card.on = on.checked;
    told.changed();
  });
  function move(from, to) {
    const [moved] = chain.splice(from, 1);
    chain.splice(to, 0, moved);
    told.moved();
  }
  // On a phone a formula is wider than the card: the keyboard can scroll it.
  const definition = make("div", { className: "definition", tabIndex: 0, role: "region", innerHTML: formulaOf(kind.section ?? kind.title) });
  definition.setAttribute("aria-label", `${kind.title}, definition`);
  const handle = make("span", { className: "handle", textContent: "⠿" });
  handle.setAttribute("aria-hidden", "true");
  const item = make("li", { className: "card" },
    make("div", { className: "head" }, handle, make("h2", {}, make("label", {}, on, ` ${kind.title}`)), ...slider(card, kind, told),
      shift("↑", -1, i, chain, kind, move), shift("↓", 1, i, chain, kind, move)),
    make("p", { textContent: kind.formula }),
    make("details", {}, make("summary", { textContent: `${kind.title}: definition and source` }),
      definition),
    ...places(2));
  dragging(item, i, chain, move);
  return item;
}

/** Makes the cards of a chain in `list`. told: { changing, changed, moved }, called when a slider moves,
 * when a stage is switched, when the order has changed. */
export function layOut(list, chain, told) {
  list.replaceChildren(...chain.map((card, i) => cardOf(card, i, chain, told)));
}
