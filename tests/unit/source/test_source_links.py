"""A link to a delivery is the delivery; a broken one is an error, whatever way it is found."""

import pytest

from rental_etl.errors import InputError
from source.desk import BOOKING, Desk, lines


def test_a_link_is_read_like_the_file(desk: Desk) -> None:
    """Deliveries often lie on another disk."""
    elsewhere = desk.deliver("../elsewhere.txt", lines(BOOKING))
    (desk.folder / "bookings.csv").symlink_to(elsewhere)
    assert desk.read().rows_read == 1


@pytest.mark.parametrize("name", ["bookings.csv", "bookings-2024-01.csv.gz", "bookings", "bookings/1.csv"])
def test_a_broken_link_is_no_absent_table(desk: Desk, name: str) -> None:
    """Taken for absent, the table would stay as it is and nobody would notice that its share is not mounted."""
    desk.deliver("apartments.csv", "id")
    path = desk.folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/mnt/not-mounted/bookings.csv")
    with pytest.raises(InputError, match="a link to something that is not there") as raised:
        desk.deliveries()
    assert "/mnt/not-mounted/bookings.csv" in raised.value.where
    assert desk.deliveries("apartments") != []


def test_a_broken_link_that_a_pattern_names_is_an_error_too(desk: Desk) -> None:
    """And one that no table claims is nobody's business."""
    desk.deliver("res-1.csv", lines(BOOKING))
    (desk.folder / "other.csv").symlink_to("/mnt/not-mounted")
    desk.setting("bookings", files=("res-*.csv",))
    assert len(desk.deliveries()) == 1
    (desk.folder / "res-2.csv").symlink_to("/mnt/not-mounted")
    with pytest.raises(InputError, match="link"):
        desk.deliveries()
