// address.js: what the page shows, as the part of its address behind #, so that a link shows the same.

/** specs: one, or two that are compared; shown: the number of the one whose cards are shown. */
export function toHash({ rowName, specs, shown, logarithmic, byId }) {
  const parts = [`row=${rowName}`, `spec=${encodeURIComponent(specs[0])}`];
  if (specs.length > 1) parts.push(`spec2=${encodeURIComponent(specs[1])}`);
  if (shown > 0) parts.push("cards=b");
  if (logarithmic) parts.push("scale=logarithmic");
  if (byId) parts.push("order=id");
  return `#${parts.join("&")}`;
}

/** The same from an address; what it does not say is undefined. */
export function fromHash(hash) {
  const address = new URLSearchParams(hash.slice(1));
  const said = (key) => address.get(key) ?? undefined;
  return { rowName: said("row"), specs: [said("spec"), said("spec2")],
    shown: address.get("cards") === "b" && address.has("spec2") ? 1 : 0,
    logarithmic: address.get("scale") === "logarithmic", byId: address.get("order") === "id" };
}
