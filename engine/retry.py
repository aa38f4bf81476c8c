"""How long to wait before another try."""

BASE_S = 0.5
CAP_S = 30.0


def backoff_s(tried: int, draw: float) -> float:
    """Return the wait after `tried` attempts: exponential with equal jitter, half of it fixed and half drawn (0 to 1).

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(CAP_S, BASE_S * 2 ** max(0, tried - 1))
    return ceiling / 2 * (1 + draw)
