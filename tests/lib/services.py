"""A private PostgreSQL and RabbitMQ that may be stopped, killed and started again.

They listen on free ports of loopback and keep everything in one folder; nothing that runs already notices them. Every
process has a session of its own and is ended by its own id.
"""

import asyncio
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 120
# Debian's script in sbin changes to the user rabbitmq, who could not write here.
BROKERS = ["/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server")]


def free_ports(count):
    """Different free ports, below the range that the kernel gives to outgoing connections."""
    held = []
    while len(held) < count:
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", random.randrange(20000, 32000)))
            held.append(one)
        except OSError:
            one.close()
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def port_open(port):
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


async def wait_for(what, look, patience=PATIENCE, pause=0.1):
    """Looks until there is something to see; what is waited for is another process, so it is polled."""
    end = time.monotonic() + patience
    while True:
        seen = look()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"not seen within {patience} s: {what}")
        await asyncio.sleep(pause)


class Service:
    """One process that is started, ended in several ways, and started again."""

    def __init__(self, name, folder):
        self.name, self.folder, self.process = name, folder, None

    def spawn(self, command, **more):
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **more
            )

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def cpu(self):
        """Seconds of processor time that it and its descendants have used, those that ended included."""
        seconds, waiting = 0.0, [self.process.pid]
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
        while waiting:
            pid = waiting.pop()
            waiting += parents.get(pid, [])
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            seconds += sum(int(it) for it in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        return seconds

    def tail(self, lines=25):
        return "\n".join((self.folder / f"{self.name}.log").read_text(errors="replace").splitlines()[-lines:])

    async def end(self, number, whole_session=False):
        """Sends a signal to the process, or to all of its session, and waits for the process to end."""
        if not self.runs():
            return
        if whole_session:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        await wait_for(f"the end of {self.name}", lambda: not self.runs(), 60)


class Postgres(Service):
    """What was committed outlives its processes, however they end; with `fsync` it outlives the machine too."""

    def __init__(self, folder, fsync=False):
        super().__init__("postgres", folder)
        [self.port] = free_ports(1)
        self.fsync = "on" if fsync else "off"
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda it: float(it.parts[-3]))
        self.bin = found[-1].parent if found else Path(shutil.which("initdb") or "initdb").parent
        self.data, self.user = folder / "postgres", {}
        self.data.mkdir()
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                owner = pwd.getpwnam("nobody")
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
            self.user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def url(self, port=None, database="postgres"):
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{database}"

    def initialise(self):
        subprocess.run(
            [self.bin / "initdb", f"--pgdata={self.data}", "--auth=trust", "--no-sync", "--username=postgres",
             "--encoding=UTF8", "--locale=C"], cwd=self.data, check=True, capture_output=True, **self.user)

    async def start(self):
        """Comes up even after a crash: backends that outlived their server may hold its memory for a moment."""
        end = time.monotonic() + PATIENCE
        while True:
            self.spawn([self.bin / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", "",
                        "-c", f"fsync={self.fsync}", "-c", "synchronous_commit=on", "-c", "full_page_writes=on",
                        "-c", "max_connections=200"], cwd=self.data, **self.user)
            while self.runs():
                if await self.answers():
                    return
                if time.monotonic() > end:
                    raise TimeoutError(f"PostgreSQL does not start\n{self.tail()}")
                await asyncio.sleep(0.1)
            if time.monotonic() > end:
                raise TimeoutError(f"PostgreSQL does not start\n{self.tail()}")
            await asyncio.sleep(0.2)

    async def answers(self):
        asked = await asyncio.create_subprocess_exec(
            self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        return await asked.wait() == 0

    async def restart(self, number):
        """SIGINT ends it in order, SIGQUIT at once, SIGKILL without its knowing."""
        await self.end(number)
        await self.start()

    def run(self, script, database="postgres"):
        """Runs statements and returns what psql prints."""
        done = subprocess.run(
            [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(database=database)], input=script, text=True,
            capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def rows(self, query, database="postgres"):
        """The rows of a query, as dictionaries."""
        return [json.loads(line) for line in self.run(f"SELECT row_to_json(t) FROM ({query}) t", database).splitlines()]


class Rabbit(Service):
    def __init__(self, folder):
        super().__init__("rabbitmq", folder)
        self.port, self.dist, self.mapper_port = free_ports(3)
        self.home, self.mapper = folder / "rabbitmq", Service("epmd", folder)
        self.server = next((Path(it) for it in BROKERS if it and os.access(it, os.X_OK)), None)
        if self.server is None:
            raise SystemExit("rabbitmq-server is missing. On Debian: apt-get install --no-install-recommends rabbitmq-server")

    def url(self, port=None):
        return f"amqp://guest:guest@127.0.0.1:{port or self.port}/%2f"

    def environment(self):
        home = self.home
        return os.environ | {
            "HOME": str(home), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self.mapper_port),
            "ERL_INETRC": str(home / "inetrc"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": "tenantd-faults@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_DIST_PORT": str(self.dist),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"), "RABBITMQ_LOG_BASE": str(home / "log"), "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    async def initialise(self):
        self.home.mkdir()
        (self.home / "enabled_plugins").write_text("[].\n")
        (self.home / "rabbitmq.conf").write_text("log.console.level = warning\n")
        # A machine without /etc/hosts or name service still knows localhost.
        (self.home / "inetrc").write_text('{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n')
        # The broker would start a port mapper that outlives it; this one is ours.
        self.mapper.spawn(["epmd", "-address", "127.0.0.1", "-port", str(self.mapper_port)], cwd=self.home)
        await wait_for("the port mapper", lambda: port_open(self.mapper_port))

    async def start(self):
        end = time.monotonic() + PATIENCE
        while True:
            self.spawn([self.server], cwd=self.home, env=self.environment())
            while self.runs():
                if port_open(self.port):
                    return
                if time.monotonic() > end:
                    raise TimeoutError(f"RabbitMQ does not start\n{self.tail()}")
                await asyncio.sleep(0.1)
            if time.monotonic() > end:
                raise TimeoutError(f"RabbitMQ does not start\n{self.tail()}")
            # A name that the mapper has not yet seen go.
            await asyncio.sleep(0.3)

    async def restart(self, number):
        """SIGTERM ends it in order; SIGKILL takes the whole session, for the server is started by a shell."""
        await self.end(number, whole_session=number == signal.SIGKILL)
        await self.start()

    async def stop(self):
        await self.end(signal.SIGKILL, whole_session=True)
        await self.mapper.end(signal.SIGTERM)
