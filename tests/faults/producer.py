"""The stream of jobs. Only what the broker confirmed, or `tenantd enqueue` printed, counts as accepted."""

import json
import queue
import random
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import amqp

from replicas import CLOUD, PREFIX

# The namespace of ids that have a name; see src/model/ids.rs.
NAMESPACE = uuid.UUID("7a1e5d0c-52d4-5c0e-9a63-1f0b7c9d4e21")
PULLS = ["pull_quotas", "pull_floating_ips", "pull_security_groups", "pull_server_groups"]
DONE = frozenset({"succeeded", "unchanged", "partial"})
BROKEN = {
    "unreadable": "no JSON at all: %s",
    "unknown_kind": '{"id": "%s", "kind": "pull_quotes", "scope": "all"}',
    "invalid_message": '{"id": "%s", "kind": "pull"}',
    "invalid_params": '{"id": "%s", "kind": "pull", "scope": "all", "params": {"depth": 3}}',
}


def named_id(namespace, name):
    """The same id as the daemon makes of a producer's, or a schedule's, words."""
    return str(uuid.uuid5(uuid.uuid5(NAMESPACE, namespace), name))


@dataclass
class Asked:
    """A job that was published, perhaps several times, and what may become of it."""

    id: str
    kind: str
    body: str
    outcomes: frozenset = DONE
    reason: str | None = None
    published: int = 0
    confirmed: int = 0
    at: float = field(default_factory=time.time)


class Producer(threading.Thread):
    """Publishes jobs of all sorts with confirmations, directly to the broker."""

    def __init__(self, url, projects, seed, rate):
        super().__init__(daemon=True)
        host, self.url = url.split("@")[1].split("/")[0], url
        self.host, self.random, self.pause = host, random.Random(f"producer {seed}"), 1 / rate
        self.projects = sorted(projects)
        # By tenantd's id of the job; messages that are no job by their marker; ids used for a second, other job.
        self.jobs, self.broken, self.reused = {}, {}, {}
        self.repeats, self.halt, self.channel, self.number = queue.Queue(), threading.Event(), None, 0
        self.failures = 0

    # --- what is asked for -------------------------------------------------------------------

    def next(self):
        """Draws a message: a job, mostly."""
        draw = self.random.random()
        if draw < 0.03:
            return self.draw_broken()
        if draw < 0.06 and self.jobs:
            return self.draw_reused()
        if draw < 0.12 and self.jobs:
            return self.random.choice(list(self.jobs.values()))
        return self.draw_job()

    def draw_job(self):
        self.number += 1
        # Half of the ids are no UUIDs.
        own = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        name = f"order-{self.number}" if self.random.random() < 0.5 else own
        known = named_id("amqp", name) if name.startswith("order") else name
        draw, job, outcomes, reason = self.random.random(), {"id": name}, DONE, None
        project = self.random.choice(self.projects)
        if draw < 0.60:
            job |= {"kind": self.random.choice(PULLS), "tenant": project}
        elif draw < 0.72:
            job |= {"kind": "pull", "tenant": project}
        elif draw < 0.80:
            job |= {"kind": "detect_drift", "tenant": project}
        elif draw < 0.85:
            job |= {"kind": self.random.choice(PULLS), "cloud": CLOUD}
        elif draw < 0.88:
            job |= {"kind": self.random.choice(["detect_drift", "pull_floating_ips"]), "scope": "all"}
        elif draw < 0.92:
            job |= {"kind": "pull_tenants", "cloud": CLOUD}
        elif draw < 0.95:
            late = datetime.now(timezone.utc) - timedelta(minutes=5)
            job |= {"kind": "pull", "tenant": project, "deadline": late.isoformat()}
            outcomes, reason = frozenset({"expired"}), "expired"
        elif draw < 0.98:
            soon = datetime.now(timezone.utc) + timedelta(hours=1)
            job |= {"kind": self.random.choice(PULLS), "tenant": project, "deadline": soon.isoformat()}
        else:
            job |= {"kind": "pull_quotas", "tenant": f"{self.random.getrandbits(128):032x}"}
            outcomes, reason = frozenset({"failed"}), "unknown_tenant"
        asked = Asked(known, job["kind"], json.dumps(job), outcomes, reason)
        self.jobs[known] = asked
        return asked

    def draw_broken(self):
        self.number += 1
        marker = f"broken-{self.number:07}"
        reason = self.random.choice(list(BROKEN))
        asked = Asked(marker, "pull", BROKEN[reason] % marker, frozenset(), reason)
        self.broken[marker] = asked
        return asked

    def draw_reused(self):
        """Another job under an id that was used: the first stays, the second is dead."""
        first = self.random.choice(list(self.jobs.values()))
        if first.id in self.reused or not first.confirmed or first.outcomes != DONE:
            return self.draw_job()
        self.number += 1
        body = json.loads(first.body)
        body["kind"] = "pull_tenants" if body["kind"] != "pull_tenants" else "detect_drift"
        asked = Asked(first.id, body["kind"], json.dumps(body), frozenset(), "id_reused")
        self.reused[first.id] = asked
        return asked

    # --- how it is sent ----------------------------------------------------------------------

    def run(self):
        while not self.halt.wait(self.pause):
            try:
                self.send(self.repeats.get_nowait())
            except queue.Empty:
                self.send(self.next())

    def repeat(self, count):
        """Publishes jobs a second and a third time."""
        known = list(self.jobs.values())
        for asked in self.random.sample(known, min(count, len(known))):
            for _ in range(self.random.randint(1, 2)):
                self.repeats.put(asked)

    def send(self, asked):
        """Publishes once; whether a message arrived whose confirmation did not, nobody knows."""
        asked.published += 1
        try:
            if self.channel is None:
                self.connect()
            message = amqp.Message(asked.body, content_type="application/json", delivery_mode=2)
            self.channel.basic_publish_confirm(
                message, exchange=f"{PREFIX}.jobs", routing_key=asked.kind, mandatory=True, confirm_timeout=5)
            asked.confirmed += 1
        except Exception:  # pylint: disable=broad-except
            # However it failed: the connection is given up, and the message counts as not confirmed.
            self.failures += 1
            self.close()
            self.halt.wait(0.2)

    def connect(self):
        connection = amqp.Connection(self.host, confirm_publish=True, connect_timeout=3, read_timeout=6, write_timeout=6)
        connection.connect()
        self.channel = connection.channel()

    def close(self):
        if self.channel is not None:
            self.channel.connection.collect()
            self.channel = None

    def publish_all(self, kind):
        """One more job of a kind for the whole cloud, sent until it is confirmed."""
        self.number += 1
        name = f"last-{self.number}"
        asked = Asked(named_id("amqp", name), kind, json.dumps({"id": name, "kind": kind, "cloud": CLOUD}))
        self.jobs[asked.id] = asked
        while not asked.confirmed:
            self.send(asked)

    def stop(self):
        self.halt.set()
        self.join(30)


class Clerk(threading.Thread):
    """Enqueues jobs with the command line, which writes to the database itself."""

    def __init__(self, binary, config, projects, seed, pause=1.0):
        super().__init__(daemon=True)
        self.binary, self.config, self.projects, self.jobs, self.pause = binary, config, sorted(projects), {}, pause
        self.random, self.halt, self.refused, self.accepted = random.Random(f"clerk {seed}"), threading.Event(), 0, 0

    def run(self):
        while not self.halt.wait(self.pause):
            kind = self.random.choice(PULLS)
            whom = ["--tenant", self.random.choice(self.projects)] if self.random.random() < 0.8 else ["--cloud", CLOUD]
            try:
                done = subprocess.run([self.binary, "--config", self.config, "enqueue", kind, *whom],
                                      capture_output=True, text=True, timeout=30, check=False)
            except subprocess.TimeoutExpired:
                self.refused += 1
                continue
            if done.returncode:
                self.refused += 1
                continue
            # One that is refused may be there all the same: the connection broke after the commit.
            job = done.stdout.split()[-1]
            self.accepted += 1
            self.jobs[job] = Asked(job, kind, "", published=1, confirmed=1)

    def stop(self):
        self.halt.set()
        self.join(40)
