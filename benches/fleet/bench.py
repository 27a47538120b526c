"""Prints how long the daemon takes to read four resource types of a whole cloud: quotas, security groups with their rules,
floating IPs and server groups; at the first look, when nothing has changed, and when 1 % of the tenants have. Next to it
stands the time that the requests alone need with all workers of the busiest service at work, and, from the same run, what
openstacksdk takes for the same.
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

import rivals
from cloud import Cloud
from daemon import Daemon
from genuine import Genuine

HEAD = ["tenants", "ms", "workers", "look", "seconds", "bound", "ratio", "requests", "a tenant", "CPU ms a tenant", "MiB",
        "rows"]
RIVALS = [("openstacksdk", 1), ("openstacksdk", 32), ("requests", 32)]


def tell(row):
    print("| " + " | ".join(str(it) for it in row) + " |", flush=True)


async def looks(cloud, daemon):
    """A row for each look; the seconds of the first."""
    first = None
    for look in ["first", "unchanged", "1 % changed"]:
        if look == "1 % changed":
            cloud.change(1)
        cloud.count_anew()
        daemon.forget_peak()
        seconds, cpu, rows = await daemon.pull()
        asked, bound, peak = cloud.asked(), cloud.bound(), daemon.peak()
        bound, ratio = (f"{bound:.2f}", f"{seconds / bound:.2f} ×") if bound is not None else ("", "")
        tell([f"{cloud.tenants:,}", cloud.latency, cloud.workers, look, f"{seconds:.2f}", bound, ratio,
              ", ".join(f"{service} {count:,}" for service, count in asked.items()),
              f"{sum(asked.values()) / cloud.tenants:.2f}", f"{1000 * cpu / cloud.tenants:.2f}", f"{peak:.0f}",
              f"{rows:,}"])
        first = first or seconds
        if look == "unchanged":
            unchanged = seconds
    return first, unchanged


async def measure(options, cloud):
    latency, workers = cloud.latency, cloud.workers
    await cloud.start()
    daemon = Daemon(cloud)
    try:
        await daemon.start()
        cloud.daemon = daemon
        _, unchanged = await looks(cloud, daemon)
        tenants = cloud.tenants
        await daemon.end()
        compared = []
        for client, threads in options.rivals:
            most = min(tenants, options.rival_tenants if threads > 1 else options.rival_tenants // 5)
            # A processor that two share is measured with one of them at rest.
            told = await asyncio.to_thread(rivals.measured, cloud, client, threads, most)
            seconds = told["seconds"] * tenants / told["tenants"]
            compared.append([f"{tenants:,}", latency, workers, f"{client}, {threads}", told["tenants"], f"{seconds:.1f}",
                             f"{1000 * told['cpu'] / told['tenants']:.1f}", f"{seconds / unchanged:.1f} ×"])
        return compared
    finally:
        try:
            await daemon.service.end(9)
        finally:
            await cloud.end()


def clouds(options, folder):
    if options.cloud:
        yield Genuine(options, folder, max(options.workers))
        return
    for tenants in options.tenants:
        for latency in options.latency:
            for workers in options.workers:
                yield Cloud(options, folder, tenants, latency, workers)


async def run(options, folder):
    print(f"\n{os.cpu_count()} cores that everything shares, {platform.system()} {platform.release()}, SQLite\n")
    tell(HEAD)
    tell(["---"] * len(HEAD))
    compared = []
    for cloud in clouds(options, folder):
        compared += await measure(options, cloud)
    if compared:
        print("\nThe same, of so many tenants and scaled to all of them, and how many times an unchanged pull that is:\n")
        tell(["tenants", "ms", "workers", "client, threads", "measured", "seconds", "CPU ms a tenant", "tenantd is faster"])
        tell(["---"] * 8)
        for row in compared:
            tell(row)


def numbers(text):
    return [int(it) for it in text.split(",") if it]


def parse():
    parser = argparse.ArgumentParser(prog="benches/fleet/run", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the tenantd to measure (default: the release build)")
    parser.add_argument("--tenants", type=numbers, default=[200, 1_000, 10_000])
    parser.add_argument("--latency", type=numbers, default=[0, 10, 50], help="milliseconds of each answer")
    parser.add_argument("--workers", type=numbers, default=[16, 64], help="of each service")
    parser.add_argument("--rules", type=int, default=6,
                        help="of each of a tenant's three groups, besides their own two and the four of its default group")
    parser.add_argument("--cloud", metavar="NAME",
                        help="in place of simulated ones, a genuine cloud of OS_CLIENT_CONFIG_FILE, with the projects that "
                        "it has and the largest of --workers as concurrency; a rule comes and goes in 1 %% of them")
    parser.add_argument("--rival-tenants", type=int, default=1_000,
                        help="the most that 32 threads are measured with; one thread: a fifth of them")
    parser.add_argument("--no-rivals", dest="rivals", action="store_const", const=[], default=RIVALS)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and databases")
    options = parser.parse_args()
    if options.cloud and "OS_CLIENT_CONFIG_FILE" not in os.environ:
        parser.error("--cloud needs OS_CLIENT_CONFIG_FILE, the clouds.yaml that knows it")
    options.binary = options.binary.resolve()
    return options


def main():
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="tenantd-fleet-"))
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
