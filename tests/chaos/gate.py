"""What keeps the harness's own sessions out of the database while it is replaced."""
import threading
from contextlib import contextmanager


class Gate:
    """Not to be passed by a thread that has passed it already."""

    def __init__(self):
        self.condition, self.inside, self.is_closed = threading.Condition(), 0, False

    @contextmanager
    def passing(self):
        """Waits while it is closed."""
        with self.condition:
            self.condition.wait_for(lambda: not self.is_closed)
            self.inside += 1
        try:
            yield
        finally:
            with self.condition:
                self.inside -= 1
                self.condition.notify_all()

    @contextmanager
    def closed(self):
        """Begins when nobody is inside any more."""
        with self.condition:
            self.is_closed = True
            self.condition.wait_for(lambda: self.inside == 0)
        try:
            yield
        finally:
            with self.condition:
                self.is_closed = False
                self.condition.notify_all()
