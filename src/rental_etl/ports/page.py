"""Where the report is put."""

from typing import Protocol


class Page(Protocol):
    """One HTML file, in a folder or a bucket."""

    @property
    def address(self) -> str:
        """Its path or URL, as people open it."""
        ...

    def beginning(self) -> str:
        """The first few thousand characters; empty when there is no page."""
        ...

    def replace(self, content: bytes) -> None:
        """Put another page in its place, in one step: whoever reads sees the old one or the new one, never half of one."""
        ...
