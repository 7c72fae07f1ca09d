"""Faults of the servers: the broker, PostgreSQL, and the network to them."""
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource

from harness.waiting import wait_for

from catalogue import EVERYTHING, fault, happens, hold


# Servers

def add_server_faults(short, server, down_s, paused_s, ends):
    """Three faults: all processes of the server are killed, and started after up to down_s; restarted; or stopped for paused_s to 3 s."""
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

    fault(f"kill_{short}", server, "kill -9, then started with its data")(kill)
    fault(f"restart_{short}", server, f"ends {ends}, then started")(restart)
    fault(f"pause_{short}", server, "SIGSTOP, then SIGCONT")(pause)


# The broker

add_server_faults("broker", "kafka", down_s=0.5, paused_s=0.5, ends="by SIGTERM")


def topic_config(system, topic, **changes):
    """Changes settings of a topic. Returns a function that restores the previous ones."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, system.blazz.topic(topic))
    (found,) = system.kafka.admin.describe_configs([resource]).values()
    kept = {name: c.value for name, c in found.result(20).items() if c.source == 1}  # 1: set for this topic

    def write(settings):
        (done,) = system.kafka.admin.alter_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, system.blazz.topic(topic), set_config=settings)]).values()
        done.result(20)

    write(kept | changes)
    return lambda: wait_for(lambda: written(write, kept), f"the settings of {topic} are restored")


def written(write, settings):
    try:
        write(settings)
        return True
    except KafkaException:
        return False


def refuse(topic, **settings):
    """An otherwise healthy broker refuses produced records."""
    def run(system, random):
        restore = topic_config(system, topic, **{name.replace("_", "."): value for name, value in settings.items()})
        try:
            hold(random, 0.5, 2.5)
        finally:
            restore()
    return run


fault("broker_refuses_inbound", "kafka", "answers NOT_ENOUGH_REPLICAS to ingest and producers")(
    refuse("inbound", min_insync_replicas="2"))
fault("broker_refuses_bulk", "kafka", "answers NOT_ENOUGH_REPLICAS to syncs and history")(
    refuse("inbound.bulk", min_insync_replicas="2"))
fault("broker_refuses_events", "kafka", "answers NOT_ENOUGH_REPLICAS to chat-sync's events")(
    refuse("chat-event", min_insync_replicas="2"))
fault("broker_refuses_dead_letters", "kafka", "answers NOT_ENOUGH_REPLICAS to chat-sync's dead letters")(
    refuse("inbound.chat-sync.dlq", min_insync_replicas="2"))
fault("broker_refuses_webhook_dead_letters", "kafka", "answers NOT_ENOUGH_REPLICAS to webhook-dispatcher's dead letters")(
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
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('blazz_ingest', 'blazz_chat_sync', 'blazz_webhook_dispatcher', 'blazz_campaign_sender', 'blazz_cleanup')")


@fault("sessions_ended", "postgres", "all sessions of the services are terminated repeatedly")
def sessions_ended(system, random):
    with superuser(system) as cursor:
        for _ in range(random.randint(1, 5)):
            end_sessions(cursor)
            hold(random, 0.05, 0.5)


@fault("connections_exhausted", "postgres", "no connection is free, and open ones are terminated whenever they appear")
def connections_exhausted(system, random):
    opened, end = [], time.monotonic() + random.uniform(0.8, 2.5)
    try:
        with superuser(system) as cursor:
            while time.monotonic() < end:
                with suppress(psycopg2.OperationalError):
                    while True:
                        opened.append(psycopg2.connect(system.blazz.conninfo("blazz_ops"), connect_timeout=5))
                end_sessions(cursor)
    finally:
        for connection in opened:
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
                cursor.execute("SET deadlock_timeout = '20s'")  # so that chat-sync detects the deadlock
                cursor.execute("SET statement_timeout = '3s'")
                cursor.execute("BEGIN")
                cursor.execute("SELECT id FROM conversations ORDER BY updated_at DESC, id LIMIT 20 FOR UPDATE")
                if happens(lambda: count(watcher, waiting), 0.5):
                    with suppress(psycopg2.Error):  # this session was the victim
                        cursor.execute("SELECT partition FROM consumer_progress ORDER BY partition DESC FOR UPDATE")
        return count(watcher, found) > before


def count(cursor, query):
    cursor.execute(query)
    return cursor.fetchone()[0]


@fault("hanging_lock", "postgres", "another session locks a table: statements hang until their deadline")
def hanging_lock(system, random):
    table = random.choice(("chats", "conversations", "outbox", "consumer_progress", "contacts", "whatsapp_accounts",
                           "webhook_endpoints", "webhook_positions", "webhook_retry_queue", "webhook_attempts", "sends", "send_lanes",
                           "campaigns", "campaign_segments", "campaign_counts", "account_control", "instances", "leases"))
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


@fault("disk_full", "postgres", "its disk is full: statements fail, or the server stops because it cannot write WAL",
       needs_root=True)
def disk_full(system, random):
    ballast = Path(system.postgres.folder, "ballast")
    before = full_disk_reports(system)
    try:
        with open(ballast, "wb", buffering=0) as f, suppress(OSError):
            while f.write(bytes(1 << 20)) > 0:
                pass
        hold(random, 1.0, 3.0)
    finally:
        ballast.unlink(missing_ok=True)
    wait_for(lambda: accepts(system), "PostgreSQL accepts connections", 30)
    return full_disk_reports(system) > before


def full_disk_reports(system):
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


# The network, in the namespace of this run

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


@fault("restore", EVERYTHING, "the database is replaced by a backup, after which services, bridges and producers had gone on; all services run again")
def restore(system, random):
    system.restore(lambda: hold(random, 0.5, 3.0))
