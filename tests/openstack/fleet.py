"""The fleet's way and the way of a single tenant, side by side on a genuine cloud: what each of them records of every
project must be the same, row by row.

A few projects come for it and go again, with groups, rules, a network and limits of their own, and one that has nothing.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openstack

BINARY, CLOUD = os.environ["TENANTD_TEST_BINARY"], os.environ["TENANTD_TEST_OPENSTACK_CLOUD"]
PROJECTS = 6
ROWS = """
SELECT t.backend_id, r.resource_type, s.digest, s.body
FROM resources r JOIN tenants t ON t.uuid = r.tenant JOIN snapshots s ON s.id = r.snapshot
"""


class Way:
    """tenantd with records of its own."""

    def __init__(self, folder, name):
        self.database, self.config = folder / f"{name}.db", folder / f"{name}.toml"
        self.config.write_text(f"""
database.url = "sqlite://{self.database}"
[[clouds]]
name = "lab"
entry = "{CLOUD}"
file = "{os.environ['OS_CLIENT_CONFIG_FILE']}"
discover = {{ skip_domains = ["heat"] }}
""")

    def pull(self, *words):
        """Reads; how long that took."""
        began = time.monotonic()
        done = subprocess.run([BINARY, "--config", self.config, "pull", "--output", "json", *words],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"pull {words}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return time.monotonic() - began

    def rows(self):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            return {(project, kind): (digest, body) for project, kind, digest, body in database.execute(ROWS)}


def furnish(cloud, number):
    """A project with something of its own; every third has nothing."""
    project = cloud.identity.create_project(name=f"fleet-{os.getpid()}-{number}", description="comes and goes")
    if number % 3 == 2:
        return project
    for group in range(number + 1):
        made = cloud.network.create_security_group(name=f"web-{group}", project_id=project.id)
        for port in range(80, 82 + number):
            cloud.network.create_security_group_rule(
                security_group_id=made.id, project_id=project.id, direction="ingress", protocol="tcp",
                port_range_min=port, port_range_max=port, remote_ip_prefix=f"192.0.2.{number}/32")
    network = cloud.network.create_network(name="inside", project_id=project.id)
    cloud.network.create_subnet(network_id=network.id, project_id=project.id, ip_version=4, cidr=f"10.{number}.0.0/24")
    cloud.network.create_port(network_id=network.id, project_id=project.id, name="a port")
    cloud.network.update_quota(project.id, security_groups=30 + number)
    return project


def clear(cloud, project):
    for port in cloud.network.ports(project_id=project.id):
        cloud.network.delete_port(port)
    for network in cloud.network.networks(project_id=project.id):
        cloud.network.delete_network(network)
    cloud.network.delete_quota(project.id)
    cloud.identity.delete_project(project)
    for group in cloud.network.security_groups(project_id=project.id):
        cloud.network.delete_security_group(group)


def compare(fleet, single):
    """What only one has, or has otherwise."""
    odd = [f"{key}: only {'fleet' if key in fleet else 'single'}" for key in sorted(fleet.keys() ^ single.keys())]
    for key in sorted(fleet.keys() & single.keys()):
        if fleet[key][0] != single[key][0]:
            odd.append(f"{key}:\n  fleet  {fleet[key][1]}\n  single {single[key][1]}")
    return odd


def main():
    cloud = openstack.connect(cloud=CLOUD)
    projects = [furnish(cloud, number) for number in range(PROJECTS)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            fleet, single = Way(Path(folder), "fleet"), Way(Path(folder), "single")
            fleet.pull("--cloud", "lab")
            known = sorted({project for project, _ in fleet.rows()})
            # Asked for one project's groups, Neutron makes the default one where there is none: so all are asked once before.
            for project in known:
                single.pull("--tenant", project, "--cloud", "lab")
            took = fleet.pull("--cloud", "lab")
            alone = sum(single.pull("--tenant", project, "--cloud", "lab") for project in known)
            seen, odd = fleet.rows(), compare(fleet.rows(), single.rows())
            kinds = sorted({kind for _, kind in seen})
            print(f"{len(seen)} rows of {len(known)} projects: {', '.join(kinds)}")
            print(f"all at once {took:.1f} s, one after the other {alone:.1f} s, each with its own login")
            print("\n".join(odd))
            assert len(known) > PROJECTS and len(kinds) == 9, json.dumps(kinds)
            ok = not odd
    finally:
        for project in projects:
            clear(cloud, project)
    print(f"{int(ok)} passed, {int(not ok)} failed")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
