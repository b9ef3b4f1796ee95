// own.js: logits of one's own: a .npy file that is dropped or chosen, or pasted numbers. What is wrong with
// them is said, and the page goes on showing what it showed.
import { openNpy } from "./npy.js";
import { parseNumbers } from "./numbers.js";
import { takeOwn } from "./rows.js";

const $ = (id) => document.getElementById(id);

/** Connects the controls. say: shows a message; show: shows the row "own" under a name. */
export function ownRow({ say, show }) {
  let open; // the file whose row is shown: { name, array }
  let nAsked = 0; // a slower answer to an earlier question is not shown

  async function take(name, read) {
    const asked = ++nAsked;
    try {
      const row = await read();
      if (asked !== nAsked) return false;
      takeOwn(row);
    } catch (error) {
      if (asked === nAsked) say(`${name}: ${error.message}.`);
      return false;
    }
    say("");
    return true;
  }

  async function takeFile(file) {
    let array;
    const taken = await take(file.name, async () => {
      array = await openNpy(file);
      return array.row(0);
    });
    if (!taken) return;
    open = { name: file.name, array, row: 0 };
    Object.assign($("file-row"), { max: array.nRows - 1, value: 0, disabled: array.nRows === 1 });
    show(array.nRows === 1 ? file.name : `${file.name}, row 0`);
  }

  async function takeRow() {
    const { name, array, row } = open;
    const wanted = Number($("file-row").value);
    if (!Number.isInteger(wanted) || wanted < 0 || wanted >= array.nRows) {
      say(`${name} has rows 0 to ${array.nRows - 1}.`);
    } else if (await take(`${name}, row ${wanted}`, () => array.row(wanted))) {
      open.row = wanted;
      show(`${name}, row ${wanted}`);
      return;
    }
    $("file-row").value = row;
  }

  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files"); // cards are dragged too
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault(); // or the browser would leave the page for the file
    const { files } = event.dataTransfer;
    if (files.length === 1) takeFile(files[0]);
    else say(`One file can be shown at a time; ${files.length} were dropped.`);
  });
  $("file").addEventListener("change", () => {
    if ($("file").files.length > 0) takeFile($("file").files[0]);
    $("file").value = ""; // so that the same file can be chosen again
  });
  $("file-row").addEventListener("change", takeRow);
  $("show-numbers").addEventListener("click", async () => {
    const read = () => ({ logits: parseNumbers($("numbers").value), dtype: "float32" });
    if (!(await take("Pasted numbers", read))) return;
    open = undefined;
    $("file-row").disabled = true;
    show("pasted numbers");
  });
}
