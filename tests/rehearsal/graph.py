"""What is wrong with a state machine's graph, beyond what validators look at."""

from collections.abc import Iterator, Mapping
from typing import Any


def faults(machine: Mapping[str, Any]) -> list[str]:
    """Sentences: states that are led to and do not exist, that nothing leads to, that end nowhere; Glue arguments that are no strings."""
    states = machine["States"]
    found = [f"{name} leads to {to}, which does not exist" for name, to in _edges(states) if to not in states]
    reached = _reached(machine["StartAt"], states)
    found += [f"nothing leads to {name}" for name in states if name not in reached]
    found += [f"{name} ends nowhere" for name, state in states.items() if not _goes_on(state)]
    for name, state in states.items():
        if "glue:startJobRun" in state.get("Resource", ""):
            arguments = {"JobName": state["Arguments"]["JobName"], **state["Arguments"]["Arguments"]}
            found += [
                f"{name} has {key} that is no string" for key, value in arguments.items() if type(value) is not str
            ]
            found += [f"{name} has {key} that does not begin with --" for key in list(arguments)[1:] if key[:2] != "--"]
    return found


def _edges(states: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, state in states.items():
        for part in (state, *state.get("Choices", ()), *state.get("Catch", ())):
            yield from ((name, part[key]) for key in ("Next", "Default") if key in part)


def _reached(start: str, states: Mapping[str, Any]) -> set[str]:
    edges = list(_edges(states))
    reached = {start}
    while True:
        more = {to for name, to in edges if name in reached} - reached
        if not more:
            return reached
        reached |= more


def _goes_on(state: Mapping[str, Any]) -> bool:
    if state["Type"] in ("Succeed", "Fail"):
        return True
    return "Choices" in state if state["Type"] == "Choice" else "Next" in state or bool(state.get("End"))
