// What each chart shows of the selection. Every function returns { sentence, panels: [{ title, rows, ... }], columns, table }; without rows there is no chart.
const NOW = "this period";
const EARLIER = "a year earlier";
const series = {};

const UNITS = {
  month: { column: "month_start", within: inMonths, name: monthName, code: monthCode, moment: monthMoment, earlier: (month) => month - 12, next: (month) => month + 1, word: "month", at: (month) => "in " + monthName(month) },
  week: { column: "week_start", within: inDays, name: weekName, code: dayCode, moment: (day) => day * DAY, earlier: (day) => day - 364, next: (day) => day + 7, word: "week", at: (day) => "in the " + weekName(day) },
  day: { column: "as_of_date", within: inDays, name: dayName, code: dayCode, moment: (day) => day * DAY, earlier: yearBefore, next: (day) => day + 1, word: "day", at: (day) => "on " + dayName(day) },
};

// Rows of a table by period, those that pass the test.
function byPeriod(table, unit, test) {
  const periods = new Map();
  for (let row = 0; row < table.length; row++) {
    if (!test(row)) continue;
    const period = table[unit.column][row];
    if (periods.has(period)) periods.get(period).push(row);
    else periods.set(period, [row]);
  }
  return periods;
}

function completeIn(table, rows) {
  return rows.every((row) => table.is_complete[row]);
}

function soFar(complete) {
  return complete ? "" : " (not complete)";
}

// A ratio over time with last year's line. `added`: whether periods may be summed, which needs that they share nothing they count.
function trend(name, table, unit, test, { added = true, unitText = "" } = {}) {
  const { text, words } = MEASURES[name];
  const periods = byPeriod(table, unit, test);
  const within = unit.within(chosen());
  const found = [...periods.keys()].filter(within).sort((one, other) => one - other);
  const rows = [];
  const lines = [];
  for (const period of found) {
    const now = measure(name, table, periods.get(period));
    const complete = completeIn(table, periods.get(period));
    const before = periods.has(unit.earlier(period)) ? measure(name, table, periods.get(unit.earlier(period))) : null;
    lines.push({ period, now, before, complete });
    if (now.number) rows.push(point(unit, period, now, NOW, complete, `${words[2]}: ${text(now.number)}${unitText}`, found.length));
    if (before && before.number) {
      rows.push({ ...point(unit, period, before, EARLIER, true, `A year earlier: ${text(before.number)}${unitText}`, Infinity), earlier: true });
    }
  }
  return {
    panels: [{ rows: rows.sort((one, other) => one.earlier - other.earlier) }],
    columns: [unit.word, words[0], words[1], words[2], "A year earlier", "Complete"],
    table: lines.map(({ period, now, before, complete }) => [
      unit.name(period), overText(name, now.over), countText(count(now.under)), text(now.number), before ? text(before.number) : "–", complete ? "yes" : "no",
    ]),
    sentence: trendSentence(name, table, unit, periods, lines, { added, unitText }),
  };
}

function point(unit, period, { number }, name, complete, words, many) {
  return {
    from: unit.moment(period), value: number.value, series: name, earlier: false, complete, dot: !complete || many <= 40,
    tip: `${unit.name(period)}${soFar(complete)}\n${words}`,
  };
}

function trendSentence(name, table, unit, periods, lines, { added, unitText }) {
  const { text, words } = MEASURES[name];
  const full = lines.filter((line) => line.complete && line.now.number);
  if (!lines.length) return "";
  const parts = [];
  if (added) {
    const whole = measure(name, table, lines.flatMap((line) => periods.get(line.period)));
    parts.push(`${words[2]} over the period: ${text(whole.number)}${unitText} (${MEASURES[name].said(overText(name, whole.over), countText(count(whole.under)))}).`);
  } else {
    const last = full.length ? full[full.length - 1] : lines[lines.length - 1];
    parts.push(`${words[2]} ${unit.at(last.period)}: ${text(last.now.number)} (${MEASURES[name].said(countText(count(last.now.over)), countText(count(last.now.under)))})${soFar(last.complete)}.`);
  }
  if (full.length > 1) {
    const sorted = [...full].sort((one, other) => one.now.number.value - other.now.number.value);
    const [least, most] = [sorted[0], sorted[sorted.length - 1]];
    const [top, bottom] = [text(most.now.number), text(least.now.number)];
    parts.push(top === bottom ? `${top} in every full ${unit.word}.` : `Highest ${unit.at(most.period)} (${top}), lowest ${unit.at(least.period)} (${bottom}).`);
  }
  const open = lines.filter((line) => !line.complete).length;
  if (open) parts.push(`${plural(open, unit.word)} not complete.`);
  return parts.join(" ");
}

function plural(number, word) {
  return `${plain.format(number)} ${word}${number === 1 ? "" : "s"}`;
}

series.occupancy = () => {
  const { table, test } = occupancyTable();
  return trend("occupancy", table, UNITS.month, test);
};
series.cancellation = () => trend("cancellation", tables.cancellation, UNITS.month, () => true);
series.duration = () => trend("duration", tables.duration, UNITS.month, () => true, { unitText: " nights" });
series.lead_time = () => trend("lead_time", tables.lead_time, UNITS.month, () => true, { unitText: " days" });
series.repeat = () => trend("repeat", tables.repeat, UNITS.day, () => true, { added: false });
series.conversion = () => trend("conversion", tables.conversion, UNITS.week, () => true, { added: false });

series.price = () => {
  const table = tables.price;
  const shown = [selection.currency, ...currencies.filter((code) => code !== selection.currency)].filter((code) => table.currency.includes(code));
  const found = shown.map((code) => ({ code, ...trend("price", table, UNITS.week, (row) => table.currency[row] === code) }));
  const some = found.filter((one) => one.table.length);
  return {
    panels: some.slice(0, 4).map(({ code, panels }) => ({ title: code, rows: panels[0].rows })),
    columns: ["currency", "week", ...MEASURES.price.words, "A year earlier", "Complete"],
    table: some.flatMap(({ code, table: lines }) => lines.map((line) => [code, ...line])),
    sentence: some.length ? `${some[0].code}: ${some[0].sentence}${some.length > 4 ? ` Shown: ${some.slice(0, 4).map(({ code }) => code).join(", ")}; the table has all ${some.length} currencies.` : ""}` : "",
  };
};

series.revenue = () => {
  const table = tables.revenue;
  const unit = UNITS.month;
  const periods = byPeriod(table, unit, inCurrency(table));
  const found = [...periods.keys()].filter(inMonths(chosen())).sort((one, other) => one - other);
  const code = selection.currency;
  const rows = [];
  const lines = [];
  for (const month of found) {
    const own = periods.get(month);
    const complete = completeIn(table, own);
    const revenue = money(sum(table, "room_revenue", own));
    const before = periods.has(month - 12) ? money(sum(table, "room_revenue", periods.get(month - 12))) : null;
    const span = { from: monthMoment(month) + 2 * DAY, until: monthMoment(month + 1) - 2 * DAY, complete };
    rows.push({ ...span, value: revenue.value, series: NOW, earlier: false, tip: `${monthName(month)}${soFar(complete)}\n${code} ${wholeMoneyText(revenue)}` });
    if (before) rows.push({ ...span, value: before.value, series: EARLIER, earlier: true, tip: `${monthName(month - 12)}\n${code} ${wholeMoneyText(before)}` });
    lines.push([monthName(month), moneyText(revenue), countText(count(sum(table, "nights_sold", own))), before ? moneyText(before) : "–", complete ? "yes" : "no"]);
  }
  const all = found.flatMap((month) => periods.get(month));
  const earlier = found.map((month) => month - 12).filter((month) => periods.has(month)).flatMap((month) => periods.get(month));
  const total = money(sum(table, "room_revenue", all));
  const moved = earlier.length && found.every((month) => periods.has(month - 12)) ? change("money", total, money(sum(table, "room_revenue", earlier))) : null;
  return {
    panels: [{ rows }],
    columns: ["month", `Room revenue, ${code}`, "Nights sold", "A year earlier", "Complete"],
    table: lines,
    sentence: found.length ? `${code} ${wholeMoneyText(total)} in the period, for ${countText(count(sum(table, "nights_sold", all)))} nights sold${moved ? `; ${moved.text} against a year earlier` : ""}.` : "",
  };
};

series.yield = () => {
  const table = tables.revenue;
  const own = inCurrency(table);
  const [adr, revpar] = ["adr", "revpar"].map((name) => trend(name, table, UNITS.month, own));
  const named = (found, name) => found.panels[0].rows.filter((row) => !row.earlier).map((row) => ({ ...row, series: name }));
  return {
    panels: [{ rows: [...named(adr, "ADR"), ...named(revpar, "RevPAR")] }],
    columns: ["month", "Room revenue", "Nights sold", "ADR", "ADR a year earlier", "Available nights", "RevPAR", "RevPAR a year earlier", "Complete"],
    table: adr.table.map((line, at) => [...line.slice(0, 5), revpar.table[at][2], ...revpar.table[at].slice(3)]),
    sentence: adr.table.length ? `${selection.currency}: ${firstSentence(adr.sentence)} ${firstSentence(revpar.sentence)}` : "",
  };
};

function firstSentence(text) {
  return text.slice(0, text.indexOf(").") + 2);
}

const HEAT_ROWS = 20;

series.heat = () => {
  const table = tables.occupancy_by_city;
  const within = inMonths(chosen());
  const found = new Map();
  for (let row = 0; row < table.length; row++) {
    if (!within(table.month_start[row]) || (selection.place && !isPlace(table, row))) continue;
    const name = placeName(table.state[row], table.city[row]);
    if (!found.has(name)) found.set(name, { name, rows: [], named: table.city[row] !== null });
    found.get(name).rows.push(row);
  }
  const cities = [...found.values()].map((city) => ({ ...city, ...measure("occupancy", table, city.rows) }));
  cities.sort((one, other) => other.named - one.named || (other.under > one.under ? 1 : other.under < one.under ? -1 : one.name < other.name ? -1 : 1));
  const span = distinct(cities.flatMap((city) => city.rows.map((row) => table.month_start[row]))).sort((one, other) => one - other);
  const top = cities.filter((city) => city.named).slice(0, HEAT_ROWS);
  const cell = (city, month) => city.rows.find((row) => table.month_start[row] === month);
  const rows = [];
  for (const city of top) {
    for (const month of span) {
      const row = cell(city, month);
      if (row === undefined) continue;
      const now = measure("occupancy", table, [row]);
      rows.push({
        name: isolated(city.name), month: shortMonth(month), value: now.number.value,
        tip: `${city.name}, ${monthName(month)}${soFar(table.is_complete[row])}\n${percentText(now.number)}: ${countText(count(now.over))} of ${countText(count(now.under))} nights`,
      });
    }
  }
  const best = [...top].filter((city) => city.number).sort((one, other) => other.number.value - one.number.value);
  return {
    panels: [{ rows }],
    columns: ["city", "Period", ...span.map(monthName)],
    table: cities.map((city) => [city.name, percentText(city.number), ...span.map((month) => {
      const row = cell(city, month);
      return row === undefined ? "–" : percentText(measure("occupancy", table, [row]).number);
    })]),
    sentence: best.length
      ? `${isolated(best[0].name)} is fullest with ${percentText(best[0].number)} over the period${best.length > 1 ? `, ${isolated(best[best.length - 1].name)} emptiest with ${percentText(best[best.length - 1].number)}` : ""}.`
        + (cities.length > top.length ? ` The ${top.length} cities with the most available nights are drawn; the table has ${cities.length} rows.` : "")
        + unnamedPlaces(cities.some((city) => !city.named))
      : "",
  };
};

function shortMonth(month) {
  return MONTHS[month % 12] + " ’" + String(Math.floor(month / 12) % 100).padStart(2, "0");
}

function unnamedPlaces(any) {
  const { places: named, every_place: all } = facts.limits;
  return any && all > named ? ` The ${plain.format(named)} cities with the most booked nights have a name here, the other ${plain.format(all - named)} are summed as Other cities.` : "";
}

// The weeks of the period that a table has, newest first, and the one that is chosen: complete ones before others.
function weeksOf(table, test) {
  const within = inDays(chosen());
  const rows = rowsWhere(table, (row) => within(table.week_start[row]) && test(row));
  const weeks = distinct(rows.map((row) => table.week_start[row])).sort((one, other) => other - one);
  const complete = new Map(rows.map((row) => [table.week_start[row], Boolean(table.is_complete[row])]));
  return { weeks, complete, latest: weeks.find((week) => complete.get(week)) ?? weeks[0] ?? null };
}

function chosenWeek(id, { weeks, latest }, all) {
  const wanted = choosers[id];
  if (wanted === "all" && all) return "all";
  if (weeks.includes(wanted)) return wanted;
  return all ? "all" : latest;
}

series.locations = () => {
  const table = tables.locations;
  const here = (row) => !selection.place || isPlace(table, row);
  const within = inDays(chosen());
  const found = weeksOf(table, () => true);
  const week = chosenWeek("locations", found, true);
  const cities = new Map();
  for (const row of rowsWhere(table, (at) => within(table.week_start[at]) && here(at) && (week === "all" || table.week_start[at] === week))) {
    const name = placeName(table.state[row], table.city[row]);
    if (!cities.has(name)) cities.set(name, { name, named: table.city[row] !== null, rows: [] });
    cities.get(name).rows.push(row);
  }
  const ranked = [...cities.values()].map((city) => ({ ...city, bookings: sum(table, "bookings_count", city.rows), nights: sum(table, "nights_count", city.rows) }));
  ranked.sort((one, other) => other.named - one.named || Number(other.bookings - one.bookings) || (one.name < other.name ? -1 : 1));
  ranked.forEach((city, at) => {
    city.rank = at && ranked[at - 1].bookings === city.bookings ? ranked[at - 1].rank : at + 1;
  });
  const top = ranked.filter((city) => city.named).slice(0, 15);
  const complete = week === "all" ? found.weeks.every((one) => found.complete.get(one)) : found.complete.get(week);
  const when = week === "all" ? "in the period" : "in the " + weekName(week) + soFar(complete);
  return {
    panels: [{
      rows: top.map((city) => ({
        name: isolated(city.name), value: Number(city.bookings), text: plain.format(city.bookings), complete: week === "all" || complete,
        tip: `${city.name}\n${plain.format(city.bookings)} bookings, ${plain.format(city.nights)} nights`,
      })),
    }],
    columns: ["city", "Rank", "Confirmed bookings", "Nights"],
    table: ranked.map((city) => [city.name, selection.place || !city.named ? "–" : String(city.rank), plain.format(city.bookings), plain.format(city.nights)]),
    weeks: found,
    week,
    all: "All weeks of the period",
    sentence: top.length
      ? `${isolated(top[0].name)}${selection.place ? " has" : " leads with"} ${plural(top[0].bookings, "confirmed booking")} ${when}; ${plural(ranked.length, "row")} in the table.${unnamedPlaces(ranked.some((city) => !city.named))}`
      : "",
  };
};

series.listings = () => {
  const table = tables.listings;
  const own = inCurrency(table);
  const found = weeksOf(table, own);
  const week = chosenWeek("listings", found, false);
  const rows = rowsWhere(table, (row) => own(row) && table.week_start[row] === week && (!selection.place || table.city[row] === selection.place.city));
  const names = new Map();
  const title = (row) => table.title[row] ?? `Listing ${table.apartment_id[row]}`;
  for (const row of rows) names.set(title(row), (names.get(title(row)) || 0) + 1);
  const name = (row) => (names.get(title(row)) > 1 ? `${title(row)} (${table.apartment_id[row]})` : title(row));
  const earned = (row) => money(BigInt(table.confirmed_revenue[row]));
  const complete = found.complete.get(week);
  return {
    panels: [{
      rows: rows.map((row) => ({
        name: isolated(name(row)), value: earned(row).value, text: wholeMoneyText(earned(row)), complete,
        tip: `${name(row)}\n${table.city[row]}, listing ${table.apartment_id[row]}\n${selection.currency} ${moneyText(earned(row))} from ${plural(table.bookings_count[row], "booking")}`,
      })),
    }],
    columns: ["listing", "Title", "City", "Rank", `Confirmed revenue, ${selection.currency}`, "Bookings"],
    words: [1, 2],
    table: rows.map((row) => [table.apartment_id[row], table.title[row] ?? "no title", table.city[row], String(table.listing_rank[row]), moneyText(earned(row)), plain.format(table.bookings_count[row])]),
    weeks: found,
    week,
    note: selection.place ? `Among the top of all cities: those in a city named ${isolated(selection.place.city)}, in any state, as the table has no state.` : "",
    sentence: rows.length
      ? `${isolated(name(rows[0]))} earned most: ${selection.currency} ${moneyText(earned(rows[0]))} in the ${weekName(week)}${soFar(complete)}.`
      : "",
  };
};

series.bookings = () => {
  const table = tables.bookings;
  const within = inDays(chosen());
  const found = rowsWhere(table, (row) => within(table.week_start[row]));
  const rows = [];
  for (const row of found) {
    const [all, confirmed, canceled] = ["bookings_count", "confirmed_count", "canceled_count"].map((column) => Number(table[column][row]));
    const complete = Boolean(table.is_complete[row]);
    const week = table.week_start[row];
    let low = 0;
    for (const [name, size] of [["confirmed", confirmed], ["other", Math.max(0, all - confirmed - canceled)], ["canceled", canceled]]) {
      rows.push({
        from: week * DAY + DAY / 2, until: (week + 7) * DAY - DAY / 2, low, high: low + size, series: name, complete,
        tip: `${weekName(week)}${soFar(complete)}\n${plain.format(size)} ${name} of ${plain.format(all)}`,
      });
      low += size;
    }
  }
  const [all, confirmed, canceled] = ["bookings_count", "confirmed_count", "canceled_count"].map((column) => sum(table, column, found));
  return {
    panels: [{ rows }],
    columns: ["week", "Bookings", "Confirmed", "Canceled", "Users", "Complete"],
    table: found.map((row) => [
      weekName(table.week_start[row]), ...["bookings_count", "confirmed_count", "canceled_count", "users_count"].map((column) => plain.format(table[column][row])), table.is_complete[row] ? "yes" : "no",
    ]),
    sentence: found.length ? `${plain.format(all)} bookings in the period, ${plain.format(confirmed)} of them confirmed and ${plain.format(canceled)} canceled. Users are told week by week: one who books in two weeks counts in both.` : "",
  };
};

series.funnel = () => {
  const table = tables.conversion;
  const found = weeksOf(table, () => true);
  const week = chosenWeek("funnel", found, false);
  const row = table.week_start.indexOf(week);
  if (week === null) return { panels: [{ rows: [] }], columns: [], table: [], sentence: "", weeks: found, week };
  const of = (column) => BigInt(table[column][row]);
  const [views, pairs, booked] = [of("views_count"), of("pairs_count"), of("converted_pairs_count")];
  const complete = Boolean(table.is_complete[row]);
  const converted = rate(booked, pairs);
  const steps = [
    ["Views", views, ""],
    ["Viewed pairs", pairs, " · one person, one listing"],
    ["Booked within 30 days", booked, ` · ${percentText(converted)} of pairs`],
  ];
  return {
    panels: [{ rows: steps.map(([name, value, more]) => ({ name, value: Number(value), text: plain.format(value), complete, tip: `${name}: ${plain.format(value)}${more}` })) }],
    columns: ["step", "Count"],
    table: [
      ...steps.slice(0, 2).map(([name, value]) => [name, plain.format(value)]), ["People who viewed", plain.format(of("viewers_count"))],
      ["Views that put the listing on the wish list", plain.format(of("wishlisted_count"))], ["Pairs booked within 30 days", plain.format(booked)], ["Conversion", percentText(converted)],
    ],
    weeks: found,
    week,
    sentence: `In the ${weekName(week)}, ${of("viewers_count") === 1n ? "1 person" : plain.format(of("viewers_count")) + " people"} looked at listings ${plural(views, "time")}: ${plural(pairs, "pair")} of one person and one listing, ${plain.format(booked)} of which (${percentText(converted)}) became a confirmed booking${complete ? "" : " so far: the 30 days are not over"}.`,
  };
};
