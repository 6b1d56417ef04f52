"""The columns of the generated files, in their order, and how a field is written. Data only."""

from collections.abc import Iterable, Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "apartments": (
        "id", "title", "source", "price", "currency", "listing_created_on", "is_active", "last_modified_timestamp",
    ),
    "apartment_attributes": (
        "id", "category", "body", "amenities", "bathrooms", "bedrooms", "fee", "has_photo", "pets_allowed", "price_display",
        "price_type", "square_feet", "address", "cityname", "state", "latitude", "longitude",
    ),
    "bookings": (
        "booking_id", "user_id", "apartment_id", "booking_date", "checkin_date", "checkout_date", "total_price", "currency",
        "booking_status", "payment_status", "num_guests",
    ),
    "user_viewing": ("user_id", "apartment_id", "viewed_at", "is_wishlisted", "call_to_action"),
}  # fmt: skip

_SPECIAL = frozenset(',"\n\r')


def quoted(text: str) -> str:
    """A field as CSV writes it: in quotes where it must be."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _SPECIAL.intersection(text) else text


def record(fields: Iterable[str]) -> str:
    """One CSV record with its line end."""
    return ",".join(map(quoted, fields)) + "\n"
