"use strict";
(() => {
  const make = (name, text, parent) => {
    const node = document.createElement(name);
    if (text) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const written = (value, data) => {
    if (value === null || value === undefined) return "–";
    const share = data.unit === "%";
    const digits = { minimumFractionDigits: data.places, maximumFractionDigits: data.places };
    const size = Math.abs(share ? value * 100 : value).toLocaleString("en-US", digits);
    return (value < 0 ? "\u2212" : "") + (share ? size + "\u202f%" : data.unit + size);
  };
  const spots = (data) => {
    if (data.labels) return data.labels.map((_, k) => (k + 0.5) / data.labels.length);
    const last = data.at[data.at.length - 1] || 1;
    return data.at.map((days) => days / last);
  };
  const named = (data, k) => {
    if (data.labels) return data.labels[k];
    const start = Date.parse(data.from + "T00:00:00Z");
    return new Date(start + data.at[k] * 864e5).toISOString().slice(0, 10);
  };
  const nearest = (places, share) => {
    let low = 0, high = places.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places[middle] < share) low = middle; else high = middle;
    }
    return share - places[low] < places[high] - share ? low : high;
  };

  for (const canvas of document.querySelectorAll(".canvas")) {
    const source = canvas.querySelector(".readout");
    if (!source) continue;
    const data = JSON.parse(source.textContent);
    const places = data.series ? spots(data) : [];
    if (!places.length) continue;
    const tip = make("div", "", canvas);
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    const plots = [...canvas.querySelectorAll(".plot")];
    const hide = () => {
      tip.hidden = true;
      for (const line of canvas.querySelectorAll(".cross")) {
        line.setAttribute("x1", -9);
        line.setAttribute("x2", -9);
      }
    };
    canvas.addEventListener("pointerleave", hide);
    window.addEventListener("resize", hide);
    canvas.addEventListener("pointermove", (event) => {
      const plot = plots.find((each) => each.getClientRects().length);
      if (!plot) return hide();
      const box = plot.getBoundingClientRect(), edge = canvas.getBoundingClientRect();
      const left = Number(plot.dataset.left), right = Number(plot.dataset.right);
      const scale = plot.viewBox.baseVal.width / box.width;
      const at = (event.clientX - box.left) * scale;
      if (at < left - 4 || at > right + 4) return hide();
      const k = nearest(places, (at - left) / (right - left));
      const x = left + places[k] * (right - left), cross = plot.querySelector(".cross");
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      tip.replaceChildren();
      make("b", named(data, k), tip);
      const rows = data.series.map(([name, values]) => [name, values[k]]);
      if (!data.labels) rows.sort((a, b) => (b[1] ?? -1e99) - (a[1] ?? -1e99));
      for (const [name, value] of rows) {
        const row = make("span", "", tip);
        make("i", name, row);
        make("strong", written(value, data), row);
      }
      tip.hidden = false;
      const wide = tip.offsetWidth, place = x / scale + box.left - edge.left;
      const over = place + wide + 24 > edge.width;
      tip.style.left = Math.max(0, over ? place - wide - 12 : place + 12) + "px";
      tip.style.top = "8px";
    });
  }

  const key = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const bare = text.replace(/\u2212/g, "-").replace(/[^0-9.eE+-]/g, "");
    const plain = /^[^A-Za-z]*$/.test(text) && !/^\d{4}-\d\d-\d\d/.test(text);
    const value = plain && bare !== "" ? Number(bare) : NaN;
    return Number.isNaN(value) ? (text === "" || text === "–" ? null : text) : value;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en");
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", head.textContent);
      button.type = "button";
      button.className = "sort";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = rows.map((row, k) => [key(row, column), k, row]);
        keyed.sort((a, b) => {
          const order = compare(a[0], b[0]);
          const last = a[0] === null || b[0] === null;
          return (down && !last ? -order : order) || a[1] - b[1];
        });
        body.append(...keyed.map((entry) => entry[2]));
      });
    });
    if (rows.length < 6) continue;
    const bar = make("label", "");
    bar.className = "filter";
    const input = make("input", "", bar), told = make("span", "", bar);
    input.type = "search";
    input.placeholder = "Filter, e.g. a symbol or a date";
    input.setAttribute("aria-label", "Filter rows");
    told.setAttribute("role", "status");
    let texts = null;
    const apply = () => {
      texts = texts || rows.map((row) => row.textContent.toLowerCase());
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, k) => {
        row.hidden = !words.every((word) => texts[k].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      told.textContent = words.length ? shown + " of " + rows.length + " rows" : "";
    };
    input.addEventListener("input", apply);
    table.parentElement.before(bar);
  }
})();
