"""What functions of the user's own raise to be called again."""


class TryAgain(Exception):  # noqa: N818 (a wish, no error)
    """Raised in a function of a `python` task, it has the item tried again after a while, up to `max_attempts` times.

    A TimeoutError or a ConnectionError does the same; every other exception fails the item for good.
    """
