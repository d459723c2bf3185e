"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const tip = document.getElementById("tip");
  // Rows of a long table that are there from the start.
  const FIRST = 100;
  // Pixels on the screen within which a mark is pointed at.
  const NEAR = 28;
  // Pixels of a picture up to which marks cover each other, and how many of those are told apart.
  const SAME = 4;
  const MOST = 5;
  document.documentElement.classList.add("scripted");

  /** An element with text, never with markup: names come from anywhere. */
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // The table.

  let rows = [...body.rows];
  let all = rows.length <= FIRST;
  const more = document.getElementById("more");
  const show = () => {
    rows.forEach((row, at) => { row.hidden = !all && at >= FIRST; });
    more.hidden = all;
    more.textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
  };
  more.addEventListener("click", () => {
    all = true;
    show();
    table.closest(".scroll").focus();
  });
  show();

  const closeRuns = () => {
    body.querySelectorAll("tr.runs").forEach((row) => row.remove());
    body.querySelectorAll("[aria-expanded=true]").forEach((button) => button.setAttribute("aria-expanded", "false"));
  };

  /** Missing values come last, whichever way round. */
  const sort = (head, way) => {
    closeRuns();
    const at = head.cellIndex;
    const key = new Map(rows.map((row) => {
      const text = row.cells[at].dataset.sort;
      return [row, text === undefined ? null : Number(text)];
    }));
    const sign = way === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [key.get(a), key.get(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y) || Number(a.dataset.cell) - Number(b.dataset.cell);
    });
    body.append(...rows);
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", other === head ? way : "none");
    show();
  };
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      sort(head, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
    });
  }

  // The runs of a cell.

  const COLUMNS = ["seed", "outcome", "symmetry", "breaks at step", "solved at step", "diverged at step", "final loss"];
  const number = (x) => {
    if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6)) return x.toExponential(3);
    return Number(x.toPrecision(5)).toLocaleString("en", { maximumFractionDigits: 8 });
  };

  const runsOf = (cell) => {
    const runs = data.runs.cells[cell] ?? [];
    const box = element("div");
    if (runs.length === 0) {
      box.append(element("p", "The file of runs has none of this cell."));
      return box;
    }
    const counts = new Map();
    for (const run of runs) {
      const kind = `${run[1]}, ${run[2] ?? "no end"}`;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const kinds = [...counts].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${count} ${kind}`);
    box.append(element("p", `${runs.length} ${runs.length === 1 ? "run" : "runs"} of cell ${cell}: ${kinds.join("; ")}.`));
    const scroll = element("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": `Runs of cell ${cell}` });
    const list = element("table");
    const used = COLUMNS.map((_, at) => at).filter((at) => runs.some((run) => run[at] !== null));
    const head = list.createTHead().insertRow();
    const numeric = (at) => (at === 1 || at === 2 ? {} : { class: "number" });
    used.forEach((at) => head.append(element("th", COLUMNS[at], { scope: "col", ...numeric(at) })));
    const lines = list.createTBody();
    for (const run of runs) {
      const line = lines.insertRow();
      used.forEach((at) => {
        const value = run[at];
        const text = value === null ? "–" : typeof value === "number" ? number(value) : value;
        line.append(element("td", text, numeric(at)));
      });
    }
    scroll.append(list);
    box.append(scroll);
    if (data.runs.seeds !== null) {
      const example = Number(cell) * data.runs.seeds + runs[0][0];
      const hint = element("p", "One of them step by step: ");
      hint.append(element("code", `symbreak inspect ${data.directory} --run ${example}`));
      hint.style.marginTop = "0.6rem";
      box.append(hint);
    }
    return box;
  };

  const toggle = (row) => {
    const button = row.querySelector("[aria-expanded]");
    const open = button.getAttribute("aria-expanded") === "true";
    closeRuns();
    if (open) return;
    button.setAttribute("aria-expanded", "true");
    const detail = element("tr", undefined, { class: "runs" });
    const field = element("td", undefined, { colspan: String(row.cells.length) });
    field.append(runsOf(row.dataset.cell));
    detail.append(field);
    row.after(detail);
  };

  if (data.runs !== null) {
    table.classList.add("shows-runs");
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-cell]");
      if (row !== null && body === row.parentElement && getSelection().isCollapsed) toggle(row);
    });
  }

  /** Of a mark: the row of its cell, if it has one. */
  const rowOf = (cell) => (cell === null ? undefined : rows.find((row) => row.dataset.cell === String(cell)));

  const reveal = (cell) => {
    const row = rowOf(cell);
    if (row === undefined) {
      // A page has rows for so many cells; a mark of several has none either.
      if (cell !== null) tip.textContent = `Cell ${cell} has no row on this page; cells.csv has it.`;
      return;
    }
    if (row.hidden) {
      all = true;
      show();
    }
    const button = row.querySelector("[aria-expanded]");
    if (button?.getAttribute("aria-expanded") === "false") toggle(row);
    row.scrollIntoView({ block: "center" });
    button?.focus({ preventScroll: true });
  };

  // The marks of the pictures.

  // What keeps the figures of a mark at it while the page moves.
  let follow = null;
  for (const plot of document.querySelectorAll(".plot")) {
    const marks = data.marks[Number(plot.dataset.figure)];
    if (marks.length === 0) continue;
    const canvas = plot.querySelector(".canvas");
    const picture = canvas.querySelector("svg, img");
    const width = picture instanceof SVGElement ? picture.viewBox.baseVal.width : picture.naturalWidth / 2;
    const spot = element("div", undefined, { class: "spot" });
    spot.hidden = true;
    canvas.append(spot);
    let current = -1;
    // Along the axis, and from top to bottom.
    const order = marks.map((_, at) => at).sort((a, b) => marks[a][0] - marks[b][0] || marks[a][1] - marks[b][1]);

    const hide = () => {
      if (current < 0) return;
      current = -1;
      follow = null;
      spot.hidden = true;
      tip.hidden = true;
      canvas.classList.remove("leads");
    };

    /** Puts ring and figures where the current mark is now. */
    const place = () => {
      const [x, y] = marks[current];
      const box = picture.getBoundingClientRect();
      const scale = box.width / width;
      spot.style.left = `${x * scale}px`;
      spot.style.top = `${y * scale}px`;
      spot.hidden = false;
      tip.hidden = false;
      const [left, top] = [box.left + x * scale, box.top + y * scale];
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      const above = top - tip.offsetHeight - 16;
      tip.style.left = `${Math.max(8, Math.min(left - tip.offsetWidth / 2, room))}px`;
      tip.style.top = `${above > 8 ? above : top + 16}px`;
    };

    /** Shows a mark; `together` with all that lie on it. */
    const point = (at, together = false) => {
      current = at;
      const [x, y, cell, , own] = marks[at];
      const here = together ? marks.filter((mark) => Math.hypot(mark[0] - x, mark[1] - y) < SAME).map((mark) => mark[4]) : [own];
      const more = here.length > MOST ? `\n\nand ${here.length - MOST} more` : "";
      const text = here.slice(0, MOST).join("\n\n") + more;
      canvas.classList.toggle("leads", rowOf(cell) !== undefined);
      if (tip.textContent !== text) tip.textContent = text;
      place();
      follow = place;
    };

    const nearest = (event) => {
      const box = picture.getBoundingClientRect();
      const scale = box.width / width;
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      let [best, least] = [-1, NEAR];
      marks.forEach((mark, at) => {
        const distance = Math.hypot(mark[0] * scale - x, mark[1] * scale - y);
        if (distance < least) [best, least] = [at, distance];
      });
      return best;
    };

    // A page that moves under a pointer at rest makes these events, too; what was chosen by keyboard stays then.
    let byKey = false;
    canvas.addEventListener("pointermove", (event) => {
      if (byKey && event.movementX === 0 && event.movementY === 0) return;
      byKey = false;
      const at = nearest(event);
      if (at < 0) hide();
      else if (at !== current) point(at, true);
    });
    canvas.addEventListener("pointerleave", () => { if (!byKey) hide(); });
    plot.addEventListener("blur", hide);
    canvas.addEventListener("click", (event) => {
      const at = nearest(event);
      // On a touch screen the first tap points, the second leads on.
      if (at >= 0 && (event.pointerType !== "touch" || at === current)) reveal(marks[at][2]);
      else if (at >= 0) point(at, true);
    });
    plot.addEventListener("keydown", (event) => {
      const from = order.indexOf(current);
      const steps = { ArrowRight: from + 1, ArrowDown: from + 1, ArrowLeft: from - 1, ArrowUp: from - 1, Home: 0, End: order.length - 1 };
      if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        byKey = true;
        const to = Math.max(0, Math.min(order.length - 1, steps[event.key]));
        point(order[to]);
        // A mark of a picture that is wider than the screen.
        const [x] = marks[current];
        const scale = picture.getBoundingClientRect().width / width;
        const [left, right] = [plot.scrollLeft, plot.scrollLeft + plot.clientWidth];
        if (x * scale < left + 20 || x * scale > right - 20) {
          plot.scrollLeft = x * scale - plot.clientWidth / 2;
        }
      } else if (event.key === "Enter" && current >= 0) {
        event.preventDefault();
        reveal(marks[current][2]);
      } else if (event.key === "Escape") {
        hide();
      }
    });
  }
  // On paper nothing can be opened.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
  // Scrolls of the page and of pictures that are wider than it.
  addEventListener("scroll", () => follow?.(), { passive: true, capture: true });
  addEventListener("resize", () => follow?.());
})();
