"""Sockets of clients without credentials, from any number of addresses (127.0.0.0/8 is local)."""
import json
import socket
import struct
from contextlib import contextmanager

from harness.client import signature

ROUTES = {"/api/whatsapp/webhook": 3 << 20, "/api/whatsapp/chats/sync": 16 << 20, "/api/webhooks/chats/sync": 16 << 20}


def head(path, *lines, **headers):
    """The request line and the headers of a POST, up to the empty line."""
    all_lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *lines,
                 *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return ("\r\n".join(all_lines) + "\r\n\r\n").encode()


def signed(account, body, *lines, path=None):
    """A signed POST as bytes."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = [f"{k}: {v}" for k, v in signature(account.dialect, body, account.secret).items()]
    return head(path or account.path, *more, *lines, Content_Length=len(body)) + body


def connect(port, source="127.0.0.1", timeout_s=20.0):
    return socket.create_connection(("127.0.0.1", port), timeout_s, (source, 0))


@contextmanager
def connections(port, count, sources):
    """Connects that many sockets, from these addresses in turn, and closes them at the end."""
    made = []
    try:
        for n in range(count):
            try:
                made.append(connect(port, sources[n % len(sources)]))
            except OSError:  # a refused connection counts as closed
                pass
        yield made
    finally:
        for s in made:
            reset(s)


def reset(s):
    """Closes with RST, so that the connection does not outlive the test."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    s.close()


def send(s, data):
    """Sends as much as the server reads. Returns whether that was all."""
    try:
        s.sendall(data)
        return True
    except OSError:
        return False


def status(s):
    """The status of the answer; None when the server closes without one, or sends nothing."""
    try:
        line = s.makefile("rb").readline()
        return int(line.split()[1]) if line else None
    except (OSError, IndexError, ValueError):
        return None


def exchange(port, data, source="127.0.0.1"):
    """Sends these bytes. Returns the status of the answer."""
    with connect(port, source) as s:
        send(s, data)
        return status(s)
