// The key numbers: what each measures, over which period, and what it is compared with.
const MEASURES = {
  occupancy: { over: "booked_nights", under: "available_nights", ratio: rate, text: percentText, words: ["Booked nights", "Available nights", "Occupancy"], said: (n, d) => `${n} of ${d} nights` },
  adr: { over: "room_revenue", under: "nights_sold", ratio: moneyPer, text: moneyText, words: ["Room revenue", "Nights sold", "ADR"], said: (n, d) => `${n} for ${d} nights sold`, overText: (n) => wholeMoneyText(money(n)) },
  revpar: { over: "room_revenue", under: "available_nights", ratio: moneyPer, text: moneyText, words: ["Room revenue", "Available nights", "RevPAR"], said: (n, d) => `${n} for ${d} available nights`, overText: (n) => wholeMoneyText(money(n)) },
  price: { over: "total_price", under: "listings_count", ratio: moneyPer, text: moneyText, words: ["Sum of prices", "Listings", "Average price"], said: (n, d) => `${d} listings, week by week`, overText: (n) => wholeMoneyText(money(n)) },
  cancellation: { over: "canceled_count", under: "bookings_count", ratio: rate, text: percentText, words: ["Canceled", "Bookings", "Cancellation rate"], said: (n, d) => `${n} of ${d} bookings` },
  duration: { over: "nights_count", under: "stays_count", ratio: average, text: averageText, words: ["Nights", "Stays", "Length of stay"], said: (n, d) => `${n} nights in ${d} stays` },
  lead_time: { over: "lead_days_count", under: "bookings_count", ratio: average, text: averageText, words: ["Days ahead", "Bookings", "Lead time"], said: (n, d) => `over ${d} bookings` },
  repeat: { over: "repeat_customers_count", under: "customers_count", ratio: rate, text: percentText, words: ["Repeat customers", "Customers", "Repeat rate"], said: (n, d) => `${n} of ${d} customers` },
  conversion: { over: "converted_pairs_count", under: "pairs_count", ratio: rate, text: percentText, words: ["Booked pairs", "Viewed pairs", "Conversion"], said: (n, d) => `${n} of ${d} pairs` },
};

// A measure over some rows of a table: always from the sums, never an average of ratios.
function measure(name, table, rows) {
  const { over, under, ratio } = MEASURES[name];
  const parts = { over: sum(table, over, rows), under: sum(table, under, rows) };
  return { ...parts, number: rows.length ? ratio(parts.over, parts.under) : null };
}

function overText(name, whole) {
  const text = MEASURES[name].overText;
  return text ? text(whole) : countText(count(whole));
}

function inCurrency(table) {
  return (row) => table.currency[row] === selection.currency;
}

function occupancyTable() {
  return selection.place && tables.occupancy_by_city
    ? { table: tables.occupancy_by_city, test: (row) => isPlace(tables.occupancy_by_city, row) }
    : { table: tables.occupancy, test: () => true };
}

// A measurement over a range of months: { number, complete, label }. What is compared with has to be `covered`: null where the table does not reach back to it.
function monthly(table, test, compute) {
  return (range, covered = false) => {
    if (covered && range[0] < table.month_start.reduce((least, month) => Math.min(least, month), Infinity)) return null;
    const within = inMonths(range);
    const rows = rowsWhere(table, (row) => within(table.month_start[row]) && test(row));
    if (!rows.length) return null;
    return { number: compute(rows), complete: range[1] <= lastFull && rows.every((row) => table.is_complete[row]), label: monthsName(range), short: monthsName(range) };
  };
}

function weeklyPrice(range, covered = false) {
  const table = tables.price;
  const within = inDays(range);
  const own = inCurrency(table);
  const rows = rowsWhere(table, (row) => own(row) && within(table.week_start[row]));
  const first = table.week_start.reduce((least, day) => Math.min(least, day), Infinity);
  if (!rows.length || (covered && firstDay(range[0]) < first - 6)) return null;
  return { number: measure("price", table, rows).number, complete: range[1] <= lastFull && rows.every((row) => table.is_complete[row]), label: "weeks of " + monthsName(range), short: monthsName(range) };
}

function singleDay(day) {
  const table = tables.repeat;
  const row = table.as_of_date.indexOf(day);
  if (row < 0) return null;
  return { number: measure("repeat", table, [row]).number, complete: Boolean(table.is_complete[row]), label: "30 days to " + dayName(day), short: dayName(day) };
}

function singleWeek(week) {
  const table = tables.conversion;
  const row = table.week_start.indexOf(week);
  if (row < 0) return null;
  return { number: measure("conversion", table, [row]).number, complete: Boolean(table.is_complete[row]), label: weekName(week), short: dayName(week) };
}

// The last day of a range that the table has; the last week that is complete, or the last one.
function lastAt(table, column, range, completeOnly) {
  const within = inDays(range);
  const fit = (needed) => rowsWhere(table, (row) => within(table[column][row]) && (!needed || table.is_complete[row])).map((row) => table[column][row]);
  const preferred = completeOnly ? fit(true) : [];
  const found = preferred.length ? preferred : fit(false);
  return found.length ? found.reduce((most, day) => Math.max(most, day)) : null;
}

function rangesBefore([from, to]) {
  const length = to - from + 1;
  return [[from - length, to - length], [from - 12, to - 12]];
}

function over(now, [before, earlier], look) {
  return { now: look(now), before: look(before, true), earlier: look(earlier, true) };
}

const KEYS = [
  { id: "occupancy", label: "Occupancy", kind: "rate", needs: "occupancy", metric: "occupancy_rate_monthly", better: 1, city: true, text: percentText,
    look: () => { const { table, test } = occupancyTable(); return monthly(table, test, (rows) => measure("occupancy", table, rows).number); } },
  { id: "adr", label: "ADR", kind: "money", needs: "revenue", metric: "revenue_monthly", better: 1, currency: true, text: moneyText,
    look: () => monthly(tables.revenue, inCurrency(tables.revenue), (rows) => measure("adr", tables.revenue, rows).number) },
  { id: "revpar", label: "RevPAR", kind: "money", needs: "revenue", metric: "revenue_monthly", better: 1, currency: true, text: moneyText,
    look: () => monthly(tables.revenue, inCurrency(tables.revenue), (rows) => measure("revpar", tables.revenue, rows).number) },
  { id: "price", label: "Average listing price", kind: "money", needs: "price", metric: "average_listing_price_weekly", better: 0, currency: true, text: moneyText, look: () => weeklyPrice },
  { id: "repeat", label: "Repeat customer rate", kind: "rate", needs: "repeat", metric: "repeat_customer_rate_daily", better: 1, text: percentText, single: true },
  { id: "bookings", label: "Bookings", kind: "count", needs: "cancellation", metric: "cancellation_rate_monthly", better: 1, text: countText,
    look: () => monthly(tables.cancellation, () => true, (rows) => count(sum(tables.cancellation, "bookings_count", rows))) },
  { id: "cancellation", label: "Cancellation rate", kind: "rate", needs: "cancellation", metric: "cancellation_rate_monthly", better: -1, text: percentText,
    look: () => monthly(tables.cancellation, () => true, (rows) => measure("cancellation", tables.cancellation, rows).number) },
  { id: "conversion", label: "Viewing-to-booking conversion", kind: "rate", needs: "conversion", metric: "view_conversion_weekly", better: 1, text: percentText, single: true },
];

// now, before and a year earlier of one key number. People and pairs are distinct within one window only, so those two show their last window in the range.
function compared(key, range) {
  if (key.id === "repeat") {
    const day = lastAt(tables.repeat, "as_of_date", range, false);
    if (day === null) return { now: null, before: null, earlier: null };
    return over(day, [day - 30, yearBefore(day)], singleDay);
  }
  if (key.id === "conversion") {
    const week = lastAt(tables.conversion, "week_start", range, true);
    if (week === null) return { now: null, before: null, earlier: null };
    return over(week, [week - 7, week - 364], singleWeek);
  }
  return over(range, rangesBefore(range), key.look());
}

// Which ranges the key numbers may be of; null where the chosen period has none.
function keyRanges() {
  const month = Math.min(selection.to, lastFull);
  const now = monthOfDay(asOf);
  return {
    month: month >= selection.from ? [month, month] : null,
    now: now > lastFull && selection.from <= now && now <= selection.to ? [now, now] : null,
    whole: chosen(),
  };
}

function keyRange() {
  const ranges = keyRanges();
  return ranges[selection.keys] || ranges.month || ranges.whole;
}

function trail(key, range) {
  const values = [];
  for (let month = range[1] - 12; month <= range[1]; month++) {
    const found = compared(key, [month, month]).now;
    values.push(found && found.number ? found.number.value : null);
  }
  return values;
}
