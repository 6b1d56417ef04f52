// Sums and ratios are exact: whole numbers of any size, rounded once, half away from zero, as the warehouse rounds.
function sum(table, column, rows) {
  const values = table[column];
  let small = 0;
  let large = 0n;
  for (const row of rows) {
    const value = values[row];
    if (typeof value === "number" && Math.abs(small) < 4e15 && Math.abs(value) < 4e15) small += value;
    else large += BigInt(value);
  }
  return large + BigInt(small);
}

// numerator / denominator as an integer number of 10^-digits; null without a denominator. Neither is negative.
function scaled(numerator, denominator, digits) {
  if (denominator === 0n) return null;
  return (2n * numerator * 10n ** BigInt(digits) + denominator) / (2n * denominator);
}

function decimalText(whole, digits) {
  if (digits === 0) return String(whole);
  const text = String(whole).padStart(digits + 1, "0");
  return text.slice(0, -digits) + "." + text.slice(-digits);
}

// A measured number: `text` has every digit, as the warehouse writes it; `value` is for drawing.
function measured(whole, digits) {
  return whole === null ? null : { text: decimalText(whole, digits), value: Number(whole) / 10 ** digits };
}

// Rates have 6 digits; money arrives in cents, so cents per unit rounded to whole cents are 2 digits; averages have 2.
function rate(numerator, denominator) {
  return measured(scaled(numerator, denominator, 6), 6);
}

function moneyPer(cents, units) {
  return measured(scaled(cents, units, 0), 2);
}

function average(total, count) {
  return measured(scaled(total, count, 2), 2);
}

function money(cents) {
  return measured(cents, 2);
}

function count(whole) {
  return measured(whole, 0);
}

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const twoDigits = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const oneDigit = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function percentText(number) {
  if (number === null) return "–";
  const percent = number.value * 100;
  return (percent !== 0 && percent < 10 ? twoDigits : oneDigit).format(percent) + "%";
}

function moneyText(number) {
  return number === null ? "–" : twoDigits.format(number.value);
}

function wholeMoneyText(number) {
  return number === null ? "–" : plain.format(number.value);
}

function countText(number) {
  return number === null ? "–" : plain.format(number.value);
}

function averageText(number) {
  return number === null ? "–" : twoDigits.format(number.value);
}

// How a number moved: points for rates, percent for everything else.
function change(kind, now, before) {
  if (now === null || before === null) return null;
  if (kind === "rate") {
    const points = now.value * 100 - before.value * 100;
    return { direction: Math.sign(points), text: signed(points) + "\u00a0pts" };
  }
  if (before.value === 0) return now.value === 0 ? { direction: 0, text: "no change" } : { direction: 1, text: "from 0" };
  const percent = (now.value / before.value - 1) * 100;
  return { direction: Math.sign(percent), text: signed(percent) + "%" };
}

function signed(number) {
  const size = Math.abs(number);
  const text = size < 10 ? twoDigits.format(size) : size < 1000 ? oneDigit.format(size) : plain.format(size);
  return (number > 0 ? "+" : number < 0 ? "−" : "±") + text;
}
