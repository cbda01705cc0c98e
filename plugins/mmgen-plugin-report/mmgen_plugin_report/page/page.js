"use strict";
(async () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const element = (id) => document.getElementById(id);
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const COLOURS = ["#3f7fd0", "#e0792f", "#3a9a62", "#cc5470", "#8667cf", "#159aa8", "#b58b1f", "#808790", "#c85fb0", "#6f8f2a"];
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down"];
  const OPTIONS = { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
  const QUIET = { ...OPTIONS, displayModeBar: false };

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const words = button.firstChild, range = document.createRange();
      range.selectNodeContents(element(button.dataset.copy));
      getSelection().removeAllRanges();
      getSelection().addRange(range);  // the selection stays, to copy by hand where the browser refuses
      let done = false;
      try { await navigator.clipboard.writeText(element(button.dataset.copy).textContent); done = true; } catch { done = document.execCommand("copy"); }
      words.data = done ? "Copied" : "Selected";
      setTimeout(() => { words.data = "Copy"; }, 2000);
    });
  }

  // plotly.js is compressed in the page, which makes a file that one can send.
  try {
    const bytes = Uint8Array.from(atob(element("library").textContent.trim()), (c) => c.charCodeAt(0));
    const script = document.createElement("script");
    script.textContent = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(script);
  } catch {
    for (const chart of document.querySelectorAll(".chart")) chart.textContent = "This chart needs a browser of 2023 or later.";
    return;
  }

  const charts = read("charts"), points = read("points");
  const look = (layout) => ({
    paper_bgcolor: "#fff", plot_bgcolor: "rgba(0,0,0,0)", font: { size: 12 }, dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", ...layout,
  });
  for (const [name, chart] of Object.entries(charts)) {
    await Plotly.newPlot(name, chart.data, look(chart.layout), name.startsWith("curve-") ? QUIET : OPTIONS);
    const choice = element(name + "-choice");
    if (choice) {
      choice.addEventListener("change", () => {
        const chosen = chart.choices[choice.value], layout = structuredClone(chart.layout);
        layout.yaxis.title.text = chosen.y;
        Plotly.react(name, chosen.data, look(layout), OPTIONS);
      });
    }
  }

  if (Object.keys(points).length) await scatter();

  addEventListener("beforeprint", () => resized(true));
  addEventListener("afterprint", () => resized(false));
  document.documentElement.dataset.ready = "yes";

  function resized(printing) {
    document.body.classList.toggle("printing", printing);
    for (const chart of document.querySelectorAll(".js-plotly-plot")) {
      if (chart.offsetParent !== null) Plotly.relayout(chart, { width: printing ? chart.clientWidth : null, autosize: !printing });
    }
  }

  async function scatter() {
    const run = element("scatter-run"), colour = element("scatter-colour"), given = element("scatter-given");
    const status = element("scatter-status"), plot = element("scatter");
    let filters = [], at = -1;  // at: the point that the arrow keys have reached

    function options(select, entries) {
      select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
    }

    function prepare() {
      const now = points[run.value];
      const labels = Object.entries(now.labels);
      options(colour, [...labels.map(([name], i) => [i, name]), ["given", "what is given"]]);
      for (const of of [...new Set(now.columns.map((column) => column.of))]) {
        const group = document.createElement("optgroup");
        group.label = of || "rows";
        now.columns.forEach((column, i) => { if (column.of === of) group.append(new Option(column.name, "column-" + i)); });
        colour.append(group);
      }
      if (now.colour) colour.value = now.colour;
      options(given, [["", "anything"], ...now.givens.map((name, i) => [i, name])]);
      filters = labels.map(([name, label], i) => {
        const line = document.createElement("p"), words = document.createElement("label"), select = document.createElement("select");
        select.id = "scatter-label-" + i;
        words.htmlFor = select.id;
        words.textContent = "Only " + name;
        options(select, [["", "every " + name], ...label.classes.map((word, c) => [c, word])]);
        select.addEventListener("change", draw);
        line.append(words, select);
        return { line, select, codes: label.codes };
      });
      element("scatter-labels").replaceChildren(...filters.map((filter) => filter.line));
      for (const text of element("scatter-said").children) text.hidden = text.dataset.run !== run.value;
    }

    function draw() {
      const now = points[run.value], labels = Object.entries(now.labels);
      const column = colour.value.startsWith("column-") ? now.columns[colour.value.slice(7)] : null;
      const numbers = column?.numbers, known = (numbers ?? []).filter((value) => value !== null).sort((a, b) => a - b);
      const by = column ? [column.name, column] : colour.value === "given" ? null : labels[colour.value];
      const groups = numbers ? [column.name, "unknown"] : by ? [...by[1].classes, "unknown"] : now.givens;
      const traces = groups.map((name, i) => ({
        type: "scatter", mode: "markers", name: escaped(name), x: [], y: [], text: [], hovertemplate: "%{text}<extra></extra>",
        marker: {
          size: 6, opacity: 0.75, symbol: SYMBOLS[i % SYMBOLS.length],
          color: by && i === groups.length - 1 ? "#808790" : COLOURS[i % COLOURS.length],
        },
      }));
      if (numbers) {  // from the second to the 98th percentile: a few extreme values would leave all others in one colour
        Object.assign(traces[0].marker, {
          color: [], symbol: "circle", colorscale: "Viridis", cmin: known[Math.floor(0.02 * (known.length - 1))], cmax: known[Math.ceil(0.98 * (known.length - 1))],
          colorbar: { title: { text: escaped(column.name), side: "right" }, thickness: 14, outlinewidth: 0, len: 0.88, y: 0, yanchor: "bottom" },
        });
      }
      let count = 0;
      now.x.forEach((x, p) => {
        const row = now.row[p];
        if (given.value !== "" && now.given[p] !== Number(given.value)) return;
        if (filters.some((filter) => filter.select.value !== "" && filter.codes[row] !== Number(filter.select.value))) return;
        const code = numbers ? (numbers[row] === null ? 1 : 0) : by ? by[1].codes[row] : now.given[p];
        const trace = traces[code >= 0 ? code : traces.length - 1];
        const said = labels.map(([name, label]) => name + " " + (label.classes[label.codes[row]] ?? "unknown"));
        if (column) said.unshift(column.name + " " + ((numbers ? numbers[row] : column.classes[column.codes[row]]) ?? "unknown"));
        if (numbers && code === 0) trace.marker.color.push(numbers[row]);
        trace.x.push(x);
        trace.y.push(now.y[p]);
        trace.text.push([...said, "given " + now.givens[now.given[p]], "row " + now.rows[row]].map(escaped).join("<br>"));
        count += 1;
      });
      status.textContent = count.toLocaleString("en") + " of " + now.x.length.toLocaleString("en") + " points shown";
      at = -1;
      return Plotly.react(plot, traces.filter((trace) => trace.x.length), look({
        xaxis: { title: { text: escaped(now.axes[0]) }, zeroline: false, automargin: true },
        yaxis: { title: { text: escaped(now.axes[1]) }, zeroline: false, automargin: true },
        margin: { l: 56, r: 12, t: 12, b: 44 }, hovermode: "closest", showlegend: !numbers || known.length < numbers.length, uirevision: run.value,
        legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, itemsizing: "constant" },
      }), OPTIONS);
    }

    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const shown = (plot.data ?? []).map((trace, t) => (trace.visible === "legendonly" ? [] : trace.x.map((_, p) => [t, p]))).flat();
      if (!step || !shown.length) return;
      event.preventDefault();
      at = at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length;
      const [curveNumber, pointNumber] = shown[at];
      Plotly.Fx.hover(plot, [{ curveNumber, pointNumber }]);
      status.textContent = plot.data[curveNumber].text[pointNumber].replaceAll("<br>", ", ").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
    });
    run.addEventListener("change", () => { prepare(); draw(); });
    for (const select of [colour, given]) select.addEventListener("change", draw);
    prepare();
    await draw();
  }
})();
