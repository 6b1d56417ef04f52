// What the filters say. Every number and chart is computed from this and the tables.
const selection = { from: 0, to: 0, place: null, currency: null, keys: "month" };

const MONTHLY = ["occupancy", "revenue", "duration", "lead_time", "cancellation"];
const WEEKLY = { price: "week_start", locations: "week_start", listings: "week_start", conversion: "week_start", bookings: "week_start", repeat: "as_of_date" };

const months = (function () {
  let first = monthOfDay(asOf);
  let last = first;
  const include = (month) => {
    first = Math.min(first, month);
    last = Math.max(last, month);
  };
  for (const name of MONTHLY) if (tables[name]) for (const month of tables[name].month_start) include(month);
  for (const [name, column] of Object.entries(WEEKLY)) if (tables[name]) for (const day of tables[name][column]) include(monthOfDay(day));
  for (const day of tables.rules.day) if (day !== null) include(monthOfDay(day));
  for (const run of facts.runs) include(monthOfDay(dayOf(run.as_of)));
  return { first, last };
})();

// Places by size; `name` is what the filter shows, `key` what it remembers.
const places = (function () {
  const sizes = new Map();
  const table = tables.occupancy_by_city;
  if (!table) return [];
  for (let row = 0; row < table.length; row++) {
    const name = placeName(table.state[row], table.city[row]);
    const found = sizes.get(name) || { name, state: table.state[row], city: table.city[row], size: 0 };
    found.size += Number(table.available_nights[row]);
    sizes.set(name, found);
  }
  return [...sizes.values()].filter((place) => place.city !== null);
})();

// Currencies by nights sold, or listings where nothing was sold: numbers of things can be compared, money cannot.
const currencies = (function () {
  const sizes = new Map();
  const add = (table, column) => {
    for (let row = 0; table && row < table.length; row++) {
      sizes.set(table.currency[row], (sizes.get(table.currency[row]) || 0) + Number(table[column][row]));
    }
  };
  add(tables.price, "listings_count");
  for (const code of sizes.keys()) sizes.set(code, sizes.get(code) / 1e9);
  add(tables.revenue, "nights_sold");
  add(tables.listings, "bookings_count");
  return [...sizes.keys()].sort((one, other) => sizes.get(other) - sizes.get(one) || (one < other ? -1 : 1));
})();

const lastFull = lastDay(monthOfDay(asOf)) <= asOf ? monthOfDay(asOf) : monthOfDay(asOf) - 1;

const PRESETS = [
  ["year", "Last 12 months and this one", () => [lastFull - 11, monthOfDay(asOf)]],
  ["full", "Last full month", () => [lastFull, lastFull]],
  ["quarter", "Last 3 full months", () => [lastFull - 2, lastFull]],
  ["twelve", "Last 12 full months", () => [lastFull - 11, lastFull]],
  ["calendar", "This calendar year so far", () => [monthOfDay(asOf) - (monthOfDay(asOf) % 12), monthOfDay(asOf)]],
  ["before", "The calendar year before", () => [monthOfDay(asOf) - (monthOfDay(asOf) % 12) - 12, monthOfDay(asOf) - (monthOfDay(asOf) % 12) - 1]],
  ["ahead", "Ahead: this month and later", () => [monthOfDay(asOf), months.last]],
  ["all", "Everything", () => [months.first, months.last]],
];

function clipped([from, to]) {
  const within = (month) => Math.min(Math.max(month, months.first), months.last);
  return [within(from), within(to)];
}

function choosePreset(name) {
  const preset = PRESETS.find(([id]) => id === name);
  [selection.from, selection.to] = clipped(preset[2]());
}

function presetOf() {
  const found = PRESETS.find(([, , range]) => {
    const [from, to] = clipped(range());
    return from === selection.from && to === selection.to;
  });
  return found ? found[0] : "own";
}

function inMonths([from, to]) {
  return (month) => from <= month && month <= to;
}

function inDays([from, to]) {
  const [first, last] = [firstDay(from), lastDay(to)];
  return (day) => first <= day && day <= last;
}

function chosen() {
  return [selection.from, selection.to];
}

function isPlace(table, row) {
  return table.state[row] === selection.place.state && table.city[row] === selection.place.city;
}

// The selection lives in the address too: a bookmark opens the page as it was.
function remember() {
  const words = new URLSearchParams({ from: monthCode(selection.from), to: monthCode(selection.to), keys: selection.keys });
  if (selection.place) words.set("city", selection.place.name);
  if (selection.currency) words.set("currency", selection.currency);
  try {
    history.replaceState(null, "", "#" + words);
  } catch {
    // Some browsers allow no history for files: then there is no bookmark, and nothing else is lost.
  }
}

function recall() {
  const words = new URLSearchParams(location.hash.slice(1));
  const month = (name, otherwise) => {
    const match = /^(\d{4})-(\d\d)$/.exec(words.get(name) || "");
    return match ? Number(match[1]) * 12 + Number(match[2]) - 1 : otherwise;
  };
  choosePreset("year");
  selection.currency = currencies.includes(words.get("currency")) ? words.get("currency") : currencies[0] || null;
  selection.place = places.find((place) => place.name === words.get("city")) || null;
  selection.keys = ["month", "now", "whole"].includes(words.get("keys")) ? words.get("keys") : "month";
  const [from, to] = clipped([month("from", selection.from), month("to", selection.to)]);
  if (from <= to) [selection.from, selection.to] = [from, to];
}
