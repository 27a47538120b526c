"""Runs two replicas under a stream of jobs while faults strike, heals everything, and judges what is left.

The seed decides the plan, the jobs, and what happens to the cloud; which of them meet in one moment, the machine decides.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import checker
import evidence as found
import ticks
from cloud import Cloud, Meddler
from faults import REPLICAS, plan
from producer import PULLS, Clerk, Producer
from proxy import Proxy
from replicas import GRACE, PREFIX, SCHEDULES, Replica, configuration
from services import Postgres, Rabbit, free_ports, wait_for
from storm import Storm

TENANTS = 10
# A stop takes its grace time, three seconds for deliveries in flight, and a little.
STOP = GRACE + 8
SHOWN = 12


class Stage:
    """Everything that runs."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.postgres, self.rabbit = Postgres(folder), Rabbit(folder)
        self.cloud = Cloud(folder, options.binary, TENANTS)
        self.replicas, self.proxies = {}, []
        self.producer = self.clerk = self.meddler = None

    async def set_up(self):
        self.postgres.initialise()
        await self.rabbit.initialise()
        await asyncio.gather(self.postgres.start(), self.rabbit.start(), self.cloud.start())
        await asyncio.to_thread(found.declare_ear, self.rabbit.port)
        direct = self.folder / "direct.toml"
        direct.write_text(configuration(
            "clerk", free_ports(1)[0], self.postgres.url(), self.rabbit.url(), self.cloud.clouds_yaml, False))
        migrate = [self.options.binary, "--config", direct, "migrate"]
        migrated = await asyncio.create_subprocess_exec(*migrate, stdout=asyncio.subprocess.DEVNULL)
        if await migrated.wait():
            raise RuntimeError("tenantd migrate failed")
        self.postgres.run((Path(__file__).parent / "watch.sql").read_text())
        for letter in REPLICAS:
            http, to_database, to_broker = free_ports(3)
            links = {"database": Proxy(to_database, self.postgres.port), "broker": Proxy(to_broker, self.rabbit.port)}
            replica = Replica(letter, self.folder, self.options.binary, http, links, self.cloud.clouds_yaml)
            # A heartbeat that short finds a dead connection within the run.
            broker = self.rabbit.url(to_broker) + "?heartbeat=5"
            replica.urls = {"database": self.postgres.url(to_database), "broker": broker}
            for proxy in links.values():
                await proxy.start()
                self.proxies.append(proxy)
            self.replicas[letter] = replica
            replica.start()
        for replica in self.replicas.values():
            await replica.ready()
            replica.minder = asyncio.create_task(replica.mind())
        projects = await asyncio.to_thread(self.cloud.projects)
        seed, binary = self.options.seed, self.options.binary
        self.producer = Producer(self.rabbit.url(), projects, seed, self.options.rate)
        await asyncio.to_thread(self.producer.publish_all, "pull_tenants")
        await wait_for("the first job", self.drained)
        self.clerk = Clerk(binary, direct, projects, seed)
        self.meddler = Meddler(self.cloud, seed)

    async def drained(self):
        """Whether nothing waits, in the table, in the outbox, or in the broker."""
        rows = await asyncio.to_thread(
            self.postgres.rows, "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running'))"
            " + (SELECT count(*) FROM outbox) AS left")
        accepted = [it.id for it in self.producer.jobs.values() if it.confirmed]
        known = await asyncio.to_thread(self.postgres.rows, "SELECT id FROM jobs")
        waiting = await asyncio.to_thread(found.depth, self.rabbit.port, f"{PREFIX}.jobs")
        return not rows[0]["left"] and not waiting and {row["id"] for row in known}.issuperset(accepted)

    async def watch(self):
        """Reads the cloud's log before it forgets."""
        while True:
            await asyncio.to_thread(self.cloud.read_log)
            await asyncio.sleep(1)

    async def clear(self):
        for replica in self.replicas.values():
            if replica.minder:
                replica.minder.cancel()
            if replica.runs():
                await replica.end(signal.SIGKILL)
        for worker in (self.producer, self.clerk, self.meddler):
            if worker and worker.is_alive():
                worker.halt.set()
        for proxy in self.proxies:
            await proxy.stop()
        await self.cloud.end(signal.SIGKILL)
        await self.rabbit.stop()
        await self.postgres.end(signal.SIGQUIT)


async def settle(stage, evidence):
    """Ends the stream, heals, waits until everything is done, looks once more at the cloud, and stops the replicas."""
    for worker in (stage.producer, stage.clerk, stage.meddler):
        if not worker.is_alive():
            raise RuntimeError(f"the {type(worker).__name__} ended before it was told to")
        await asyncio.to_thread(worker.stop)
    for replica in stage.replicas.values():
        await replica.ready()
    evidence.ended = time.time() - 3
    for replica in stage.replicas.values():
        await replica.reload(schedules=False)
    patience = stage.options.patience
    done = await drain(stage, "the stream", patience)
    for kind in PULLS:
        await asyncio.to_thread(stage.producer.publish_all, kind)
    await drain(stage, "the last pulls", patience if done else 10)
    await asyncio.gather(*(replica.leave() for replica in stage.replicas.values()))
    evidence.ended = min(evidence.ended, time.time())


async def drain(stage, what, patience):
    began = time.monotonic()
    try:
        await wait_for(what, stage.drained, patience)
        print(f"    {what}: done after {time.monotonic() - began:.1f} s", flush=True)
        return True
    except TimeoutError:
        print(f"    {what}: not done after {patience} s; judged as it is", flush=True)
        return False


async def collect(stage, evidence, storm):
    evidence.jobs = stage.producer.jobs | stage.clerk.jobs
    evidence.broken, evidence.reused = stage.producer.broken, stage.producer.reused
    await asyncio.to_thread(found.collect_rows, evidence, stage.postgres)
    await asyncio.to_thread(found.collect_messages, evidence, stage.rabbit.port)
    evidence.truth = await asyncio.to_thread(stage.cloud.truth)
    await asyncio.to_thread(stage.cloud.read_log)
    evidence.requests, evidence.requests_lost = stage.cloud.seen, stage.cloud.lost
    evidence.meddled, evidence.schedules = stage.cloud.sent, SCHEDULES
    evidence.lives = [life | {"allowed": STOP} for it in stage.replicas.values() for life in it.lives]
    evidence.journal = storm.journal


async def run(stage, faults):
    evidence = found.Evidence()
    began = time.monotonic()
    await stage.set_up()
    print(f"    two replicas are up after {time.monotonic() - began:.1f} s", flush=True)
    storm, began = Storm(stage), time.monotonic()
    watching = asyncio.create_task(stage.watch())
    evidence.began = time.time() + 2
    for worker in (stage.producer, stage.clerk, stage.meddler):
        worker.start()
    try:
        await storm.rage(faults)
        print(f"    {len(storm.journal)} faults in {time.monotonic() - began:.1f} s", flush=True)
        await settle(stage, evidence)
    finally:
        watching.cancel()
    await collect(stage, evidence, storm)
    return evidence


def describe(evidence, stage):
    confirmed = sum(1 for it in evidence.jobs.values() if it.confirmed)
    outcomes = Counter(row["outcome"] or row["state"] for row in evidence.rows)
    print(f"    faults: {dict(Counter(it['kind'] for it in evidence.journal))}")
    published = sum(it.published for it in evidence.jobs.values())
    print(f"    asked: {len(evidence.jobs)} jobs, {published} times; {confirmed} accepted ({stage.clerk.accepted} by command)")
    print(f"    asked wrongly: {len(evidence.broken)} messages that are no job, {len(evidence.reused)} ids used again")
    print(f"    jobs: {dict(outcomes)}; attempts at most {max(row['attempt'] for row in evidence.rows)}")
    print(f"    dead letters: {dict(Counter(it['reason'] for it in evidence.letters))}")
    print(f"    events: {len({it[0] for it in evidence.events})}, published {len(evidence.events)} times")
    print(f"    snapshots: {len(evidence.snapshots)}; changes of the cloud: {dict(stage.meddler.done)}")
    print(f"    requests to the cloud: {sum(evidence.requests.values())}")
    if stage.meddler.trouble:
        print(f"    the meddler's last trouble: {stage.meddler.trouble}")
    log = (stage.folder / "postgres.log").read_text(errors="replace")
    print(f"    deadlocks that the database had to break: {log.count('deadlock detected')}")
    print(f"    ticks: {ticks.tally(evidence)}")


def judge(evidence, options, faults):
    """Prints each rule with its verdict; says what to look at if one is broken."""
    failed = 0
    for rule, broken in checker.check(evidence):
        print(f"{'FAILED' if broken else 'ok    '} {rule}" + (f" ({len(broken)} times)" if broken else ""), flush=True)
        for line in broken[:SHOWN]:
            print(f"         {line[:600]}")
        failed += bool(broken)
    if failed:
        print(f"The seed was {options.seed}. The plan was:")
        print("\n".join(f"  {fault}" for fault in faults))
    print(f"{len(checker.RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


def parse():
    parser = argparse.ArgumentParser(prog="tests/faults/run", description=__doc__)
    parser.add_argument("--faults", type=int, default=52, help="how many (default: 52)")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time; printed")
    parser.add_argument("--binary", type=Path, required=True, help="default: the debug build")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    parser.add_argument("--rate", type=float, default=20, help="jobs a second (default: 20)")
    parser.add_argument("--patience", type=int, default=60, help="seconds until all must be done in the end (default: 60)")
    parser.add_argument("--same-names", action="store_true", help="no replica comes back under another name")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    options.seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    return options


def main():
    options = parse()
    faults = plan(options.seed, options.faults, not options.same_names)
    print(f"seed {options.seed}, {len(faults)} faults:")
    print("\n".join(f"  {fault}" for fault in faults), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="tenantd-faults-"))
    # PostgreSQL's user has to reach its folder.
    folder.chmod(0o711)
    stage, keep, code = Stage(options, folder), True, 1

    async def whole():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
        try:
            return await run(stage, faults)
        finally:
            await stage.clear()

    try:
        evidence = asyncio.run(whole())
        describe(evidence, stage)
        code = judge(evidence, options, faults)
        keep = bool(code)
    except asyncio.CancelledError:
        print("interrupted", file=sys.stderr)
        keep = False
    finally:
        if keep or options.keep:
            print(f"    everything is kept in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    sys.exit(main())
