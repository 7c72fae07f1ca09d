#!/usr/bin/python3
"""campaign-sender against a bare libcurl multi loop that posts the same bodies to the same stub, and against its statements in the server.

In a round the recipients of a campaign are written and the campaign is paused; a campaign-sender that has just started resumes it and
sends everything; the loop (`bench-hooks post`) posts as many bodies of the same campaign; and the floor does the work of PostgreSQL inside
the server: in batches of the size of campaign-sender's it reads the rows, checks them, stores the results that campaign-sender stored, marks
them as in flight and writes the same records to the outbox. A rate is messages per second from the first to the last that the stub accepts.

Then: how fast an audience is written, against INSERT ... SELECT of the same rows; how long single messages take beside a campaign at half
rate, from being handed to the producer to their request; and the whole loop, in which each message gets three statuses through ingest.

usage: tests/bench/sends.py [--messages N] [--accounts N] [--rounds R] [--prepare N] [--loop RATE] [--set KEY=VALUE]
"""
import argparse
import atexit
import itertools
import json
import statistics
import subprocess
import time
import uuid

import live
import psycopg2
import setting

from blazz.v1 import inbound_pb2  # noqa: E402
from blazz.v1 import outbound_pb2 as outbound
from harness.provider_stub import TOKEN, ProviderStub
from harness.sending import SENDER, Sending, Tenant
from harness.service import BIN
from harness.waiting import wait_for

PARTITIONS, CONCURRENCY, SAMPLE = 8, 128, 2000
PER_SECOND = 1000  # of an account, the highest
HALF_SECONDS, DIRECT_PER_SECOND, LOOP_SECONDS = 15, 20, 20
VERSION = "v25.0"  # of the Graph API
TEXT = "Hello {{1}}, your order {{2}} is on its way and will be with you tomorrow before noon. Reply STOP to hear no more of us."
PARAMETERS = [{"type": "body", "parameters": [{"type": "text", "text": "{{contact.full_name|there}}"}, {"type": "text", "text": "{{var.order|-}}"}]}]

# The result of each message, and the records of each batch, as campaign-sender wrote them. Batches have its mean size.
STAGING = """
DROP TABLE IF EXISTS staging;
CREATE TABLE staging AS SELECT ((row_number() OVER (ORDER BY id) - 1) / {batch})::integer AS batch, workspace_id, id, campaign_id, segment,
	sent_by, provider_message_id, repeat('x', {record})::bytea AS record FROM sends WHERE (workspace_id, id) IN (SELECT workspace_id, id FROM kept);
CREATE INDEX ON staging (batch);
GRANT SELECT ON staging TO blazz_campaign_sender;
DROP POLICY IF EXISTS floor ON outbox;
CREATE POLICY floor ON outbox TO blazz_campaign_sender USING (producer = 'floor');
CREATE OR REPLACE PROCEDURE floor_run(batches integer) LANGUAGE plpgsql AS $$
DECLARE
	first_id bigint;
	last_id bigint;
BEGIN
	FOR b IN 0 .. batches - 1 LOOP
		SELECT min(id), max(id) INTO first_id, last_id FROM staging WHERE batch = b;
		PERFORM count(s.request) FROM sends s JOIN staging r ON (s.workspace_id, s.id) = (r.workspace_id, r.id) WHERE r.batch = b
			AND s.status = 'pending';
		PERFORM count(o.category) FROM staging r JOIN sends s ON s.workspace_id = r.workspace_id AND s.id = r.id
			JOIN campaigns c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id AND c.status IN ('running', 'completed')
			LEFT JOIN contact_aliases a ON a.workspace_id = r.workspace_id AND a.kind = 'phone' AND a.scope = '' AND a.value = s.address
			LEFT JOIN contact_opt_outs o ON o.workspace_id = r.workspace_id AND o.contact_id = coalesce(s.contact_id, a.contact_id)
			WHERE r.batch = b;
		UPDATE sends s SET status = 'sent', attempt = 1, sent_by = r.sent_by, provider_message_id = r.provider_message_id, sent_at = now(),
			request = NULL, updated_at = now() FROM staging r WHERE r.batch = b AND s.workspace_id = r.workspace_id AND s.id = r.id
			AND s.status = 'pending';
		UPDATE campaign_counts n SET sent = n.sent + r.sent, updated_at = now() FROM (SELECT workspace_id, campaign_id, count(*) AS sent
			FROM staging WHERE batch = b GROUP BY 1, 2) r WHERE n.workspace_id = r.workspace_id AND n.campaign_id = r.campaign_id
			AND n.source = 'driver';
		UPDATE campaign_segments g SET cursor_id = r.id, updated_at = now() FROM (SELECT workspace_id, campaign_id, segment, max(id) AS id
			FROM staging WHERE batch = b GROUP BY 1, 2, 3) r
			WHERE g.workspace_id = r.workspace_id AND g.campaign_id = r.campaign_id AND g.segment = r.segment;
		UPDATE send_lanes l SET in_flight = r.ids, minute_at = now(), attempts = l.attempts + cardinality(r.ids), updated_at = now()
			FROM (SELECT workspace_id, sent_by, array_agg(id) AS ids FROM staging WHERE batch = b GROUP BY 1, 2) r
			WHERE l.workspace_id = r.workspace_id AND l.account_id = r.sent_by;
		INSERT INTO outbox (producer, topic, slot, epoch, seq, records) SELECT 'floor', 'inbound', 0, 1, b, string_agg(record, '')
			FROM staging WHERE batch = b;
		DELETE FROM outbox WHERE producer = 'floor' AND seq < b;
		COMMIT;
	END LOOP;
END $$;
"""


def provider_stub(folder, **settings):
    """A stub that ends with this process at the latest."""
    stub = ProviderStub(folder, **settings).start()
    atexit.register(stub.process.kill)
    return stub


def sender(sending, **settings):
    """A campaign-sender with default settings, except that the stub is on loopback; not started."""
    own = {k: SENDER[k] for k in ("secrets.keyring", "providers.allow_http", "providers.allowed_networks")}
    return sending.blazz.service("campaign-sender", own | {"meta.base_url": sending.stub.url()} | settings, f"sender-{uuid.uuid4().hex[:6]}")


class Audience:
    """A workspace with accounts of Meta, a template that each has, and a group of people."""

    def __init__(self, sending, accounts, people):
        self.sending, self.blazz = sending, sending.blazz
        self.tenant = Tenant(sending, *["meta"] * accounts)
        self.sql = self.blazz.sql
        self.id = self.blazz.value("SELECT id FROM workspaces WHERE uuid = %s", self.tenant.workspace)
        self.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status, components)
            SELECT workspace_id, id, 'order', 'order', 'en', 'MARKETING', 'APPROVED', %s FROM whatsapp_accounts WHERE workspace_id = %s""",
                 json.dumps([{"type": "BODY", "text": TEXT}]), self.id)
        self.group = self.blazz.value("INSERT INTO contact_groups (workspace_id, name) VALUES (%s, 'people') RETURNING id", self.id)
        self.sql("""INSERT INTO contact_group_members (workspace_id, group_id, address, phone, name, variables)
            SELECT %s, %s, '62811' || lpad(n::text, 8, '0'), '+62811' || lpad(n::text, 8, '0'), 'Customer ' || n,
            jsonb_build_object('order', 'A-' || n) FROM generate_series(1, %s) n ORDER BY n""", self.id, self.group, people)
        self.sql("VACUUM ANALYZE contact_group_members")
        self.people = people

    def limit(self, per_second):
        self.sql("UPDATE whatsapp_accounts SET metadata = %s WHERE workspace_id = %s",
                 json.dumps({"sending": {"per_second": per_second}}), self.id)

    def command(self, action):
        self.sending.publish("campaign-command", f"{self.tenant.workspace}:{self.campaign['uuid']}", outbound.CampaignCommand(
            request_id=str(uuid.uuid4()), workspace_id=self.tenant.workspace, campaign_id=self.campaign["uuid"], action=action,
            requested_at_ms=int(time.time() * 1000)))

    def state(self):
        return self.sql("SELECT *, extract(epoch FROM prepared_at - started_at)::float AS preparing_s FROM campaigns WHERE id = %s",
                        self.campaign["id"])[0]

    def wait(self, condition, what, services, deadline_s=600, every_s=0.2):
        def met():
            state = self.state()
            assert state["status"] not in ("failed", "cancelled") and setting.alive(*services), state
            return condition(state) and state

        return wait_for(met, lambda: f"{what}: {self.state()}\n{services[0].log_tail()}", deadline_s, every_s)

    def in_flight(self):
        return self.sql("SELECT partition FROM send_lanes WHERE workspace_id = %s AND in_flight <> '{}'", self.id)

    def prepare(self, service):
        """Writes the recipients of a new campaign, pauses it and copies its pending rows to `kept`. Returns it, with `preparing_s`."""
        self.limit(1)
        self.campaign = self.sql("""INSERT INTO campaigns (workspace_id, name, campaign_type, spread, preferred_provider, contact_group_id,
            template_id, template_parameters, on_unknown) SELECT %s, 'bench', 'template', true, 'meta', %s, min(id), %s, 'fail' FROM templates
            WHERE workspace_id = %s RETURNING id, uuid::text""", self.id, self.group, json.dumps(PARAMETERS), self.id)[0]
        self.command(outbound.CampaignCommand.ACTION_START)
        prepared = self.wait(lambda c: c["prepared_at"], "the audience is written", [service])
        self.pause(service)
        self.sql("DROP TABLE IF EXISTS kept")
        self.sql("CREATE TABLE kept AS SELECT * FROM sends WHERE campaign_id = %s AND status = 'pending'", self.campaign["id"])
        return prepared

    def pause(self, service):
        self.command(outbound.CampaignCommand.ACTION_PAUSE)
        self.wait(lambda c: c["status"] == "paused" and not self.in_flight(), "the campaign is paused", [service])

    def resume(self, per_second=PER_SECOND):
        self.limit(per_second)
        self.command(outbound.CampaignCommand.ACTION_RESUME)


def backends_cpu_s(blazz, role="blazz_campaign_sender"):
    """CPU seconds of PostgreSQL's processes that serve this role."""
    rows = blazz.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = %s", role)
    return sum(setting.cpu_s(row["pid"]) for row in rows)


def counters(blazz):
    return blazz.sql("""SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
        pg_current_wal_lsn() - '0/0'::pg_lsn AS wal""")[0]


def accepted(stub, n, service):
    """Waits until the stub has accepted `n` messages, without a statement that would count."""
    wait_for(lambda: setting.alive(service) and stub.stats()["accepted"] >= n,
             lambda: f"{n} are accepted: {stub.stats()}\n{service.log_tail()}", 600, 0.2)


def times_ms(stub, after=0):
    """When the messages were accepted that the journal has after this offset."""
    with open(stub.journal_file, "rb") as lines:
        lines.seek(after)
        return [json.loads(line)["at_ms"] for line in lines]


def rate_of(times):
    return (len(times) - 1) / (max(times) - min(times)) * 1000


def send(sending, audience, service):
    """Resumes the prepared campaign. Returns what sending it cost."""
    blazz, stub = sending.blazz, sending.stub
    n, offset, before = blazz.value("SELECT count(*) FROM kept"), stub.journal_file.stat().st_size, stub.stats()
    counted, cpu, pg_cpu, stub_cpu = counters(blazz), setting.cpu_s(service.process), backends_cpu_s(blazz), setting.cpu_s(stub.process)
    audience.resume()
    accepted(stub, before["accepted"] + n, service)
    done = audience.wait(lambda c: c["status"] == "completed", "the campaign is completed", [service])
    found = {"n": n, "cpu": setting.cpu_s(service.process) - cpu, "pg_cpu": backends_cpu_s(blazz) - pg_cpu,
             "stub_cpu": setting.cpu_s(stub.process) - stub_cpu, "rate": rate_of(times_ms(stub, offset)),
             "resident": setting.resident_mib(service.process)}
    found |= {name: int(value - counted[name]) for name, value in counters(blazz).items()}
    assert done["messages_sent"] == done["recipients"] == audience.people, done
    assert stub.stats()["duplicates"] == before["duplicates"], stub.stats()
    return found


def bare(sending, bodies):
    """Posts the bodies by the bare loop. Returns its rate and its CPU seconds."""
    stub, session = sending.stub, "loop"
    stub.sessions({"provider": "meta", "name": session, "key": TOKEN})
    offset = stub.journal_file.stat().st_size
    words = map(str, (stub.port, bodies, CONCURRENCY, 1, f"/{VERSION}/{session}/messages", f"authorization: Bearer {TOKEN}"))
    out = json.loads(subprocess.run([BIN / "bench-hooks", "post", *words], capture_output=True, text=True, check=True, timeout=600).stdout)
    times = times_ms(stub, offset)
    assert len(times) == out["posts"], (len(times), out)
    return {"rate": rate_of(times), "cpu": out["cpu"], "n": out["posts"]}


def sample(stub):
    """Bodies of messages that the stub has accepted, as they came."""
    kept = [m["request"] | {"biz_opaque_callback_data": f"blazz:{m['client_message_id']}"} for m in stub.accepted(limit=SAMPLE)]
    return [json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() for body in kept]


def write_bodies(file, bodies, n):
    with open(file, "wb") as out:
        for i in range(n):
            out.write(b"%d\n" % len(bodies[i % len(bodies)]) + bodies[i % len(bodies)])


def record_bytes(blazz):
    """The mean size of a Dispatch record in `inbound`, with its key and headers."""
    records = [r for r in blazz.read("inbound") if inbound_pb2.InboundEvent.FromString(r.value).WhichOneof("event") == "dispatch"]
    sizes = [len(r.value) + len(r.key) + sum(len(k) + len(v) for k, v in r.headers.items()) for r in records[:SAMPLE]]
    return int(statistics.mean(sizes))


def floor(blazz, audience, batch, record):
    """The same work in the server. Returns the seconds of INSERT ... SELECT of the recipients, and the CPU seconds of sending them."""
    blazz.sql(STAGING.format(batch=batch, record=record))
    blazz.sql("TRUNCATE sends")
    began = time.monotonic()
    blazz.sql("INSERT INTO sends SELECT * FROM kept ORDER BY id")
    insert_s = time.monotonic() - began
    for table in ("sends", "staging"):
        blazz.sql(f"VACUUM ANALYZE {table}")
    connection = psycopg2.connect(blazz.conninfo("blazz_campaign_sender"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        before = setting.cpu_s(connection.info.backend_pid)
        cursor.execute("CALL floor_run(%s)", [blazz.value("SELECT max(batch) + 1 FROM staging")])
        cpu = setting.cpu_s(connection.info.backend_pid) - before
    connection.close()
    assert blazz.value("SELECT count(*) FROM sends WHERE status = 'pending'") == 0
    blazz.sql("UPDATE send_lanes SET in_flight = '{}'")
    blazz.sql("DELETE FROM outbox WHERE producer = 'floor'")
    return insert_s, cpu


def round_of(sending, audience, bodies, settings):
    blazz, file = sending.blazz, sending.blazz.folder / "bodies"
    service = sender(sending, **settings).start()
    prepared = audience.prepare(service)
    found = send(sending, audience, service)
    service.stop()
    found["record"] = record_bytes(blazz)
    write_bodies(file, bodies, found["n"])
    loop = bare(sending, file)
    insert_s, floor_cpu = floor(blazz, audience, max(1, found["n"] // found["commits"]), found["record"])
    return found | {"loop": loop["rate"], "loop_cpu": loop["cpu"], "floor_cpu": floor_cpu, "preparing": audience.people / prepared["preparing_s"],
                    "insert": found["n"] / insert_s}


def report(rounds, accounts):
    def each(value, unit=1e6):
        return f"{statistics.median(value(r) / r['n'] for r in rounds) * unit:.1f}"

    setting.table(
        [f"{rounds[0]['n']:,} messages, {accounts} accounts", ""],
        ["messages a second", f"{statistics.median(r['rate'] for r in rounds):,.0f}"],
        ["of the bare loop", setting.ratio([r["rate"] for r in rounds], [r["loop"] for r in rounds])],
        ["CPU of campaign-sender a message, µs", each(lambda r: r["cpu"])],
        ["of the bare loop's", setting.ratio([r["cpu"] for r in rounds], [r["loop_cpu"] for r in rounds])],
        ["CPU of PostgreSQL a message, µs", each(lambda r: r["pg_cpu"])],
        ["of the floor's", setting.ratio([r["pg_cpu"] for r in rounds], [r["floor_cpu"] for r in rounds])],
        ["CPU of the stub a message, µs", each(lambda r: r["stub_cpu"])],
        ["WAL a message, bytes", each(lambda r: r["wal"], 1)],
        ["commits a message", f"{statistics.median(r['commits'] / r['n'] for r in rounds):.4f}"],
        ["resident, MiB", f"{max(r['resident'] for r in rounds):.0f}"],
        ["recipients written a second", f"{statistics.median(r['preparing'] for r in rounds):,.0f}"],
        ["of INSERT ... SELECT", setting.ratio([r["preparing"] for r in rounds], [r["insert"] for r in rounds])])


def preparing(sending, accounts, people):
    """Rows of the table: how fast an audience is written."""
    audience = Audience(sending, accounts, people)
    service = sender(sending).start()
    seconds = audience.prepare(service)["preparing_s"]
    service.stop()
    audience.sql("TRUNCATE sends")
    began = time.monotonic()
    audience.sql("INSERT INTO sends SELECT * FROM kept ORDER BY id")
    inserted = audience.blazz.value("SELECT count(*) FROM kept") / (time.monotonic() - began)
    return ["recipients, written a second, of INSERT ... SELECT"], [f"{people:,}: {people / seconds:,.0f}, {people / seconds / inserted:.2f}"]


def publish_singles(sending, audience, n=HALF_SECONDS * DIRECT_PER_SECOND):
    """Publishes single messages through the accounts in turn, at an even rate. Returns when each was handed to the producer, in ms."""
    sent, began, accounts = {}, time.time(), audience.tenant.accounts
    for i in range(n):
        while (left := began + i / DIRECT_PER_SECOND - time.time()) > 0:
            sending.producer.poll(left)
        m = audience.tenant.message(accounts[i % len(accounts)], to=f"62822{next(sending.recipients):08}")
        sent[m.request_id] = time.time() * 1000
        sending.producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{audience.tenant.workspace}:{m.account_id}")
    assert sending.producer.flush(30) == 0
    return sent


def direct(sending, audience, service):
    """(messages that the stub accepted a second, sorted latencies in ms of single messages)"""
    stub, blazz = sending.stub, sending.blazz
    offset = stub.journal_file.stat().st_size
    sent = publish_singles(sending, audience)
    wait_for(lambda: blazz.value("SELECT count(*) FROM sends WHERE request_id = ANY (%s::uuid[]) AND status = 'sent'", list(sent)) == len(sent),
             lambda: f"the single messages are sent\n{service.log_tail()}", 60)
    with open(stub.journal_file, "rb") as file:
        file.seek(offset)
        lines = [json.loads(line) for line in file]
    late = sorted(m["at_ms"] - sent[m["client_message_id"]] for m in lines if m["client_message_id"] in sent)
    assert len(late) == len(sent), (len(late), len(sent))
    return rate_of([m["at_ms"] for m in lines]), late


def singles(sending, audience, rate):
    """Rows of a table: single messages, first alone and then beside a campaign that has this rate."""
    sending.recipients = itertools.count(1)
    service = sender(sending).start()
    publish_singles(sending, audience, 1)  # the producer connects
    found = [("alone", *direct(sending, audience, service))]
    audience.prepare(service)
    before = sending.stub.stats()["accepted"]
    audience.resume(max(1, int(rate / len(audience.tenant.accounts))))
    accepted(sending.stub, before + rate, service)
    found.append(("beside a campaign", *direct(sending, audience, service)))
    audience.command(outbound.CampaignCommand.ACTION_CANCEL)
    wait_for(lambda: audience.state()["status"] in ("cancelled", "completed"), "the campaign has ended", 60)
    service.stop()
    return [["single messages", "all messages a second", "p50, ms", "p99, ms", "slowest, ms"],
            *([what, f"{measured:,.0f}", *(f"{late[int(len(late) * share)]:.0f}" for share in (0.5, 0.99)), f"{late[-1]:.0f}"]
              for what, measured, late in found)]


def counted_as_read(audience):
    """Each worker counts in a row of its own, in the transaction that changes the messages; campaigns.messages_read is their sum."""
    return audience.blazz.value("SELECT coalesce(sum(read), 0)::bigint FROM campaign_counts WHERE campaign_id = %s", audience.campaign["id"])


def loop_round(audience, service, rate):
    """Sends to everyone and waits until every message is read. Returns the seconds that the counters were behind, each time."""
    behind = []
    audience.prepare(service)
    audience.resume(rate // len(audience.tenant.accounts))
    while audience.state()["messages_sent"] < audience.people:
        read, began = counted_as_read(audience), time.monotonic()
        audience.wait(lambda c: c["messages_read"] >= read, "the counters follow", [service], every_s=0.1)
        behind.append(time.monotonic() - began)
    audience.wait(lambda c: c["messages_read"] == audience.people, "every message is read", [service])
    return behind


def whole_loop(blazz, rate, accounts):
    """Each message gets three statuses through ingest and chat-sync: rows of a table. The first campaign of two creates the recipients'
    contacts and conversations."""
    live.start(blazz)
    stub = provider_stub(blazz.folder / "loop")
    sending = Sending(blazz, stub)
    audience = Audience(sending, accounts, rate * LOOP_SECONDS)
    stub.rules({"webhooks": {"statuses": ["sent", "delivered", "read"], "delay_ms": 50, "step_ms": 50}})
    service = sender(sending).start()
    loop_round(audience, service, rate)
    blazz.sql("VACUUM ANALYZE")
    offset, before = stub.journal_file.stat().st_size, loop_cpu_s(blazz, service, stub)
    behind = loop_round(audience, service, rate)
    after, times = loop_cpu_s(blazz, service, stub), times_ms(stub, offset)
    late_s = time.time() - max(times) / 1000
    service.stop()
    wrong = stub.close()
    assert not wrong, wrong
    return [["the whole loop", ""], ["messages a second", f"{rate_of(times):,.0f}"],
            ["seconds from the last message until all are counted as read", f"{late_s:.1f}"],
            ["seconds that counters are behind, median, most", f"{statistics.median(behind):.1f}, {max(behind):.1f}"],
            *[[f"CPU of {name} a message, µs", f"{(after[name] - before[name]) / audience.people * 1e6:.0f}"] for name in after]]


def loop_cpu_s(blazz, service, stub):
    """CPU seconds, by process."""
    used = {s.name: setting.cpu_s(s.process) for s in (service, blazz.in_, blazz.sync)} | {"provider-stub": setting.cpu_s(stub.process)}
    roles = ("blazz_campaign_sender", "blazz_chat_sync", "blazz_ingest")
    return used | {"PostgreSQL": sum(backends_cpu_s(blazz, role) for role in roles)}


def warm_up(blazz, accounts):
    """Sends a small campaign. Returns the bodies of its messages."""
    stub = provider_stub(blazz.folder / "warm-up")
    sending = Sending(blazz, stub)
    audience = Audience(sending, accounts, SAMPLE)
    service = sender(sending).start()
    audience.prepare(service)
    audience.resume()
    audience.wait(lambda c: c["status"] == "completed", "the campaign is completed", [service])
    service.stop()
    bodies = sample(stub)
    stub.close()
    return bodies


def run(options):
    print(setting.machine(), flush=True)
    with setting.stack(PARTITIONS) as blazz:
        bodies = warm_up(blazz, options.accounts)
        stub = provider_stub(blazz.folder / "quiet", journal__bodies=False)
        sending = Sending(blazz, stub)
        audience = Audience(sending, options.accounts, options.messages)
        rounds = [round_of(sending, audience, bodies, dict(options.set)) for _ in range(options.rounds)]
        report(rounds, options.accounts)
        half = statistics.median(r["rate"] for r in rounds) / 2
        setting.table(*singles(sending, audience, min(half, options.messages / (HALF_SECONDS + 5))))
        setting.table(*preparing(sending, options.accounts, options.prepare))
        stub.close()
        setting.table(*whole_loop(blazz, options.loop, options.accounts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--accounts", type=int, default=16, help="at most 16; one sends 1,000 a second at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prepare", type=int, default=1_000_000, help="recipients of the audience that is only written")
    parser.add_argument("--loop", type=int, default=1000, help="messages a second of the whole loop")
    parser.add_argument("--set", action="append", default=[], type=setting.key_value, help="a setting of campaign-sender: flush.interval=50ms")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
