"""Tests of every way to write a job, each by the real producer: see run."""

import contextlib
import datetime
import json
import os
import pathlib
import queue
import re
import socket
import sqlite3
import subprocess
import sys
import textwrap
import unittest
import urllib.parse
import uuid

import kombu
from celery import Celery, chain
from celery.exceptions import TaskRevokedError
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent

from daemon import BROKER, MAPPED, PATIENCE, Daemon

DONE = ("succeeded", "unchanged")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@contextlib.contextmanager
def portal(settings):
    """A portal that awaits results; its queue of them is removed in the end."""
    app = Celery("portal", broker=BROKER, backend="rpc://")
    app.conf.update(settings)
    try:
        yield app
    finally:
        app.close()
        with kombu.Connection(BROKER) as connection:
            connection.channel().queue_delete(app.thread_oid)


class WithDaemon(unittest.TestCase):
    """One daemon for all the tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.stop)
        cls.app = cls.enterClassContext(portal({}))
        cls.exchange = f"{cls.daemon.prefix}.jobs"
        cls.task("tenantd.pull_tenants", scope="all").get(timeout=PATIENCE)
        cls.tenant = cls.daemon.command("tenants", "list")[0]["backend_id"]

    @classmethod
    def task(cls, name, *args, options=None, **kwargs):
        options = {"exchange": cls.exchange, "routing_key": "pull_quotas"} | (options or {})
        return cls.app.send_task(name, args=args, kwargs=kwargs, **options)

    def failure(self, result):
        """What `get` raises."""
        with self.assertRaises(Exception) as raised:
            result.get(timeout=PATIENCE)
        self.assertEqual(result.status, "FAILURE")
        return raised.exception


class CeleryTasks(WithDaemon):
    def test_a_task_gets_its_result(self):
        result = self.task("tenantd.pull_quotas", self.tenant)
        told = result.get(timeout=PATIENCE)
        self.assertEqual(result.status, "SUCCESS")
        self.assertIn(told["outcome"], DONE)
        self.assertEqual((told["id"], told["job"], told["kind"]), (result.id, result.id, "pull_quotas"))
        [job] = [job for job in self.daemon.command("jobs", "list") if job["id"] == result.id]
        self.assertEqual((job["state"], job["attempt"]), ("succeeded", 1))

    def test_keywords_ids_of_python_and_a_mapped_name(self):
        told = self.task(
            "waldur_openstack.pull_quotas", tenant=uuid.UUID(self.tenant), cloud="sim", sizes=True
        ).get(timeout=PATIENCE)
        self.assertIn(told["outcome"], DONE)
        self.assertEqual((told["kind"], told["cloud"]), ("pull_quotas", "sim"))

    def test_an_id_of_the_producers_own(self):
        task_id = f"order-{uuid.uuid4()}"
        told = self.task("tenantd.pull_quotas", self.tenant, options={"task_id": task_id}).get(timeout=PATIENCE)
        self.assertEqual(told["id"], task_id)
        self.assertNotEqual(told["job"], task_id)

    def test_a_tenant_that_does_not_exist_is_raised(self):
        error = self.failure(self.task("tenantd.pull_quotas", uuid.uuid4().hex))
        self.assertEqual(type(error).__name__, "JobFailed")
        self.assertIn("unknown_tenant", str(error))

    def test_what_is_refused_is_raised_at_once(self):
        for result, what in [
            (self.task("tenantd.pull_quotes", self.tenant), "unknown_kind: headers.task"),
            (self.task("tenantd.pull_quotas", self.tenant, sizes="many"), "invalid_params: kwargs.sizes"),
            (self.task("tenantd.pull_quotas"), "invalid_message: args[0]"),
        ]:
            self.assertIn(what, str(self.failure(result)))

    def test_other_serializers_and_protocol_1_are_told_what_to_configure(self):
        for setting, value in [("task_serializer", "pickle"), ("task_compression", "gzip"), ("task_protocol", 1)]:
            with self.subTest(setting), portal({setting: value}) as app:
                options = {"exchange": self.exchange, "routing_key": "pull_quotas"}
                error = self.failure(app.send_task("tenantd.pull_quotas", [self.tenant], **options))
                self.assertIn(f"`{setting} = ", str(error))

    def test_what_would_follow_a_task_is_refused(self):
        options = {"exchange": self.exchange, "routing_key": "pull_quotas"}
        pull = self.app.signature("tenantd.pull_quotas", [self.tenant], options=options)
        last = chain(pull, self.app.signature("portal.next", options=options)).apply_async()
        self.assertIn("unsupported_format: embed.chain", str(self.failure(last.parent)))

    def test_eta_is_awaited(self):
        eta = now() + datetime.timedelta(seconds=2)
        told = self.task("tenantd.pull_quotas", self.tenant, options={"eta": eta}).get(timeout=PATIENCE)
        self.assertGreaterEqual(datetime.datetime.fromisoformat(told["started_at"]), eta)

    def test_what_expired_is_not_done(self):
        # Parked until its time, which comes too late.
        options = {"eta": now() + datetime.timedelta(seconds=3), "expires": now() + datetime.timedelta(seconds=2)}
        error = self.failure(self.task("tenantd.pull_quotas", self.tenant, options=options))
        self.assertIsInstance(error, TaskRevokedError)

    def test_attempts_made_elsewhere_count(self):
        told = self.task("tenantd.pull_quotas", self.tenant, options={"retries": 3}).get(timeout=PATIENCE)
        self.assertEqual(told["attempts"], 4)
        told = self.task("tenantd.pull_quotas", self.tenant, options={"retries": 1000}).get(timeout=PATIENCE)
        self.assertIn(told["outcome"], DONE, "one attempt is always made")

    def test_the_user_that_the_broker_validates_is_kept(self):
        user = urllib.parse.urlsplit(BROKER).username
        result = self.task("tenantd.pull_quotas", self.tenant, options={"user_id": user})
        result.get(timeout=PATIENCE)
        with contextlib.closing(sqlite3.connect(self.daemon.folder / "t.db")) as records:
            [[producer]] = records.execute("SELECT producer FROM jobs WHERE id = ?", [uuid.UUID(result.id).bytes])
        self.assertEqual(producer, user)

    def test_a_refused_task_lives_again_once_it_is_mapped(self):
        self.failure(self.task("portal.pull_quotas", self.tenant))
        letters = self.daemon.command("dead", "list")
        [letter] = [letter for letter in letters if letter["kind"] == "portal.pull_quotas"]
        [shown] = self.daemon.command("dead", "show", letter["id"])
        self.assertEqual(shown["headers"]["task"], "portal.pull_quotas")
        self.daemon.configure("mapped.toml", f'{MAPPED}, "portal.pull_quotas" = "pull_quotas"')
        [again] = self.daemon.command("dead", "requeue", letter["id"], config="mapped.toml")
        job = self.daemon.wait("the requeued job", lambda: self.succeeded(again["job"]))
        self.assertEqual((job["kind"], job["tenant"]), ("pull_quotas", self.tenant))

    def succeeded(self, job):
        return next((it for it in self.daemon.command("jobs", "show", job) if it["state"] == "succeeded"), None)


class Readme(WithDaemon):
    def test_what_stands_there_to_be_pasted_works(self):
        text = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
        blocks = [textwrap.dedent(it) for it in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)]
        snippets = [it for it in blocks if "tenantd.jobs" in it and "import" in it]
        self.assertEqual(len(snippets), 2)
        for snippet in snippets:
            snippet = snippet.replace("amqp://guest:guest@localhost:5672//", BROKER)
            snippet = snippet.replace("tenantd.jobs", self.exchange)
            snippet = snippet.replace("75f20d49ca6b4d8899afa12c65a9da30", self.tenant)
            before = len(self.pulls())
            subprocess.run([sys.executable, "-c", snippet], check=True, capture_output=True, timeout=PATIENCE)
            self.daemon.wait("the job of the snippet", lambda: len(self.pulls()) > before)
        self.assertEqual([job["params"] for job in self.pulls()], [{"sizes": True}] * 2)

    def pulls(self):
        listed = ("jobs", "list", "--kind", "pull_quotas", "--state", "succeeded")
        return self.daemon.command(*listed)


class OtherFormats(WithDaemon):
    def setUp(self):
        self.connection = kombu.Connection(BROKER)
        self.addCleanup(self.connection.release)
        self.channel = self.connection.channel()
        self.answers = queue.Queue()
        self.inbox = kombu.Queue(f"{self.daemon.prefix}.{uuid.uuid4().hex}", exclusive=True, durable=False)

    def publish(self, body, content_type, headers=None, reply_to=None):
        producer = kombu.Producer(self.channel, kombu.Exchange(self.exchange, "topic"), auto_declare=False)
        producer.publish(
            body if isinstance(body, bytes) else body.encode(), routing_key="pull_quotas", content_type=content_type, content_encoding="binary",
            headers=headers or {}, reply_to=reply_to or self.inbox.name, correlation_id="c-7",
        )

    def ask(self, *message):
        """The answer to a message: its raw body and the message."""
        self.inbox(self.channel).declare()
        consumer = kombu.Consumer(self.channel, [self.inbox], no_ack=True, accept=["json"])
        consumer.on_message = self.answers.put
        with consumer:
            self.publish(*message)
            while self.answers.empty():
                try:
                    self.connection.drain_events(timeout=PATIENCE)
                except socket.timeout:
                    self.fail(f"no answer within {PATIENCE} s\n{self.daemon.log()}")
        answer = self.answers.get()
        self.assertEqual(answer.properties["correlation_id"], "c-7")
        return answer.body, answer

    def event(self, data=None):
        attributes = {"type": "tenantd.job.pull_quotas", "source": "/portal", "subject": self.tenant}
        return CloudEvent(attributes | {"datacontenttype": "application/json"}, data)

    def outcome(self, event, *message):
        """How an event's job ended, as its answer tells, read by the SDK."""
        body, answer = self.ask(*message)
        properties = {"content-type": answer.content_type}
        told = amqp.from_structured_event(amqp.AMQPMessage(properties, {}, body))
        self.assertEqual(told.get_data()["id"], event.get_id())
        self.assertTrue(told.get_source().startswith("/tenantd/"))
        return told.get_type(), told.get_data()

    def test_a_structured_event(self):
        event = self.event(data={"cloud": "sim", "params": {"sizes": True}})
        message = amqp.to_structured_event(event)
        kind, told = self.outcome(event, message.application_data, message.properties["content-type"])
        self.assertIn(kind, [f"tenantd.job.pull_quotas.{outcome}" for outcome in DONE])
        self.assertEqual((told["tenant"], told["cloud"]), (self.tenant, "sim"))

    def test_a_structured_event_with_bytes(self):
        event = self.event(data=json.dumps({"cloud": "sim"}).encode())
        message = amqp.to_structured_event(event)
        self.assertIn(b"data_base64", message.application_data)
        _, told = self.outcome(event, message.application_data, message.properties["content-type"])
        self.assertIn(told["outcome"], DONE)

    def test_a_binary_event_of_each_binding(self):
        for spell in (lambda name: name, lambda name: name.replace("cloudEvents_", "cloudEvents:")):
            event = self.event(data={"cloud": "sim"})
            message = amqp.to_binary_event(event)
            headers = {spell(name): it for name, it in message.application_properties.items()}
            _, told = self.outcome(event, message.application_data, message.properties["content-type"], headers)
            self.assertIn(told["outcome"], DONE)
        event = self.event()
        message = rabbitmq.to_binary_event(event)
        _, told = self.outcome(event, message.body, message.content_type, message.headers)
        self.assertIn(told["outcome"], DONE)

    def test_an_event_that_is_no_job_is_answered(self):
        event = self.event(data={"colour": "red"})
        message = rabbitmq.to_binary_event(event)
        kind, told = self.outcome(event, message.body, message.content_type, message.headers)
        self.assertEqual((kind, told["reason"]), ("tenantd.job.pull_quotas.failed", "invalid_message"))
        self.assertTrue(told["error"].startswith("data.colour: unknown field"), told["error"])

    def test_a_native_message(self):
        job = {"id": str(uuid.uuid4()), "kind": "pull_quotas", "tenant": self.tenant}
        body, _ = self.ask(json.dumps(job), "application/json")
        told = json.loads(body)
        self.assertEqual((told["id"], told["job"], told["tenant"]), (job["id"], job["id"], self.tenant))
        self.assertIn(told["outcome"], DONE)
        # The same message with another body is told why it is not done.
        body, _ = self.ask(json.dumps(job | {"kind": "pull_floating_ips"}), "application/json")
        self.assertEqual(json.loads(body)["reason"], "id_reused")

    def test_an_answer_that_nobody_takes_holds_up_nobody(self):
        job = json.dumps({"kind": "pull_quotas", "tenant": self.tenant})
        for nowhere in ("nobody-waits-here", "amq.rabbitmq.reply-to.g2dkAAh", "x" * 255):
            self.publish(job, "application/json", reply_to=nowhere)
        body, _ = self.ask(job, "application/json")
        self.assertIn(json.loads(body)["outcome"], DONE)


@unittest.skipUnless(os.environ.get("TENANTD_TEST_RABBITMQCTL"), "TENANTD_TEST_RABBITMQCTL is not set")
class Restricted(unittest.TestCase):
    def test_a_broker_that_lets_tenantd_answer_nobody_still_gets_its_events(self):
        daemon = Daemon(restricted=True)
        self.addCleanup(daemon.stop)
        with kombu.Connection(BROKER) as connection:
            channel = connection.channel()
            events = kombu.Exchange(f"{daemon.prefix}.events", "topic")
            inbox = kombu.Queue(f"{daemon.prefix}.inbox", events, "job.#", exclusive=True, durable=False)(channel)
            inbox.declare()
            producer = kombu.Producer(channel, kombu.Exchange(f"{daemon.prefix}.jobs", "topic"), auto_declare=False)
            ids = {str(uuid.uuid4()) for _ in range(3)}
            for job in ids:
                body = {"id": job, "kind": "pull_tenants", "scope": "all"}
                producer.publish(body, "pull_tenants", serializer="json", reply_to=inbox.name)
            ended = set()

            def ended_all():
                while message := inbox.get(no_ack=True, accept=["application/cloudevents+json; charset=utf-8"]):
                    ended.add(json.loads(message.body)["data"]["id"])
                return ended >= ids

            daemon.wait("the events of the jobs", ended_all)
            daemon.wait("an empty outbox", lambda: daemon.metric("tenantd_outbox_pending") == 0)
            self.assertIn("an answer is given up", daemon.log())


if __name__ == "__main__":
    names = sys.argv[1:]
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    broken = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    passed = result.testsRun - len(broken) - len(result.skipped)
    print(f"{max(passed, 0)} passed, {len(broken)} failed, {len(result.skipped)} skipped")
    sys.exit(bool(broken) or not result.testsRun)
