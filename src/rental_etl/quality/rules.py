"""Row rules of a contract as SQL over typed rows, and the counting of what they find.

Works on relations that hold the contract's columns and, for every delivered one, how its value was read (`status`). Pure text and counts: nothing is
executed here. A row's marks are two comma-joined texts: errors, which begin with "!" when the row is unreadable, and warnings.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rental_etl.model.contract import Contract, Rule

# How a value was read. ROUNDED is readable; UNDECIDED waits for the delivery's date order.
FINE, MISSING, UNREADABLE, ROUNDED, UNDECIDED = range(5)
UNREADABLE_ROW = "!"

_NAMES = {
    MISSING: "missing_value",
    UNREADABLE: "unreadable_value",
    ROUNDED: "rounded",
    UNDECIDED: "undecided_date_order",
}


def status(name: str) -> str:
    """The column that says how the value of column `name` was read."""
    return f"s_{name}"


def rule_column(contract: Contract, rule: Rule) -> str:
    """The column a rule is reported under: the first one its predicate names."""
    for word in re.findall(r"[a-z_]+", rule.violated_when):
        if word in contract.names:
            return str(word)
    return ""


def error_sql(contract: Contract, delivered: Sequence[str]) -> str:
    """A row's errors: null for none, "!" and the values that make it unreadable, or the error rules it breaks."""
    required = [column.name for column in contract.columns if column.required and column.name in delivered]
    marks = ", ".join(_mark(name, (MISSING, UNREADABLE, UNDECIDED)) for name in required)
    rules = [rule for rule in contract.rules if rule.severity == "error"]
    refused = "null"
    if rules:
        refused = f"case when {_any(rules)} then concat_ws(',', {', '.join(map(_broken, rules))}) end"
    if not required:
        return refused
    absent = " or ".join(f"{name} is null" for name in required)
    return f"case when {absent} then '{UNREADABLE_ROW}' || concat_ws(',', {marks}) else {refused} end"


def warning_sql(contract: Contract, delivered: Sequence[str]) -> str:
    """A row's warnings, null for none: values that were not read as written, and the warn rules it breaks."""
    rules = [rule for rule in contract.rules if rule.severity == "warn"]
    marks = [
        _mark(column.name, (ROUNDED,) if column.required else (UNREADABLE, ROUNDED, UNDECIDED))
        for column in contract.columns
        if column.name in delivered
    ]
    fine = " + ".join(status(name) for name in delivered)
    quiet = f"({fine}) = 0" + (f" and not coalesce({_any(rules)}, false)" if rules else "")
    found = ", ".join([*marks, *map(_broken, rules)])
    return f"case when {quiet} then null else nullif(concat_ws(',', {found}), '') end"


def count_findings(contract: Contract, groups: Iterable[tuple[str | None, str | None, int]]) -> Counter[str]:
    """Rows by "severity:rule:column", from groups of rows with the same errors and warnings. An unreadable row is counted by its errors only."""
    columns = {rule.name: rule_column(contract, rule) for rule in contract.rules}
    counts: Counter[str] = Counter()
    for errors, warnings, rows in groups:
        if errors and errors.startswith(UNREADABLE_ROW):
            marks = [f"error:{mark}" for mark in errors.removeprefix(UNREADABLE_ROW).split(",")]
        else:
            marks = [f"error:{rule}:{columns[rule]}" for rule in (errors or "").split(",") if rule]
            for mark in (warnings or "").split(","):
                if mark:
                    marks.append(f"warn:{mark}" if ":" in mark else f"warn:{mark}:{columns[mark]}")
        for mark in marks:
            counts[mark] += rows
    return counts


def columns_of_errors(contract: Contract, errors: str) -> tuple[str, str]:
    """The rules and the columns of a row's errors, each comma-joined in the same order."""
    columns = {rule.name: rule_column(contract, rule) for rule in contract.rules}
    pairs = [mark.partition(":") for mark in errors.removeprefix(UNREADABLE_ROW).split(",")]
    return ",".join(rule for rule, _, _ in pairs), ",".join(column or columns[rule] for rule, _, column in pairs)


def undecided(groups: Iterable[tuple[str | None, str | None, int]]) -> bool:
    """Whether some value waits for the delivery's date order."""
    waiting = _NAMES[UNDECIDED]
    return any(waiting in (errors or "") or waiting in (warnings or "") for errors, warnings, _ in groups)


def _any(rules: Sequence[Rule]) -> str:
    return " or ".join(f"({rule.violated_when})" for rule in rules)


def _broken(rule: Rule) -> str:
    return f"case when {rule.violated_when} then '{rule.name}' end"


def _mark(name: str, statuses: Sequence[int]) -> str:
    whens = " ".join(f"when {code} then '{_NAMES[code]}:{name}'" for code in statuses)
    return f"case {status(name)} {whens} end"
