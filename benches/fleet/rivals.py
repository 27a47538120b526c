"""The same pulls as other tools make them: project by project, in a process of its own."""

import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def measured(cloud, client, threads, tenants):
    """The seconds that a rival takes for so many tenants, and its processor seconds."""
    done = subprocess.run(
        [sys.executable, __file__, cloud.name, client, str(threads), str(tenants)], capture_output=True, text=True,
        check=False, env=os.environ | {"OS_CLIENT_CONFIG_FILE": str(cloud.clouds_yaml)})
    if done.returncode:
        raise RuntimeError(f"{client}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def sdk_pull(connection, project):
    connection.compute.get_quota_set(project, usage=True)
    connection.network.get_quota(project, details=True)
    connection.block_storage.get_quota_set(project, usage=True)
    return (list(connection.network.security_groups(project_id=project))
            + list(connection.network.ips(project_id=project)))


def main(cloud, client, threads, count):
    import openstack
    connection = openstack.connect(cloud=cloud)
    projects = sorted(it.id for it in connection.identity.projects() if it.is_enabled)[:count]
    if client == "requests":
        pull = plain(connection)
    else:
        pull = lambda project: sdk_pull(connection, project)
    pull(projects[0])
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    # Nova cannot filter them by project: one listing serves all.
    list(connection.compute.server_groups(all_projects=True))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(pull, projects))
    else:
        for project in projects:
            pull(project)
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu, "tenants": len(projects)}))


def plain(connection):
    """The same questions with one session of requests, its token and addresses found once."""
    import requests
    from requests.adapters import HTTPAdapter
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=64, pool_connections=64))
    session.headers["X-Auth-Token"] = connection.auth_token
    base = {name: connection.session.get_endpoint(service_type=name, interface="public").rstrip("/")
            for name in ["compute", "network", "block-storage"]}
    network = base["network"] if base["network"].endswith("/v2.0") else base["network"] + "/v2.0"

    def pull(project):
        for url in [f"{base['compute']}/os-quota-sets/{project}/detail", f"{network}/quotas/{project}/details.json",
                    f"{base['block-storage']}/os-quota-sets/{project}?usage=True",
                    f"{network}/security-groups?project_id={project}", f"{network}/floatingips?project_id={project}"]:
            answer = session.get(url, timeout=60)
            answer.raise_for_status()
            answer.json()

    return pull


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
