"""A tenant's webhook receiver: a real HTTP(S) server on loopback that records deliveries and gives configured answers."""
import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from harness.waiting import wait_for


@dataclass
class Delivery:
    path: str
    headers: dict
    body: bytes
    at: float
    status: int  # of the answer
    event: dict = field(init=False)

    def __post_init__(self):
        self.event = json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]


def key_of(secret):
    return base64.b64decode(secret.removeprefix("whsec_"))


def signs(delivery, secret):
    """Whether one of the delivery's signatures was made with this secret: Standard Webhooks, implemented independently."""
    signed = f"{delivery.headers['webhook-id']}.{delivery.headers['webhook-timestamp']}.".encode() + delivery.body
    expected = base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in delivery.headers["webhook-signature"].split(" ")


def verified(delivery, secret):
    """Whether the signatures of both contracts are right; that of the older one is made with the newest secret only."""
    older = hmac.new(key_of(secret), delivery.body, hashlib.sha256).hexdigest()
    return signs(delivery, secret) and delivery.headers["x-whatsapp-signature"] == older


def ok(delivery):
    return 200


class Receiver:
    """`answer(delivery)` gives a status, or (status, {header: value}, body), or a function that handles the socket itself."""

    def __init__(self, answer=ok, certificate=None, server=None):
        self.answer = answer
        self.deliveries, self.lock = [], threading.Lock()
        self.addresses = []  # to which clients connected
        self.open = set()
        self.server = server or socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self.server.getsockname()[1]
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/hook", host="127.0.0.1"):
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.addresses.append(connection.getsockname()[0])
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        self.open.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while self.request(connection, stream):
                pass
        except (OSError, ValueError):
            pass
        finally:
            connection.close()
            self.open.discard(connection)

    def request(self, connection, stream):
        line = stream.readline()
        if not line:
            return False
        headers = {}
        while (one := stream.readline().strip()):
            name, _, value = one.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        body = stream.read(int(headers.get("content-length", 0)))
        delivery = Delivery(line.split()[1].decode(), headers, body, time.time(), 0)
        with self.lock:
            answer = self.answer(delivery)
            if callable(answer):
                self.deliveries.append(delivery)
            else:
                status, more, text = answer if isinstance(answer, tuple) else (answer, {}, b"")
                delivery.status = status
                self.deliveries.append(delivery)
        if callable(answer):
            answer(connection)
            return False
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in more.items())
        connection.sendall(f"{head}content-length: {len(text)}\r\n\r\n".encode() + text)
        return True

    # Deliveries

    def accepted(self, path=None):
        """{webhook-id: [deliveries that were answered 2xx]}"""
        got = defaultdict(list)
        for d in list(self.deliveries):
            if 200 <= d.status < 300 and (path is None or d.path == path):
                got[d.id].append(d)
        return got

    def wait(self, n, path=None, deadline_s=60.0, why=""):
        """Until n different events were acknowledged. Returns accepted()."""
        wait_for(lambda: len(self.accepted(path)) >= n,
                 lambda: f"{n} deliveries, have {len(self.accepted(path))} {why() if callable(why) else why}", deadline_s)
        return self.accepted(path)

    def check_order(self, path=None):
        """The first acknowledgements of a conversation's events come in the order of their sequence."""
        seen, last = set(), {}
        for d in list(self.deliveries):
            if not 200 <= d.status < 300 or (path is not None and d.path != path) or d.id in seen:
                continue
            seen.add(d.id)
            conversation, sequence = d.event["conversation_id"], d.event["sequence"]
            if conversation is None:
                continue
            assert sequence > last.get(conversation, 0), f"{conversation}: {sequence} after {last[conversation]}"
            last[conversation] = sequence

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)  # otherwise the port stays open until accept() returns
        self.server.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Http2Receiver(Receiver):
    """Supports HTTP/2 only, and answers 200."""

    def __init__(self, certificate):
        super().__init__(certificate=certificate)
        self.tls.set_alpn_protocols(["h2"])

    def serve(self, connection):
        try:
            connection = self.tls.wrap_socket(connection, server_side=True)
            assert connection.selected_alpn_protocol() == "h2"
            self.converse(connection, h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8")))
        except OSError:
            pass
        finally:
            connection.close()

    def converse(self, connection, http):
        http.initiate_connection()
        heads, bodies = {}, defaultdict(bytes)
        connection.sendall(http.data_to_send())
        while data := connection.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    head = heads.pop(event.stream_id)
                    self.deliveries.append(Delivery(head[":path"], head, bodies.pop(event.stream_id), time.time(), 200))
                    http.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
            connection.sendall(http.data_to_send())
