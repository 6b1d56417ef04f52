// Months are year * 12 + month - 1, days are days since 1970-01-01; both UTC.
const DAY = 86400000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function dayOf(text) {
  return Date.parse(text.slice(0, 10) + "T00:00:00Z") / DAY;
}

function monthOfDay(day) {
  const date = new Date(day * DAY);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function firstDay(month) {
  return Date.UTC(Math.floor(month / 12), month % 12, 1) / DAY;
}

function lastDay(month) {
  return firstDay(month + 1) - 1;
}

function monthMoment(month) {
  return firstDay(month) * DAY;
}

function monthName(month) {
  return MONTHS[month % 12] + " " + Math.floor(month / 12);
}

function monthCode(month) {
  return Math.floor(month / 12) + "-" + String((month % 12) + 1).padStart(2, "0");
}

function monthsName([from, to]) {
  return from === to ? monthName(from) : monthName(from) + " – " + monthName(to);
}

function dayName(day) {
  const date = new Date(day * DAY);
  return date.getUTCDate() + " " + MONTHS[date.getUTCMonth()] + " " + date.getUTCFullYear();
}

function dayCode(day) {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

function weekName(day) {
  return "week of " + dayName(day);
}

// The same date a year earlier; the last of February for a 29th.
function yearBefore(day) {
  const date = new Date(day * DAY);
  const month = monthOfDay(day) - 12;
  return Math.min(firstDay(month) + date.getUTCDate() - 1, lastDay(month));
}

const asOf = dayOf(facts.publish.as_of);
