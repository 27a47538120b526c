"""The daemon that pulls, with a database of its own: what a pull took, by its jobs' rows and the kernel's books."""

import asyncio
import re
import sqlite3
from datetime import datetime
from pathlib import Path

import requests

from services import Service, free_ports, wait_for

# The four resource types that the comparison is about, each a job of its own as schedules make them.
KINDS = ["pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups"]
TABLES = ["snapshots", "findings", "expectations", "suspicions", "life", "flips"]


class Daemon:
    """One tenantd with SQLite, whose schedules never come by themselves: they are run by hand, over HTTP."""

    def __init__(self, cloud):
        self.cloud, folder = cloud, cloud.folder
        [port] = free_ports(1)
        name = f"{cloud.name}-{cloud.tenants}-{cloud.latency}-{cloud.workers}"
        self.url, self.database = f"http://127.0.0.1:{port}", folder / f"{name}.db"
        self.config = folder / f"{name}.toml"
        schedules = "".join(f"""
[[schedules]]
name = "{kind}"
cron = "0 0 0 1 1 *"
job = "{kind}"
""" for kind in ["pull_tenants", *KINDS])
        self.config.write_text(f"""
[database]
url = "sqlite://{self.database}"
[[clouds]]
name = "{cloud.name}"
file = "{cloud.clouds_yaml}"
concurrency = {cloud.concurrency}
{schedules}
[http]
listen = "127.0.0.1:{port}"
[telemetry]
log = "warn"
""")
        self.service = Service(f"daemon-{name}", folder)

    async def start(self):
        binary = self.cloud.options.binary
        self.service.spawn([binary, "--config", self.config, "run"])
        await wait_for("the daemon", self.is_ready)
        made = await run([binary, "--config", self.config, "tokens", "create", "--role", "staff", "bench"])
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {made.strip()}"
        await self.pull(["pull_tenants"])

    def asked(self):
        """How many requests it made, by service."""
        answer, asked = requests.get(f"{self.url}/metrics", timeout=60), {}
        for service, count in re.findall(r'^tenantd_openstack_requests_total\{.*service="([^"]*)".*\} (\d+)', answer.text, re.M):
            asked[service] = asked.get(service, 0) + int(count)
        return asked

    def is_ready(self):
        try:
            return requests.get(f"{self.url}/health/ready", timeout=5).ok
        except requests.RequestException:
            return False

    async def end(self):
        await self.service.end(15)

    def rows(self, sql, *values):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60) as database:
            return database.execute(sql, values).fetchall()

    def written(self):
        known = {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return sum(self.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES if table in known)

    async def pull(self, kinds=None):
        """Runs all kinds at once; the seconds from the first start to the last end, processor seconds, rows written."""
        kinds = kinds or KINDS
        before, cpu = self.written(), self.service.cpu()
        last = self.rows("SELECT COALESCE(MAX(enqueued_at), '') FROM jobs")[0][0]
        for kind in kinds:
            self.session.post(f"{self.url}/api/schedules/{kind}/run/", timeout=60).raise_for_status()
        over = ("SELECT COUNT(*) FROM jobs WHERE enqueued_at > ? AND part_of IS NULL AND outcome IS NOT NULL"
                " AND kind IN (%s)" % ",".join("?" * len(kinds)))
        await wait_for("the pulls", lambda: self.rows(over, last, *kinds)[0][0] >= len(kinds), 900, pause=0.25)
        done = self.rows("SELECT MIN(started_at), MAX(finished_at) FROM jobs WHERE enqueued_at > ?", last)[0]
        odd = self.rows("SELECT kind, outcome, error FROM jobs WHERE enqueued_at > ? AND outcome NOT IN"
                        " ('succeeded', 'unchanged')", last)
        if odd:
            raise RuntimeError(f"not everything was read: {odd[:3]}")
        begun, ended = (datetime.fromisoformat(it).timestamp() for it in done)
        return ended - begun, self.service.cpu() - cpu, self.written() - before

    def peak(self):
        """The most memory that it ever had, in MiB."""
        status = Path(f"/proc/{self.service.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

    def forget_peak(self):
        """Lets the kernel count the most memory anew."""
        Path(f"/proc/{self.service.process.pid}/clear_refs").write_text("5")


async def run(command):
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return output.decode()
