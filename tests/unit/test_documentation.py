"""The documentation as a whole: what is generated is current, and the site is built, without a broken link, from it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from scripts import reference, site

from rental_etl.tables.contracts import contracts
from rental_etl.tables.lineage import lineages
from rental_etl.tables.models import curated_models, presentation_models

INTERFACES = reference.FOLDER / "interfaces"


def test_the_reference_is_current() -> None:
    """`make docs` writes it; it is committed so that it reads in the repository."""
    found = {path.relative_to(reference.FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in files()}
    wanted = reference.pages()
    assert set(found) == set(wanted)
    assert [name for name, text in wanted.items() if found[name] != text] == []


def files() -> Iterator[Path]:
    """The generated files."""
    return (path for path in reference.FOLDER.rglob("*") if path.is_file())


class Page(HTMLParser):
    """What a page links to, loads and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name == "href" and tag == "a" and value:
                self.links.append(value)
            if value and (name == "src" or (name == "href" and tag == "link")):
                self.loads.append(value)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The built site's pages."""
    target = tmp_path_factory.mktemp("documentation") / "site"
    site.build(target)
    return {path: Page(path.read_text(encoding="utf-8")) for path in target.rglob("*.html") if path.name != "404.html"}


def test_the_site_has_every_page(pages: dict[Path, Page]) -> None:
    """And the start leads to each."""
    docs = site.ROOT / "docs"
    wanted = {path.relative_to(docs).with_suffix(".html").as_posix() for path in docs.rglob("*.md")}
    root = next(path.parent for path in pages if path.name == "index.html")
    assert {path.relative_to(root).as_posix() for path in pages} == wanted
    linked = {link.partition("#")[0].removeprefix("./") for link in pages[root / "index.html"].links}
    assert wanted - linked - {"index.html"} == set()


def test_no_link_of_the_site_is_broken(pages: dict[Path, Page]) -> None:
    """Neither to a page nor to a heading."""
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = unquote(link).partition("#")
            file = (path.parent / target).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            if not file.exists() or (anchor and file in pages and anchor not in pages[file].anchors):
                broken.append((path.name, link))
    assert broken == []


def test_the_site_needs_no_network(pages: dict[Path, Page]) -> None:
    """Styles, scripts and fonts come with it."""
    assert {load for page in pages.values() for load in page.loads if re.match(r"(https?:)?//", load)} == set()


# --- what other tools read -----------------------------------------------------------------------------------------------------------

# Keys that dbt 1.10 and later knows, by level; it refuses or deprecates others. (`dbt parse --show-all-deprecations` of 1.10 was silent about this file.)
SOURCE = {"name", "schema", "description", "tables"}
TABLE = {"name", "description", "columns", "config"}
COLUMN = {"name", "description", "data_type", "data_tests"}
CONFIG = {"freshness", "loaded_at_field"}


def test_dbt_sources_name_every_table_and_column() -> None:
    """With keys that dbt knows, and tests it has built in."""
    document = yaml.safe_load((INTERFACES / "sources.yml").read_text(encoding="utf-8"))
    assert document["version"] == 2
    sources = {source["name"]: source for source in document["sources"]}
    assert all(set(source) <= SOURCE for source in sources.values())
    tables = [table for source in sources.values() for table in source["tables"]]
    assert all(set(table) <= TABLE and set(table.get("config", {})) <= CONFIG for table in tables)
    columns = [column for table in tables for column in table.get("columns", ())]
    assert all(set(column) <= COLUMN and column["description"] for column in columns)
    assert {test for column in columns for test in column.get("data_tests", ())} == {"not_null", "unique"}
    named = {
        table["name"]: [(column["name"], column["data_type"]) for column in table["columns"]]
        for table in sources["rental_presentation"]["tables"]
    }
    assert named == {name: list(model.columns) for name, model in presentation_models().items()}
    assert {table["name"] for table in sources["rental_curated"]["tables"]} == set(curated_models())


def test_contracts_are_those_of_the_open_standard() -> None:
    """Parsed by its own library; the metrics' say the grain and what always holds."""
    for table in contracts():
        assert contract(f"source/{table}").name == table
    for name, model in presentation_models().items():
        schema = (contract(f"presentation/{name}").schema_ or [])[0]
        properties = schema.properties or []
        assert [found.name for found in properties] == [column for column, _ in model.columns]
        assert tuple(found.name for found in properties if found.primaryKey) == model.grain
        assert len(schema.quality or []) == len(model.invariants)


def contract(name: str) -> OpenDataContractStandard:
    """A contract as its standard's library reads it."""
    text = (INTERFACES / "contracts" / f"{name}.yaml").read_text(encoding="utf-8")
    return OpenDataContractStandard.from_string(text)


def test_lineage_leads_from_every_metric_to_delivered_columns() -> None:
    """Every origin exists one layer before, and the columns that a person would name are there."""
    found = lineages()
    assert json.loads((INTERFACES / "lineage.json").read_text(encoding="utf-8")).keys() == found.keys()
    known = {f"source.{table}.{column}" for table, one in contracts().items() for column in one.names}
    known |= {f"curated.{name}.{column.name}" for name, model in curated_models().items() for column in model.columns}
    origins = {origin for one in found.values() for columns in one.columns.values() for origin in columns}
    assert origins - known == set()
    assert found["presentation.revenue_monthly"].columns["room_revenue"] == (
        "curated.bookings.checkin_date",
        "curated.bookings.checkout_date",
        "curated.bookings.currency",
        "curated.bookings.total_price",
        "curated.fx_rates.rate",
    )
    assert found["presentation.bookings_per_user_weekly"].columns["canceled_count"] == (
        "curated.bookings.booking_status",
    )
    assert found["presentation.bookings_per_user_weekly"].columns["bookings_count"] == ()
    assert found["curated.apartment_history"].columns["effective_modified_at"] == (
        "source.apartments.last_modified_timestamp",
        "source.apartments.listing_created_on",
    )
    assert found["curated.apartments"].columns["price"] == ("curated.apartment_history.price",)
