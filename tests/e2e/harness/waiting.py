"""Waiting for conditions with a deadline, never for time."""
import time


def wait_for(condition, what, deadline_s=30.0, every_s=0.05):
    """Returns the first true value of condition(); fails with `what` when none comes in time."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what() if callable(what) else what}")
        time.sleep(every_s)
