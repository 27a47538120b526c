"""Changes a genuine cloud behind tenantd's back with the real client, and holds tenantd to what it must say of it.

Jobs go in through RabbitMQ, records into PostgreSQL, and each finding is looked for where people look: in
`drift list`, in the published events, and in the metrics. The output is a transcript.
"""

import json
import sys

from objects import WRITE, Objects
from stage import Stage, wait_for

stage = Stage(WRITE)


def standing(project, **like):
    found = [row for row in stage.listed("drift", "list", "--tenant", project) if all(row[k] == v for k, v in like.items())]
    return found[0] if found else None


def describe(row):
    def short(value):
        return json.dumps(value)[:90]
    return (f"[{row['severity']}] {row['resource_type']} {row['object_name']}: {row['change']} {row['field']}"
            f" {short(row['expected'])} -> {short(row['observed'])}, since {row['opened_at']}")


def event_of(row, step):
    key = f"drift.{row['resource_type']}.{step}"
    return wait_for(f"the event {key}", lambda: any(k == key and e["data"]["id"] == row["id"] for k, e in list(stage.events)))


def found(kind, project, **like):
    """Pulls until the finding stands (an object that is gone takes two looks, and the second comes by itself)."""
    job = stage.send(kind, tenant=project)
    assert job["outcome"] in ("succeeded", "unchanged"), job
    row = wait_for(f"{kind} {like}", lambda: standing(project, **like))
    assert row["state"] == "open" and row["opened_at"] and row["tenant"] == project, row
    event_of(row, "opened")
    gauge = stage.metric("tenantd_drift_open", tenant=project, resource_type=row["resource_type"], severity=row["severity"])
    assert gauge and gauge >= 1, f"tenantd_drift_open is {gauge}"
    print("    found    " + describe(row), flush=True)
    return row


def gone(kind, project, row):
    stage.send(kind, tenant=project)
    ended = wait_for("the end of the finding", lambda: next(
        (it for it in stage.listed("drift", "list", "--all", "--tenant", project)
         if it["id"] == row["id"] and it["state"] == "resolved"), None))
    event_of(row, "resolved")
    print(f"    resolved {ended['resolved_at']}", flush=True)


def accepted(kind, project, row):
    stage.tenantd("drift", "accept", row["id"])
    event_of(row, "accepted")
    stage.send(kind, tenant=project)
    assert not standing(project, object=row["object"]), "an accepted difference is none any more"
    print("    accepted", flush=True)


def quota(option, low, high, name, expected, observed):
    def scenario(world):
        project = world["project"]
        stage.openstack("quota", "set", option, high, project, parse=False)
        row = found("pull_quotas", project, object=name, field="limit")
        assert row["change"] == "limit" and (row["expected"], row["observed"]) == (expected, observed), row
        stage.openstack("quota", "set", option, low, project, parse=False)
        gone("pull_quotas", project, row)
    scenario.__doc__ = f"a limit is changed: {name}"
    return scenario


def group_added(world):
    """a security group appears"""
    group = stage.openstack("security group", "create", "--project", world["project"], "opened")["id"]
    row = found("pull_security_groups", world["project"], object=group, change="added")
    stage.openstack("security group", "delete", group, parse=False)
    gone("pull_security_groups", world["project"], row)


def rule_added(world):
    """ssh is opened to the world"""
    rule = stage.openstack("security group rule", "create", "--project", world["project"], "--protocol", "tcp",
                           "--dst-port", "22", "--remote-ip", "0.0.0.0/0", world["group"])["id"]
    row = found("pull_security_groups", world["project"], object=world["group"], change="added")
    assert row["severity"] == "critical" and row["field"] == "rule ingress IPv4 tcp 22 from 0.0.0.0/0", row
    stage.openstack("security group rule", "delete", rule, parse=False)
    gone("pull_security_groups", world["project"], row)


def rule_removed(world):
    """a rule is taken away and put back, as another rule with the same meaning"""
    stage.openstack("security group rule", "delete", world["rule"], parse=False)
    row = found("pull_security_groups", world["project"], object=world["group"], change="removed")
    assert row["field"] == "rule ingress IPv4 tcp 443 from 192.0.2.0/24", row
    # Host bits and the protocol's number: another spelling of the same rule.
    stage.openstack("security group rule", "create", "--project", world["project"], "--protocol", "6",
                    "--dst-port", "443", "--remote-ip", "192.0.2.7/24", world["group"])
    gone("pull_security_groups", world["project"], row)


def group_renamed(world):
    """a security group is renamed"""
    stage.openstack("security group", "set", "--name", "renamed", world["group"], parse=False)
    row = found("pull_security_groups", world["project"], object=world["group"], field="name")
    assert (row["expected"], row["observed"], row["severity"]) == ("web", "renamed", "info"), row
    stage.openstack("security group", "set", "--name", "web", world["group"], parse=False)
    gone("pull_security_groups", world["project"], row)


def group_deleted(world):
    """a security group is deleted, which one look does not prove, and someone accepts it"""
    stage.openstack("security group", "delete", world["group"], parse=False)
    stage.send("pull_security_groups", tenant=world["project"])
    assert not standing(world["project"], object=world["group"]), "one look is no proof"
    row = found("pull_security_groups", world["project"], object=world["group"], change="removed")
    accepted("pull_security_groups", world["project"], row)


def address_added(world):
    """a floating IP is allocated and released"""
    address = stage.openstack("floating ip", "create", "--project", world["project"], world["external"])["id"]
    row = found("pull_floating_ips", world["project"], object=address, change="added")
    stage.openstack("floating ip", "delete", address, parse=False)
    gone("pull_floating_ips", world["project"], row)


def server_group_added(world):
    """a server group is made and deleted by a member of the project"""
    made = stage.openstack("server group", "create", "--policy", "anti-affinity", "apart", env=world["member"])
    row = found("pull_server_groups", world["project"], object=made["id"], change="added")
    stage.openstack("server group", "delete", made["id"], env=world["member"], parse=False)
    gone("pull_server_groups", world["project"], row)


def nothing_changed(world):
    """a pull of an unchanged project adds nothing"""
    before = stage.listed("snapshots", "list", "--tenant", world["project"], "--limit", "1000")
    job = stage.send("pull", tenant=world["project"])
    assert job["outcome"] == "unchanged", job
    after = stage.listed("snapshots", "list", "--tenant", world["project"], "--limit", "1000")
    assert [row["id"] for row in before] == [row["id"] for row in after]
    print(f"    unchanged: {len(after)} snapshots before and after", flush=True)


def new_project(world):
    """a project that was made a second ago"""
    project = stage.make_project(f"{stage.name}-new")
    job = stage.send("pull_quotas", tenant=project)
    assert job["outcome"] == "succeeded", job
    print(f"    {job['kind']} of {project}: {job['outcome']}", flush=True)
    world["new"] = project


def project_deleted(world):
    """a project is deleted: its tenant is marked, not dropped"""
    stage.openstack("project", "delete", world["new"], parse=False)
    stage.undo.remove(["project", "delete", world["new"]])
    assert stage.send("pull_tenants", cloud="lab")["outcome"] == "succeeded"
    assert any(key == "tenant.vanished" and e["subject"] == world["new"] for key, e in list(stage.events))
    assert any(row["backend_id"] == world["new"] for row in stage.listed("tenants", "list"))
    job = stage.send("pull_quotas", tenant=world["new"])
    print(f"    marked; a pull of it: {job['outcome']} ({job['reason']}: {job['error']})", flush=True)


def unknown_project(world):
    """a project that never was"""
    job = stage.send("pull_quotas", tenant="0" * 32)
    assert (job["outcome"], job["reason"]) == ("failed", "unknown_tenant"), job
    assert any(row["reason"] == "unknown_tenant" for row in stage.listed("dead", "list"))
    print(f"    dead: {job['error']}", flush=True)


SCENARIOS = [
    nothing_changed,
    quota("--cores", "20", "40", "vcpu", 20, 40),
    quota("--ram", "51200", "-1", "ram", 51200, "unlimited"),
    quota("--floating-ips", "50", "0", "floating_ip_count", 50, 0),
    quota("--gigabytes", "1000", "1500", "storage", 1_024_000, 1_536_000),
    group_added, rule_added, rule_removed, group_renamed, group_deleted,
    address_added, server_group_added, new_project, project_deleted, unknown_project,
    *Objects(stage).all(),
]


def prepare():
    world = {"project": stage.make_project(stage.name)}
    for option, value in [("--cores", "20"), ("--ram", "51200"), ("--floating-ips", "50"), ("--gigabytes", "1000")]:
        stage.quiet("quota", "set", option, value, world["project"], parse=False)
    world["member"] = stage.make_user(world["project"])
    world["group"] = stage.quiet("security group", "create", "--project", world["project"], "web")["id"]
    world["rule"] = stage.quiet("security group rule", "create", "--project", world["project"], "--protocol", "tcp",
                                "--dst-port", "443", "--remote-ip", "192.0.2.0/24", world["group"])["id"]
    world["external"] = stage.quiet("network", "list", "--external")[0]["ID"]
    return world


def main():
    try:
        world = prepare()
        stage.start()
        assert stage.send("pull_tenants", scope="all")["outcome"] == "succeeded"
        assert stage.send("pull", tenant=world["project"])["outcome"] == "succeeded"
        return stage.play(SCENARIOS, world)
    finally:
        stage.stop()


sys.exit(main())
