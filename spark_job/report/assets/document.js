"use strict";
// Draws the charts of an analysis' report, in the colours of the page, with photographs beside the pointer.
(() => {
  const { charts } = JSON.parse(document.getElementById("data").textContent);
  const hover = document.getElementById("hover");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function themed(layout) {
    const axis = { gridcolor: colour("--grid"), zerolinecolor: colour("--line"), automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { t: 24, r: 16, b: 56, l: 64 },
      colorway: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", colour("--ink")],
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--quiet"), activecolor: colour("--ink") },
      ...layout,
      font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, ...layout.font },
      xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    };
  }

  function show(photograph, event) {
    hover.replaceChildren();
    if (photograph.thumbnail) {
      const image = document.createElement("img");
      image.src = `data:image/jpeg;base64,${photograph.thumbnail}`;
      image.alt = "";
      hover.append(image);
    }
    const title = document.createElement("bdi");
    title.textContent = photograph.title;
    const note = document.createElement("small");
    note.textContent = photograph.note;
    hover.append(title, note);
    hover.hidden = false;
    const left = Math.min(event.clientX + 16, innerWidth - hover.offsetWidth - 8);
    const top = Math.min(event.clientY + 16, innerHeight - hover.offsetHeight - 8);
    hover.style.left = `${Math.max(8, left)}px`;
    hover.style.top = `${Math.max(8, top)}px`;
  }

  function draw() {
    charts.forEach((chart, number) => {
      const element = document.getElementById(`chart-${number}`);
      if (chart.layout.height) element.style.height = `${chart.layout.height}px`;
      Plotly.react(element, chart.data, themed(chart.layout), { responsive: true, displaylogo: false });
      if (!chart.photographs.length || element.dataset.listens) return;
      element.dataset.listens = "yes";
      element.on("plotly_hover", ({ points, event }) => {
        const photograph = chart.photographs[points[0].customdata];
        if (photograph) show(photograph, event);
      });
      element.on("plotly_unhover", () => { hover.hidden = true; });
    });
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
