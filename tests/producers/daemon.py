"""A daemon beside its simulated cloud, with names of its own in the broker of the tests."""

import os
import subprocess
import urllib.parse
import urllib.request
import uuid

import kombu
from company import Company, free_address

BROKER = os.environ["TENANTD_TEST_AMQP_URL"]
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


class Daemon(Company):
    """Starts everything; `stop` ends it and removes what it made."""

    def __init__(self, restricted=False):
        super().__init__("producers", PATIENCE)
        self.prefix = f"p{uuid.uuid4().hex}"
        self.broker = BROKER
        try:
            if restricted:
                self.restrict()
            self.simulate(free_address(), 3)
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

    def connected(self):
        ready = self.health()
        return ready.get("leader") and ready["broker"]["state"] == "connected"

    def stop(self):
        super().stop()
        with kombu.Connection(BROKER) as connection:
            channel = connection.channel()
            for name in ("jobs", "dead"):
                channel.queue_delete(f"{self.prefix}.{name}")
            for name in ("jobs", "dead", "events"):
                channel.exchange_delete(f"{self.prefix}.{name}")
        if self.broker != BROKER:
            rabbitmqctl("delete_user", self.prefix)
