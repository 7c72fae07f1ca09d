#!/usr/bin/python3
"""Ends with 0 when chat-sync has made something of every record of inbound and published all that followed.

tools/demo/settled.py BIN DIR
"""
import sys

from shared import ctl, query


def consumed():
    records = sum(t["records"] for t in ctl("topics", "list") if t["topic"].endswith(".inbound.v1"))
    outcomes = ("applied", "no_effect", "filtered", "parked", "dead_lettered", "skipped")
    return records == sum(row[o] for row in ctl("progress", "show", "--consumer", "chat-sync") for o in outcomes)


# What chat-sync publishes may be for its own other partitions: looked at again once nothing is left to publish.
sys.exit(0 if consumed() and query("SELECT count(*) FROM outbox") == [(0,)] and consumed() else 1)
