// Makes the page quicker to read: groups in tabs, tables that sort, runs under the pointer. Without it all is shown.
"use strict";

function tabs(box, number) {
  const panels = [...box.children], list = document.createElement("div"), buttons = panels.map(() => document.createElement("button"));
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.label);
  const choose = (chosen) => panels.forEach((panel, i) => {
    panel.hidden = i !== chosen;
    buttons[i].setAttribute("aria-selected", i === chosen);
    buttons[i].tabIndex = i === chosen ? 0 : -1;
  });
  panels.forEach((panel, i) => {
    const button = buttons[i], steps = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: panels.length - 1 };
    panel.id = `panel-${number}-${i}`;
    button.id = `tab-${number}-${i}`;
    button.textContent = panel.firstElementChild.textContent;
    for (const [name, value] of Object.entries({ role: "tab", type: "button", "aria-controls": panel.id })) button.setAttribute(name, value);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    button.onclick = () => choose(i);
    button.onkeydown = (event) => {
      if (!(event.key in steps)) return;
      const next = (steps[event.key] + panels.length) % panels.length;
      event.preventDefault();
      choose(next);
      buttons[next].focus();
    };
    list.append(button);
  });
  box.before(list);
  choose(0);
}

function size(text) {
  // What a cell is sorted by: "37.9B (31B to 45B)" is 3.79e10, "+0.4%" is 0.4; words and "-" have no number.
  const found = /^([+-]?[\d.,]+(?:e[+-]?\d+)?)([kMBT]?)(?![\w-])/.exec(text);
  return found ? Number(found[1].replaceAll(",", "")) * { "": 1, k: 1e3, M: 1e6, B: 1e9, T: 1e12 }[found[2]] : NaN;
}

function order(a, b) {
  // Numbers by size and before words, words by the alphabet, what has no answer last.
  const [x, y] = [size(a), size(b)];
  if (!isNaN(x) && !isNaN(y)) return x - y;
  if (isNaN(x) && isNaN(y)) return (a === "-") - (b === "-") || a.localeCompare(b, undefined, { numeric: true });
  return isNaN(x) - isNaN(y);
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  if (body.rows.length < 2) return;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending", rows = [...body.rows];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => (down ? -1 : 1) * order(a.cells[column].textContent, b.cells[column].textContent));
      body.append(...rows);
    };
  });
}

function pointed(sheet) {
  // The run under the pointer or the finger, in words beside it.
  const tip = document.createElement("div"), words = new Map();
  tip.className = "tip";
  tip.hidden = true;
  sheet.append(tip);
  for (const title of sheet.querySelectorAll("title")) {
    words.set(title.parentNode, title.textContent);
    title.remove();
  }
  const show = (event) => {
    const run = words.has(event.target) ? event.target : null;
    for (const other of words.keys()) other.classList.toggle("on", other === run);
    tip.hidden = run === null;
    if (run === null) return;
    const around = sheet.getBoundingClientRect(), at = run.getBoundingClientRect();
    tip.textContent = words.get(run);
    tip.style.left = `${Math.max(0, Math.min(at.right - around.left + 6, around.width - tip.offsetWidth))}px`;
    tip.style.top = `${at.bottom - around.top + 6}px`;
  };
  sheet.onpointerover = show;
  sheet.onpointerdown = show;
  sheet.onpointerleave = show;
}

document.querySelectorAll("[data-label]").forEach(tabs);
document.querySelectorAll("table").forEach(sortable);
document.querySelectorAll(".sheet").forEach(pointed);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((folded) => { folded.open = true; }));
