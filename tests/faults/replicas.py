"""The daemon's replicas: their configuration, their start, and the ways in which they end."""

import asyncio
import signal
import time

from services import PATIENCE, Service, wait_for

# What is done every so many seconds, so that a run of a minute has many ticks. Each period divides a minute.
SCHEDULES = {
    "quotas": (5, "pull_quotas"), "addresses": (6, "pull_floating_ips"), "drift": (3, "detect_drift"),
    "tenants": (10, "pull_tenants"),
}
PREFIX = "faults"
CLOUD = "sim"
# Sessions end within this time after a SIGTERM.
GRACE = 3


def configuration(instance, port, database, broker, clouds_yaml, schedules=True):
    """The text of a configuration; without schedules for the end of a run."""
    ticks = "".join(
        f'[[schedules]]\nname = "{name}"\ncron = "*/{period} * * * * *"\njob = "{kind}"\n'
        for name, (period, kind) in SCHEDULES.items()
    )
    return f"""
instance = "{instance}"
[database]
url = "{database}"
migrate = false
[broker]
url = "{broker}"
prefix = "{PREFIX}"
[[clouds]]
name = "{CLOUD}"
file = "{clouds_yaml}"
request_timeout = "5s"
[drift]
confirm_spacing = "1s"
[jobs]
# No job may die of the faults: each is short, so enough attempts outlast them.
attempts = 100
retry_base = "200ms"
retry_max = "2s"
hold = "5s"
grace = "{GRACE}s"
[http]
listen = "127.0.0.1:{port}"
[telemetry]
log_format = "text"
{ticks if schedules else ""}"""


class Replica(Service):
    """One replica with a proxy of its own to the database and to the broker."""

    def __init__(self, letter, folder, binary, ports, links, clouds_yaml):
        super().__init__(f"replica-{letter}", folder)
        self.letter, self.binary, self.port = letter, binary, ports
        self.database, self.broker = links["database"], links["broker"]
        self.urls, self.clouds_yaml = {}, clouds_yaml
        self.config = folder / f"replica-{letter}.toml"
        self.generation, self.wanted, self.schedules = 1, False, True
        # Its lives: instance, from, until, how it ended.
        self.lives, self.minder = [], None

    @property
    def instance(self):
        return f"{self.letter}{self.generation}"

    def write_config(self):
        self.config.write_text(configuration(
            self.instance, self.port, self.urls["database"], self.urls["broker"], self.clouds_yaml, self.schedules))

    def start(self):
        self.write_config()
        self.wanted = True
        self.spawn([self.binary, "--config", self.config, "run"], env={"RUST_BACKTRACE": "1", "PATH": "/usr/bin:/bin"})
        life = {"replica": self.letter, "instance": self.instance, "began": time.time(), "ended": None, "how": None}
        self.lives.append(life)

    def ended(self, how):
        self.wanted = False
        self.lives[-1] |= {"ended": time.time(), "how": how, "status": self.process.poll()}

    async def mind(self):
        """Starts it again when it ends by itself, as a service manager does."""
        while True:
            await asyncio.sleep(0.2)
            if self.wanted and not self.runs():
                self.ended("by itself")
                print(f"    {self.name} ended by itself with {self.process.returncode}: {self.tail(1)}", flush=True)
                await asyncio.sleep(0.5)
                self.start()

    async def kill(self, seconds, renamed):
        """kill -9; it comes back as itself, or, as in a cluster that moves it elsewhere, under another name."""
        self.ended("kill -9")
        await self.end(signal.SIGKILL)
        await asyncio.sleep(seconds)
        if renamed:
            self.generation += 1
        self.start()

    async def terminate(self, seconds):
        """SIGTERM, and another start once it is gone."""
        await self.leave()
        await asyncio.sleep(seconds)
        self.start()

    async def leave(self):
        """SIGTERM; how long it took and its status are kept with its life."""
        began, self.wanted = time.time(), False
        try:
            await self.end(signal.SIGTERM)
        except TimeoutError:
            await self.end(signal.SIGKILL)
        self.ended("SIGTERM")
        self.lives[-1]["took"] = round(time.time() - began, 2)

    async def freeze(self, seconds):
        """SIGSTOP for a while: the process knows nothing of the time that passed."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def reload(self, schedules):
        self.schedules = schedules
        self.write_config()
        self.process.send_signal(signal.SIGHUP)

    async def ready(self):
        await wait_for(f"{self.name} to be ready and connected\n{self.tail()}", self.connected, PATIENCE)

    async def connected(self):
        try:
            return "\ntenantd_broker_connected 1" in "\n" + await self.get("/metrics")
        except (OSError, asyncio.TimeoutError):
            return False

    async def get(self, path):
        """A page of the replica, by hand: one request on one connection."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return (await reader.read()).decode(errors="replace")
            finally:
                writer.close()
