// The facts of the page, unpacked: each table as columns of equal length. Text that is one of few words is unpacked to the words.
const facts = JSON.parse(document.getElementById("facts").textContent);

function numbersOf(packed) {
  if (packed.values) return packed.values.map((value) => (typeof value === "string" ? BigInt(value) : value));
  const values = [];
  if (packed.steps) {
    let last = 0;
    for (const step of packed.steps) values.push((last += step));
  } else {
    for (let at = 0; at < packed.runs.length; at += 2) {
      for (let left = packed.runs[at + 1]; left > 0; left--) values.push(packed.runs[at]);
    }
  }
  return values;
}

function unpacked(packed) {
  const table = { length: packed.rows };
  for (const [name, column] of Object.entries(packed.columns)) {
    table[name] = column.words ? numbersOf(column.at).map((at) => column.words[at]) : numbersOf(column);
  }
  return table;
}

const tables = {};
for (const [name, packed] of Object.entries(facts.tables)) tables[name] = unpacked(packed);

function rowsWhere(table, test) {
  const found = [];
  for (let row = 0; row < table.length; row++) if (test(row)) found.push(row);
  return found;
}

function distinct(values) {
  return [...new Set(values)];
}

// A place is a city of a state; the one without a name is all others together.
function placeName(state, city) {
  if (city === null) return "Other cities";
  if (city === "unknown") return state === "unknown" ? "Unknown place" : "Unknown city, " + state;
  return state === "unknown" ? city : city + ", " + state;
}

// Text of unknown direction must not turn the text around it.
function isolated(text) {
  return "\u2068" + text + "\u2069";
}
