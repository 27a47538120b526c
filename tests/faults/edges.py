"""kill -9 at each request by which a job changes a cloud; see `edges`."""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

# A killed daemon's job is taken over after 20 s, a request that may still run is waited out: what takes longer is stuck.
PATIENCE = 120
WHENS = ["before", "after", "late"]
# The image that waits for data.
IMAGE = "0fd11bd0-0d55-4c9e-9f0a-3f1c3d6e0a11"
# What each kind is asked for; `cloud` in place of a tenant for what makes one.
ORDERS = {
    "set_quotas": ({"vcpu": 77, "floating_ip_count": 33, "storage": 5242880, "port_count": -1}, "tenant-001"),
    "update_tenant": ({"name": "renamed", "description": "another one"}, "tenant-001"),
    "change_password": ({"user_name": "tenant-001-user", "user_password": "correct horse"}, "tenant-001"),
    "create_tenant": ({"name": "genomics", "quotas": {"vcpu": 7, "floating_ip_count": 5}}, None),
    "delete_tenant": ({}, "tenant-001"),
    "create_security_group": ({"name": "web", "default_egress_rules": False, "rules": [
        {"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "10.0.0.0/8"},
        {"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": "web"}]}, "tenant-001"),
    # One of the tenant's own groups has instances in it and stays, so the outcome is partial.
    "push_security_groups": ({"security_groups": [
        {"name": "front", "rules": [{"protocol": "tcp", "from_port": 80, "to_port": 80, "remote_group_name": "back"}]},
        {"name": "back", "default_egress_rules": False,
         "rules": [{"protocol": "", "from_port": -1, "to_port": -1, "remote_group_name": "front"}]}]}, "tenant-001"),
    "create_floating_ip": ({"description": "another"}, "tenant-001"),
    "create_network": ({"name": "inner", "description": "another"}, "tenant-001"),
    "create_server_group": ({"name": "apart", "description": "another", "policy": "anti-affinity"}, "tenant-001"),
    "create_image": ({"name": "debian"}, "tenant-001"),
    # Of what somebody meddled with beforehand.
    "reconcile": ({"delete": True}, "tenant-001"),
    "upload_image_data": ({"image_id": IMAGE, "file": "debian.raw"}, "tenant-001"),
}
# What is looked at afterwards: the listing, and what tells its objects apart without their ids.
LISTINGS = {
    "/identity/v3/projects": ("projects", ["name", "description", "enabled"]),
    "/identity/v3/users": ("users", ["name"]),
    "/network/v2.0/networks": ("networks", ["name"]),
    "/network/v2.0/subnets": ("subnets", ["name", "cidr"]),
    "/network/v2.0/routers": ("routers", ["name"]),
    "/network/v2.0/ports": ("ports", ["name", "device_owner"]),
    "/network/v2.0/floatingips": ("floatingips", ["description"]),
    "/network/v2.0/security-groups": ("security_groups", ["name", "description"]),
    "/network/v2.0/security-group-rules": (
        "security_group_rules", ["direction", "ethertype", "protocol", "port_range_min", "normalized_cidr"]),
    "/image/v2/images?limit=1000": ("images", ["name", "status", "size", "os_hash_value"]),
    "/network/v2.0/quotas": ("quotas", ["port", "floatingip", "security_group"]),
    "/compute/v2.1/servers/detail?all_tenants=1": ("servers", ["name"]),
    "/compute/v2.1/os-server-groups?all_projects=true": ("server_groups", ["name", "policies"]),
    "/volume/v3/volumes/detail?all_tenants=1": ("volumes", ["name"]),
    "/volume/v3/snapshots/detail?all_tenants=1": ("snapshots", ["name"]),
}


def ask(method, url, body=None, token=None):
    """An answer's headers and JSON."""
    headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": token} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


def wait(what, look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.2)
    raise AssertionError(f"waited in vain: {what}")


class Stage:
    """A simulated cloud and a daemon that may change it."""

    def __init__(self, binary, kind, folder):
        self.binary, self.kind, self.folder, self.daemon = binary, kind, folder, None
        self.url, self.clouds, self.config = None, folder / "clouds.yaml", folder / "tenantd.toml"
        # Ports are the kernel's choice: one that was looked for beforehand may be another's by now.
        self.cloud = self.start("cloud", "simulate", "--listen", "127.0.0.1:0", "--tenants", "2", "--latency", "0ms",
                                "--clouds-yaml", self.clouds)
        self.config.write_text(
            f'[database]\nurl = "sqlite://{folder}/t.db"\n[jobs]\nretry_base = "200ms"\nretry_max = "2s"\n'
            f'image_folder = "{folder}"\n'
            f'[[clouds]]\nname = "sim"\nfile = "{self.clouds}"\nwrite = ["{kind}"]\nrequest_timeout = "2s"\n'
            f'[http]\nlisten = "127.0.0.1:0"\n'
            '[drift]\nmode = { security_groups = "guard", floating_ips = "guard", server_groups = "guard" }\n')

    def open(self):
        wait("the cloud", self.clouds.exists)
        self.url = re.search(r"(http://\S+)/identity/v3", self.clouds.read_text())[1]
        self.prepare()
        self.run("pull", "--cloud", "sim")
        if self.kind == "reconcile":
            self.meddle()

    def meddle(self):
        """Some of everything, behind the portal's back."""
        for kind in ("quota", "rule_add", "rule_remove", "floating_ip_allocate", "floating_ip_release",
                     "server_group_delete", "server_group_create"):
            ask("POST", f"{self.url}/simulator/meddle", {"kind": kind, "tenant": "tenant-001"})
        _, token = self.login()
        groups = ask("GET", f"{self.url}/network/v2.0/security-groups", token=token)[1]["security_groups"]
        group = next(it["id"] for it in groups if it["name"] == "tenant-001-sg1")
        ask("DELETE", f"{self.url}/network/v2.0/security-groups/{group}", token=token)

    def prepare(self):
        """What a kind needs beforehand."""
        if self.kind not in ("create_server_group", "reconcile", "upload_image_data"):
            return
        login, token = self.login()
        project = ask("GET", f"{self.url}/identity/v3/projects?name=tenant-001", token=token)[1]["projects"][0]["id"]
        if self.kind == "upload_image_data":
            (self.folder / "debian.raw").write_bytes(bytes(range(256)) * 4096)
            ask("POST", f"{self.url}/image/v2/images", {"id": IMAGE, "owner": project, "name": "debian"}, token)
            return
        # Nova makes server groups only for a token's own project.
        role = ask("GET", f"{self.url}/identity/v3/roles?name=admin", token=token)[1]["roles"][0]["id"]
        place = f"{self.url}/identity/v3/projects/{project}/users/{login['token']['user']['id']}/roles/{role}"
        ask("PUT", place, token=token)

    def login(self):
        """An administrator's login, and its token."""
        who = {"name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"}
        scope = {"project": {"name": "admin", "domain": {"name": "Default"}}}
        asked = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}}
        headers, login = ask("POST", f"{self.url}/identity/v3/auth/tokens", asked)
        return login, headers["X-Subject-Token"]

    def start(self, name, *arguments):
        log = open(self.folder / f"{name}.log", "ab")
        return subprocess.Popen([self.binary, *map(str, arguments)], stdout=log, stderr=log)

    def run(self, *arguments):
        command = [self.binary, "--config", self.config, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def start_daemon(self):
        self.daemon = self.start("daemon", "--config", self.config, "run")

    def kill_daemon(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def halt(self, rule):
        ask("PUT", f"{self.url}/simulator/halt", rule)

    def halted(self):
        return ask("GET", f"{self.url}/simulator/halt")[1]

    def enqueue(self):
        params, tenant = ORDERS[self.kind]
        whom = ["--tenant", f"sim/{tenant}"] if tenant else ["--cloud", "sim"]
        said = self.run("enqueue", self.kind, *whom, "--params", json.dumps(params), "--output", "json")
        return json.loads(said)[0]["id"]

    def ended(self, job):
        row = json.loads(self.run("jobs", "show", job, "--output", "json"))[0]
        return row if row["state"] in ("succeeded", "failed", "cancelled") else None

    def left(self):
        """What the cloud holds, and how often each sort of thing was made."""
        _, token = self.login()
        held = {}
        for path, (key, fields) in LISTINGS.items():
            objects = ask("GET", f"{self.url}{path}", token=token)[1][key]
            # The end of a user's name comes from its order.
            told = (json.dumps([it.get(field) for field in fields]) for it in objects)
            held[path] = sorted(re.sub(r"-user-[0-9a-f]{8}\b", "-user", it) for it in told)
        return held

    def made(self):
        log = ask("GET", f"{self.url}/simulator/requests")[1]["requests"]
        done = [(it["method"], it["path"].split("?")[0]) for it in log if 200 <= it["status"] < 300]
        # An image's data are sent once; what else is put may be put again.
        made = [path for method, path in done if method == "POST" or (method == "PUT" and path.endswith("/file"))]
        return collections.Counter(path for path in made if not path.endswith("/auth/tokens"))

    def evidence(self):
        """What it last was like, for whoever reads that it failed."""
        command = [self.binary, "--config", self.config, "jobs", "list", "--output", "json"]
        jobs = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60).stdout
        logs = [path.read_text().splitlines()[-20:] for path in sorted(self.folder.glob("*.log"))]
        alive = {it: process.poll() is None for it, process in (("cloud", self.cloud), ("daemon", self.daemon)) if process}
        return "\n".join([jobs, f"alive: {alive}", *(line for log in logs for line in log)])

    def close(self):
        for process in (self.daemon, self.cloud):
            if process and process.poll() is None:
                process.kill()
                process.wait()


def one(binary, kind, at, when, keep):
    """One run; killed at the `at`-th change, if there is such a number."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tenantd-edge-{kind}-"))
    stage = Stage(binary, kind, folder)
    try:
        stage.open()
        stage.halt({"at": at, "when": when} if at else {})
        stage.start_daemon()
        job = stage.enqueue()
        if at:
            wait(f"change {at} of {kind}", lambda: stage.halted()["held"] or stage.ended(job))
            assert stage.halted()["held"], f"{kind} ended before change {at}"
            stage.kill_daemon()
            ask("DELETE", f"{stage.url}/simulator/halt")
            stage.start_daemon()
        row = wait(f"the end of {kind} killed {when} change {at}", lambda: stage.ended(job))
        assert row["state"] == "succeeded", f"{kind} killed {when} change {at}: {row['error']}"
        changes = 0 if at else stage.halted()["seen"]
        return changes, stage.left(), stage.made()
    except Exception as error:  # whatever it is, the next one needs to know
        raise AssertionError(f"{error}\n{stage.evidence()}") from error
    finally:
        stage.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


class Undisturbed:
    """What a kind does when nobody kills it."""

    def __init__(self, kind, changes, left, made):
        self.kind, self.changes, self.left, self.made = kind, changes, left, made
        self.deaths = self.failed = 0

    def edges(self, choice, number):
        """At which change to kill and how: all of them, or some."""
        edges = [(at, when) for at in range(1, self.changes + 1) for when in WHENS]
        return sorted(choice.sample(edges, number)) if number and number < len(edges) else edges

    def compare(self, run):
        _, left, made = run.result()
        different = [path for path in self.left if self.left[path] != left[path]]
        assert not different, f"the cloud holds something else: {different}"
        doubled = {path: count for path, count in made.items() if count > self.made[path]}
        assert not doubled, f"made twice: {doubled}"


def writing_kinds(binary):
    schema = json.loads(subprocess.run([binary, "schema", "job"], capture_output=True, check=True).stdout)
    kinds = schema["properties"]["kind"]["enum"]
    return [it for it in kinds if not it.startswith(("pull", "detect", "digest", "prune", "unlink", "expect"))]


def judge(pool, options, kinds):
    """Runs each kind alone, then kills it; how it went, by kind."""
    binary, choice = options.binary.resolve(), random.Random(options.seed)
    alone = {kind: pool.submit(one, binary, kind, None, "never", options.keep) for kind in kinds}
    alone = [Undisturbed(kind, *run.result()) for kind, run in alone.items()]
    runs = {pool.submit(one, binary, it.kind, at, when, options.keep): (it, at, when)
            for it in alone for at, when in it.edges(choice, options.sample)}
    print(f"{len(runs)} deaths at {sum(it.changes for it in alone)} changes", flush=True)
    for run in concurrent.futures.as_completed(runs):
        it, at, when = runs[run]
        it.deaths += 1
        try:
            it.compare(run)
        except Exception as error:  # whatever it is, the others are judged too
            it.failed += 1
            print(f"    FAILED {it.kind} killed {when} change {at}: {error}", flush=True)
    return alone


def main():
    parser = argparse.ArgumentParser(prog="tests/faults/edges", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="default: all of them")
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--sample", type=int, metavar="N", help="so many deaths of each kind; default: all of them")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the choice of deaths")
    parser.add_argument("--parallel", type=int, default=12, help="deaths at once; each waits for most of its time")
    parser.add_argument("--keep", action="store_true", help="leave the folders with the logs")
    options = parser.parse_args()
    missing = set(writing_kinds(options.binary)) - set(ORDERS)
    assert not missing, f"nobody says what these are to be asked for: {missing}"
    if options.sample:
        print(f"seed {options.seed}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        told = judge(pool, options, options.kinds or list(ORDERS))
    for it in told:
        print(f"    {it.kind}: {it.changes} changes, {it.deaths} deaths, {it.failed} failed")
    failed = sum(it.failed for it in told)
    print(f"{sum(it.deaths for it in told) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
