"""Ends the programs that a killed engine leaves behind. Run as a process of its own, by its path.

It hears `+GROUP` of each group of processes that is begun, `-GROUP` of each that is over. When nobody is left to tell
it anything, it kills those that are not over. One that was begun in the very moment of the kill may be missed.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Listen until the engine has gone, then clear up."""
    begun = set[int]()
    for line in sys.stdin:
        (begun.add if line[0] == "+" else begun.discard)(int(line[1:]))
    for group in begun:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
