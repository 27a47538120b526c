"""Prints how many jobs a second are read from the queue, done, committed and acknowledged: by one replica, by two, and,
for comparison, what lapin alone takes from the same queue and what Celery workers pull. All of it in one run, for the
figures of a shared machine are only worth something next to each other.
"""

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rivals import celery_rate, lapin_rate
from services import Postgres, Rabbit, Service, free_ports, wait_for
from stream import depth, is_consumed, publish

FOLDER = Path(__file__).parent


class Stage:
    """The services, one simulated cloud at a time, and a database for each measurement."""

    def __init__(self, options, folder):
        self.options, self.folder, self.number = options, folder, 0
        self.postgres, self.rabbit, self.cloud = Postgres(folder, fsync=not options.no_fsync), Rabbit(folder), None

    async def set_up(self):
        self.postgres.initialise()
        await self.rabbit.initialise()
        await asyncio.gather(self.postgres.start(), self.rabbit.start())

    async def simulate(self, latency):
        if self.cloud:
            await self.cloud.end(9)
        [port] = free_ports(1)
        self.cloud, self.cloud_url = Service(f"cloud-{latency}", self.folder), f"http://127.0.0.1:{port}"
        self.clouds_yaml = self.folder / "clouds.yaml"
        self.clouds_yaml.unlink(missing_ok=True)
        self.cloud.spawn([
            self.options.binary, "simulate", "--listen", f"127.0.0.1:{port}", "--tenants", str(self.options.tenants),
            "--latency", latency, "--clouds-yaml", self.clouds_yaml])
        await wait_for("the simulated cloud", self.clouds_yaml.exists)

    def fresh(self):
        """A database and a prefix of their own."""
        self.number += 1
        name = f"bench{self.number}"
        self.postgres.run(f"CREATE DATABASE {name}")
        return name

    def replica(self, name, letter):
        [port] = free_ports(1)
        config = self.folder / f"{name}-{letter}.toml"
        more = "".join(f"{line}\n" for line in self.options.jobs)
        config.write_text(f"""
instance = "{letter}"
[database]
url = "{self.postgres.url(database=name)}"
[broker]
url = "{self.rabbit.url()}"
prefix = "{name}"
prefetch = {self.options.prefetch}
[[clouds]]
name = "sim"
file = "{self.clouds_yaml}"
[jobs]
{more}
[http]
listen = "127.0.0.1:{port}"
[telemetry]
log = "warn"
""")
        replica = Service(f"{name}-{letter}", self.folder)
        replica.command = [self.options.binary, "--config", config, "run"]
        return replica

    async def clear(self):
        if self.cloud:
            await self.cloud.end(9)
        await self.rabbit.stop()
        await self.postgres.end(3)


async def replicas_rate(stage, kind, count):
    """Jobs a second of so many replicas: from the first start to the last end, all of them acknowledged afterwards."""
    name, messages = stage.fresh(), stage.options.messages
    replicas = [stage.replica(name, letter) for letter in "abcdefgh"[:count]]
    # The tenants are known beforehand; what is measured is the pulls.
    replicas[0].spawn(replicas[0].command)
    await wait_for("a consumer", lambda: is_consumed(stage.rabbit.port, f"{name}.jobs"))
    publish(stage.rabbit.port, name, "pull_tenants", [{"cloud": "sim"}])
    ended = f"SELECT count(*) AS count FROM jobs WHERE outcome IS NOT NULL AND kind = '{'%s'}'"
    await wait_for("the tenants", lambda: stage.postgres.rows(ended % "pull_tenants", name)[0]["count"])
    if not stage.options.cold:
        # Each tenant was looked at once before: its first look, which records everything, is another matter.
        publish(stage.rabbit.port, name, kind, [{"cloud": "sim"}])
        await wait_for("the first looks", lambda: stage.postgres.rows(ended % kind, name)[0]["count"])
    await replicas[0].end(15)
    stage.postgres.run(f"DELETE FROM jobs WHERE kind = '{kind}'", name)
    tenants = stage.postgres.rows("SELECT backend_id AS tenant FROM tenants ORDER BY backend_id", name)
    publish(stage.rabbit.port, name, kind, [tenants[number % len(tenants)] for number in range(messages)])
    parts = {"PostgreSQL": [stage.postgres], "RabbitMQ": [stage.rabbit], "cloud": [stage.cloud], "replicas": replicas}
    before = {part: sum(it.cpu() for it in services) for part, services in parts.items() if part != "replicas"}
    for replica in replicas:
        replica.spawn(replica.command)
    try:
        # Counting costs the database time that is not the replicas'.
        done = lambda: stage.postgres.rows(ended % kind, name)[0]["count"] >= messages
        await wait_for(f"{messages} jobs", done, stage.options.limit, pause=0.5)
        used = {part: sum(it.cpu() for it in services) - before.get(part, 0) for part, services in parts.items()}
        stage.used = {part: 1e6 * seconds / messages for part, seconds in used.items()}
    finally:
        for replica in replicas:
            await replica.end(15)
    left = depth(stage.rabbit.port, f"{name}.jobs")
    [row] = stage.postgres.rows(
        "SELECT count(*) AS count, count(*) FILTER (WHERE outcome IN ('succeeded', 'unchanged')) AS done,"
        " EXTRACT(EPOCH FROM max(finished_at) - min(started_at)) AS seconds FROM jobs"
        f" WHERE kind = '{kind}'", name)
    if left or row["done"] != messages:
        raise RuntimeError(f"{row}, and {left} messages are left in the queue")
    return messages / float(row["seconds"])


async def measure(stage, latency, kind):
    """One line of figures."""
    options, figures = stage.options, {}
    for count in options.replicas:
        figures[f"{count} replica" + "s" * (count > 1)] = await replicas_rate(stage, kind, count)
        tell(latency, kind, figures)
        used = ", ".join(f"{part} {micros:,.0f}" for part, micros in sorted(stage.used.items()))
        print(f"        µs of processor time a job: {used}", file=sys.stderr, flush=True)
    for client in options.celery:
        figures[f"Celery with {client}"] = await celery_rate(stage, client, kind)
        tell(latency, kind, figures)
    return figures


def tell(latency, kind, figures):
    name, rate = list(figures.items())[-1]
    print(f"    {latency} {kind}: {name}: {rate:,.0f} /s", file=sys.stderr, flush=True)


def table(options, lapin, figures):
    """Rows as README files show them."""
    columns = list(figures)
    names = list(dict.fromkeys(name for column in figures.values() for name in column))
    print(f"\n{options.messages} messages of each kind for {options.tenants} tenants, prefetch {options.prefetch};"
          f" Celery: {options.celery_messages} messages, {options.concurrency} processes;"
          f" PostgreSQL fsync {'off' if options.no_fsync else 'on'};"
          f" {os.cpu_count()} cores, {platform.system()} {platform.release()}\n")
    print("| jobs a second | " + " | ".join(f"{kind}, {latency} a request" for latency, kind in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in names:
        print(f"| {name} | " + " | ".join(f"{figures[column][name]:,.0f}" for column in columns) + " |")
    pairs = [("2 replicas", "1 replica"), *(("1 replica", f"Celery with {client}") for client in options.celery)]
    for above, below in pairs:
        if above in names and below in names:
            ratios = [f"{figures[it][above] / figures[it][below]:.2f} ×" for it in columns]
            print(f"| {above} : {below} | " + " | ".join(ratios) + " |")
    if lapin:
        print(f"| lapin alone, which only consumes and acknowledges | {lapin:,.0f} |" + " |" * (len(columns) - 1))


async def run(options, folder):
    stage, figures = Stage(options, folder), {}
    try:
        await stage.set_up()
        await stage.simulate(options.latency[0])
        lapin = None if options.no_lapin else await lapin_rate(stage)
        if lapin:
            print(f"    lapin alone: {lapin:,.0f} /s", file=sys.stderr, flush=True)
        for latency in options.latency:
            await stage.simulate(latency)
            for kind in options.kinds:
                figures[(latency, kind)] = await measure(stage, latency, kind)
        table(options, lapin, figures)
    finally:
        await stage.clear()


def words(text):
    return [it for it in text.split(",") if it]


def parse():
    parser = argparse.ArgumentParser(prog="benches/throughput/run", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the tenantd to measure (default: the release build)")
    parser.add_argument("--messages", type=int, default=10_000, help="jobs of each kind")
    parser.add_argument("--tenants", type=int, default=2_000, 
                        help="of the cloud; more than are held at once, so that nothing coalesces")
    parser.add_argument("--latency", type=words, default=["0ms", "50ms"], help="of each answer of the cloud")
    parser.add_argument("--kinds", type=words, default=["pull_floating_ips", "pull_quotas"])
    parser.add_argument("--replicas", type=lambda text: [int(it) for it in words(text)], default=[1, 2])
    parser.add_argument("--prefetch", type=int, default=256)
    parser.add_argument("--jobs", action="append", default=[], metavar="LINE", help='of [jobs], such as "workers = 128"')
    parser.add_argument("--celery", type=words, default=["requests", "openstacksdk"], help="clients; empty: no comparison")
    parser.add_argument("--celery-messages", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=16, help="processes of the Celery worker")
    parser.add_argument("--cold", action="store_true", help="count each tenant's first look too, which records everything")
    parser.add_argument("--no-lapin", action="store_true")
    parser.add_argument("--lapin", type=Path, help="the benchmark lapin_alone (default: cargo bench builds it)")
    parser.add_argument("--no-fsync", action="store_true", help="PostgreSQL without fsync")
    parser.add_argument("--limit", type=int, default=600, help="seconds for one measurement")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    return options


def main():
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="tenantd-throughput-"))
    # PostgreSQL's user has to reach its folder.
    folder.chmod(0o711)
    try:
        asyncio.run(run(options, folder))
    except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        options.keep = True
        print(f"{error}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"    everything is kept in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
