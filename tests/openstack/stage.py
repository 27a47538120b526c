"""What the scenarios stand on: a tenantd that runs, two projects of its own, and the openstack client.

Everything is made under a random name and removed again; nothing else in the cloud is touched.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
import traceback
import urllib.request
import uuid
from pathlib import Path

import kombu

import client

PATIENCE = 40


def wait_for(what, look, patience=PATIENCE):
    """Looks until there is something to see; what is waited for is another process, so it is polled."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.2)
    raise AssertionError(f"not seen within {patience} s: {what}")


class Stage:
    """`write` names the kinds of jobs that may change the cloud, `policies` is TOML for the configuration."""

    def __init__(self, write=(), policies=""):
        self.write, self.policies = list(write), policies
        self.name = f"scenario-{secrets.token_hex(3)}"
        self.cloud = os.environ["TENANTD_TEST_OPENSTACK_CLOUD"]
        self.binary = os.environ["TENANTD_TEST_BINARY"]
        self.amqp = os.environ["TENANTD_TEST_AMQP_URL"]
        self.postgres = os.environ["TENANTD_TEST_POSTGRES_URL"]
        self.client = os.environ.get("TENANTD_TEST_OPENSTACK_CLIENT", "openstack")
        self.folder = Path(tempfile.mkdtemp(prefix="tenantd-scenarios-"))
        self.config = self.folder / "tenantd.toml"
        self.images = self.folder / "images"
        self.images.mkdir()
        self.database = f"tenantd_{self.name.replace('-', '_')}"
        self.events = []
        self.undo = []
        self.daemon = None

    # --- the cloud -------------------------------------------------------------------------

    def openstack(self, *words, show=True, env=None, parse=True):
        """Runs the real client; a change is shown as a person would type it."""
        if show:
            print("  $ openstack " + " ".join(words), flush=True)
        extra = ["-f", "json"] if parse else []
        clean = {key: value for key, value in os.environ.items() if not key.startswith("OS_") or key == "OS_CLIENT_CONFIG_FILE"}
        command = [*(["--os-cloud", self.cloud] if env is None else []), *words, *extra]
        status, out, errors = client.run(self.client, command, clean | (env or {}), fresh=env is not None)
        if status:
            raise AssertionError(f"openstack {' '.join(words)}: {errors.strip()}")
        return json.loads(out) if parse and out.strip() else None

    def quiet(self, *words, parse=True):
        return self.openstack(*words, show=False, parse=parse)

    def make_project(self, name, tagged=True):
        tag = ["--tag", self.name] if tagged else []
        project = self.quiet("project", "create", "--domain", "default", *tag, name)["id"]
        self.undo.append(["project", "delete", project])
        return project

    def make_user(self, project):
        """A member of the project, for what only a member can make there."""
        password = secrets.token_hex(8)
        user = self.quiet("user", "create", "--domain", "default", "--password", password, self.name)["id"]
        self.undo.append(["user", "delete", user])
        self.quiet("role", "add", "--project", project, "--user", user, "member", parse=False)
        return self.login_of(self.name, password, project)

    def login_of(self, user, password, project):
        """What the client needs to be that user."""
        auth_url = next(
            endpoint["URL"] for endpoint in self.quiet("endpoint", "list", "--service", "identity", "--interface", "public")
        )
        return {
            "OS_AUTH_URL": auth_url.rstrip("/").removesuffix("/v3") + "/v3", "OS_IDENTITY_API_VERSION": "3",
            "OS_USERNAME": user, "OS_PASSWORD": password, "OS_PROJECT_ID": project,
            "OS_USER_DOMAIN_ID": "default",
        }

    # --- tenantd ---------------------------------------------------------------------------

    def tenantd(self, *words, fails=False):
        done = subprocess.run(
            [self.binary, "--config", self.config, *words], capture_output=True, text=True, check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )
        if bool(done.returncode) != fails:
            raise AssertionError(f"tenantd {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout if not fails else done.stdout + done.stderr

    def listed(self, *words):
        return json.loads(self.tenantd(*words, "--output", "json"))

    def write_config(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        clouds = os.environ.get("OS_CLIENT_CONFIG_FILE")
        file = f'file = "{clouds}"' if clouds else ""
        base, _ = self.postgres.rsplit("/", 1)
        self.config.write_text(f"""
[database]
url = "{base}/{self.database}"
[broker]
url = "{self.amqp}"
prefix = "{self.name}"
[jobs]
image_folder = "{self.images}"
[[clouds]]
name = "lab"
entry = "{self.cloud}"
{file}
discover = {{ tags = ["{self.name}"] }}
write = {json.dumps(self.write)}
[drift]
mode = {{ quotas = "guard", security_groups = "guard", floating_ips = "guard", server_groups = "guard" }}
confirm_spacing = "2s"
critical_ports = [22]
{self.policies}
[http]
listen = "127.0.0.1:{self.port}"
""")

    def start(self):
        subprocess.run(["psql", "-q", self.postgres, "-c", f"CREATE DATABASE {self.database}"], check=True)
        self.write_config()
        self.log = open(self.folder / "tenantd.log", "wb")
        self.daemon = subprocess.Popen([self.binary, "--config", self.config, "run"], stderr=self.log)
        wait_for("a broker connection", lambda: self.metric("tenantd_broker_connected") == 1)
        self.broker = kombu.Connection(self.amqp)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        """Collects every event, as a portal would."""
        with kombu.Connection(self.amqp) as connection:
            exchange = kombu.Exchange(f"{self.name}.events", "topic", durable=True)
            queue = kombu.Queue(f"{self.name}.heard", exchange, routing_key="#", auto_delete=True)

            def heard(body, message):
                self.events.append((message.delivery_info["routing_key"], json.loads(body)))
                message.ack()

            with connection.Consumer(queue, callbacks=[heard], accept=None):
                while True:
                    try:
                        connection.drain_events(timeout=1)
                    except TimeoutError:
                        continue

    def publish(self, kind, **job):
        """Publishes a native job message; its id."""
        message_id = str(uuid.uuid4())
        body = json.dumps({"id": message_id, "kind": kind, **job})
        producer = self.broker.Producer(exchange=kombu.Exchange(f"{self.name}.jobs", "topic", no_declare=True))
        producer.publish(body, routing_key=kind, content_type="application/json", content_encoding="utf-8")
        return message_id

    def send(self, kind, patience=PATIENCE, **job):
        """Publishes a native job message, and waits for the event that tells its end."""
        message_id = self.publish(kind, **job)
        event = wait_for(
            f"the end of {kind} {message_id}",
            lambda: next((e for key, e in list(self.events) if key.startswith("job.") and e["data"]["id"] == message_id), None),
            patience,
        )
        return event["data"]

    def metric(self, name, **labels):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        for line in lines:
            if line.startswith((name + " ", name + "{")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return None

    def play(self, scenarios, world):
        """Runs each, however the others went, and counts; the exit status."""
        passed = failed = 0
        for scenario in scenarios:
            print(f"- {scenario.__doc__}", flush=True)
            began = time.monotonic()
            try:
                scenario(world)
                passed += 1
                print(f"    passed in {time.monotonic() - began:.1f} s", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                traceback.print_exc()
        print(f"{passed} passed, {failed} failed")
        return 1 if failed or not passed else 0

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            code = self.daemon.wait(timeout=40)
            print(f"tenantd ended with {code}; its log is {self.log.name}")
        for words in reversed(self.undo):
            try:
                self.quiet(*words, parse=False)
            except AssertionError as error:
                print(f"  left behind: {error}")
        subprocess.run(["psql", "-q", self.postgres, "-c", f"DROP DATABASE IF EXISTS {self.database}"], check=False)
        with kombu.Connection(self.amqp) as connection:
            channel = connection.channel()
            for queue in ("jobs", "dead"):
                channel.queue_delete(f"{self.name}.{queue}")
            for exchange in ("jobs", "dead", "events"):
                channel.exchange_delete(f"{self.name}.{exchange}")
