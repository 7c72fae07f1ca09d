#!/usr/bin/python3
"""Runs the Python examples of proto/README.md without Kafka and prints what they publish, for test_samples.c.

A line for each record: topic, key, ce_id, ce_type and the value in hexadecimal digits, with tabs between them.
"""
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEADERS = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"}


class Producer:
    """In place of confluent_kafka's: a record is printed when it is flushed."""

    def __init__(self, config):
        wanted = {"enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random"}
        assert wanted.items() <= config.items(), config
        self.records = []

    def produce(self, topic, *, key, value, headers, on_delivery):
        assert set(headers) == HEADERS and headers["content-type"] == "application/protobuf", headers
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers["ce_time"]), headers
        self.records.append(((topic, key, headers["ce_id"], headers["ce_type"], value.hex()), on_delivery))

    def flush(self):
        for record, on_delivery in self.records:
            on_delivery(None, record)
            print(*record, sep="\t")
        self.records = []


sys.modules["confluent_kafka"] = types.SimpleNamespace(Producer=Producer)
with tempfile.TemporaryDirectory() as generated:
    protos = sorted(map(str, (ROOT / "proto/blazz/v1").glob("*.proto")))
    subprocess.run(["protoc", f"--python_out={generated}", f"-I{ROOT / 'proto'}", *protos], check=True)
    sys.path.insert(0, generated)
    examples = re.findall(r"^```python\n(.*?)^```$", (ROOT / "proto/README.md").read_text(), re.M | re.S)
    exec("\n".join(examples), {})
