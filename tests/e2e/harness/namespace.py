"""A network namespace for a program: every IP address is local to it, and its resolver gives configured answers."""
import ctypes
import ipaddress
import os
import queue
import socket
import subprocess
import threading
import time

import pytest

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
PORT = 8080


class Namespace:
    """A thread in namespaces of its own: what it opens or starts is inside; its sockets can be used by other threads."""

    def __init__(self, folder):
        self.folder, self.work, self.results = folder, queue.Queue(), queue.Queue()
        threading.Thread(target=self.live, daemon=True).start()
        error = self.results.get()
        if error:
            pytest.skip(f"needs root and namespaces: {error}")

    def live(self):
        libc = ctypes.CDLL(None, use_errno=True)
        entered = libc.unshare(CLONE_NEWNET | CLONE_NEWNS) == 0
        self.results.put(None if entered else os.strerror(ctypes.get_errno()))
        while entered and (call := self.work.get()):
            try:
                self.results.put((call(), None))
            except BaseException as e:  # raised again in the waiting thread
                self.results.put((None, e))

    def run(self, call):
        self.work.put(call)
        value, error = self.results.get()
        if error:
            raise error
        return value

    def command(self, *words):
        self.run(lambda: subprocess.run(words, check=True, capture_output=True, timeout=20))

    def own_every_address(self):
        self.command("ip", "link", "set", "lo", "up")
        self.command("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo")
        self.command("ip", "-6", "route", "add", "local", "::/0", "dev", "lo")

    def listen(self, address, family=socket.AF_INET):
        return self.run(lambda: socket.create_server(address, family=family, backlog=100, dualstack_ipv6=family == socket.AF_INET6))

    def bridge(self, port):
        """Forwards 127.0.0.1:port inside the namespace to 127.0.0.1:port outside."""
        server = self.listen(("127.0.0.1", port))

        def copy(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def accept():
            while True:
                inner, _ = server.accept()
                outer = socket.create_connection(("127.0.0.1", port))
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def use_resolver(self, resolver):
        file = self.folder / "resolv.conf"
        file.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.command("mount", "--make-rprivate", "/")
        self.command("mount", "--bind", str(file), "/etc/resolv.conf")
        resolver.serve(self.run(resolver.open))

    def end(self):
        self.work.put(None)


class Resolver:
    """names: {name: addresses, or a function that returns them, or None: no answer is sent}"""

    def __init__(self, names):
        self.names, self.asked = names, []

    def open(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        return server

    def serve(self, server):
        def loop():
            while True:
                query, peer = server.recvfrom(512)
                threading.Thread(target=self.answer, args=(server, query, peer), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()

    def answer(self, server, query, peer):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question, kind = query[12:at + 5], int.from_bytes(query[at + 1:at + 3], "big")
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        known = self.names.get(name, ())
        addresses = known(kind) if callable(known) else known
        if addresses is None:
            return
        found = [a for a in map(ipaddress.ip_address, addresses) if kind == (1 if a.version == 4 else 28)]
        code = 0 if name in self.names else 3  # NXDOMAIN
        reply = query[:2] + bytes([0x81, 0x80 | code]) + (1).to_bytes(2, "big") + len(found).to_bytes(2, "big") + bytes(4) + question
        for a in found:
            reply += b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\x00\x01" + bytes(4) + len(a.packed).to_bytes(2, "big") + a.packed
        server.sendto(reply, peer)


def slowly(seconds, addresses):
    """The addresses, after a delay."""
    def answer(kind):
        time.sleep(seconds)
        return addresses
    return answer
