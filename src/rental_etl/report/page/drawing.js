// Puts numbers into the page: cards, charts, tables, sentences. Text from data is only ever set as text.
const choosers = {};
const views = {};
const compiled = new Map();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function showKeys() {
  const range = keyRange();
  document.getElementById("cards").replaceChildren(...KEYS.map((key) => card(key, range)));
}

function card(key, range) {
  const heading = element("h3", {}, key.label);
  const made = element("div", { class: "card", id: "key-" + key.id }, heading);
  if (!tables[key.needs]) {
    made.append(element("p", { class: "of" }, `Not shown: ${facts.skipped[key.metric] || "its table is missing"}.`));
    return made;
  }
  const { now, before, earlier } = compared(key, range);
  if (now && !now.complete) heading.append(element("span", { class: "badge" }, range[0] > monthOfDay(asOf) ? "on the books" : "not complete"));
  const value = element("data", { value: now && now.number ? now.number.text : "" }, now ? key.text(now.number) : "–");
  const unit = key.currency && selection.currency ? element("span", { class: "unit" }, " " + selection.currency) : "";
  const where = key.city && selection.place ? isolated(selection.place.name) : selection.place ? "all cities" : "";
  made.append(element("p", { class: "value" }, value, unit), element("p", { class: "of" }, [now ? now.label : `nothing in ${monthsName(range)}`, where].filter(Boolean).join(" · ")));
  made.append(sparkline(trail(key, range)));
  const compare = element("ul");
  const said = before && earlier && before.label === earlier.label ? [["before", before, "the period before, also a year earlier:"]] : [["before", before, "vs"], ["earlier", earlier, "vs"]];
  for (const [name, then, lead] of now && now.number ? said : []) compare.append(comparison(key, name, now, then, lead));
  made.append(compare);
  return made;
}

function comparison(key, name, now, then, lead) {
  const moved = now && then ? change(key.kind, now.number, then.number) : null;
  if (!moved) return element("li", { "data-compare": name }, name === "before" ? "no period before to compare with" : "no data of a year earlier");
  const arrow = moved.direction > 0 ? "▲" : moved.direction < 0 ? "▼" : "■";
  // An unfinished period compares with a whole one: the difference says nothing good or bad yet.
  const judged = now.complete && then.complete && key.better && moved.direction ? String(moved.direction === key.better) : null;
  return element("li", { "data-compare": name }, element("span", { class: "change", "data-good": judged }, element("span", { "aria-hidden": "true" }, arrow + " "), moved.text),
    element("span", {}, `${lead} ${then.short}`, then.complete ? "" : " (not complete)", element("span", { class: "unseen" }, `, ${key.text(then.number)}`)));
}

function sparkline(values) {
  const known = values.filter((value) => value !== null);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 120 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (known.length > 1) {
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    let pen = "M";
    let line = "";
    values.forEach((value, at) => {
      if (value === null) {
        pen = "M";
      } else {
        line += `${pen}${(at * 10).toFixed(1)},${(most === least ? 12 : 22 - (20 * (value - least)) / (most - least)).toFixed(1)}`;
        pen = "L";
      }
    });
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

function fillTable(place, title, columns, rows, words = []) {
  const head = element("tr", {}, ...columns.map((name, at) => element("th", { scope: "col", class: words.includes(at) ? "words" : null }, name.charAt(0).toUpperCase() + name.slice(1))));
  const body = rows.map((row) => element("tr", {}, ...row.map((value, at) => {
    const cell = at ? element("td", words.includes(at) ? { class: "words" } : {}) : element("th", { scope: "row" });
    cell.append(element("bdi", {}, value));
    return cell;
  })));
  place.replaceChildren(element("table", {}, element("caption", {}, title), element("thead", {}, head), element("tbody", {}, ...body)));
}

// Everything of one figure but the chart itself. Returns what is to be drawn.
function showFigure(id) {
  const place = document.getElementById("figure-" + id);
  const figure = facts.figures[id];
  if (place.dataset.state === "skipped") return null;
  const found = series[id]();
  const rows = found.panels.flatMap((panel) => panel.rows);
  place.dataset.state = rows.length ? "shown" : "empty";
  place.querySelector(".sentence").textContent = rows.length ? found.sentence : found.empty || "Nothing to show in this selection.";
  place.querySelector(".scope").textContent = scopeOf(figure, found);
  showChooser(id, place, figure, found);
  const twin = place.querySelector(".twin");
  const fill = () => fillTable(twin.querySelector(".scroll"), figure.title, found.columns, found.table, found.words);
  twin.ontoggle = () => twin.open && fill();
  if (twin.open) fill();
  else twin.querySelector(".scroll").replaceChildren();
  return rows.length ? found : null;
}

function scopeOf(figure, found) {
  const parts = [];
  if (selection.place) parts.push(figure.city ? found.note || `City: ${isolated(selection.place.name)}.` : "All cities: its table has no city, so the city filter does not act here.");
  if (figure.currency && currencies.length > 1) parts.push(`In ${selection.currency}.`);
  return parts.join(" ");
}

function showChooser(id, place, figure, { weeks, week, all }) {
  if (!figure.chooser) return;
  const controls = place.querySelector(".controls");
  if (!weeks.weeks.length) {
    controls.replaceChildren();
    return;
  }
  let select = controls.querySelector("select");
  if (!select) {
    select = element("select", { id: "week-" + id });
    controls.replaceChildren(element("label", {}, "Week", select));
    select.addEventListener("change", () => {
      choosers[id] = select.value === "all" ? "all" : Number(select.value);
      showFigure.and(id);
    });
  }
  const options = weeks.weeks.map((one) => element("option", { value: one }, `${dayName(one)}${weeks.complete.get(one) ? "" : " (not complete)"}`));
  if (all) options.unshift(element("option", { value: "all" }, all));
  select.replaceChildren(...options);
  select.value = String(week);
}

showFigure.and = (id) => drawFigure(id, showFigure(id));

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["surface", "ink", "quiet", "line", "accent", "bad", "low", "middle", "high", ...[1, 2, 3, 4, 5, 6, 7, 8].map((at) => "series" + at)];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

function drawFigure(id, found) {
  for (const view of views[id] || []) view.finalize();
  views[id] = [];
  const place = document.querySelector(`#figure-${id} .chart`);
  place.replaceChildren();
  if (!found) return;
  place.classList.toggle("several", found.panels.length > 1);
  for (const panel of found.panels) {
    const target = element("div", { class: "panel", role: "img", "aria-label": `Chart: ${facts.figures[id].title}${panel.title ? ", " + panel.title : ""}. The table below has its numbers.` });
    place.append(element("div", {}, panel.title ? element("h4", {}, panel.title) : "", target));
    views[id].push(drawn(target, facts.figures[id].spec, panel));
  }
}

function drawn(target, spec, panel) {
  const theme = colours();
  const width = target.clientWidth;
  const named = panel.series || distinct(panel.rows.map((row) => row.series));
  const span = panel.rows.length && panel.rows[0].from ? Math.max(...panel.rows.map((row) => row.from)) - Math.min(...panel.rows.map((row) => row.from)) : 0;
  const most = Math.max(0, ...panel.rows.map((row) => row.value || 0));
  const words = {
    ...theme,
    series: named,
    legend: named.length > 1 ? { orient: "top", title: null, columns: Math.max(1, Math.floor((width - 50) / (45 + 6.2 * Math.max(...named.map((name) => name.length))))) } : null,
    time: span > 120 * DAY ? "utcmonth(datum.value) == 0 ? utcFormat(datum.value, '%Y') : utcFormat(datum.value, '%b')" : "utcFormat(datum.value, '%-d %b')",
    names: Math.round(Math.min(260, width * 0.42)),
    room: Math.max(1, most) * (width < 480 ? 1.45 : 1.2),
    range: rangeOf(named, theme),
  };
  const filled = JSON.stringify(withWords(spec, words));
  if (!compiled.has(filled)) {
    if (compiled.size > 200) compiled.clear();
    compiled.set(filled, window.vega.parse(window.vegaLite.compile(JSON.parse(filled), { config: config(theme), logger: window.vega.logger(window.vega.Error) }).spec));
  }
  const view = new window.vega.View(compiled.get(filled), { renderer: "svg", logLevel: window.vega.Error });
  view.initialize(target).data("rows", panel.rows).tooltip(showTip).run();
  // The panel is the image and has the name: what Vega says of itself would be read twice.
  target.setAttribute("role", "img");
  target.removeAttribute("aria-roledescription");
  const svg = target.querySelector("svg");
  for (const name of ["role", "aria-roledescription", "aria-label"]) svg.removeAttribute(name);
  svg.setAttribute("aria-hidden", "true");
  return view;
}

// What serves for comparison is grey; the others take the colours in turn.
function rangeOf(named, theme) {
  const strong = [1, 3, 4, 5, 6, 7, 8].map((at) => theme["series" + at]);
  let used = 0;
  return named.map((name) => ([EARLIER, "other", "other rules"].includes(name) ? theme.series2 : strong[used++ % strong.length]));
}

// The specification with its words filled in; a value that is nothing but a word becomes what the word stands for.
function withWords(part, words) {
  if (typeof part === "string") {
    const whole = /^@([a-z0-9]+)$/.exec(part);
    return whole && whole[1] in words ? words[whole[1]] : part;
  }
  if (Array.isArray(part)) return part.map((one) => withWords(one, words));
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, withWords(value, words)]));
  return part;
}

function config(theme) {
  const font = getComputedStyle(document.body).fontFamily;
  const axis = { labelColor: theme.quiet, titleColor: theme.quiet, gridColor: theme.line, domainColor: theme.line, tickColor: theme.line, labelFont: font, titleFont: font, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  return {
    aria: false, background: null, font, axis, view: { stroke: null },
    legend: { labelColor: theme.ink, titleColor: theme.quiet, labelFont: font, titleFont: font, labelFontSize: 12, symbolStrokeWidth: 3, symbolOpacity: 1 },
    text: { font },
  };
}

function showTip(handler, event, item, value) {
  const tip = document.getElementById("tip");
  tip.hidden = !value;
  if (!value) return;
  tip.textContent = String(value);
  const left = Math.min(event.pageX + 14, window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = Math.max(8, left) + "px";
  tip.style.top = event.pageY + 16 + "px";
}
