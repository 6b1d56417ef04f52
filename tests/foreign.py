"""The synthetic marketplace as other systems would export it: other names, other words, other ways to write a date or a number.

Nothing is added and nothing is lost, so the metrics of such a marketplace are those of the same data in standard form.
"""

import csv
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from shell import read

Row = dict[str, str]
Value = Callable[[str], str]

DAYS = ("booking_date", "checkin_date", "checkout_date", "listing_created_on", "last_modified_timestamp", "viewed_at")
AMOUNTS = ("price", "total_price", "fee", "bathrooms", "bedrooms", "latitude", "longitude")
TRUTHS = ("is_active", "is_wishlisted")


@dataclass(frozen=True)
class Table:
    """How one table is exported: to which file (or by `file_of` to which of several), and under which names; columns without one are left out. Columns
    that the table lacks come from the row of the same id in the table `beside`."""

    columns: Mapping[str, str]
    file: str = ""
    beside: str = ""
    file_of: Callable[[Row], str] | None = None


@dataclass(frozen=True)
class Manner:
    """How values are written."""

    day: str = "%Y-%m-%d"
    clock: str = "%H:%M:%S"
    number: Value = str
    truths: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"

    def written(self, column: str, value: str) -> str:
        """A value of the standard form as it is written here."""
        if not value:
            return value
        if column in DAYS:
            moment = datetime.fromisoformat(value)
            return moment.strftime(f"{self.day} {self.clock}" if " " in value else self.day)
        if column in AMOUNTS:
            return self.number(value)
        if column in TRUTHS:
            return self.truths.get(value, value)
        return self.statuses.get(value, value) if column == "booking_status" else value


def truths(yes: str, no: str) -> dict[str, str]:
    """Words for yes and no."""
    return {"true": yes, "false": no}


def states(*words: str) -> dict[str, str]:
    """Words for the states of a booking, in this order."""
    return dict(zip(("confirmed", "completed", "canceled", "rejected", "pending", "no_show"), words, strict=True))


def continental(value: str) -> str:
    """1234.50 as 1.234,50."""
    return grouped(value).translate(str.maketrans(",.", ".,"))


def grouped(value: str) -> str:
    """1234.50 as 1,234.50."""
    return f"{Decimal(value):,}"


def export(standard: Path, folder: Path, *, tables: Mapping[str, Table], manner: Manner) -> Path:
    """Write a marketplace of the standard form into `folder` as another system would."""
    folder.mkdir(parents=True)
    for name, table in tables.items():
        files: dict[str, list[list[str]]] = {}
        beside = {row["id"]: row for row in read(standard / f"{table.beside}.csv")} if table.beside else {}
        for own in read(standard / f"{name}.csv"):
            row = {**beside.get(own.get("id", ""), {}), **own}
            target = table.file_of(row) if table.file_of else table.file
            files.setdefault(target, []).append([manner.written(column, row[column]) for column in table.columns])
        for target, rows in files.items():
            _write(folder / target, [list(table.columns.values()), *rows], manner)
    return folder


def _write(path: Path, rows: list[list[str]], manner: Manner) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding=manner.encoding, errors="replace", newline="") as file:
        csv.writer(file, delimiter=manner.delimiter).writerows(rows)


GERMAN: Mapping[str, Table] = {
    "apartments": Table(
        file="Objektliste.csv",
        columns={
            "id": "Objekt-Nr.",
            "title": "Bezeichnung",
            "source": "Herkunft",
            "price": "Preis pro Nacht",
            "currency": "Währung",
            "listing_created_on": "Angelegt am",
            "is_active": "Buchbar",
            "last_modified_timestamp": "Geändert am",
        },
    ),
    "apartment_attributes": Table(
        file="Ausstattung.csv",
        columns={
            "id": "Objektnummer",
            "category": "Objektart",
            "bathrooms": "Badezimmer",
            "bedrooms": "Schlafzimmer",
            "address": "Straße",
            "cityname": "Ort",
            "state": "Bundesland",
            "latitude": "Breitengrad",
            "longitude": "Längengrad",
        },
    ),
    "bookings": Table(
        file="Buchungen.csv",
        columns={
            "booking_id": "Buchungsnummer",
            "user_id": "Kundennr",
            "apartment_id": "Objekt-Nr.",
            "booking_date": "Gebucht am",
            "checkin_date": "Anreise",
            "checkout_date": "Abreise",
            "total_price": "Gesamtpreis",
            "currency": "Währung",
            "booking_status": "Zustand",
            "num_guests": "Personen",
        },
    ),
    "user_viewing": Table(
        file="Aufrufe.csv",
        columns={
            "user_id": "Kundennr",
            "apartment_id": "Objekt",
            "viewed_at": "Zeitpunkt",
            "is_wishlisted": "Merkliste",
        },
    ),
}
GERMAN_MANNER = Manner(
    day="%d.%m.%Y",
    clock="%H:%M:%S",
    number=continental,
    truths=truths("Ja", "Nein"),
    statuses=states("Bestätigt", "Abgereist", "STORNO", "Abgelehnt", "Offen", "Nicht erschienen"),
    delimiter=";",
    encoding="cp1252",
)
# The places stand in the listings' own file, and there is a file a year of reservations.
SPANISH: Mapping[str, Table] = {
    "apartments": Table(
        file="inmuebles.txt",
        beside="apartment_attributes",
        columns={
            "cityname": "población",
            "state": "provincia",
            "id": "id_alojamiento",
            "title": "título",
            "price": "precio_noche",
            "currency": "moneda",
            "listing_created_on": "fecha_alta",
            "is_active": "activo",
            "last_modified_timestamp": "ultima_modificacion",
        },
    ),
    "bookings": Table(
        file_of=lambda row: f"reservas/reservas_{row['booking_date'][:4]}.csv.gz",
        columns={
            "booking_id": "localizador",
            "user_id": "id_cliente",
            "apartment_id": "id_alojamiento",
            "booking_date": "fecha_reserva",
            "checkin_date": "entrada",
            "checkout_date": "salida",
            "total_price": "importe",
            "currency": "divisa",
            "booking_status": "estado",
            "payment_status": "estado_pago",
            "num_guests": "huéspedes",
        },
    ),
    "user_viewing": Table(
        file="visitas.txt",
        columns={
            "user_id": "id_cliente",
            "apartment_id": "id_alojamiento",
            "viewed_at": "fecha_visita",
            "is_wishlisted": "favorito",
            "call_to_action": "accion",
        },
    ),
}
SPANISH_MANNER = Manner(
    day="%d/%m/%Y",
    clock="%H:%M",
    truths=truths("Sí", "No"),
    statuses=states("Confirmada", "Finalizada", "Anulada", "Rechazada", "Pendiente", "No presentado"),
    delimiter="|",
    encoding="utf-8-sig",
)
PMS: Mapping[str, Table] = {
    "apartments": Table(
        file="exports/UnitList.csv",
        columns={
            "id": "UnitID",
            "title": "UnitName",
            "source": "Channel",
            "price": "BaseRate",
            "currency": "Curr",
            "listing_created_on": "CreationDate",
            "is_active": "Status",
            "last_modified_timestamp": "LastUpdate",
        },
    ),
    "apartment_attributes": Table(
        file="exports/UnitDetails.csv",
        columns={
            "id": "UnitID",
            "square_feet": "SqFt",
            "bedrooms": "BedroomCount",
            "bathrooms": "Baths",
            "cityname": "City",
            "state": "Region",
        },
    ),
    "bookings": Table(
        file="exports/ReservationReport.csv",
        columns={
            "booking_id": "ConfirmationNo",
            "user_id": "GuestID",
            "apartment_id": "UnitID",
            "booking_date": "BookedOn",
            "checkin_date": "ArrivalDate",
            "checkout_date": "DepartureDate",
            "total_price": "GrossAmount",
            "currency": "Curr",
            "booking_status": "ResStatus",
            "num_guests": "Pax",
        },
    ),
    "user_viewing": Table(
        file="exports/web_page_views.csv",
        columns={
            "user_id": "VisitorID",
            "apartment_id": "PropertyID",
            "viewed_at": "EventTime",
            "is_wishlisted": "Saved",
        },
    ),
}
PMS_MANNER = Manner(
    day="%m/%d/%Y",
    clock="%H:%M:%S",
    number=grouped,
    truths=truths("Listed", "Unlisted"),
    statuses=states("Definite", "Checked Out", "CXL", "Declined", "Tentative", "No-Show"),
    delimiter="\t",
    encoding="utf-16",
)
