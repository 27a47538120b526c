"""What becomes of findings: policies, acknowledgements, acceptance; and tenants that empty or go."""

from drift_network import address, drop, in_a_group, rule
from drift_quotas import LIMITS, set_limit
from stage import wait_for

LIFE = []


def listed(scenario):
    LIFE.append(scenario)
    return scenario


def on_event(stage, key, about):
    return wait_for(f"the event {key}", lambda: next(
        (event["data"] for routed, event in list(stage.events) if routed == key and about(event["data"])), None))


@in_a_group("a policy is broken, and kept again", "desktop")
def policy(world, mine):
    made = rule(world, mine, "--protocol", "tcp", "--dst-port", "3380:3400", "--remote-ip", "0.0.0.0/0")
    broken, added = yield [{"object": mine, "change": "policy", "field": "policy no-remote-desktop", "severity": "critical"},
                           {"object": mine, "change": "added"}]
    assert "3380-3400" in str(broken["observed"]), broken
    said = world["stage"].tenantd("drift", "accept", broken["id"], fails=True)
    assert "condition" in said, said
    drop(world, "security", "group", "rule", "delete", made)
    rule(world, mine, "--protocol", "tcp", "--dst-port", "3380:3400", "--remote-ip", "192.0.2.0/24")
    [row] = yield [{"object": mine, "change": "added", "field": "rule ingress IPv4 tcp 3380-3400 from 192.0.2.0/24"}]
    assert row["id"] != added["id"], row
    world["stage"].tenantd("drift", "accept", row["id"])
    yield []


@listed
def acknowledged(world):
    """somebody knows of a limit: it is quiet until it is another, and is over when it is as it was"""
    stage, mine = world["stage"], {"tenant": world["main"], "object": "vcpu", "field": "limit"}
    set_limit(world, "cores", 40)
    [row] = yield [mine | {"state": "open", "observed": 40}]
    stage.tenantd("drift", "ack", row["id"], "--reason", "ticket 7", "--until", "7d")
    [again] = yield [mine | {"state": "acknowledged"}]
    assert again["id"] == row["id"], again
    set_limit(world, "cores", 400)
    [again] = yield [mine | {"state": "open", "observed": 400}]
    assert again["id"] == row["id"], again
    opened = on_event(stage, "drift.quotas.opened", lambda it: it["id"] == row["id"] and it.get("reason"))
    assert opened["reason"] == "another value was observed", opened
    set_limit(world, "cores", LIMITS["cores"])
    yield []
    on_event(stage, "drift.quotas.resolved", lambda it: it["id"] == row["id"])


@listed
def accepted(world):
    """a limit is accepted, and the old one is drift from then on"""
    stage, mine = world["stage"], {"tenant": world["main"], "object": "volumes", "field": "limit"}
    set_limit(world, "volumes", 24)
    yield [mine | {"expected": 12, "observed": 24}]
    words = ["drift", "accept", "--tenant", world["main"], "--resource-type", "quotas", "--field", "limit", "--since", "1h"]
    assert "volumes" in stage.tenantd(*words, "--dry-run")
    row = next(row for row in stage.listed("drift", "list", "--tenant", world["main"]) if row["object"] == "volumes")
    stage.tenantd("drift", "accept", row["id"])
    yield []
    set_limit(world, "volumes", 12)
    yield [mine | {"expected": 24, "observed": 12}]
    set_limit(world, "volumes", 24)
    yield []


@listed
def emptied(world):
    """a tenant's addresses are gone at once: that is not believed at first, and then each is told"""
    stage, mine = world["stage"], {"tenant": world["emptied"], "resource_type": "floating_ips", "change": "removed"}
    drop(world, "floating", "ip", "delete", *world["many"])
    rows = yield [mine | {"object": one, "severity": "warning"} for one in world["many"]]
    whole = on_event(stage, "drift.floating_ips.opened", lambda it: it["object"] == "*" and it["tenant"] == world["emptied"])
    assert whole["severity"] == "critical" and whole["object_name"] == "6 of 6 objects", whole
    on_event(stage, "drift.floating_ips.resolved", lambda it: it["id"] == whole["id"])
    for row in rows:
        stage.tenantd("drift", "accept", row["id"])
    yield []


emptied.before = lambda world: world.update(many=[address(world, "emptied") for _ in range(6)])


@listed
def first_touch(world):
    """a project that nobody has touched yet gets its default group while it is looked at: no drift"""
    yield []
    rows = world["stage"].openstack("security", "group", "list", "--project", world["fresh"])
    assert [row["Name"] for row in rows] == ["default"], rows
    yield []


@listed
def project_gone(world):
    """a project with a finding is deleted: its tenant is marked, and the finding ends"""
    stage, project = world["stage"], world["fresh"]
    set_limit(world, "cores", 77, project="fresh")
    [row] = yield [{"tenant": project, "object": "vcpu", "observed": 77}]
    yield [{"tenant": project, "object": "vcpu", "observed": 77}]
    drop(world, "project", "delete", project)
    stage.undo.remove(["project", "delete", project])
    world["projects"].remove(project)
    assert stage.send("pull_tenants", cloud="lab")["outcome"] == "succeeded"
    on_event(stage, "tenant.vanished", lambda it: it["tenant"] == project)
    on_event(stage, "drift.quotas.resolved", lambda it: it["id"] == row["id"])
    yield []
