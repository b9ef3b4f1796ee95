// formulas.mjs: sections of docs/samplers.md as HTML, for the page to show in place. Knows the few forms
// that the document has: paragraphs, indented formulas, tables, `code`, *emphasis* and links.

const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// Links lead to other places of the documents, which the page does not have: their text stays.
const inline = (text) => escape(text).replace(/!\[[^\]]*\]\([^)]*\)/g, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
  .replace(/`([^`]*)`/g, "<code>$1</code>").replace(/(^|[\s(])\*([^*\s][^*]*)\*/g, "$1<em>$2</em>");

function table(lines) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  const row = (line, tag) => `<tr>${cells(line).map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<table><thead>${row(lines[0], "th")}</thead><tbody>${lines.slice(2).map((line) => row(line, "td")).join("")}</tbody></table>`;
}

function block(lines) {
  if (lines[0].startsWith("|")) return table(lines);
  if (lines.every((line) => line.startsWith("    "))) return `<pre>${escape(lines.map((line) => line.slice(4)).join("\n"))}</pre>`;
  if (lines[0].startsWith("- ")) {
    return `<ul>${lines.join("\n").slice(2).split("\n- ").map((item) => `<li>${inline(item.replace(/\n */g, " "))}</li>`).join("")}</ul>`;
  }
  const text = inline(lines.join(" "));
  return text.trim() === "" ? "" : `<p>${text}</p>`;
}

/** The sections of a document by their headings of the second level: an object of HTML. */
export function sections(markdown) {
  const found = {};
  for (const section of markdown.split(/^## /m).slice(1)) {
    const [heading, ...lines] = section.split("\n");
    found[heading.trim()] = lines.join("\n").trimEnd().split(/\n\s*\n/).map((text) => text.split("\n").filter((line) => line.trim() !== ""))
      .filter((part) => part.length > 0).map(block).join("");
  }
  return found;
}
