"""The pulls of today's portals: a Celery task that asks the cloud for one tenant and keeps nothing.

Two clients do the same: plain requests with one session and one token for each process, and openstacksdk.
"""

import os

import openstack
import requests
from celery import Celery

CLOUD = os.environ.get("TENANTD_BENCH_CLOUD", "")
app = Celery("pulls", broker=os.environ.get("TENANTD_BENCH_AMQP_URL"))
app.conf.update(
    task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=16, broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False, task_default_queue=os.environ.get("TENANTD_BENCH_QUEUE", "celery"))
_own = {}


def session():
    """One session with a token for each process."""
    if "session" not in _own:
        one = requests.Session()
        auth = {"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"}}},
            "scope": {"project": {"name": "admin", "domain": {"name": "Default"}}}}}
        answer = one.post(f"{CLOUD}/identity/v3/auth/tokens", json=auth, timeout=60)
        one.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        _own["session"], _own["project"] = one, answer.json()["token"]["project"]["id"]
    return _own["session"]


def get(path):
    answer = session().get(CLOUD + path, timeout=60)
    answer.raise_for_status()
    return answer.json()


@app.task(name="requests.pull_floating_ips")
def floating_ips(project):
    return len(get(f"/network/v2.0/floatingips?project_id={project}")["floatingips"])


@app.task(name="requests.pull_quotas")
def quotas(project):
    session()
    get(f"/compute/v2.1/os-quota-sets/{project}/detail")
    get(f"/network/v2.0/quotas/{project}/details.json")
    get(f"/volume/v3/{_own['project']}/os-quota-sets/{project}?usage=True")


def sdk():
    """One connection for each process."""
    if "sdk" not in _own:
        _own["sdk"] = openstack.connect(cloud="sim")
    return _own["sdk"]


@app.task(name="openstacksdk.pull_floating_ips")
def sdk_floating_ips(project):
    return len(list(sdk().network.ips(project_id=project)))


@app.task(name="openstacksdk.pull_quotas")
def sdk_quotas(project):
    sdk().compute.get_quota_set(project, usage=True)
    sdk().network.get_quota(project, details=True)
    sdk().block_storage.get_quota_set(project, usage=True)
