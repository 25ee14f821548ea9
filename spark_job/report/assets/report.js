"use strict";
// Draws the charts of a report in the colours of the page, and lets a reader explore the factor planes of a run.
(() => {
  const byId = (id) => document.getElementById(id);
  const { charts, explorer } = JSON.parse(byId("report-data").textContent);
  let printing = false;

  // ---- small things -------------------------------------------------------------------------

  // Names come from files: they enter the page as text, never as markup.
  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const named = (className, text) => {
    const line = element("div", className);
    line.append(element("bdi", "", text));
    return line;
  };

  const theme = () => {
    if (printing) return { ink: "#000000", quiet: "#333333", grid: "#dddddd", surface: "#ffffff" };
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    return { ink: value("--ink"), quiet: value("--quiet"), grid: value("--grid"), surface: value("--surface") };
  };

  // ---- charts -------------------------------------------------------------------------------

  const axis = (title, colours, more) => ({
    title: { text: title, standoff: 8 },
    gridcolor: colours.grid,
    zerolinecolor: colours.quiet,
    zerolinewidth: 1,
    linecolor: colours.grid,
    tickfont: { size: 12 },
    automargin: true,
    ...more,
  });

  const layout = (colours, more) => ({
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colours.ink },
    paper_bgcolor: colours.surface,
    plot_bgcolor: colours.surface,
    margin: { l: 60, r: 16, t: 36, b: 52 },
    hoverlabel: { bgcolor: colours.surface, font: { color: colours.ink } },
    uirevision: "keep",
    ...more,
  });

  const chartLayout = (given, colours) => {
    const { xaxis = {}, yaxis = {}, shapes = [], ...others } = given;
    return layout(colours, {
      colorway: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", colours.ink],
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.quiet, activecolor: colours.ink },
      ...others,
      xaxis: axis(xaxis.title?.text, colours, { ...xaxis, title: { standoff: 8, ...xaxis.title } }),
      yaxis: axis(yaxis.title?.text, colours, { ...yaxis, title: { standoff: 8, ...yaxis.title } }),
      shapes: shapes.map((shape) => ({ ...shape, line: { color: colours.ink, ...shape.line } })),
    });
  };

  const drawChart = (chart, number) => {
    const plot = byId(`chart-${number}`);
    if (chart.layout.height) plot.style.height = `${chart.layout.height}px`;
    return Plotly.react(plot, chart.data, chartLayout(chart.layout, theme()), { responsive: true, displaylogo: false });
  };

  const drawCharts = () => Promise.all(charts.map(drawChart));

  // ---- the card of one photograph -------------------------------------------------------------

  const card = byId("card");
  const ring = byId("ring");

  let anchor = null;

  const hideCard = () => {
    card.hidden = ring.hidden = true;
    anchor = null;
  };

  // Beside what it belongs to, on the side that has room; the ring only around points of a plane.
  const placeCard = () => {
    if (!anchor) return;
    const { left, right, top, centre } = anchor();
    const { width, height } = card.getBoundingClientRect();
    const x = right + 14 + width <= innerWidth ? right + 14 : left - 14 - width;
    card.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
    card.style.top = `${Math.max(4, Math.min(top - 30, innerHeight - height - 4))}px`;
    ring.hidden = centre === undefined;
    ring.style.left = `${centre}px`;
    ring.style.top = `${top}px`;
  };

  const showCard = (content, newAnchor) => {
    card.replaceChildren(...content);
    card.hidden = false;
    anchor = newAnchor;
    placeCard();
  };

  const photographPicture = (thumbnail, title) => {
    if (thumbnail === null) return element("div", "photograph missing", "picture not in this page");
    const picture = element("img", "photograph");
    picture.src = `data:image/jpeg;base64,${thumbnail}`;
    picture.alt = `Photograph ${title}`;
    return picture;
  };

  const listenToChart = (chart, number) => {
    if (!chart.photographs.length) return;
    const plot = byId(`chart-${number}`);
    plot.on("plotly_hover", ({ points, event }) => {
      const found = chart.photographs[points[0].customdata];
      if (!found) return;
      const picture = photographPicture(found.thumbnail, found.title);
      const place = { left: event.clientX - 8, right: event.clientX + 8, top: event.clientY };
      showCard([picture, named("photograph-name", found.title), named("photograph-path", found.note)], () => place);
    });
    plot.on("plotly_unhover", hideCard);
  };

  // ---- the explorer: factor planes with search, classes and selection ---------------------------

  const startExplorer = (data) => {
    const planes = [...document.querySelectorAll(".plane")];
    const state = {
      visible: data.styles.map(() => true),
      matches: [],
      selected: new Set(),
      galleryLimit: 120,
      drawing: 0,
      revision: 0,
    };
    const GALLERY_STEP = 120;
    const LISTED_MATCHES = 50;

    const baseName = (path) => path.slice(path.lastIndexOf("/") + 1) || path;
    const counted = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
    const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    const searchable = data.paths.map((path, i) => plain(`${path}\n${data.styles[data.classes[i]].name}`));

    const debounced = (action) => {
      let timer;
      return () => {
        clearTimeout(timer);
        timer = setTimeout(action, 120);
      };
    };

    const classColour = (classIndex, ink) => {
      const colour = data.colours[data.styles[classIndex].colour];
      return colour === "ink" ? ink : colour;
    };

    const swatch = (classIndex) => {
      const space = "http://www.w3.org/2000/svg";
      const symbol = data.symbols[data.styles[classIndex].symbol];
      const colour = classColour(classIndex, "var(--ink)");
      const picture = document.createElementNS(space, "svg");
      picture.setAttribute("viewBox", "-1.15 -1.15 2.3 2.3");
      picture.setAttribute("class", "swatch");
      picture.setAttribute("aria-hidden", "true");
      const shape = document.createElementNS(space, "polygon");
      shape.setAttribute("points", symbol.outline.map((corner) => corner.join(",")).join(" "));
      shape.style.fill = symbol.filled ? colour : "none";
      shape.style.stroke = symbol.filled ? "none" : colour;
      shape.style.strokeWidth = "0.3";
      picture.append(shape);
      return picture;
    };

    const photograph = (i) => photographPicture(data.thumbnails[i], baseName(data.paths[i]));

    const description = (i) => {
      const line = named("photograph-class", data.styles[data.classes[i]].name);
      line.prepend(swatch(data.classes[i]));
      return [named("photograph-name", baseName(data.paths[i])), line];
    };

    // The height of a point on a line of one component: any fixed number that spreads well.
    const spread = (i) => ((Math.imul(i + 1, 2654435761) >>> 0) / 4294967296) - 0.5;

    const coordinates = (plane) => {
      const first = Number(plane.dataset.first);
      const x = data.coordinates[first];
      const y = data.coordinates[first + 1] || x.map((_, i) => spread(i));
      return { first, x, y, isLine: data.coordinates.length === 1 };
    };

    // Mixed, so that no class covers all others just because its name comes last.
    const drawingOrder = data.paths.map((_, i) => i).sort((a, b) => spread(a) - spread(b));
    const visiblePoints = ({ x, y }) =>
      drawingOrder.filter((i) => state.visible[data.classes[i]] && x[i] !== null && y[i] !== null);

    const pointTrace = (rows, { x, y }, colours) => {
      const symbols = rows.map((i) => data.symbols[data.styles[data.classes[i]].symbol]);
      return {
        type: "scatter", mode: "markers", hoverinfo: "none", showlegend: false,
        x: rows.map((i) => x[i]), y: rows.map((i) => y[i]), customdata: rows,
        marker: {
          size: rows.length > 800 ? 8 : 10,
          opacity: 0.9,
          symbol: symbols.map((symbol) => symbol.name),
          color: rows.map((i) => classColour(data.classes[i], colours.ink)),
          line: { color: colours.surface, width: symbols.map((symbol) => (symbol.filled ? 0.5 : 1.6)) },
        },
        selectedpoints: state.selected.size ? rows.flatMap((i, place) => (state.selected.has(i) ? [place] : [])) : null,
        selected: { marker: { opacity: 1 } },
        unselected: { marker: { opacity: 0.18 } },
      };
    };

    const matchTrace = (rows, { x, y }, colours) => {
      const found = new Set(state.matches);
      const ringed = rows.filter((i) => found.has(i));
      return {
        type: "scatter", mode: "markers", hoverinfo: "skip", showlegend: false,
        x: ringed.map((i) => x[i]), y: ringed.map((i) => y[i]),
        // Many strong rings would bury the points they point at.
        marker: { size: 17, symbol: "circle-open", color: colours.ink, opacity: ringed.length > 150 ? 0.45 : 1,
          line: { width: ringed.length > 150 ? 1 : 2 } },
        unselected: { marker: { opacity: 1 } },
      };
    };

    const drawPlane = (plane) => {
      const points = coordinates(plane);
      const rows = visiblePoints(points);
      const colours = theme();
      const touch = matchMedia("(pointer: coarse)").matches;
      const title = (i) => (plane.clientWidth < 420 ? `Component ${i + 1}` : data.axes[i]);
      const second = points.isLine
        ? { visible: false, range: [-1, 1] }
        // Distances on the screen are distances between feature vectors, as far as the plane shows them.
        : axis(title(points.first + 1), colours, { scaleanchor: "x", scaleratio: 1 });
      return Plotly.react(plane, [pointTrace(rows, points, colours), matchTrace(rows, points, colours)], layout(colours, {
        xaxis: axis(title(points.first), colours, {}),
        yaxis: second,
        hovermode: "closest",
        dragmode: plane._fullLayout ? plane._fullLayout.dragmode : touch ? false : "lasso",
        selectionrevision: (state.revision += 1),
        selections: [],
        newselection: { line: { color: colours.ink, width: 1.5 } },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.quiet, activecolor: colours.ink },
      }), {
        responsive: true, displaylogo: false, displayModeBar: true, scrollZoom: false, doubleClick: "reset",
        modeBarButtons: [["lasso2d", "select2d", "pan2d", "zoom2d"], ["resetScale2d", "toImage"]],
      });
    };

    const drawPlanes = () => {
      hideCard();
      state.drawing += 1;
      return Promise.all(planes.map(drawPlane)).finally(() => { state.drawing -= 1; });
    };

    const showPoint = (i, newAnchor) => {
      const path = named("photograph-path", data.splits[i] ? `${data.paths[i]} · ${data.splits[i]}` : data.paths[i]);
      showCard([photograph(i), ...description(i), path], newAnchor);
    };

    const showCardOnPlane = (plane, i) => {
      const { x, y } = coordinates(plane);
      showPoint(i, () => {
        const { xaxis, yaxis } = plane._fullLayout;
        const box = plane.getBoundingClientRect();
        const centre = box.left + xaxis._offset + xaxis.l2p(x[i]);
        const top = box.top + yaxis._offset + yaxis.l2p(y[i]);
        return { left: centre - 8, right: centre + 8, top, centre };
      });
    };

    // ---- selection ------------------------------------------------------------------------------

    const select = (rows, keep) => {
      state.selected = new Set(keep ? [...state.selected, ...rows] : rows);
      state.galleryLimit = GALLERY_STEP;
      showSelection();
    };

    const toggle = (i) => {
      if (!state.selected.delete(i)) state.selected.add(i);
      showSelection();
    };

    const selectedRows = () => [...state.selected].sort((a, b) => a - b);

    const showGallery = () => {
      const rows = selectedRows();
      byId("gallery").replaceChildren(...rows.slice(0, state.galleryLimit).map((i) => {
        const item = element("li");
        item.title = data.paths[i];
        item.append(photograph(i), ...description(i));
        return item;
      }));
      const rest = rows.length - state.galleryLimit;
      byId("gallery-more").hidden = rest <= 0;
      byId("gallery-more").textContent = `Show ${Math.min(rest, GALLERY_STEP)} more`;
    };

    const showSelection = () => {
      const size = state.selected.size;
      byId("selection-status").textContent = size ? `${counted(size, "photograph", "photographs")} selected.` : "None yet.";
      byId("save-csv").disabled = byId("clear-selection").disabled = size === 0;
      document.querySelectorAll("#matches button").forEach((button) =>
        button.setAttribute("aria-pressed", state.selected.has(Number(button.dataset.row))));
      showGallery();
      drawPlanes();
    };

    const csv = () => {
      // A spreadsheet computes what begins like a formula.
      const cell = (text) => `"${text.replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
      const rows = selectedRows().map((i) => [data.paths[i], data.labels[i]]);
      return [["path", "label"], ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
    };

    const saveCsv = () => {
      const link = element("a");
      link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
      link.download = "selected-photographs.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    };

    // ---- search -----------------------------------------------------------------------------------

    const matchItem = (i) => {
      const button = element("button");
      button.type = "button";
      button.dataset.row = i;
      button.setAttribute("aria-pressed", state.selected.has(i));
      const label = element("small");
      label.append(element("bdi", "", data.styles[data.classes[i]].name));
      button.append(element("bdi", "", baseName(data.paths[i])), label);
      const show = () => showPoint(i, () => button.getBoundingClientRect());
      button.addEventListener("focus", show);
      button.addEventListener("mouseenter", show);
      button.addEventListener("blur", hideCard);
      button.addEventListener("mouseleave", hideCard);
      button.addEventListener("click", () => {
        toggle(i);
        show();
      });
      const item = element("li");
      item.append(button);
      return item;
    };

    const search = () => {
      const wanted = plain(byId("search").value.trim());
      state.matches = wanted ? data.paths.map((_, i) => i).filter((i) => searchable[i].includes(wanted)) : [];
      const count = state.matches.length;
      const listed = count > LISTED_MATCHES ? `; the first ${LISTED_MATCHES} are listed` : "";
      byId("search-status").textContent = wanted ? `${counted(count, "match", "matches")}${listed}.` : "";
      byId("select-matches").disabled = count === 0;
      byId("matches").replaceChildren(...state.matches.slice(0, LISTED_MATCHES).map(matchItem));
      drawPlanes();
    };

    // ---- classes ----------------------------------------------------------------------------------

    const showClassStatus = () => {
      const shown = state.visible.filter(Boolean).length;
      byId("class-status").textContent = `${shown.toLocaleString("en")} of ${counted(state.visible.length, "class", "classes")} shown.`;
    };

    const classItem = (style, classIndex) => {
      const box = element("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        state.visible[classIndex] = box.checked;
        showClassStatus();
        drawPlanes();
      });
      const label = element("label");
      const points = data.classes.filter((number) => number === classIndex).length;
      label.append(box, swatch(classIndex), element("bdi", "", style.name), element("output", "", points));
      const item = element("li");
      item.append(label);
      return item;
    };

    const setListedClasses = (visible) => {
      [...byId("classes").children].forEach((item, classIndex) => {
        if (item.hidden) return;
        item.querySelector("input").checked = visible;
        state.visible[classIndex] = visible;
      });
      showClassStatus();
      drawPlanes();
    };

    const filterClasses = () => {
      const wanted = plain(byId("class-filter").value.trim());
      [...byId("classes").children].forEach((item, classIndex) => {
        item.hidden = !plain(data.styles[classIndex].name).includes(wanted);
      });
    };

    // ---- keyboard on a plane ----------------------------------------------------------------------

    const step = (plane, by) => {
      const points = coordinates(plane);
      const rows = visiblePoints(points).sort((a, b) => points.x[a] - points.x[b] || a - b);
      if (!rows.length) return;
      const place = rows.indexOf(Number(plane.dataset.row ?? -1));
      const start = place < 0 && by < 0 ? 0 : place;
      plane.dataset.row = rows[(start + by + rows.length) % rows.length];
      showCardOnPlane(plane, Number(plane.dataset.row));
    };

    const onPlaneKey = (plane, event) => {
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      if (event.key in steps) step(plane, steps[event.key]);
      else if (event.key === "Enter" && plane.dataset.row !== undefined) {
        toggle(Number(plane.dataset.row));
        showCardOnPlane(plane, Number(plane.dataset.row));
      } else return;
      event.preventDefault();
    };

    // The points of the second trace have no row: they are the rings around matches.
    const lassoed = ({ points }) => points.filter((point) => point.curveNumber === 0).map((point) => point.customdata);

    const listen = async (plane) => {
      await drawPlane(plane);
      let adding = false;
      plane.addEventListener("mousedown", (event) => { adding = event.shiftKey; }, true);
      plane.on("plotly_hover", ({ points }) => showCardOnPlane(plane, points[0].customdata));
      plane.on("plotly_unhover", hideCard);
      plane.on("plotly_click", ({ points }) => toggle(points[0].customdata));
      // plotly.js tells of the selections that drawing changes as if the reader had made them.
      const byReader = (action) => (event) => state.drawing || setTimeout(() => action(event));
      plane.on("plotly_selected", byReader((event) => event && select(lassoed(event), adding)));
      plane.on("plotly_deselect", byReader(() => select([], false)));
      plane.addEventListener("keydown", (event) => onPlaneKey(plane, event));
      plane.addEventListener("blur", hideCard);
    };

    byId("classes").append(...data.styles.map(classItem));
    showClassStatus();
    byId("search").addEventListener("input", debounced(search));
    byId("class-filter").addEventListener("input", filterClasses);
    byId("classes-all").addEventListener("click", () => setListedClasses(true));
    byId("classes-none").addEventListener("click", () => setListedClasses(false));
    byId("select-matches").addEventListener("click", () => select(state.matches, false));
    byId("select-visible").addEventListener("click", () => select(visiblePoints(coordinates(planes[0])), false));
    byId("clear-selection").addEventListener("click", () => select([], false));
    byId("save-csv").addEventListener("click", saveCsv);
    byId("gallery-more").addEventListener("click", () => {
      state.galleryLimit += GALLERY_STEP;
      showGallery();
    });
    return { draw: drawPlanes, ready: Promise.all(planes.map(listen)) };
  };

  // ---- start --------------------------------------------------------------------------------------

  const copyCommand = async () => {
    const text = byId("command").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(byId("command"));
      document.execCommand("copy");  // what works on pages without https
    }
    byId("copy-status").textContent = "Copied.";
  };

  const started = explorer && startExplorer(explorer);

  const redraw = (forPrint) => {
    printing = forPrint;
    drawCharts();
    started?.draw();
  };

  byId("copy-command")?.addEventListener("click", copyCommand);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideCard(); });
  addEventListener("scroll", placeCard, { passive: true, capture: true });
  addEventListener("beforeprint", () => redraw(true));
  addEventListener("afterprint", () => redraw(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(false));
  const drawn = drawCharts().then(() => charts.forEach(listenToChart));
  Promise.all([drawn, started?.ready]).then(() => { document.documentElement.dataset.ready = "true"; });
})();
