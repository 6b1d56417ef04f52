"""The pages under docs/ name what there is: every command, option, setting and rule, and nothing else."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rental_etl.cli.app import app
from rental_etl.cli.starter import toml
from rental_etl.errors import ErrorPage, RentalEtlError, UsageError
from rental_etl.settings import known_keys
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, presentation_models

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_COMMANDS = {"Common options", "Shell completion", "Exit codes", "Formats", "JSON of a run", "JSON of status"}


def page(name: str) -> str:
    """A page's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: Any = None, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command by its words, with its options and what help calls its arguments."""
    whole: Any = typer.main.get_command(app)
    for name, command in (group or whole).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            options = {opt if opt.startswith("--") else param.metavar for param in command.params for opt in param.opts}
            yield f"{path}{name}", options


def documented_commands() -> dict[str, set[str]]:
    """The same from docs/commands.md: a section each, its options in table rows and in a line that begins with Also."""
    found = {}
    for section in re.split(r"^## ", page("docs/commands.md"), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        if title not in NOT_COMMANDS:
            rows = re.findall(r"^\| `(--[\w-]+|[A-Z]+)", text, flags=re.MULTILINE)
            also = [
                name
                for line in re.findall(r"^Also.*", text, flags=re.MULTILINE)
                for name in re.findall(r"`(--[\w-]+)`", line)
            ]
            found[title] = {*rows, *also}
    return found


def test_the_commands_page_has_every_command_and_option() -> None:
    """Exactly: one that is not there any more misleads, one that is missing cannot be found."""
    assert dict(commands()) == documented_commands()


def test_the_configuration_page_has_every_key_with_its_default() -> None:
    """A default that is written out is the true one."""
    documented = dict(re.findall(r"^\| `([\w.<>]+)` \| (.*?) \|", page("docs/configuration.md"), flags=re.MULTILINE))
    expected = {re.sub(r"^tables\.\w+", "tables.<table>", key): default for key, _, default in known_keys()}
    assert set(documented) == set(expected)
    written = {key: text.strip("`") for key, text in documented.items() if text.startswith("`") and text.endswith("`")}
    wrong = {
        key: text
        for key, text in written.items()
        if expected[key] not in (None, "", (), {}) and text != toml(expected[key])
    }
    assert wrong == {}
    unwritten = {key for key, default in expected.items() if default not in (None, "", (), {}) and key not in written}
    assert unwritten == set()


def test_the_rules_page_has_every_rule_with_its_severity() -> None:
    """Of contracts and across rows."""
    documented = set(
        re.findall(r"^\| (\w+) \| `(\w+)` \| (\w+) \|", page("docs/quarantine-and-rules.md"), flags=re.MULTILINE)
    )
    rules = {(contract.table, rule.name, rule.severity) for contract in contracts().values() for rule in contract.rules}
    checks = {(model.source, check.name, "warn") for model in curated_models().values() for check in model.checks}
    assert documented == rules | checks


def test_the_readme_names_every_metric_table() -> None:
    """Twelve of them."""
    text = page("README.md")
    assert [name for name in presentation_models() if f"`{name}`" not in text] == []


def anchors(path: Path) -> set[str]:
    """What links into a page may name: its headings, as the repository's viewer and the site turn them into anchors."""
    headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    """To a file of the repository, and to a heading in it."""
    broken = []
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?://|mailto:)([^)#\s]*)#?([^)\s]*)\)", text):
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append((target, anchor))
    assert broken == []


def subclasses(kind: type[RentalEtlError]) -> Iterator[type[RentalEtlError]]:
    """A class of errors and all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def test_every_error_leads_to_a_heading_that_explains_it() -> None:
    """Every page that errors name exists; every class but the base, which is never raised, names a heading."""
    import rental_etl.source.mysql.failures
    import rental_etl.warehouse.redshift.errors  # noqa: F401

    for page_of in ErrorPage:
        file, _, anchor = page_of.partition("#")
        assert not anchor or anchor in anchors(ROOT / file), page_of
    assert [kind for kind in subclasses(RentalEtlError) if kind is not RentalEtlError and "#" not in kind.page] == []


def test_an_error_shows_where_it_is_explained() -> None:
    """In its last line."""
    assert UsageError("no").lines()[-1] == ("see", "docs/errors.md#wrong-usage")
    assert UsageError("no", page=ErrorPage.DATES).lines()[-1] == ("see", "docs/errors.md#dates-that-read-both-ways")


def shown_commands() -> list[tuple[str, str]]:
    """Every `rental-etl ...` line of a shell block, by page."""
    found = []
    for path in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            found += [
                (path.name, line.partition("#")[0].strip())
                for line in block.splitlines()
                if line.startswith("rental-etl ")
            ]
    return found


def test_every_command_line_shown_is_understood() -> None:
    """Its command and options exist; what they do is tested elsewhere."""
    known = dict(commands())
    misunderstood = []
    for name, line in shown_commands():
        words = shlex.split(line.partition(" > ")[0])[1:]
        path = " ".join(words[:2]) if words[0] == "batch" else words[0]
        options = {word for word in words if word.startswith("--")} - {"--help"}
        if path != "COMMAND" and (path not in known or not options <= known[path]):
            misunderstood.append((name, line))
    assert misunderstood == []


def test_the_error_shown_on_the_configuration_page_is_the_one_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word."""
    from rental_etl.settings import load_settings

    monkeypatch.chdir(tmp_path)
    Path("rental-etl.toml").write_text("[metrics]\ntop_m = 3\n", encoding="utf-8")
    with pytest.raises(RentalEtlError) as raised:
        load_settings(config=None)
    shown = "".join(f"{f'{label}:':<10}{text}\n" for label, text in raised.value.lines())
    assert f"```\n{shown}```" in page("docs/configuration.md")
