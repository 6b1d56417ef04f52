// Fills the filters, shows the first screen at once, and the charts one after another as the browser finds time.
const SCOPES = { month: "Latest full month", now: "This month so far", whole: "Whole period" };
const figureIds = Object.keys(facts.figures);
let queue = [];
let ready = false;

function option(value, text) {
  return element("option", { value }, text);
}

function monthOptions(select) {
  const options = [];
  for (let month = months.last; month >= months.first; month--) options.push(option(month, monthName(month) + (month > lastFull ? (month > monthOfDay(asOf) ? " (ahead)" : " (so far)") : "")));
  select.replaceChildren(...options);
}

const filters = Object.fromEntries(["preset", "from", "to", "city", "currency"].map((id) => [id, document.getElementById(id)]));

function fillFilters() {
  filters.preset.replaceChildren(...PRESETS.map(([id, name]) => option(id, name)), option("own", "As chosen"));
  monthOptions(filters.from);
  monthOptions(filters.to);
  filters.city.replaceChildren(option("", places.length ? "All cities" : "No cities known"), ...[...places].sort((one, other) => (one.name < other.name ? -1 : 1)).map((place) => option(place.name, place.name)));
  filters.city.disabled = !places.length;
  filters.currency.replaceChildren(...currencies.map((code) => option(code, code)));
  if (!currencies.length) filters.currency.replaceChildren(option("", "None known"));
  filters.currency.disabled = currencies.length < 2;
  const scope = document.getElementById("scope");
  for (const [id, name] of Object.entries(SCOPES)) scope.append(element("label", {}, element("input", { type: "radio", name: "keys", value: id, id: "keys-" + id }), element("span", {}, name)));
  document.getElementById("contents").replaceChildren(...[...document.querySelectorAll("main > section:not(#keys)")].map((section) => element("li", {}, element("a", { href: "#" + section.id }, section.querySelector("h2").textContent))));
}

// The controls show what is selected, also where the selection corrected itself.
function showFilters() {
  filters.preset.value = presetOf();
  filters.from.value = selection.from;
  filters.to.value = selection.to;
  filters.city.value = selection.place ? selection.place.name : "";
  filters.currency.value = selection.currency || "";
  const ranges = keyRanges();
  const shown = ranges[selection.keys] ? selection.keys : ranges.month ? "month" : "whole";
  for (const [id, range] of Object.entries(ranges)) {
    const input = document.getElementById("keys-" + id);
    input.disabled = !range;
    input.checked = id === shown;
    input.nextElementSibling.textContent = SCOPES[id] + (range ? `: ${monthsName(range)}` : "");
  }
}

function showAll() {
  showFilters();
  showKeys();
  showHistoryNote();
  if (ready) showFigures();
}

function showFigures() {
  const waiting = queue.length > 0;
  // What is on the screen first.
  const distance = (id) => Math.abs(document.getElementById("figure-" + id).getBoundingClientRect().top);
  queue = [...figureIds].sort((one, other) => distance(one) - distance(other));
  document.documentElement.dataset.busy = "true";
  if (!waiting) setTimeout(next);
}

function next() {
  const until = performance.now() + 40;
  while (queue.length && performance.now() < until) showFigure.and(queue.shift());
  if (queue.length) setTimeout(next);
  else document.documentElement.dataset.busy = "false";
}

function changed() {
  remember();
  showAll();
  document.getElementById("announcement").textContent = `Showing ${monthsName(chosen())}, ${selection.place ? selection.place.name : "all cities"}${selection.currency ? ", " + selection.currency : ""}.`;
}

function listen() {
  filters.preset.addEventListener("change", () => {
    if (filters.preset.value !== "own") choosePreset(filters.preset.value);
    changed();
  });
  filters.from.addEventListener("change", () => {
    selection.from = Number(filters.from.value);
    selection.to = Math.max(selection.to, selection.from);
    changed();
  });
  filters.to.addEventListener("change", () => {
    selection.to = Number(filters.to.value);
    selection.from = Math.min(selection.from, selection.to);
    changed();
  });
  filters.city.addEventListener("change", () => {
    selection.place = places.find((place) => place.name === filters.city.value) || null;
    changed();
  });
  filters.currency.addEventListener("change", () => {
    selection.currency = filters.currency.value;
    changed();
  });
  document.getElementById("scope").addEventListener("change", (event) => {
    selection.keys = event.target.value;
    changed();
  });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    Object.assign(selection, { place: null, currency: currencies[0] || null, keys: "month" });
    for (const id of Object.keys(choosers)) delete choosers[id];
    choosePreset("year");
    changed();
  });
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    recall();
    showAll();
  });
}

function redraw() {
  for (const id of figureIds) showFigure.and(id);
}

// Paper is white whatever the screen is, and has no time to wait.
function print() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    queue = [];
    redraw();
    document.documentElement.dataset.busy = "false";
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.theme;
    redraw();
  });
  dark.addEventListener("change", () => ready && showFigures());
}

recall();
fillFilters();
showStates(Math.floor(Date.now() / DAY));
showAll();
showSources();
listen();
document.getElementById("as-of").textContent = dayName(asOf);
document.getElementById("colophon").textContent = `Publish no. ${facts.publish.number} of ${facts.publish.at} UTC (run ${facts.publish.run}), rendered ${facts.rendered_at} UTC.`;

window.rentalReport = {
  draw() {
    ready = true;
    print();
    showFigures();
  },
};
