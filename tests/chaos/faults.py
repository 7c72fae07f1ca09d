"""The catalogue of faults: each does its damage and repairs it, whatever happens in between.

A fault is a function of the system and of a random generator of its own, from which all its parameters come; it returns False
when it hit nothing (a failpoint that no load came to). What it touches
(a service, a server) nothing else touches at the same time; that is how two go on at once.
"""
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from random import Random

import psycopg2
from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource

from harness.client import Client, signature
from harness.waiting import wait_for

from dialects import poison_of, record_of, topic_of
from plan import T0_MS
from receivers import HOOKS, SLEEPER, drips, fails, hangs, is_gone, resets

BATCH_POINTS = ("batch_begin", "batch_locked", "batch_applied", "batch_commit", "batch_committed", "batch_published")
INGEST_POINTS = ("ingest_produce", "publication_queued", "ingest_acknowledged")
HOOK_POINTS = ("delivery_begin", "delivery_done", "flush_begin", "flush_locked", "flush_commit", "flush_committed")
FAILING_POINTS = ("batch_begin", "batch_commit", "ingest_produce")  # where a caller can fail
REACHED_S = 8.0      # a failpoint that no load has reached by then is abandoned
TAKEN_S = 60.0       # a tenant's posts are accepted by then
TAKEN_OVER_S = 2.6   # longer than a session's timeout: the other replica acquires the partitions

CATALOGUE = {}


@dataclass(frozen=True)
class Fault:
    name: str
    touches: str
    needs_root: bool
    run: callable
    about: str


def fault(name, touches, about, needs_root=False):
    def add(run):
        CATALOGUE[name] = Fault(name, touches, needs_root, run, about)
        return run
    return add


def hold(random, low_s, high_s):
    """How long the damage lasts."""
    time.sleep(random.uniform(low_s, high_s))


def happens(condition, deadline_s):
    try:
        return wait_for(condition, "it happens", deadline_s, 0.02)
    except AssertionError:
        return False


def victim(system, service, random):
    return random.choice(system.replicas[service])


# Services

def kill_now(system, service, random):
    one = victim(system, service, random)
    one.kill()
    hold(random, 0.0, 0.5)
    one.start(wait_ready=False)


def stop_now(system, service, random):
    one = victim(system, service, random)
    one.pause()
    try:
        hold(random, 0.3, 1.5 if service == "ingest" else TAKEN_OVER_S)
    finally:
        one.resume()


def restart_at(one, failpoint):
    """In order: the next replica does not wait for the one that leaves, so that it works again under load."""
    one.stop()
    one.start(wait_ready=False, failpoint=failpoint)


def kill_at(system, service, random, point):
    one = victim(system, service, random)
    restart_at(one, f"{point}:kill@{random.randint(1, 4)}")
    hit = happens(lambda: not one.running(), REACHED_S)
    if not hit:
        one.kill()
    one.start(wait_ready=False)
    return hit


def stop_at(system, service, random, point):
    """Stops there; another replica acquires a chat-sync's partitions meanwhile, and this one resumes as a fenced owner."""
    one = victim(system, service, random)
    nth, long, last = random.randint(1, 4), service != "ingest" and random.random() < 0.7, random.random()
    restart_at(one, f"{point}:stop@{nth}")
    try:
        hit = happens(one.stopped, REACHED_S)
        if hit:
            hold(random, TAKEN_OVER_S if long else 0.3, TAKEN_OVER_S + 0.5 if long else 1.0)
    finally:
        one.resume()
    if not hit or last < 0.3:  # otherwise it would stop again in a later cycle
        one.kill()
        one.start(wait_ready=False)
    return hit


def fail_at(system, service, random, point):
    """The caller fails there a few times; the program continues."""
    one = victim(system, service, random)
    times = sorted(random.sample(range(1, 30), 5))
    restart_at(one, ",".join(f"{point}:error@{n}" for n in times))
    hold(random, 1.0, 2.0)
    one.kill()
    one.start(wait_ready=False)


def add_service_faults(service, points):
    short = service.replace("-", "_")

    def at(run, point):
        return lambda system, random: run(system, service, random, point)

    fault(f"kill_{short}", service, "kill -9 at any moment")(lambda s, r: kill_now(s, service, r))
    fault(f"stop_{short}", service, "SIGSTOP at any moment, then SIGCONT")(lambda s, r: stop_now(s, service, r))
    for point in points:
        fault(f"kill_at_{point}", service, f"kill -9 the nth time it passes {point}")(at(kill_at, point))
        fault(f"stop_at_{point}", service, "SIGSTOP there" + ("" if service == "ingest" else
              "; another replica mostly acquires its partitions, and it resumes as a fenced owner"))(at(stop_at, point))
        if point in FAILING_POINTS:
            fault(f"fail_at_{point}", service, "the step fails there a few times, and the program continues")(at(fail_at, point))


add_service_faults("chat-sync", BATCH_POINTS)
add_service_faults("ingest", INGEST_POINTS)
add_service_faults("webhook-dispatcher", HOOK_POINTS)
fault("fail_at_flush", "webhook-dispatcher", "its commit fails a few times, and the program continues")(
    lambda s, r: fail_at(s, "webhook-dispatcher", r, "batch_commit"))


def rebalance_storm(system, service, random):
    extra = [system.storm_replica(service, name) for name in ("three", "four")]
    for _ in range(random.randint(2, 3)):
        for one in extra:
            one.start(wait_ready=False)
        hold(random, 0.2, 1.2)
        for one in extra:
            if random.random() < 0.5:
                one.kill()
            else:
                one.port()  # before it has installed its handler SIGTERM kills it
                one.stop()


def rolling_restart(system, service, random):
    for one in random.sample(system.replicas[service], len(system.replicas[service])):
        one.stop()
        one.start()


for service, ending in (("chat-sync", ""), ("webhook-dispatcher", "_of_dispatchers")):
    fault(f"rebalance_storm{ending}", service, "two more replicas come and go, in order and by kill -9")(
        lambda s, r, service=service: rebalance_storm(s, service, r))
    fault(f"rolling_restart{ending}", service, "each replica ends by SIGTERM, with 0, and starts again")(
        lambda s, r, service=service: rolling_restart(s, service, r))


@fault("restart_ingest", "ingest", "ends by SIGTERM, with 0, while bridges post, and starts again")
def restart_ingest(system, random):
    system.ingest.stop()
    hold(random, 0.0, 0.3)
    system.ingest.start(wait_ready=False)


def clock_jumps(system, service, random):
    clock = system.clocks[victim(system, service, random).label]
    try:
        for _ in range(2):
            clock.jump(random.choice((-1, 1)) * 10 ** random.uniform(0, 5.4))  # a second to three days
            hold(random, 0.3, 1.0)
    finally:
        clock.jump(0)


fault("clock_jump_chat_sync", "chat-sync", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "chat-sync", r))
fault("clock_jump_ingest", "ingest", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "ingest", r))


fault("clock_jump_webhook_dispatcher", "webhook-dispatcher", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "webhook-dispatcher", r))


# Receivers

def somebody(random):
    return random.choice([h.name for h in HOOKS if h.name not in (SLEEPER, "redirecting")])


def add_receiver_fault(name, behaviour, about):
    @fault(name, "receivers", about)
    def run(system, random):
        one = somebody(random)
        system.receivers.misbehave(one, behaviour)
        try:
            hold(random, 0.5, 2.5)
        finally:
            system.receivers.behave(one)


add_receiver_fault("receiver_fails", fails, "one receiver answers 503 to everything")
add_receiver_fault("receiver_hangs", hangs, "one receiver reads requests and never answers")
add_receiver_fault("receiver_resets", resets, "one receiver resets each connection")


@fault("receiver_is_gone", "receivers", "one receiver answers 410 and is disabled, later enabled again")
def receiver_is_gone(system, random):
    one = somebody(random)
    system.receivers.misbehave(one, is_gone)
    hold(random, 0.5, 2.0)
    system.receivers.behave(one)
    hold(random, 0.0, 0.5)
    system.receivers.enable(one)


@fault("endpoint_flips", "receivers", "one endpoint is disabled and enabled repeatedly")
def endpoint_flips(system, random):
    one = somebody(random)
    for _ in range(random.randint(2, 5)):
        system.receivers.disable(one)
        hold(random, 0.0, 0.5)
        system.receivers.enable(one)
        hold(random, 0.0, 0.5)


# Hostile clients, tenants and receivers

POISONOUS = 60  # items at once, more than a batch has
STRANGERS = [f"127.4.{n // 250}.{n % 250 + 1}" for n in range(1000)]


def poison(system, random, name, how, reason):
    """Items for the journal that must become dead letters; no planned item has such a number."""
    target, first = system.targets[name], 10_000_000 + 1000 * random.getrandbits(24)
    marker = system.markers[target.workspace]
    return [{"n": n, "kind": "bad", "account": name, "how": how, "reason": reason, "mark": f"{marker} poison {n}"}
            for n in range(first, first + POISONOUS)]


@fault("hostile_poison_posted", "poison", "a tenant posts bodies of nothing but values that PostgreSQL rejects")
def hostile_poison_posted(system, random):
    name = next(a for a, t in system.targets.items() if t.dialect == "meta")
    target, items = system.targets[name], poison(system, random, name, "poison", "rule")
    body, end = poison_of(target, items), time.monotonic() + TAKEN_S
    system.load.journal.write("sent", account=name, items=items, cycle=system.load.cycle)
    while time.monotonic() < end:
        client = Client(system.http_port)
        with suppress(OSError, HTTPException):
            if client.post(target.path, body, signature("meta", body, target.secret), timeout_s=3).status == 200:
                client.close()
                return system.load.journal.write("acknowledged", items=[i["n"] for i in items])
        client.close()
        hold(random, 0.1, 0.2)
    raise AssertionError("poison was never answered 200")


@fault("hostile_poison_published", "poison", "more than half of a batch are values that PostgreSQL rejects")
def hostile_poison_published(system, random):
    name = random.choice([a for a, t in system.targets.items() if t.dialect == "kafka"])
    target, items = system.targets[name], poison(system, random, name, "a number that numeric cannot hold", "rule")
    for i in items:
        i["good"] = {"n": i["n"], "kind": "message", "at": T0_MS, "account": name, "chat": {"phone": "16505550000"}, "out": False,
                     "name": i["mark"], "key": f"false:3EB0P{i['n']}", "body": i["mark"], "status": "pending"}
    system.load.journal.write("sent", account=name, items=items, cycle=system.load.cycle)
    for i in items:
        value, headers = record_of(target, i)
        system.load.publisher.publish(topic_of(i), f"{target.workspace}:{target.uuid}", value, headers,
                                      lambda n=i["n"]: system.load.journal.write("acknowledged", items=[n]))


def strangers(name, count, addresses, about, says, goes_on=b""):
    """Clients without credentials, from that many addresses, while bridges post."""
    @fault(name, "strangers", about)
    def run(system, random):
        sockets, end = [], time.monotonic() + random.uniform(1.0, 2.5)
        try:
            for n in range(count):
                with suppress(OSError):  # ingest may be down
                    sockets.append(socket.create_connection(("127.0.0.1", system.http_port), 2, (STRANGERS[n % addresses], 0)))
                    sockets[-1].sendall(says)
                    sockets[-1].setblocking(False)
            while time.monotonic() < end:
                for s in sockets:
                    with suppress(OSError):
                        s.send(goes_on)
                hold(random, 0.05, 0.1)
        finally:
            for s in sockets:
                s.close()
        return bool(sockets)


HEAD = b"POST /api/whatsapp/chats/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-WhatsApp-Signature: x\r\n"
strangers("hostile_announced_bodies", 64, 8, "strangers announce 16 MiB each and send nothing", HEAD + b"Content-Length: 16777216\r\n\r\n")
strangers("hostile_slow_clients", 300, 30, "strangers send a byte at a time", HEAD + b"X-Y: ", b"y")
strangers("hostile_idle_clients", 900, 100, "strangers connect and say nothing", b"")


@fault("hostile_hanging_receiver", "receivers", "all receivers of a tenant answer with headers that never end")
def hostile_hanging_receiver(system, random):
    tenant = random.choice(sorted({h.tenant for h in HOOKS}))
    names = [h.name for h in HOOKS if h.tenant == tenant and h.name not in (SLEEPER, "redirecting")]
    for name in names:
        system.receivers.misbehave(name, drips)
    try:
        hold(random, 1.0, 2.5)
    finally:
        for name in names:
            system.receivers.behave(name)


# Servers

def add_server_faults(short, server, down_s, paused_s, ends):
    """All of its processes are killed, for up to down_s; or restarted; or stopped for paused_s to 3 seconds."""
    def kill(system, random):
        one = getattr(system, server)
        one.kill()
        hold(random, 0.0, down_s)
        one.start()

    def restart(system, random):
        one = getattr(system, server)
        one.stop()
        one.start()

    def pause(system, random):
        one = getattr(system, server)
        one.pause()
        try:
            hold(random, paused_s, 3.0)
        finally:
            one.resume()

    fault(f"kill_{short}", server, "kill -9, then started on its data")(kill)
    fault(f"restart_{short}", server, f"ends {ends}, then started")(restart)
    fault(f"pause_{short}", server, "SIGSTOP, then SIGCONT")(pause)


# The broker

add_server_faults("broker", "kafka", down_s=0.5, paused_s=0.5, ends="in order")


def topic_config(system, topic, **changes):
    """Changes these settings of a topic, and restores the previous ones."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, system.blazz.topic(topic))
    (found,) = system.kafka.admin.describe_configs([resource]).values()
    kept = {name: c.value for name, c in found.result(20).items() if c.source == 1}  # set for this topic

    def write(settings):
        (done,) = system.kafka.admin.alter_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, system.blazz.topic(topic), set_config=settings)]).values()
        done.result(20)

    write(kept | changes)
    return lambda: wait_for(lambda: written(write, kept), f"{topic} has its settings back")


def written(write, settings):
    try:
        write(settings)
        return True
    except KafkaException:
        return False


def refuse(topic, **settings):
    """A broker that is otherwise healthy rejects produced records."""
    def run(system, random):
        heal = topic_config(system, topic, **{name.replace("_", "."): value for name, value in settings.items()})
        try:
            hold(random, 0.5, 2.5)
        finally:
            heal()
    return run


fault("broker_refuses_inbound", "kafka", "answers NOT_ENOUGH_REPLICAS to ingest and producers")(
    refuse("inbound", min_insync_replicas="2"))
fault("broker_refuses_bulk", "kafka", "answers NOT_ENOUGH_REPLICAS to syncs and history")(
    refuse("inbound.bulk", min_insync_replicas="2"))
fault("broker_refuses_events", "kafka", "answers NOT_ENOUGH_REPLICAS to chat-sync's events")(
    refuse("chat-event", min_insync_replicas="2"))
fault("broker_refuses_dead_letters", "kafka", "answers NOT_ENOUGH_REPLICAS to chat-sync's dead letters")(
    refuse("inbound.chat-sync.dlq", min_insync_replicas="2"))
fault("broker_refuses_letters_of_hooks", "kafka", "answers NOT_ENOUGH_REPLICAS to webhook-dispatcher's dead letters")(
    refuse("chat-event.webhook-dispatcher.dlq", min_insync_replicas="2"))
fault("broker_takes_small_events", "kafka", "answers MESSAGE_TOO_LARGE to most of chat-sync's events")(
    refuse("chat-event", max_message_bytes="700"))


# PostgreSQL

add_server_faults("postgres", "postgres", down_s=1.0, paused_s=0.3, ends="at once")


@contextmanager
def superuser(system):
    connection = psycopg2.connect(system.admin_conninfo(), connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def end_sessions(cursor):
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('blazz_ingest', 'blazz_chat_sync', 'blazz_webhook_dispatcher')")


@fault("sessions_ended", "postgres", "all sessions of the services are terminated repeatedly")
def sessions_ended(system, random):
    with superuser(system) as cursor:
        for _ in range(random.randint(1, 5)):
            end_sessions(cursor)
            hold(random, 0.05, 0.5)


@fault("connections_exhausted", "postgres", "no connection is free, and open ones are terminated whenever they appear")
def connections_exhausted(system, random):
    taken, end = [], time.monotonic() + random.uniform(0.8, 2.5)
    try:
        with superuser(system) as cursor:
            while time.monotonic() < end:
                with suppress(psycopg2.OperationalError):
                    while True:
                        taken.append(psycopg2.connect(system.blazz.conninfo("blazz_ops"), connect_timeout=5))
                end_sessions(cursor)
    finally:
        for connection in taken:
            connection.close()


@fault("deadlocks", "postgres", "another session locks conversations and progress in the opposite order; chat-sync is the victim")
def deadlocks(system, random):
    end = time.monotonic() + random.uniform(1.0, 2.5)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'blazz_chat_sync' AND wait_event_type = 'Lock'"
    found = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with superuser(system) as watcher:
        before = count(watcher, found)
        while time.monotonic() < end:
            with superuser(system) as cursor:
                cursor.execute("SET deadlock_timeout = '20s'")  # the other one notices
                cursor.execute("SET statement_timeout = '3s'")
                cursor.execute("BEGIN")
                cursor.execute("SELECT id FROM conversations ORDER BY updated_at DESC, id LIMIT 20 FOR UPDATE")
                if happens(lambda: count(watcher, waiting), 0.5):
                    with suppress(psycopg2.Error):  # we were the victim
                        cursor.execute("SELECT partition FROM consumer_progress ORDER BY partition DESC FOR UPDATE")
        return count(watcher, found) > before


def count(cursor, query):
    cursor.execute(query)
    return cursor.fetchone()[0]


@fault("hanging_lock", "postgres", "another session locks a table: statements hang until their deadline")
def hanging_lock(system, random):
    table = random.choice(("chats", "conversations", "outbox", "consumer_progress", "contacts", "whatsapp_accounts",
                           "webhook_endpoints", "webhook_positions", "webhook_retry_queue", "webhook_attempts"))
    with superuser(system) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        try:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        except psycopg2.errors.LockNotAvailable:
            return False
        hold(random, 0.5, 3.5)
        cursor.execute("ROLLBACK")
    return True


@fault("disk_full", "postgres", "no byte is left on its disk: statements fail, or the server goes down with its log",
       needs_root=True)
def disk_full(system, random):
    ballast = Path(system.postgres.folder, "ballast")
    before = told_of_full_disk(system)
    try:
        with open(ballast, "wb", buffering=0) as f, suppress(OSError):
            while f.write(bytes(1 << 20)) > 0:
                pass
        hold(random, 1.0, 3.0)
    finally:
        ballast.unlink(missing_ok=True)
    wait_for(lambda: accepts(system), "PostgreSQL is back", 30)
    return told_of_full_disk(system) > before


def told_of_full_disk(system):
    return Path(system.postgres.folder, "log").read_text(errors="replace").count("No space left on device")


def accepts(system):
    """Restarts the server if the full disk ended it, and waits until it has recovered."""
    if not system.postgres.pids() or not Path(f"/proc/{system.postgres.pids()[0]}").exists():
        system.postgres.start()
    try:
        with superuser(system) as cursor:
            cursor.execute("SELECT 1")
        return True
    except psycopg2.OperationalError:
        return False


# The network, in a namespace of our own

def cut(port, random):
    rules = [("ip", "rule", verb, "pref", "1", "ipproto", "tcp", side, str(port), "blackhole")
             for verb in ("add", "del") for side in ("dport", "sport")]
    try:
        for rule in rules[:2]:
            subprocess.run(rule, check=True)
        hold(random, 0.5, 3.0)
    finally:
        for rule in rules[2:]:
            subprocess.run(rule, check=True)


@fault("cut_off_broker", "kafka", "no packet to or from the broker arrives", needs_root=True)
def cut_off_broker(system, random):
    cut(system.kafka.address.rpartition(":")[2], random)


@fault("cut_off_postgres", "postgres", "no packet to or from PostgreSQL arrives", needs_root=True)
def cut_off_postgres(system, random):
    cut(system.postgres.parts()["port"], random)


def dealt(seed, names, root):
    """[(fault, delay, seed)] of each cycle, without end: all faults are equally frequent, two at once never have the same target."""
    random, deck = Random(f"{seed}/faults"), []
    faults = [f for name, f in CATALOGUE.items() if (not names or name in names) and (root or not f.needs_root)]
    while True:
        if not deck:
            deck = random.sample(faults, len(faults))
        first = deck.pop()
        second = next((f for f in reversed(deck) if f.touches != first.touches), None) if random.random() < 0.5 else None
        if second:
            deck.remove(second)
        yield [(f, random.uniform(0.1, 0.8), random.getrandbits(32)) for f in (first, second) if f]
