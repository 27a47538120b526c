"""What is left behind after a run: rows, messages, and what the cloud was asked. The checker judges only this."""

import json
import socket
import time
from dataclasses import dataclass, field

import amqp

from replicas import PREFIX

HEARD = f"{PREFIX}.heard"
QUORUM = {"x-queue-type": "quorum"}


@dataclass
class Evidence:
    """Everything that the rules look at, as plain data, so that a test can doctor it."""

    # The time in which schedules are judged, and when everything was read.
    began: float = 0.0
    ended: float = 0.0
    judged: float = 0.0
    # Asked, by tenantd's id; messages that are no job, by their marker; second jobs under a used id.
    jobs: dict = field(default_factory=dict)
    broken: dict = field(default_factory=dict)
    reused: dict = field(default_factory=dict)
    # Rows.
    rows: list = field(default_factory=list)
    letters: list = field(default_factory=list)
    log: list = field(default_factory=list)
    snapshots: dict = field(default_factory=dict)
    resources: list = field(default_factory=list)
    outbox: int = 0
    # Messages: (id, routing key, event), (id, reason).
    events: list = field(default_factory=list)
    dead: list = field(default_factory=list)
    left_in_queue: int = 0
    # The cloud: (method, path) → how often, as its log has it and as whoever meddled says; what it has in the end.
    requests: dict = field(default_factory=dict)
    meddled: dict = field(default_factory=dict)
    requests_lost: int = 0
    truth: dict = field(default_factory=dict)
    # The run itself: schedules with their period, lives of replicas, faults.
    schedules: dict = field(default_factory=dict)
    lives: list = field(default_factory=list)
    journal: list = field(default_factory=list)


def declare_ear(port):
    """A durable queue that hears every event, made before the first is published; the exchange is as the daemon's."""
    with amqp.Connection(f"127.0.0.1:{port}") as connection:
        channel = connection.channel()
        channel.exchange_declare(f"{PREFIX}.events", "topic", durable=True, auto_delete=False)
        channel.queue_declare(HEARD, durable=True, auto_delete=False, arguments=QUORUM)
        channel.queue_bind(HEARD, f"{PREFIX}.events", "#")


def depth(port, queue):
    """How many messages wait in a queue."""
    with amqp.Connection(f"127.0.0.1:{port}", connect_timeout=5, read_timeout=10) as connection:
        return connection.channel().queue_declare(queue, passive=True).message_count


def read_queue(port, queue):
    """Takes every message out of a queue."""
    messages = []
    with amqp.Connection(f"127.0.0.1:{port}") as connection:
        channel = connection.channel()
        waiting = channel.queue_declare(queue, passive=True).message_count
        channel.basic_qos(0, 500, False)

        def take(message):
            messages.append(message)
            channel.basic_ack(message.delivery_tag)

        channel.basic_consume(queue, callback=take)
        while len(messages) < waiting:
            try:
                connection.drain_events(timeout=10)
            except socket.timeout:
                break
    return messages


def text_of(message):
    body = message.body
    return body if isinstance(body, str) else bytes(body).decode(errors="replace")


def collect_messages(evidence, port):
    for message in read_queue(port, HEARD):
        event = json.loads(text_of(message))
        evidence.events.append((event["id"], message.delivery_info["routing_key"], event))
    for message in read_queue(port, f"{PREFIX}.dead"):
        headers = message.properties.get("application_headers") or {}
        evidence.dead.append((message.properties.get("message_id"), headers.get("x-tenantd-reason")))
    evidence.left_in_queue = depth(port, f"{PREFIX}.jobs")


def measure(snapshot):
    """What only grows in the cloud, of one snapshot."""
    body = snapshot["body"]
    if snapshot["resource_type"] == "quotas":
        names = ("vcpu", "floating_ip_count", "storage")
        # A service that did not answer at the first look leaves its limits out.
        return {name: body[name]["limit"] for name in names if isinstance(body.get(name, {}).get("limit"), int)}
    if snapshot["resource_type"] == "security_groups":
        return {"rules": sum(len(group["rules"]) for group in body)}
    return {"objects": len(body)}


def collect_rows(evidence, postgres):
    evidence.judged = time.time()
    evidence.rows = postgres.rows(
        "SELECT id, kind, state, outcome, attempt, source, reason, error, EXTRACT(EPOCH FROM enqueued_at) AS enqueued_at,"
        " EXTRACT(EPOCH FROM not_before) AS not_before, EXTRACT(EPOCH FROM finished_at) AS finished_at, lease_owner FROM jobs")
    evidence.letters = postgres.rows(
        "SELECT id, job, kind, reason, error, attempts, encode(body, 'escape') AS body FROM dead_letters")
    evidence.log = postgres.rows("SELECT * FROM watch.log ORDER BY number")
    evidence.resources = postgres.rows(
        "SELECT t.backend_id AS project, r.resource_type, r.snapshot, r.error FROM resources r"
        " JOIN tenants t ON t.uuid = r.tenant WHERE t.vanished_at IS NULL")
    last = {row["snapshot"] for row in evidence.resources}
    for tenant in postgres.rows("SELECT uuid FROM tenants"):
        rows = postgres.rows(f"SELECT id, resource_type, body FROM snapshots WHERE tenant = '{tenant['uuid']}'")
        for row in rows:
            # Of all but the last, what only grows is enough.
            row["measure"] = measure(row)
            evidence.snapshots[row["id"]] = row if row["id"] in last else row | {"body": None}
    evidence.outbox = postgres.rows("SELECT count(*) AS count FROM outbox")[0]["count"]
