"""The life of a tenant in a genuine cloud: made, changed and removed by tenantd, and looked at with the real client.

Jobs go in through RabbitMQ. What a kind says of itself is not believed: each scenario looks at the cloud. The output is
a transcript.
"""

import secrets
import sys

from stage import Stage, wait_for

LONG = 240

stage = Stage(["create_tenant", "update_tenant", "change_password", "set_quotas", "create_security_group",
               "create_floating_ip", "create_network", "create_server_group", "delete_tenant"])


def command(kind, world, outcome="succeeded", **params):
    """A job for the tenant; how it ended."""
    print(f"  > {kind} {params}", flush=True)
    job = stage.send(kind, LONG, tenant=world["tenant"], params=params)
    assert job["outcome"] == outcome, job
    return job


def tenant_of(world):
    return next(row for row in stage.listed("tenants", "list") if row["uuid"] == world["tenant"])


def expected(world, resource_type):
    rows = stage.listed("expectations", "show", "--tenant", world["tenant"])
    return next(row for row in rows if row["resource_type"] == resource_type)


def limits(world):
    return {row["Resource"]: row["Limit"] for row in stage.openstack("quota", "show", world["project"])}


def created(world):
    """a tenant is made, with its user, limits, network and router"""
    name = f"{stage.name} made"
    print(f"  > create_tenant {name}", flush=True)
    job = stage.send("create_tenant", LONG, cloud="lab", params={
        "name": name, "description": "by order", "domain": "default", "subnet_cidr": "10.11.12.0/24",
        "quotas": {"vcpu": 7, "storage": 51200, "security_group_count": 12, "floating_ip_count": -1}})
    assert job["outcome"] == "succeeded", job
    row = next(row for row in stage.listed("tenants", "list") if row["name"] == name)
    assert row["state"] == "OK", row
    world["tenant"], world["project"] = row["uuid"], row["backend_id"]
    project = stage.openstack("project", "show", world["project"])
    assert (project["name"], project["description"], project["enabled"]) == (name, "by order", True), project
    seen = limits(world)
    named = {key: seen[key] for key in ("cores", "gigabytes", "secgroups" if "secgroups" in seen else "security_groups")}
    assert list(named.values()) == [7, 50, 12], seen
    [network] = stage.openstack("network", "list", "--project", world["project"])
    [subnet] = stage.openstack("subnet", "list", "--project", world["project"])
    assert subnet["Network"] == network["ID"] and subnet["Subnet"] == "10.11.12.0/24", subnet
    [router] = stage.openstack("router", "list", "--project", world["project"])
    shown = stage.openstack("router", "show", router["ID"])
    assert shown["external_gateway_info"]["network_id"] == world["external"], shown
    assert [port["subnet_id"] for port in shown["interfaces_info"]] == [subnet["ID"]], shown
    world["network"], world["router"] = network["ID"], router["ID"]
    granted = stage.openstack("role", "assignment", "list", "--project", world["project"], "--names")
    roles = {row["User"].split("@")[0]: row["Role"] for row in granted}
    # tenantd itself needs a role to make server groups.
    assert set(roles.values()) == {"member"} and roles.pop("admin") and len(roles) == 1, granted
    [world["user"]] = roles


def renamed(world):
    """its name and description change"""
    command("update_tenant", world, name=f"{stage.name} renamed", description="another")
    project = stage.openstack("project", "show", world["project"])
    assert (project["name"], project["description"]) == (f"{stage.name} renamed", "another"), project
    assert tenant_of(world)["name"] == f"{stage.name} renamed"


def password(world):
    """its user gets a password, and can log in with it"""
    word = secrets.token_urlsafe(12)
    job = stage.send("change_password", LONG, tenant=world["tenant"], params={"user_password": word})
    assert job["outcome"] in ("succeeded", "unchanged"), job
    world["member"] = stage.login_of(world["user"], word, world["project"])
    assert stage.openstack("token", "issue", env=world["member"])["project_id"] == world["project"]
    assert word not in stage.tenantd("jobs", "show", job["id"], "--output", "json")


def quotas(world):
    """limits are set: a number, none, as many as there are, and of a volume type"""
    command("set_quotas", world, vcpu=20, ram=-1, instances=5, storage=204800, volumes=3, snapshots=0, network_count=3,
            port_count=-1, floating_ip_count=2, gigabytes___DEFAULT__=100)
    seen = limits(world)
    wanted = {"cores": 20, "ram": -1, "instances": 5, "gigabytes": 200, "volumes": 3, "snapshots": 0, "networks": 3,
              "ports": -1, "gigabytes___DEFAULT__": 100}
    assert {key: seen[key] for key in wanted} == wanted, seen
    row = expected(world, "quotas")
    said = row["objects"]
    assert said and all(it["source"] == "commanded" for it in said.values()), row


def quotas_refused(world):
    """what a service refuses is told in its words, and what the others took stays"""
    command("set_quotas", world, outcome="failed", network_count=0, vcpu=21)
    seen = limits(world)
    assert (seen["networks"], seen["cores"]) == (3, 21), seen
    row = tenant_of(world)
    assert row["state"] == "ERRED" and "already used" in row["error_message"], row
    print(f"    {row['error_message']}", flush=True)
    unknown = stage.send("set_quotas", LONG, tenant=world["tenant"], params={"gigabytes_floppy": 1})
    assert unknown["outcome"] == "failed" and "floppy" in unknown["error"], unknown
    command("set_quotas", world, vcpu=20)
    assert tenant_of(world)["state"] == "OK"


NETWORKING = ["network", "subnet", "router", "port", "floating ip", "security group"]


def ids(what, *which):
    return {row["ID"] for row in stage.openstack(*what.split(), "list", *which)}


def removed(world):
    """it is removed with all that is in it"""
    command("set_quotas", world, snapshots=5)
    command("create_network", world, name="second")
    command("create_floating_ip", world)
    command("create_security_group", world, name="web", rules=[
        {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.0/24"}])
    command("create_server_group", world, name="apart", policy="anti-affinity")
    member = world["member"]
    flavor, disk = "m1.tiny", stage.quiet("image", "list", "--status", "active", "--name", "cirros")[0]["ID"]
    server = stage.openstack("server", "create", "--flavor", flavor, "--image", disk, "--network", world["network"], "one", env=member)["id"]
    volume = stage.openstack("volume", "create", "--size", "1", "data", env=member)["id"]
    wait_for("the volume", lambda: stage.openstack("volume", "show", volume, show=False, env=member)["status"] == "available")
    copy = stage.openstack("volume", "snapshot", "create", "--volume", volume, "copy", env=member)["id"]
    wait_for("the instance", lambda: stage.openstack("server", "show", server, show=False, env=member)["status"] == "ACTIVE")
    stage.openstack("server", "add", "volume", server, volume, env=member, parse=False)
    mine, hidden = (stage.openstack("image", "create", name, env=member)["id"] for name in ("mine", "hidden"))
    stage.openstack("image", "set", "--hidden", hidden, env=member, parse=False)
    images = {mine, hidden}
    project = world["project"]
    user = stage.quiet("user", "show", "--domain", "default", world["user"])["id"]
    there = {what: ids(what, "--project", project) for what in NETWORKING} | {"server": {server}, "volume": {volume}}
    assert all(there.values()), there
    assert images <= ids("image") | ids("image", "--hidden"), images
    command("delete_tenant", world)
    assert all(row["uuid"] != world["tenant"] for row in stage.listed("tenants", "list"))
    assert all(row["ID"] not in (project,) for row in stage.openstack("project", "list"))
    assert all(row["ID"] != user for row in stage.openstack("user", "list"))
    for what, were in there.items():
        more = [] if what in NETWORKING else ["--all-projects"]
        assert not were & ids(what, *more), (what, were)
    assert copy not in ids("volume snapshot", "--all-projects")
    assert not images & (ids("image") | ids("image", "--hidden")), images
    groups = stage.openstack("server group", "list", "--all-projects", "--long")
    assert all(row["Project Id"] != project for row in groups), groups


SCENARIOS = [created, renamed, password, quotas, quotas_refused, removed]


def main():
    world = {"external": stage.quiet("network", "list", "--external")[0]["ID"]}
    try:
        stage.start()
        return stage.play(SCENARIOS, world)
    finally:
        stage.stop()


sys.exit(main())
