#!/usr/bin/python3
"""The footprint of the services: memory, descriptors and connections, time to start and to stop, size on disk.

Memory is read from /proc: private, and with the proportional share of shared pages (PSS). Load is live messages through HTTP, each of
which is delivered to a webhook, and a campaign that sends a tenth as many messages a second, which Meta's stub accepts; cleanup keeps a hundred
sessions of four instances. Memory is read three times under load, so that growth would show, and "after" when everything is
processed. Then the number of contacts is raised step by step, for the cost of a contact in chat-sync's cache, and its limit is lowered,
to show that it holds.

usage: tests/bench/footprint.py [--rate N] [--seconds S] [--contacts N]
"""
import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

import live
import setting
from harness import hooks
from harness.cleanup import Account, Cleanup, Instance
from harness.events import Source, T0
from harness.sending import Sending
from harness.service import BIN
from harness.waiting import wait_for
from hooks import Sink, dispatcher, wait_delivered
from sends import Audience, provider_stub, sender

STARTS = 5
SESSIONS = 25  # of each kind of bridge, which cleanup keeps connected
SENDERS, RECIPIENTS = 4, 100_000  # accounts of the campaign; more recipients than are sent to
CACHE_LIMIT = 16 << 20


def memory_mib(process):
    """(RSS, PSS, private) in MiB."""
    found = {"Rss": 0, "Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) / 1024
    return found["Rss"], found["Pss"], found["Private_Clean"] + found["Private_Dirty"]


def descriptors(process):
    """(all descriptors, sockets among them)"""
    folder = f"/proc/{process.pid}/fd"
    links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return len(links), sum(link.startswith("socket:") for link in links)


def look(label, blazz):
    for service in services(blazz):
        memory = [f"{m:.1f}" for m in memory_mib(service.process)]
        yield [f"{service.name}, {label}", *memory, "{} ({} sockets)".format(*descriptors(service.process))]


def start_all(blazz):
    """Starts all services with their default settings."""
    live.start(blazz)
    blazz.hooks = dispatcher(blazz, {}).start()
    blazz.receiver = Sink()
    blazz.stub = provider_stub(blazz.folder)
    sending = Sending(blazz, blazz.stub)
    blazz.sender = sender(sending).start()
    blazz.audience = Audience(sending, SENDERS, RECIPIENTS)
    cleanup = Cleanup(blazz, blazz.stub).start(probe__interval="10s", list__interval="60s")
    instances = [Instance(cleanup, kind) for kind in ("blazz", "waha", "evolution", "wwebjs")]
    for at in instances:
        for _ in range(SESSIONS):
            Account(cleanup, at.kind)
    blazz.cleaner = cleanup.service


def services(blazz):
    return blazz.in_, blazz.sync, blazz.hooks, blazz.sender, blazz.cleaner


def wait_all_delivered(blazz):
    blazz.wait_processed()
    wait_delivered(blazz, blazz.hooks)


def add_accounts(blazz, workspaces, each, prefix):
    """Adds workspaces with accounts and one webhook each."""
    accounts = live.add_accounts(blazz, workspaces, each, prefix)
    for i, workspace in enumerate({a.workspace for a in accounts}):
        hooks.add_webhook(blazz, workspace, blazz.receiver.url(i))
    return accounts


def under_load(blazz, rate, seconds):
    """Rows of the table: each service idle, under load and after it."""
    found = [*look("idle", blazz)]
    blazz.audience.prepare(blazz.sender)
    blazz.audience.resume(rate / 10 / SENDERS)
    traffic = live.Traffic(blazz, add_accounts(blazz, 5, 4, "live"), contacts=500)
    for part in range(3):
        messages = traffic.start(rate, seconds / 3)
        time.sleep(seconds / 3 - 2)  # after the start-up of the load
        found += look(f"{rate} a second, after {(part + 1) * seconds // 3} s", blazz)
        traffic.finish(messages)
    blazz.audience.pause(blazz.sender)
    wait_all_delivered(blazz)
    return found + [*look("after it", blazz)]


def start_ms(service):
    """Milliseconds from exec to ready."""
    began = time.monotonic()
    service.start(wait_ready=False)
    wait_for(service.ready, f"{service.label} is ready", every_s=0.002)
    return (time.monotonic() - began) * 1000


def stop_under_load(blazz, service, traffic, rate):
    """Milliseconds from SIGTERM to the end. Connections to ingest are refused meanwhile, which ends bench-load."""
    messages = traffic.start(rate, 10)
    blazz.audience.resume(rate / 10 / SENDERS)
    time.sleep(2)
    ms = service.stop() * 1000
    traffic.abandon(messages)
    start_ms(service)
    blazz.audience.pause(blazz.sender)
    wait_all_delivered(blazz)
    return ms


def starts_and_stops(blazz, rate):
    """Rows: start and stop of each service, idle and under load; median and slowest."""
    traffic = live.Traffic(blazz, add_accounts(blazz, 2, 2, "stop"), contacts=100)
    for service in services(blazz):
        times = {"start until ready": [], "SIGTERM until ended, idle": [], f"SIGTERM until ended, {rate} a second": []}
        for _ in range(STARTS):
            times["SIGTERM until ended, idle"].append(service.stop() * 1000)
            times["start until ready"].append(start_ms(service))
            times[f"SIGTERM until ended, {rate} a second"].append(stop_under_load(blazz, service, traffic, rate))
        for what, ms in times.items():
            yield [f"{service.name}: {what}", f"{statistics.median(ms):.0f}", f"{max(ms):.0f}"]


def people(blazz, account, first, count):
    """Produces a message of each of `count` people."""
    source = Source(account.workspace, account.uuid)
    blazz.publish(source.message(f"3EB3{n:016X}", f"1305{n:07}", "hello", name=f"Customer {n}", at=T0 + n)
                  for n in range(first, first + count))
    blazz.wait_processed(120)
    return memory_mib(blazz.sync.process)[1]


def cache(blazz, contacts):
    """Rows: PSS of chat-sync by the number of cached contacts, without and with a low limit. The cost of a contact is the growth in the
    second half, which does not include the buffers of a backlog."""
    account = live.add_accounts(blazz, 1, 1, "people")[0]
    half, whole = (people(blazz, account, part * contacts // 2, contacts // 2) for part in range(2))
    yield [f"chat-sync, {contacts // 2:,} contacts, one conversation each", f"{half:.1f}"]
    yield [f"chat-sync, {contacts:,} contacts", f"{whole:.1f}"]
    yield ["a contact with its conversation, KiB", f"{(whole - half) * 1024 / (contacts / 2):.2f}"]
    blazz.sync.stop()
    blazz.sync.settings["cache.max_bytes"] = CACHE_LIMIT
    blazz.sync.start()
    limited = [people(blazz, account, contacts + part * contacts // 2, contacts // 2) for part in range(2)]
    yield [f"chat-sync, cache.max_bytes of {CACHE_LIMIT >> 20} MiB, {contacts // 2:,} contacts", f"{limited[0]:.1f}"]
    yield [f"chat-sync, cache.max_bytes of {CACHE_LIMIT >> 20} MiB, {contacts:,} contacts", f"{limited[1]:.1f}"]


def sizes(folder):
    """Rows: the size of each program on disk, and the libraries that it loads."""
    for name in ("blazz-ingest", "blazz-chat-sync", "blazz-webhook-dispatcher", "blazz-campaign-sender", "blazz-cleanup", "blazzctl"):
        stripped = folder / name
        subprocess.run(["strip", "-o", stripped, BIN / name], check=True)
        words = subprocess.run(["ldd", BIN / name], check=True, capture_output=True, text=True).stdout.split()
        libraries = {Path(word).resolve() for word in words if word.startswith("/")}
        yield [name, f"{(BIN / name).stat().st_size / 1e6:.2f}", f"{stripped.stat().st_size / 1e6:.2f}", len(libraries),
               f"{sum(library.stat().st_size for library in libraries) / 1e6:.0f}"]


def run(options):
    with setting.stack() as blazz:
        start_all(blazz)
        print(setting.machine())
        setting.table(["MiB", "RSS", "PSS", "private", "descriptors"], *under_load(blazz, options.rate, options.seconds))
        setting.table(["ms", "median", "slowest"], *starts_and_stops(blazz, options.rate))
        setting.table(["PSS, MiB", ""], *cache(blazz, options.contacts))
        setting.table(["MB on disk", "with debug information", "stripped", "libraries", "their size"], *sizes(blazz.folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--contacts", type=int, default=100_000)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
