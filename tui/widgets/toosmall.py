"""What a terminal shows that has no room for anything else."""

from textual import events

from ..words.line import line
from .painted import Painted

LEAST = (60, 20)


class TooSmall(Painted):
    """Says how much room is needed; hidden while there is enough."""

    DEFAULT_CSS = "TooSmall { display: none; width: 1fr; height: 1fr; }"

    def on_resize(self, event: events.Resize) -> None:
        """Say it for the new size."""
        size = f"{event.size.width} x {event.size.height}"
        self.paint(
            [
                line(("too small", "warn")),
                line(f"{LEAST[0]} x {LEAST[1]} needed"),
                line(f"{size} here"),
                line(("q", "key"), " quit"),
            ]
        )
