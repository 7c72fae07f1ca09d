"""The load of cleanup's jobs: two tenants with the same messages, of which one keeps them for 30 days, people to erase, rows that are of no use any
more, and rows to backfill; and the rotation of the keys that seal secrets. kept.py judges what is left.

The tenants are apart from those of plan.py, because what is stored of their old messages depends on when it arrived.
"""
import base64
import hashlib
import os
import subprocess
import threading
import time
from contextlib import closing

import psycopg2
import psycopg2.extras
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2

from harness.blazz import KEYRING, fetched
from harness.cleanup import JobRequest
from harness.events import Source
from harness.sealing import opened, seal
from harness.service import config_text
from harness.waiting import wait_for

from keeping_plan import BACKFILL_ROWS, DAY_S, DAYS, ERASE_EVERY, GROUP, MEMBER
from load import PATIENCE_S

JOBS = ("retention", "recount", "orphans", "maintenance", "backfill", "erasure")
# Each job runs several times in a cycle. The wait of erasures is longer than chat-sync's cache.ttl.
TIMES = {"jobs.retention.every": "1500ms", "jobs.recount.every": "5s", "jobs.orphans.every": "3s", "jobs.maintenance.every": "10s", "jobs.backfill.every": "1s",
         "jobs.erasure.every": "400ms", "jobs.erasure.after": "1s", "qr.ttl": "1h"}
CACHE = {"cache.ttl": "600ms"}
FORMER, NEXT = KEYRING, "k2:" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
SEALED = {"provider_apps": "app", "whatsapp_accounts": "account", "webhook_endpoints": "endpoint", "instances": "instance"}
SECRET, QR_CODE, STUB_QR_CODE = "secret-of-the-keeper", "2@a-code-that-is-kept", "2@example-code"
KILLED_AT = ("secrets_rotate_before_commit", "secrets_rotate_after_commit", "secrets_rotate_read")
DONE = (psycopg2.errors.UniqueViolation, psycopg2.errors.DuplicateFunction)  # of a transaction whose outcome was not known
# What cleanup deletes of messages, as PostgreSQL itself saw it: in a schema that no program looks at.
NOTE = """CREATE SCHEMA chaos;
CREATE TABLE chaos.deleted (workspace_id bigint, message_key text, sent_at timestamptz, at timestamptz, days integer, unread boolean);
CREATE TABLE chaos.filled (run integer, id bigint, writes integer NOT NULL DEFAULT 0, PRIMARY KEY (run, id));
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
    INSERT INTO chaos.deleted SELECT old.workspace_id, old.message_key, old.sent_at, now(), (w.settings #>> '{retention,messages_days}')::integer,
        old.type = 'inbound' AND old.origin IN ('live', 'sync') AND old.deleted_at IS NULL AND old.sent_at > coalesce(v.last_read_at, '-infinity')
    FROM workspaces w JOIN conversations v ON (v.workspace_id, v.id) = (w.id, old.conversation_id) WHERE w.id = old.workspace_id;
    RETURN NULL; END $$;
CREATE TRIGGER note_deleted AFTER DELETE ON chats FOR EACH ROW WHEN (session_user = 'blazz_cleanup') EXECUTE FUNCTION chaos.note()"""
BACKFILL = """INSERT INTO chaos.filled SELECT {n}, g FROM generate_series(1, {rows}) g;
CREATE FUNCTION backfill_chaos_{n}(after text, n integer) RETURNS TABLE (next text, rows integer) LANGUAGE plpgsql AS $$ BEGIN
    WITH page AS (SELECT id FROM chaos.filled WHERE run = {n} AND id > coalesce(nullif(after, '')::bigint, 0) ORDER BY id LIMIT n),
    written AS (UPDATE chaos.filled t SET writes = t.writes + 1 FROM page WHERE t.run = {n} AND t.id = page.id RETURNING t.id)
    SELECT (SELECT max(id)::text FROM page), (SELECT count(*)::integer FROM written) INTO next, rows; RETURN NEXT; END $$;
INSERT INTO backfills (name) VALUES ('chaos_{n}')"""
# Of each kind one that is over and one that is kept.
ORPHANS = """WITH a AS (SELECT workspace_id, id FROM whatsapp_accounts WHERE uuid = %(account)s),
    l AS (INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason, details, executed_at)
        SELECT workspace_id, id, 'scheduled', 'duplicate', d, now() - t::interval FROM a,
        (VALUES (%(over)s, '1 year 1 hour'), (%(kept)s, '364 days')) AS v (d, t)),
    q AS (INSERT INTO account_qr (workspace_id, account_id, code, expires_at) SELECT b.workspace_id, b.id, v.code, now() + v.t::interval
        FROM (VALUES (%(account)s, %(code)s, '1 day'), (%(other)s, %(other_code)s, '-1 second')) AS v (uuid, code, t)
        JOIN whatsapp_accounts b ON b.uuid = v.uuid::uuid
        ON CONFLICT (workspace_id, account_id) DO UPDATE SET code = excluded.code, expires_at = excluded.expires_at)
    INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open, ended_at) SELECT workspace_id, id, d, 0, false, now() - t::interval
    FROM a, (VALUES (%(over)s, '30 days 1 hour'), (%(kept)s, '29 days')) AS v (d, t)"""
MEMBERS = """INSERT INTO contact_group_members (workspace_id, group_id, address, name) SELECT workspace_id, id, %s, %s FROM contact_groups
    WHERE workspace_id = (SELECT id FROM workspaces WHERE uuid = %s) ON CONFLICT DO NOTHING"""
CONTACT = """SELECT c.uuid::text FROM contact_aliases a JOIN workspaces w ON w.id = a.workspace_id
    JOIN contacts c ON (c.workspace_id, c.id) = (a.workspace_id, a.contact_id) WHERE w.uuid = %s AND a.kind = 'phone' AND a.value = %s"""
# What the jobs have still to do.
LEFT = """SELECT 'old messages' AS what, count(*) AS n FROM chats c JOIN workspaces w ON w.id = c.workspace_id WHERE w.uuid = %(keeper)s
        AND c.sent_at < now() - make_interval(days => %(days)s)
    UNION ALL SELECT 'erasures', count(*) FROM erasures WHERE completed_at IS NULL
    UNION ALL SELECT 'backfills', count(*) FROM backfills WHERE completed_at IS NULL
    UNION ALL SELECT 'logs', count(*) FROM session_cleanup_logs WHERE executed_at < now() - interval '1 year'
    UNION ALL SELECT 'syncs', count(*) FROM account_syncs WHERE NOT open AND ended_at < now() - interval '30 days'
    UNION ALL SELECT 'QR codes', count(*) FROM account_qr WHERE expires_at < now()"""


class Keeping:
    def __init__(self, blazz, folder, planner, publisher, unmanaged, gate):
        self.blazz, self.folder, self.planner, self.publisher, self.gate = blazz, folder, planner, publisher, gate
        self.lock, self.failures, self.thread, self.answers, self.sealed = threading.Lock(), [], None, {}, {}
        self.messages, self.people, self.runs, self.last_passes = [], [], [], 0.0
        self.keyring, self.rotated = f"{FORMER}\n{NEXT}", False
        self.keeper = blazz.add_workspace(planner.markers[0], retention={"messages_days": DAYS}, sync={"window_days": 0})
        self.neighbour = blazz.add_workspace(planner.markers[1], sync={"window_days": 0})
        self.accounts = [Source(w, blazz.add_account(w, SECRET, session=f"kept-{n}", provider="webjs", bridge="blazz", ref=f"kept-{n}", instance=unmanaged))
                         for n, w in enumerate((self.keeper, self.keeper, self.neighbour))]
        self.sql(NOTE)
        self.sql("INSERT INTO contact_groups (workspace_id, name) SELECT id, 'all' FROM workspaces WHERE uuid = %s", self.keeper)
        blazz.ctl_config["secrets.keyring"] = self.keyring
        self.do_group()
        self.do_person(planner.first)

    def sql(self, query, *parameters):
        """Over a connection of its own: faults end connections, and other threads have their own."""
        with self.gate.passing(), closing(psycopg2.connect(self.blazz.conninfo("postgres"), connect_timeout=2)) as c, c, \
                c.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(query, parameters[0] if parameters and isinstance(parameters[0], dict) else parameters)
            return fetched(cursor)

    def write(self, query, *parameters):
        """Until it is done, through faults of PostgreSQL."""
        def done():
            try:
                self.sql(query, *parameters)
            except DONE:
                pass
            except psycopg2.Error:
                return False
            return True

        wait_for(done, f"{query[:60]} is written", PATIENCE_S)

    # Load

    def start(self, chores):
        self.thread = threading.Thread(target=self.run, args=(chores, time.monotonic()), daemon=True)
        self.thread.start()

    def run(self, chores, began):
        try:
            self.write_again()
            for c in chores:
                time.sleep(max(0.0, began + c.due - time.monotonic()))  # not a wait for a condition: the load has a schedule
                getattr(self, f"do_{c.what}")(c.fields)
        except Exception as e:  # reported by finish()
            self.failures.append(e)

    def publish(self, event, line=None):
        """line: of what is to be stored, or not."""
        topic = "inbound" if event.origin == common.ORIGIN_LIVE else "inbound.bulk"
        self.publisher.publish(topic, f"{event.workspace_id}:{event.account_id}", event.SerializeToString(), [],
                               lambda: line is not None and line.update(acknowledged=True))

    def do_message(self, f):
        now = time.time()
        if f["old"]:
            self.last_passes = max(self.last_passes, now + DAYS * DAY_S - f["age_s"])
        for account in (self.accounts[0], self.accounts[2]):
            body = f"{self.marker_of(account)} says {f['stanza']}"
            origin = common.ORIGIN_HISTORY if f.get("history") else common.ORIGIN_LIVE
            e = account.message(f["stanza"], f["phone"], body, at=now - f["age_s"], out=f["out"], origin=origin)
            line = {"workspace": account.workspace, "key": e.message.key, "old": f["old"], "acknowledged": False}
            self.messages.append(line)
            self.publish(e, line)

    def marker_of(self, account):
        return self.planner.markers[account.workspace == self.neighbour]

    def do_update(self, f):
        for account in (self.accounts[0], self.accounts[2]):
            if f["out"]:
                self.publish(account.status(f["stanza"], common.MESSAGE_STATUS_READ, at=time.time(), phone=f["phone"]))
            else:
                self.publish(account.edit(f["stanza"], f"{self.marker_of(account)} corrects", at=time.time(), phone=f["phone"]))

    def do_read(self, f):
        for account in (self.accounts[0], self.accounts[2]):
            e = account.event("read_marker", f["phone"], at=time.time())
            account.fill_chat(e.read_marker.chat, f["phone"])
            e.read_marker.read_at_ms = int((time.time() - DAYS // 2 * DAY_S) * 1000)
            self.publish(e)

    def do_group(self):
        e = self.accounts[0].event("group_change", "made", at=time.time())
        e.group_change.group.jid, e.group_change.action = GROUP, inbound_pb2.GroupChange.ACTION_CREATE
        e.group_change.participants.add().party.phone = MEMBER
        self.publish(e)

    # People

    def do_person(self, p):
        """In private chats of both accounts, first under a LID alone; in a group as a member, writer, voter, reader, and quoted; in an audience."""
        (first, second, neighbour), now = self.accounts, time.time()
        marker, n, texts = p["marker"], p["n"], []

        def message(account, kind, phone, body, **more):
            texts.append(account.message(f"3EB0E{kind}{n}", phone, body, at=now - 100, **more))

        message(first, "L", None, f"{marker} before", lid=p["lid"])
        for account in (first, second):
            message(account, "A", p["phone"], f"{marker} writes", lid=p["lid"], name=f"Name {marker}")
        message(first, "O", p["phone"], f"dear {marker}", out=True)
        message(first, "G", None, f"{marker} in the group", group=GROUP, sender=p["phone"])
        message(first, "Q", None, f"{self.planner.markers[0]} as you say", group=GROUP, sender=MEMBER)
        quoted = texts[-1].message.quoted
        quoted.target.stanza, quoted.sender.phone, quoted.body = f"3EB0EG{n}", p["phone"], marker
        message(neighbour, "A", p["phone"], f"{p['twin']} writes")
        for e in [self.joins(first, p, now), *texts, *self.acts_in_group(first, p, now)]:
            self.publish(e, line := {"acknowledged": False})
        self.write(MEMBERS, p["phone"], f"Name {marker}", self.keeper)
        self.people.append(p | {"line": line, "contact": None, "asked": False, "wrote_again": None})

    @staticmethod
    def joins(account, p, now):
        e = account.event("group_change", "joins", p["n"], at=now - 100)
        e.group_change.group.jid, e.group_change.action = GROUP, inbound_pb2.GroupChange.ACTION_ADD
        e.group_change.participants.add().party.phone = p["phone"]
        return e

    @staticmethod
    def acts_in_group(account, p, now):
        q = f"3EB0EQ{p['n']}"
        vote = account.event("poll_vote", q, at=now)
        vote.poll_vote.target.key, vote.poll_vote.voter.phone = f"false:{q}", p["phone"]
        vote.poll_vote.options.append(p["marker"])
        account.fill_chat(vote.poll_vote.chat, group=GROUP)
        reaction = account.event("reaction", q, at=now)
        reaction.reaction.target.key, reaction.reaction.emoji, reaction.reaction.sender.phone = f"false:{q}", "👍", p["phone"]
        account.fill_chat(reaction.reaction.chat, group=GROUP)
        return [vote, reaction, account.edit(f"missing{p['n']}", p["marker"], at=now, phone=p["phone"])]

    def do_erase(self, _):
        self.erase_next()

    def erase_next(self):
        """Requests that somebody whose records are all stored is erased, as an operator does, until it is accepted. Returns whether there is one."""
        with self.lock:
            p = next((p for p in self.people if not p["asked"] and p["line"]["acknowledged"]), None)
            if p:
                p["asked"] = True
        if p:
            wait_for(lambda: self.asked_to_erase(p), f"{p['phone']} is to be erased", PATIENCE_S)
        return p is not None

    def asked_to_erase(self, p):
        try:
            p["contact"] = p["contact"] or next((r["uuid"] for r in self.sql(CONTACT, self.keeper, p["phone"])), None)
            known = p["contact"] and self.sql("SELECT id FROM erasures WHERE contact = %s", p["contact"])
        except psycopg2.Error:
            return False
        with self.gate.passing():
            return known or p["contact"] and self.blazz.ctl_run("--json", "contacts", "erase", p["contact"]).returncode == 0

    def do_meanwhile(self, _):
        """Somebody who is being erased writes: whether it stays depends on the moment."""
        for p in [p for p in self.people if p["asked"] and p["wrote_again"] is None][-1:]:
            now = time.time()
            self.publish(self.accounts[0].message(f"3EB0W{p['n']}{int(now * 1000)}", p["phone"], f"{self.planner.markers[0]} goes on", at=now))

    def write_again(self):
        """From numbers of erased people: a contact that stays."""
        done = [r["contact"] for r in self.sql("SELECT contact::text FROM erasures WHERE completed_at IS NOT NULL")] if self.people_gone() else ()
        for p in self.people:
            if p["contact"] in done and p["wrote_again"] is None:
                p["wrote_again"] = {"acknowledged": False}
                self.publish(self.accounts[0].message(f"3EB0Z{p['n']}", p["phone"], f"{p['again']} is back", at=time.time()), p["wrote_again"])

    def people_gone(self):
        return any(p["asked"] and p["wrote_again"] is None for p in self.people)

    # Rows for the other jobs

    def do_orphans(self, f):
        account, other = (a.account for a in self.accounts[:2])
        self.write(ORPHANS, {"over": f"over {f['n']}", "kept": f"kept {f['n']}", "account": account, "other": other,
                             "code": seal("qr", account, QR_CODE, FORMER), "other_code": seal("qr", other, QR_CODE, FORMER)})
        self.runs.append(f["n"])

    def do_backfill(self, f):
        self.write(BACKFILL.format(rows=BACKFILL_ROWS, **f))

    def finish(self):
        self.thread.join()
        pending = self.publisher.flush(PATIENCE_S)
        assert not pending and not self.failures, f"{pending} records of the keeper unacknowledged; {self.failures}"

    # Rotation

    def turn(self, services):
        """The other key seals from now on: new configurations, and SIGHUP to each program that has written its port and so handles it."""
        self.keyring, self.rotated = "\n".join(reversed(self.keyring.split("\n"))), False
        self.blazz.ctl_config["secrets.keyring"] = self.keyring
        for service in services:
            if "secrets.keyring" in service.settings:
                self.give_keys(service)
                (service.folder / "conf").write_text(config_text(service.settings))
                process = service.process
                if process and all(f.exists() for f in service.port_files()):
                    process.send_signal(1)

    def give_keys(self, service):
        """To a program that starts later."""
        if "secrets.keyring" in service.settings:
            service.settings["secrets.keyring"] = self.keyring

    def secrets(self, *words, failpoint=None):
        """The status of `blazzctl secrets …`."""
        file = self.folder / "secrets.conf"
        file.write_text(config_text(self.blazz.ctl_config))
        env = {k: v for k, v in os.environ.items() if not k.startswith("BLAZZ_")} | ({"FAILPOINT": failpoint} if failpoint else {})
        return subprocess.run([self.blazz.programs / "blazzctl", "-c", file, "--json", "secrets", *words], capture_output=True, env=env).returncode

    def rotate(self, random):
        """Killed half-way and run again. Returns whether it was killed."""
        killed = self.secrets("rotate", failpoint=f"{random.choice(KILLED_AT)}:kill@{random.randint(1, 4)}") == -9
        former = self.keyring.split("\n")[1].partition(":")[0]
        if killed:
            assert self.secrets("retire", former, "--no-backups") != 0, f"{former} is given up, and values are sealed with it"
        wait_for(lambda: self.secrets("rotate") == 0, "every value is sealed again", PATIENCE_S)
        self.rotated = True
        return killed

    def sealed_now(self):
        """{table/row: [digest of the text, or why it does not open; id of its key]}"""
        out = {}
        for table, word in SEALED.items():
            for r in self.sql(f"SELECT uuid::text, secrets FROM {table} WHERE secrets IS NOT NULL"):
                try:
                    key, text = opened(word, r["uuid"], r["secrets"], self.keyring)
                    out[f"{table}/{r['uuid']}"] = [hashlib.sha256(text.encode()).hexdigest(), key]
                except Exception as e:  # it was altered, or sealed for another row
                    out[f"{table}/{r['uuid']}"] = [f"does not open: {e!r}", ""]
        return out

    # State

    def left(self):
        return {r["what"]: r["n"] for r in self.sql(LEFT, {"keeper": self.keeper, "days": DAYS}) if r["n"]}

    def settled(self):
        return time.time() > self.last_passes and not self.left()

    def logs(self):
        return "\n".join(s.log_tail(12) for s in self.blazz.services if s.name == "cleanup")

    def run_jobs_again(self):
        """Each job has done its work already. In the cycles with an erasure, as it takes seconds."""
        if self.planner.cycle_n % ERASE_EVERY:
            return
        requests = {job: JobRequest(self, job) for job in JOBS}
        self.answers = {job: request.answer() for job, request in requests.items()}

    def state(self):
        now = self.sealed_now()
        self.sealed = self.sealed or {place: text for place, (text, _) in now.items()}
        people = [{k: p[k] for k in ("phone", "lid", "marker", "again", "twin", "contact")} | {"back": bool((p["wrote_again"] or {}).get("acknowledged"))}
                  for p in self.people]
        return {"tenants": {self.keeper: self.planner.markers[0], self.neighbour: self.planner.markers[1]}, "keeper": self.keeper,
                "accounts": {a.account: a.workspace for a in self.accounts}, "messages": [dict(m) for m in self.messages], "people": people,
                "deleted": [r["row"] for r in self.sql("SELECT to_jsonb(d) AS row FROM chaos.deleted d")],
                "filled": self.sql("""SELECT run, count(*) AS rows, min(writes) AS least, max(writes) AS most,
                    (SELECT b.rows FROM backfills b WHERE b.name = 'chaos_' || run) AS counted FROM chaos.filled GROUP BY run ORDER BY run"""),
                "runs": list(self.runs), "answers": self.answers, "first_texts": self.sealed, "sealed": now, "rotated": self.rotated,
                "first_key": self.keyring.partition(":")[0],
                "secrets": [SECRET, QR_CODE, STUB_QR_CODE, *(k.partition(":")[2] for k in (FORMER, NEXT))]}

    def remaining(self):
        return [str(self.left()), *map(str, self.sql("SELECT * FROM erasures WHERE completed_at IS NULL")),
                *map(str, self.sql("SELECT name, result, cursor, found, acted, error FROM cleanup_jobs"))]
