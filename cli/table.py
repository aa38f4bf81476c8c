"""Tables on standard output: within the terminal's width, or as wide as they like where a program reads them."""

import sys
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

PIPE_WIDTH: Final = 500


def new_table(*columns: str) -> Table:
    """Return an empty table in the house's look."""
    return Table(*columns, box=box.SIMPLE_HEAD)


def show_table(table: Table) -> None:
    """Print a table."""
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
