"""What the daemon is compared with: lapin alone on the same queue, and Celery workers with the same pulls."""

import asyncio
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import requests

from services import Service, wait_for
from stream import depth, is_consumed, publish

FOLDER = Path(__file__).parent
# The request by which a pull is counted in the cloud's own log.
COUNTED = {"pull_floating_ips": "/network/v2.0/floatingips", "pull_quotas": "/volume/v3/"}


async def lapin_rate(stage):
    """Messages a second that lapin consumes and acknowledges, from a queue that the daemon has declared."""
    name, messages = stage.fresh(), stage.options.messages
    replica = stage.replica(name, "a")
    replica.spawn(replica.command)
    await wait_for("a consumer", lambda: is_consumed(stage.rabbit.port, f"{name}.jobs"))
    await replica.end(15)
    tenants = [{"tenant": f"{number % stage.options.tenants:032x}"} for number in range(messages)]
    publish(stage.rabbit.port, name, stage.options.kinds[0], tenants)
    built = ["cargo", "bench", "--locked", "--bench", "lapin_alone"]
    command = [stage.options.lapin.resolve()] if stage.options.lapin else built
    settings = os.environ | {
        "TENANTD_BENCH_AMQP_URL": stage.rabbit.url(), "TENANTD_BENCH_QUEUE": f"{name}.jobs",
        "TENANTD_BENCH_MESSAGES": str(messages)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=settings, cwd=FOLDER.parents[1], capture_output=True, text=True, check=False)
    if done.returncode or depth(stage.rabbit.port, f"{name}.jobs"):
        raise RuntimeError(f"lapin alone: {done.stdout}{done.stderr}")
    return float(done.stdout.strip().splitlines()[-1].split()[-3])


async def celery_rate(stage, client, kind):
    """Pulls a second of one Celery worker, by the cloud's log: from its first request of the pulls to its last."""
    stage.number += 1
    count, queue = stage.options.celery_messages, f"celery{stage.number}"
    settings = os.environ | {
        "TENANTD_BENCH_AMQP_URL": stage.rabbit.url(), "TENANTD_BENCH_CLOUD": stage.cloud_url,
        "TENANTD_BENCH_QUEUE": queue, "OS_CLIENT_CONFIG_FILE": str(stage.clouds_yaml)}
    # Published by a process of its own, for Celery's application is made once with its broker.
    send = (f"import sys; from celery_app import app\nfor project in sys.stdin.read().split():\n"
            f"    app.send_task('{client}.{kind}', args=[project])")
    projects = await asyncio.to_thread(projects_of, stage.cloud_url)
    asked = "\n".join(projects[number % len(projects)] for number in range(count))
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", send], input=asked, text=True, env=settings, cwd=FOLDER, check=True)
    requests.delete(f"{stage.cloud_url}/simulator/requests", timeout=30)
    worker = Service(f"{queue}-{client}", stage.folder)
    worker.spawn([sys.executable, "-m", "celery", "-A", "celery_app", "worker", f"--concurrency={stage.options.concurrency}",
                  "--without-gossip", "--without-mingle", "--loglevel=WARNING", f"--queues={queue}"], env=settings, cwd=FOLDER)
    try:
        await wait_for(f"{count} pulls", lambda: len(moments(stage.cloud_url, kind)) >= count, stage.options.limit)
        times = moments(stage.cloud_url, kind)
    finally:
        await worker.end(9, whole_session=True)
    return (len(times) - 1) / (times[-1] - times[0])


def moments(url, kind):
    """When each pull was answered."""
    entries = requests.get(f"{url}/simulator/requests", timeout=60).json()["requests"]
    return sorted(datetime.fromisoformat(it["at"]).timestamp() for it in entries
                  if it["path"].startswith(COUNTED[kind]) and ("os-quota-sets" in it["path"] or kind != "pull_quotas"))


def projects_of(url):
    """The projects of the cloud, as its administrator sees them."""
    auth = {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"}}},
        "scope": {"project": {"name": "admin", "domain": {"name": "Default"}}}}}
    answer = requests.post(f"{url}/identity/v3/auth/tokens", json=auth, timeout=60)
    token = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
    found = requests.get(f"{url}/identity/v3/projects", headers=token, timeout=60).json()["projects"]
    return sorted(it["id"] for it in found if it["name"].startswith("tenant-"))
