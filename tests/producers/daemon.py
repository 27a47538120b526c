"""A daemon beside its simulated cloud, with names of its own in the broker of the tests."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
import uuid

import kombu

BROKER = os.environ["TENANTD_TEST_AMQP_URL"]
BINARY = os.environ["TENANTD_TEST_BINARY"]
# What another process does must be seen within so many seconds.
PATIENCE = 60

CONFIG = """
[database]
url = "sqlite://{folder}/t.db"
[[clouds]]
name = "sim"
file = "{folder}/clouds.yaml"
[http]
listen = "{address}"
[broker]
url = "{broker}"
prefix = "{prefix}"
[broker.celery]
tasks = {{ {tasks} }}
"""
MAPPED = '"waldur_openstack.pull_quotas" = "pull_quotas"'


VHOST = urllib.parse.unquote(urllib.parse.urlsplit(BROKER).path[1:])


def rabbitmqctl(*words):
    subprocess.run([os.environ["TENANTD_TEST_RABBITMQCTL"], "--quiet", *words], check=True, capture_output=True)


def free_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % one.getsockname()[1]


class Daemon:
    """Starts everything; `stop` ends it and removes what it made."""

    def __init__(self, restricted=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tenantd-producers-"))
        self.prefix = f"p{uuid.uuid4().hex}"
        self.address = free_address()
        self.processes = []
        self.broker = BROKER
        try:
            if restricted:
                self.restrict()
            yaml = self.folder / "clouds.yaml"
            self.launch("simulate", "--listen", free_address(), "--tenants", "3", "--clouds-yaml", yaml)
            self.wait("the simulated cloud", yaml.exists)
            self.configure("tenantd.toml", MAPPED)
            self.launch("--config", self.folder / "tenantd.toml", "run")
            self.wait("a daemon with a broker", self.connected)
        except BaseException:
            self.stop()
            raise

    def configure(self, name, tasks):
        text = CONFIG.format(
            folder=self.folder, address=self.address, broker=self.broker, prefix=self.prefix, tasks=tasks
        )
        (self.folder / name).write_text(text)
        return self.folder / name

    def restrict(self):
        """A user of the broker who may touch nothing but tenantd's own names: not the default exchange either."""
        own = f"^{self.prefix}"
        rabbitmqctl("add_user", self.prefix, "secret")
        rabbitmqctl("set_permissions", "--vhost", VHOST, self.prefix, own, own, own)
        address = BROKER.rpartition("@")[2]
        self.broker = f"amqp://{self.prefix}:secret@{address}"

    def metric(self, name):
        """The value of a metric without labels."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)

    def launch(self, *words):
        log = open(self.folder / f"log-{len(self.processes)}", "wb")
        environment = {name: it for name, it in os.environ.items() if name != "NOTIFY_SOCKET"}
        process = subprocess.Popen([BINARY, *words], stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        log.close()

    def connected(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/health/ready", timeout=5) as answer:
                ready = json.load(answer)
        except OSError:
            return False
        return ready["leader"] and ready["broker"]["state"] == "connected"

    def wait(self, what, seen):
        """What `seen` returns, once it is something; another process brings it about."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := seen():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not seen within {PATIENCE} s: {what}\n{self.log()}")

    def log(self):
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("log-*")))

    def command(self, *words, config="tenantd.toml"):
        """What a command prints as JSON."""
        words = [BINARY, "--config", self.folder / config, *words, "--output", "json"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{words}: {done.stderr}")
        return json.loads(done.stdout)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with kombu.Connection(BROKER) as connection:
            channel = connection.channel()
            for name in ("jobs", "dead"):
                channel.queue_delete(f"{self.prefix}.{name}")
            for name in ("jobs", "dead", "events"):
                channel.exchange_delete(f"{self.prefix}.{name}")
        if self.broker != BROKER:
            rabbitmqctl("delete_user", self.prefix)
        shutil.rmtree(self.folder)
