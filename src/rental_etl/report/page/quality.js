// What the ledger tells: quarantine by rule, runs, the state of the source tables.
const words = (rule) => rule.replaceAll("_", " ");

series.quality = () => {
  const table = tables.rules;
  const within = inDays(chosen());
  const rows = rowsWhere(table, (row) => table.severity[row] === "error" && table.day[row] !== null && within(table.day[row]));
  const sizes = new Map();
  for (const row of rows) sizes.set(table.rule[row], (sizes.get(table.rule[row]) || 0) + table.rows[row]);
  const rules = [...sizes.keys()].sort((one, other) => sizes.get(other) - sizes.get(one) || (one < other ? -1 : 1));
  const named = rules.length > 8 ? rules.slice(0, 7) : rules;
  const cells = new Map();
  for (const row of rows) {
    const name = named.includes(table.rule[row]) ? words(table.rule[row]) : "other rules";
    const key = table.day[row] + " " + name;
    if (!cells.has(key)) cells.set(key, { day: table.day[row], series: name, value: 0 });
    cells.get(key).value += table.rows[row];
  }
  const order = [...named.map(words), "other rules"];
  const drawn = [...cells.values()].sort((one, other) => one.day - other.day || order.indexOf(one.series) - order.indexOf(other.series));
  const broken = rows.reduce((total, row) => total + table.rows[row], 0);
  const days = distinct(rows.map((row) => table.day[row]));
  return {
    panels: [{ rows: drawn.map((cell) => ({ ...cell, label: dayName(cell.day), order: order.indexOf(cell.series), tip: `${dayName(cell.day)}\n${cell.series}: ${plain.format(cell.value)}` })), series: order.filter((name) => drawn.some((cell) => cell.series === name)) }],
    columns: ["delivered on", "Table", "Rule", "Column", "Rows", "In force"],
    words: [1, 2, 3],
    table: rows.map((row) => [dayName(table.day[row]), table.table[row], words(table.rule[row]), table.column[row] || "–", plain.format(table.rows[row]), table.in_force[row] ? "yes" : "replaced by a later delivery"]),
    empty: "No row delivered in the period is in quarantine.",
    sentence: rows.length ? `${plain.format(broken)} broken rules in the deliveries of ${plural(days.length, "day")}; most often ${words(rules[0])} (${plain.format(sizes.get(rules[0]))}).` : "",
  };
};

series.history = () => {
  const within = inDays(chosen());
  const runs = facts.runs.filter((run) => within(dayOf(run.as_of))).reverse();
  const states = new Map();
  for (const run of runs) states.set(run.state, (states.get(run.state) || 0) + 1);
  const label = (run) => run.started_at.slice(0, 16) + " UTC";
  return {
    panels: [{
      rows: runs.slice(-30).map((run) => ({
        label: label(run).slice(5, 16), value: run.seconds, series: run.state, flag: ["refused", "failed", "interrupted"].includes(run.state) ? run.state : "",
        tip: `${label(run)}\n${run.command}, as of ${run.as_of}\n${run.state}, ${oneDigit.format(run.seconds)} s${run.message ? "\n" + run.message : ""}`,
      })),
    }],
    columns: ["started", "Command", "As of", "State", "Seconds", "What happened"],
    words: [1, 3, 5],
    table: [...runs].reverse().map((run) => [label(run), run.command, run.as_of, run.state, oneDigit.format(run.seconds), run.message || "–"]),
    empty: "No run was for a day in the period.",
    sentence: runs.length ? `${plural(runs.length, "run")}: ${[...states].map(([state, number]) => `${number} ${state}`).join(", ")}.` : "",
  };
};

// Rows of batches in force, by source table.
function stateOfRows() {
  const table = tables.accounting;
  const total = { read: 0, bad: 0, balanced: true };
  for (let row = 0; row < table.length; row++) {
    const here = ["current", "replaced", "repeated", "refused", "deleted", "unreadable"].reduce((so, column) => so + table[column][row], 0);
    if (here !== table.read[row]) total.balanced = false;
    if (!table.in_force[row]) continue;
    total.read += table.read[row];
    total.bad += table.unreadable[row] + table.refused[row];
  }
  return total;
}

// The last week with a booking, where it ended more than a month before the as-of day: what a run takes for granted may not have been delivered.
function quietSince() {
  const weeks = tables.bookings ? tables.bookings.week_start : [];
  const last = weeks.reduce((most, week) => Math.max(most, week), -Infinity);
  return weeks.length && asOf - (last + 6) > 31 ? last : null;
}

function showStates(today) {
  const age = today - asOf;
  const fresh = age <= 0 ? "to today" : age === 1 ? "to yesterday" : `${plain.format(age)} days old`;
  const quiet = quietSince();
  setState("freshness", age <= 2 && quiet === null ? "good" : "watch", `Data ${fresh}` + (quiet === null ? "" : `, last booking in the ${weekName(quiet)}`));
  const rows = stateOfRows();
  const last = facts.runs.find((run) => !["done", "running"].includes(run.state));
  const stopped = last && ["refused", "failed"].includes(last.state);
  const share = rows.read ? rows.bad / rows.read : 0;
  const level = !rows.balanced || stopped || share > 0.05 ? "bad" : rows.bad || !rows.read ? "watch" : "good";
  const said = !rows.balanced ? "Rows do not add up" : stopped ? `Last run ${last.state}` : rows.bad
    ? `${level === "bad" ? "Act" : "Look"}: ${plain.format(rows.bad)} of ${plain.format(rows.read)} rows in quarantine` : rows.read ? `Good: all ${plain.format(rows.read)} rows taken` : "No rows were delivered";
  setState("quality-state", level, said);
  setState("run-state", "good", `${dayName(dayOf(facts.publish.at))}, ${facts.publish.at.slice(11, 16)} UTC`);
}

function setState(id, level, text) {
  const item = document.getElementById(id);
  item.dataset.level = level;
  item.querySelector(".says").textContent = text;
}

function showSources() {
  const [sources, rows] = [tables.sources, tables.accounting];
  const of = (name, column) => rowsWhere(rows, (row) => rows.table[row] === name).reduce((total, row) => total + rows[column][row], 0);
  const columns = ["current", "replaced", "repeated", "refused", "deleted", "unreadable"];
  fillTable(document.getElementById("sources-table"), "Source tables", ["table", "Last day", "Landed (UTC)", "Batches", "Read", "In force", "Replaced", "Repeated", "Refused", "Deleted", "Unreadable"],
    rowsWhere(sources, () => true).map((row) => [
      sources.table[row], dayName(sources.last_day[row]), sources.landed_at[row].slice(0, 16), plain.format(sources.batches[row]), plain.format(of(sources.table[row], "read")),
      ...columns.map((column) => plain.format(of(sources.table[row], column))),
    ]));
  const rules = tables.rules;
  const warned = rowsWhere(rules, (row) => rules.severity[row] !== "error" && rules.in_force[row]);
  warned.sort((one, other) => rules.rows[other] - rules.rows[one]);
  const place = document.getElementById("warnings-table");
  if (warned.length) {
    fillTable(place, "Kept, with a warning", ["table", "Rule", "Column", "Rows"], warned.map((row) => [rules.table[row], words(rules.rule[row]), rules.column[row] || "–", plain.format(rules.rows[row])]), [1, 2]);
  } else {
    place.remove();
  }
}

// What a first load cannot know.
function showHistoryNote() {
  const sources = tables.sources;
  const row = sources.table.indexOf("apartments");
  const note = document.getElementById("history-note");
  const first = row < 0 ? null : sources.first_day[row];
  const matters = first !== null && firstDay(selection.from) < first;
  note.hidden = !matters;
  note.textContent = matters
    ? `Listings were first delivered on ${dayName(first)}. What they were before is known only as far as they say so themselves: until its first known change a listing counts as active since its creation, at its first known price. Occupancy, RevPAR and prices before that day are therefore estimates.`
    : "";
}
