"""Lets tenantd change a genuine cloud by each of its kinds, and asks the real client what came of it.

Jobs go in through RabbitMQ. What a kind says of itself is not believed: each scenario looks at the cloud. The output is
a transcript.
"""

import secrets
import sys
import tempfile
import time
import traceback
from pathlib import Path

from stage import Stage, wait_for

IMAGES = Path(tempfile.mkdtemp(prefix="tenantd-images-"))
KINDS = ["create_tenant", "update_tenant", "change_password", "set_quotas", "create_security_group",
         "push_security_groups", "create_floating_ip", "create_network", "create_server_group", "create_image",
         "upload_image_data", "delete_tenant"]
LONG = 240

stage = Stage(KINDS, f'image_folder = "{IMAGES}"')


def command(kind, world, outcome="succeeded", **params):
    """A job for the tenant; how it ended."""
    print(f"  > {kind} {params}", flush=True)
    job = stage.send(kind, LONG, tenant=world["tenant"], params=params)
    assert job["outcome"] == outcome, job
    return job


def refused(world, kind, **params):
    """A job that makes no sense: it is dead before it is one, and the dead letter says why."""
    before = {row["id"] for row in stage.listed("dead", "list")}
    stage.publish(kind, tenant=world["tenant"], params=params)
    [letter] = wait_for("the dead letter", lambda: [row for row in stage.listed("dead", "list") if row["id"] not in before])
    assert (letter["kind"], letter["reason"]) == (kind, "invalid_params"), letter
    return letter["error"]


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
    [granted] = stage.openstack("role", "assignment", "list", "--project", world["project"], "--names")
    assert granted["Role"] == "member", granted
    world["user"] = granted["User"].split("@")[0]


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
    assert row["source"] == "commanded", row


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


def group(world):
    """a security group with rules"""
    command("create_security_group", world, name="web", description="pages", rules=[
        {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.7/24"},
        {"protocol": "icmp", "from_port": -1, "to_port": -1, "cidr": "0.0.0.0/0"}])
    made = next(row for row in stage.openstack("security group", "list", "--project", world["project"]) if row["Name"] == "web")
    world["group"] = made["ID"]
    rules = stage.openstack("security group rule", "list", made["ID"], "--ingress")
    assert sorted((r["IP Protocol"], r["IP Range"], r["Port Range"]) for r in rules) == [
        ("icmp", "0.0.0.0/0", ""), ("tcp", "192.0.2.0/24", "443:443")], rules
    world["rules"] = {r["IP Protocol"]: r["ID"] for r in rules}
    assert len(stage.openstack("security group rule", "list", made["ID"], "--egress")) == 2
    print("    refused: " + refused(world, "create_security_group", name="web", rules=[
        {"protocol": "tcp", "from_port": 9, "to_port": 3, "cidr": "::/0"}]), flush=True)


def groups_pushed(world):
    """all of its groups are said anew: one is renamed, one is new, and the rule that stays is never touched"""
    command("push_security_groups", world, security_groups=[
        {"uuid": world["group"], "name": "pages", "description": "pages", "rules": [
            {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.0/24"},
            {"protocol": "tcp", "from_port": 80, "to_port": 80, "remote_group_name": "front"}]},
        {"name": "front", "rules": [{"protocol": "", "from_port": -1, "to_port": -1, "direction": "egress"}]}])
    groups = {row["Name"]: row["ID"] for row in stage.openstack("security group", "list", "--project", world["project"])}
    assert set(groups) == {"default", "pages", "front"} and groups["pages"] == world["group"], groups
    rules = stage.openstack("security group rule", "list", world["group"], "--ingress")
    kept = next(r for r in rules if r["Port Range"] == "443:443")
    assert kept["ID"] == world["rules"]["tcp"], "the rule that stays is the one that was there"
    other = next(r for r in rules if r["ID"] != kept["ID"])
    assert (other["Port Range"], other["Remote Security Group"]) == ("80:80", groups["front"]) and len(rules) == 2, rules


def network(world):
    """a network"""
    command("create_network", world, name="second", description="one more")
    networks = stage.openstack("network", "list", "--project", world["project"])
    assert sorted(row["Name"] for row in networks if row["ID"] != world["network"]) == ["second"], networks


def address(world):
    """a floating IP, until there are no more"""
    for count in (1, 2):
        command("create_floating_ip", world)
        addresses = stage.openstack("floating ip", "list", "--project", world["project"])
        assert len(addresses) == count and addresses[0]["Floating Network"] == world["external"], addresses
    refused = stage.send("create_floating_ip", LONG, tenant=world["tenant"])
    assert refused["outcome"] == "failed" and "quota" in refused["error"].lower(), refused
    assert len(stage.openstack("floating ip", "list", "--project", world["project"])) == 2


def server_group(world):
    """a server group, which Nova makes only for those who have a role in the project"""
    stage.openstack("role", "add", "--project", world["project"], "--user", "admin", "admin", parse=False)
    command("create_server_group", world, name="apart", policy="anti-affinity")
    [made] = stage.openstack("server group", "list", env=world["member"])
    assert (made["Name"], made["Policy"]) == ("apart", "anti-affinity"), made


def image(world):
    """an image, and its data"""
    command("create_image", world, name="disk", disk_format="raw", min_disk=1)
    [made] = [row for row in stage.openstack("image", "list", "--property", f"owner={world['project']}") if row["Name"] == "disk"]
    assert made["Status"] == "queued", made
    (IMAGES / "disk.raw").write_bytes(secrets.token_bytes(3_000_000))
    command("upload_image_data", world, image_id=made["ID"], file="disk.raw")
    shown = stage.openstack("image", "show", made["ID"])
    assert (shown["status"], shown["size"], shown["min_disk"]) == ("active", 3_000_000, 1), shown
    stage.undo.append(["image", "delete", made["ID"]])


NETWORKING = ["network", "subnet", "router", "port", "floating ip", "security group"]


def ids(what, *which):
    return {row["ID"] for row in stage.openstack(*what.split(), "list", *which)}


def removed(world):
    """it is removed with all that is in it"""
    command("set_quotas", world, snapshots=5, volumes=5)
    member = world["member"]
    flavor, disk = "m1.tiny", stage.quiet("image", "list", "--status", "active", "--name", "cirros")[0]["ID"]
    server = stage.openstack("server", "create", "--flavor", flavor, "--image", disk, "--network", world["network"], "one", env=member)["id"]
    volume = stage.openstack("volume", "create", "--size", "1", "data", env=member)["id"]
    wait_for("the volume", lambda: stage.openstack("volume", "show", volume, show=False, env=member)["status"] == "available")
    copy = stage.openstack("volume", "snapshot", "create", "--volume", volume, "copy", env=member)["id"]
    wait_for("the instance", lambda: stage.openstack("server", "show", server, show=False, env=member)["status"] == "ACTIVE")
    stage.openstack("server", "add", "volume", server, volume, env=member, parse=False)
    project = world["project"]
    user = stage.quiet("user", "show", "--domain", "default", world["user"])["id"]
    there = {what: ids(what, "--project", project) for what in NETWORKING} | {"server": {server}, "volume": {volume}}
    assert all(there.values()), there
    command("delete_tenant", world)
    assert all(row["uuid"] != world["tenant"] for row in stage.listed("tenants", "list"))
    assert all(row["ID"] not in (project,) for row in stage.openstack("project", "list"))
    assert all(row["ID"] != user for row in stage.openstack("user", "list"))
    for what, were in there.items():
        more = [] if what in NETWORKING else ["--all-projects"]
        assert not were & ids(what, *more), (what, were)
    assert copy not in ids("volume snapshot", "--all-projects")
    groups = stage.openstack("server group", "list", "--all-projects", "--long")
    assert all(row["Project Id"] != project for row in groups), groups


SCENARIOS = [created, renamed, password, quotas, quotas_refused, group, groups_pushed, network, address, server_group,
             image, removed]


def main():
    passed = failed = 0
    world = {"external": stage.quiet("network", "list", "--external")[0]["ID"]}
    try:
        stage.start()
        for scenario in SCENARIOS:
            print(f"- {scenario.__doc__}", flush=True)
            began = time.monotonic()
            try:
                scenario(world)
                passed += 1
                print(f"    passed in {time.monotonic() - began:.1f} s", flush=True)
            except Exception:
                failed += 1
                traceback.print_exc()
    finally:
        stage.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
