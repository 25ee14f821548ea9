"use strict";
// Lets a reader sort the tables of a page by their columns, and filter the rows of long ones.
(() => {
  const FILTERED_FROM = 6;  // rows
  const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (cell) => cell.textContent.trim();
  const number = (cell) => Number.parseFloat(cell.dataset.order ?? words(cell).replaceAll(",", ""));

  const sort = (table, column, descending) => {
    const rows = [...table.tBodies[0].rows];
    const numeric = rows.some((row) => row.cells[column].classList.contains("number"));
    const known = (row) => (numeric ? !Number.isNaN(number(row.cells[column])) : words(row.cells[column]) !== "");
    const compare = numeric
      ? (one, other) => number(one.cells[column]) - number(other.cells[column])
      : (one, other) => inOrder(words(one.cells[column]), words(other.cells[column]));
    const sorted = rows.filter(known).sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
    // What is not known comes last, whichever way the others are sorted.
    table.tBodies[0].append(...sorted, ...rows.filter((row) => !known(row)));
  };

  const makeSortable = (table) => {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
      if (cells.some((cell) => cell.querySelector("img, .bar, .no-picture")) || !words(header)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        // Of figures, people look for the largest first.
        const first = cells.some((cell) => cell.classList.contains("number")) ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const direction = header.ariaSort === first ? second : first;
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", direction);
        sort(table, column, direction === "descending");
      });
    });
  };

  const makeFiltered = (table) => {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => plain([...row.cells].map(words).join("\n")));
    const label = document.createElement("label");
    const caption = document.createElement("span");
    caption.className = "visually-hidden";
    caption.textContent = table.caption.textContent;
    const input = document.createElement("input");
    input.type = "search";
    input.autocomplete = "off";
    label.append("Show rows that contain ", caption, input);
    const status = document.createElement("p");
    status.className = "status";
    status.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const wanted = plain(input.value.trim()).split(/\s+/);
      rows.forEach((row, i) => { row.hidden = !wanted.every((word) => texts[i].includes(word)); });
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = shown < rows.length ? `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows.` : "";
    });
    const line = document.createElement("div");
    line.className = "filter";
    line.append(label, status);
    table.closest(".tabled").prepend(line);
  };

  document.querySelectorAll(".tabled table").forEach((table) => {
    // Where the first column has no name, each row is another figure: there is nothing to sort.
    const rows = table.tHead && words(table.tHead.rows[0].cells[0]) ? table.tBodies[0].rows.length : 0;
    if (rows > 1) makeSortable(table);
    if (rows >= FILTERED_FROM) makeFiltered(table);
  });
})();
