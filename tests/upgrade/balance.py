"""What a load balancer in front of ingest does: while a replica is replaced, requests go to the others."""
import contextlib
import threading

from harness.client import Client


class Balancer:
    def __init__(self, ports):
        self.ports = {p: 0 for p in ports}  # of replicas in service: how often each was replaced
        self.clients = []

    def client(self):
        self.clients.append(Balanced(self))
        return self.clients[-1]

    @contextlib.contextmanager
    def without(self, port):
        """No request begins at this replica, and none is in flight."""
        replaced = self.ports.pop(port)
        for client in self.clients:
            with client.lock:
                pass
        yield
        self.ports[port] = replaced + 1


class Balanced:
    """As Client. It keeps a connection until its replica is replaced."""

    def __init__(self, balancer):
        self.balancer, self.lock, self.at, self.kept = balancer, threading.Lock(), (None, None), None

    def post(self, *arguments, **more):
        with self.lock:
            if self.at not in self.balancer.ports.items():
                self.close()
                self.at = next(iter(self.balancer.ports.items()))
                self.kept = Client(self.at[0])
            return self.kept.post(*arguments, **more)

    def close(self):
        if self.kept:
            self.kept.close()
