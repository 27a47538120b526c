"""A daemon with tokens beside its simulated cloud, and the client's functions, counted as they are called."""

import asyncio
import importlib
import json
import pkgutil

import httpx
from company import Company, free_address
from waldur_api_client.api import openstack_marketplace_tenants, openstack_tenants
from waldur_api_client.client import AuthenticatedClient

# What another process does must be seen within so many seconds.
PATIENCE = 120
TENANTS = 260

CONFIG = """
[database]
url = "sqlite://{folder}/t.db"
[[clouds]]
name = "sim"
file = "{folder}/clouds.yaml"
write = [{kinds}]
[[clouds]]
name = "readonly"
entry = "sim"
file = "{folder}/clouds.yaml"
discover = {{ tags = ["none-has-it"] }}
[http]
listen = "{address}"
"""

PACKAGES = (openstack_tenants, openstack_marketplace_tenants)
# What the client has for each operation; listings have two more.
WAYS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed", "sync_all", "asyncio_all")
CALLED = set()
# A client's connections belong to the loop that made them.
LOOP = asyncio.new_event_loop()


def functions():
    """Every function of the two packages, as (module, function)."""
    found = set()
    for package in PACKAGES:
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            found |= {(module.name, way) for way in WAYS if hasattr(loaded, way)}
    return found


def function(module, way):
    package = next(it for it in PACKAGES if module.startswith(it.__name__.rpartition(".")[2]))
    return getattr(importlib.import_module(f"{package.__name__}.{module}"), way)


def call(module, way, *args, **kwargs):
    """What one function of the client returns."""
    CALLED.add((module, way))
    result = function(module, way)(*args, **kwargs)
    return LOOP.run_until_complete(result) if asyncio.iscoroutine(result) else result


class Stage(Company):
    """Starts everything; `stop` ends it and removes what it made."""

    def __init__(self, tenants=TENANTS):
        super().__init__("waldur", PATIENCE)
        self.base = f"http://{self.address}"
        self.cloud = free_address()
        try:
            self.simulate(self.cloud, tenants)
            kinds = ", ".join(f'"{kind}"' for kind in self.writing_kinds())
            text = CONFIG.format(folder=self.folder, address=self.address, kinds=kinds)
            (self.folder / "tenantd.toml").write_text(text)
            self.launch("--config", self.folder / "tenantd.toml", "run")
            self.wait("a daemon", lambda: self.health().get("leader"))
            self.command("enqueue", "pull_tenants", "--cloud", "sim", "--wait")
            self.tokens = {role: self.token(role, f"a-{role}") for role in ("viewer", "operator", "staff")}
            found = self.command("tenants", "list")
            named = {it["name"]: it["uuid"] for it in found if it["name"].startswith("tenant-")}
            self.tenants = [named[name] for name in sorted(named)]
        except BaseException:
            self.stop()
            raise

    def writing_kinds(self):
        schema = json.loads(self.output("schema", "job"))
        kinds = schema["properties"]["kind"]["enum"]
        return [it for it in kinds if not it.startswith(("pull", "detect", "digest", "prune", "unlink"))]

    def disturb(self, *faults):
        """Lets requests to the simulated cloud go wrong in these ways only."""
        httpx.put(f"http://{self.cloud}/simulator/faults", json={"faults": faults}).raise_for_status()

    def administrate(self, tenant):
        """Gives the daemon's login a role in a tenant's project: Nova makes server groups only for a token's own."""
        base = f"http://{self.cloud}/identity/v3"
        user = {"name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"}
        scope = {"project": {"name": "admin", "domain": {"name": "Default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = httpx.post(f"{base}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
        headers = {"X-Auth-Token": answer.headers["x-subject-token"]}
        roles = httpx.get(f"{base}/roles?name=admin", headers=headers).json()["roles"]
        role = next(it["id"] for it in roles if it["name"] == "admin")
        project = next(it for it in self.command("tenants", "list") if it["uuid"] == str(tenant))["backend_id"]
        place = f"{base}/projects/{project}/users/{answer.json()['token']['user']['id']}/roles/{role}"
        httpx.put(place, headers=headers).raise_for_status()

    def token(self, role, name, *words):
        """A new token, as the command prints it: alone on stdout."""
        config = self.folder / "tenantd.toml"
        return self.output("--config", config, "tokens", "create", "--role", role, name, *words).strip()

    def client(self, token):
        return AuthenticatedClient(base_url=self.base, token=token, prefix="Token")
