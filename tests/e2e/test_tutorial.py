"""Every command of the tutorial, in its order, as a newcomer types it."""

import re
import subprocess
from pathlib import Path

import pytest

from mariadb.application import PASSWORD, database
from shell import PROGRAM, environment

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
DATABASE = "mysql://etl@db.example:3306/rental"


def steps() -> list[tuple[str, list[str]]]:
    """The tutorial's parts by heading, each with the lines of its shell blocks."""
    parts = re.split(r"^## ", TUTORIAL.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    blocks = [(part.partition("\n")[0], re.findall(r"```sh\n(.*?)```", part, re.DOTALL)) for part in parts]
    return [(title, [line for block in found for line in block.splitlines()]) for title, found in blocks if found]


def test_the_tutorial_has_its_four_steps() -> None:
    """Otherwise the next test would run nothing."""
    assert [(title.partition(".")[0], len(lines) > 0) for title, lines in steps()] == [
        (number, True) for number in ("1", "2", "3", "4")
    ]


def typed(line: str, *, home: Path, url: str) -> str:
    """A line in a shell of its own, in which what was exported before still holds; returns its stdout."""
    profile = home / "profile"
    variables = environment(PATH=f"{Path(PROGRAM).parent}:/usr/bin:/bin", BASH_ENV=str(profile))
    line = line.replace(DATABASE, url).replace("PASSWORD=...", f"PASSWORD={PASSWORD}")
    if line.startswith("export "):
        with profile.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=home,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(900)
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    """The database's metrics are those of the files."""
    (tmp_path / "profile").touch()
    asked: list[str] = []
    with database() as found:
        for _, lines in steps():
            for line in lines:
                # The driver is in the tests' environment already.
                if line.startswith("pip install"):
                    continue
                out = typed(line, home=tmp_path, url=found.url)
                if "revenue_monthly" in line:
                    asked.append(out)
    assert len(asked) == 2
    assert asked[0] == asked[1]
    assert "month_start" in asked[0]
    assert (tmp_path / "rental-demo" / "report" / "index.html").exists()
