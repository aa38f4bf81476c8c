"""The operating system's limit of open files, which is one of connections too."""

import resource
from typing import Final

MANY: Final = 65_536


def allow_many_open_files() -> None:
    """Raise this process's limit as far as it may: each connection is a file, and 256 or 1,024 is a common limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY if hard == resource.RLIM_INFINITY else min(hard, MANY)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
