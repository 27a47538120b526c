"""The simulated cloud, and somebody who changes it: upwards only, so that a step down in the records is an old look.

Limits are raised and rules added through the ordinary API, as any administrator would; addresses and server groups come
through the simulator's own switch. The log of its requests tells what the daemon sent.
"""

import random
import threading
import time
from collections import Counter

import requests

from services import Service, free_ports, wait_for

# Objects asked for at once; a cloud gives no more than a thousand.
PAGE = 500
DEEDS = ["cores", "floatingip", "gigabytes", "rule", "address", "server group"]


class Cloud(Service):
    def __init__(self, folder, binary, tenants, latency="2ms", seed=1):
        super().__init__("cloud", folder)
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.clouds_yaml = folder / "clouds.yaml"
        self.command = [binary, "simulate", "--listen", f"127.0.0.1:{self.port}", "--tenants", str(tenants),
                        "--seed", str(seed), "--latency", latency, "--clouds-yaml", self.clouds_yaml]
        # What went over the wire, from the simulator's log: (method, path) and how often; and the last number read.
        self.seen, self.last, self.lost = Counter(), 0, 0
        self.session, self.token, self.own = requests.Session(), None, None
        # Writes that were ours.
        self.sent = Counter()

    async def start(self):
        self.spawn(self.command)
        await wait_for(f"the simulated cloud\n{self.tail()}", self.answers)

    def answers(self):
        try:
            return self.session.get(f"{self.url}/simulator/", timeout=5).ok
        except requests.RequestException:
            return False

    # --- its switches ------------------------------------------------------------------------

    def set_faults(self, rules):
        """Whatever goes wrong hits reads and logins only: it is meant for the daemon."""
        requests.put(f"{self.url}/simulator/faults", json={"faults": rules}, timeout=10).raise_for_status()

    def read_log(self):
        """Counts the requests that are new; the simulator forgets all but the newest 20,000."""
        answer = requests.get(f"{self.url}/simulator/requests", params={"since": self.last}, timeout=30).json()
        for entry in answer["requests"]:
            path = entry["path"].split("?")[0]
            self.seen[(entry["method"], path if entry["method"] not in ("GET", "HEAD") else "")] += 1
        self.lost += answer["last"] - self.last - len(answer["requests"])
        self.last = answer["last"]

    # --- its ordinary API --------------------------------------------------------------------

    def login(self):
        auth = {"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"}}},
            "scope": {"project": {"name": "admin", "domain": {"name": "Default"}}}}}
        answer = self.session.post(f"{self.url}/identity/v3/auth/tokens", json=auth, timeout=30)
        answer.raise_for_status()
        self.token, self.own = answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]

    def ask(self, method, path, body=None):
        """One request of an administrator; a token that was forgotten is fetched again."""
        for _ in range(5):
            if self.token is None:
                self.login()
            # Nova tells the project of a server group only when asked in a later version.
            headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": "compute 2.96"}
            path = path.replace("{own}", self.own)
            if method != "GET":
                self.sent[(method, path)] += 1
            answer = self.session.request(method, self.url + path, json=body, headers=headers, timeout=30)
            if answer.status_code != 401:
                return answer
            self.token = None
        return answer

    def listing(self, path, key):
        return self.ask("GET", path).json()[key]

    def whole(self, path, key, after):
        """A listing to its end, which is a page that is not full; `after` says how the next one is asked for."""
        found = []
        while True:
            more = f"{'&' if '?' in path else '?'}limit={PAGE}{after(found)}"
            page = self.listing(path + more, key)
            found += page
            if len(page) < PAGE:
                return found

    def projects(self):
        """The projects that become tenants: name by id."""
        heat = {it["id"] for it in self.listing("/identity/v3/domains", "domains") if it["name"] == "heat"}
        return {it["id"]: it["name"] for it in self.listing("/identity/v3/projects", "projects")
                if it["enabled"] and it["domain_id"] not in heat}

    def truth(self):
        """What the records must say in the end: for each project and resource type, what can be compared."""
        marker = lambda found: f"&marker={found[-1]['id']}" if found else ""
        offset = lambda found: f"&offset={len(found)}"
        groups = self.whole("/network/v2.0/security-groups", "security_groups", marker)
        addresses = self.whole("/network/v2.0/floatingips", "floatingips", marker)
        server_groups = self.whole("/compute/v2.1/os-server-groups?all_projects=true", "server_groups", offset)
        truth = {}
        for project in self.projects():
            compute = self.listing(f"/compute/v2.1/os-quota-sets/{project}", "quota_set")
            network = self.listing(f"/network/v2.0/quotas/{project}", "quota")
            volume = self.listing(f"/volume/v3/{{own}}/os-quota-sets/{project}", "quota_set")
            truth[project] = {
                "quotas": {
                    "vcpu": compute["cores"], "instances": compute["instances"], "ram": compute["ram"],
                    "floating_ip_count": network["floatingip"], "security_group_rule_count": network["security_group_rule"],
                    "volumes": volume["volumes"], "storage": volume["gigabytes"] * 1024},
                "security_groups": sorted(
                    rule["id"] for it in groups if it["project_id"] == project for rule in it["security_group_rules"]),
                "floating_ips": sorted(it["id"] for it in addresses if it["project_id"] == project),
                "server_groups": sorted(it["id"] for it in server_groups if it["project_id"] == project),
            }
        return truth


class Meddler(threading.Thread):
    """Raises a limit or adds an object, several times a second, until it is told to stop."""

    def __init__(self, cloud, seed, pause=0.15):
        super().__init__(daemon=True)
        self.cloud, self.random, self.pause = cloud, random.Random(f"meddler {seed}"), pause
        self.projects = sorted(cloud.projects().items())
        self.limits, self.ports, self.done = {}, {}, Counter()
        self.halt, self.trouble = threading.Event(), None

    def run(self):
        while not self.halt.wait(self.pause):
            (project, name), deed = self.random.choice(self.projects), self.random.choice(DEEDS)
            try:
                self.done[deed] += self.meddle(project, name, deed)
            except Exception as error:  # pylint: disable=broad-except
                self.trouble = repr(error)
                time.sleep(self.pause)

    def meddle(self, project, name, deed):
        if deed in ("address", "server group"):
            kind = {"address": "floating_ip_allocate", "server group": "server_group_create"}[deed]
            order = {"kind": kind, "tenant": name}
            return self.cloud.session.post(f"{self.cloud.url}/simulator/meddle", json=order, timeout=30).ok
        if deed == "rule":
            return self.add_rule(project)
        path, key, quota = {
            "cores": ("/compute/v2.1/os-quota-sets/", "quota_set", "cores"),
            "floatingip": ("/network/v2.0/quotas/", "quota", "floatingip"),
            "gigabytes": (f"/volume/v3/{self.cloud.own}/os-quota-sets/", "quota_set", "gigabytes"),
        }[deed]
        path += project
        limit = self.limits.get((project, deed))
        if limit is None:
            limit = self.cloud.listing(path, key)[quota]
        if limit < 0:
            return 0
        limit += self.random.randint(1, 3)
        if self.cloud.ask("PUT", path, {key: {quota: limit}}).ok:
            self.limits[(project, deed)] = limit
            return 1
        return 0

    def add_rule(self, project):
        groups = self.cloud.listing(f"/network/v2.0/security-groups?project_id={project}", "security_groups")
        port = self.ports[project] = self.ports.get(project, 20000) + 1
        rule = {"security_group_id": groups[0]["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
                "port_range_min": port, "port_range_max": port, "remote_ip_prefix": "10.9.0.0/16"}
        return self.cloud.ask("POST", "/network/v2.0/security-group-rules", {"security_group_rule": rule}).ok

    def stop(self):
        self.halt.set()
        self.join(30)
