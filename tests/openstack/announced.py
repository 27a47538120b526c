"""A portal that changes limits and security groups of a genuine cloud with its own login, and tells tenantd: before it
does, after it did, and in vain.

The portal is the real client. While a change settles, old and new are both right; the look at its end comes by itself.
The output is a transcript.
"""

import json
import os
import sys
import time
from pathlib import Path

from stage import Stage, wait_for

# Long enough for the looks before its end, and no longer.
SETTLE = 25
LIMITS = {"cores": 20, "ram": 51200, "floating-ips": 50, "volumes": 12, "secgroups": 30}
HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.0/24"}

stage = Stage()


# --- what the portal does ----------------------------------------------------------------------


def announce(world, resource_type, values, settle=SETTLE):
    """Before or after, as a person or a script says it at the command line; when it is over."""
    params = json.dumps({"resource_type": resource_type, "values": values, "settle": f"{settle}s"})
    words = ["enqueue", "expect", "--tenant", world["project"], "--params", params, "--wait"]
    print(f"  $ tenantd enqueue expect --tenant {world['project']} --params '{params}'", flush=True)
    stage.tenantd(*words)
    [mine] = [it for it in expected(world, resource_type)["announced"] if it["values"] == values]
    assert mine["settles_at"] > mine["announced_at"], mine
    return time.monotonic() + settle


def set_limit(world, option, value):
    stage.openstack("quota", "set", f"--{option}", str(value), world["project"], parse=False)


def add_rule(world, port, group="web"):
    words = ["--project", world["project"], "--protocol", "tcp", "--dst-port", str(port), "--remote-ip", "192.0.2.0/24"]
    return stage.openstack("security", "group", "rule", "create", *words, world[group])["id"]


def make_group(world, name):
    world[name] = stage.openstack("security", "group", "create", "--project", world["project"], name)["id"]


# --- what tenantd says -------------------------------------------------------------------------


def expected(world, resource_type):
    rows = stage.listed("expectations", "show", "--tenant", world["project"])
    return next(row for row in rows if row["resource_type"] == resource_type)


def findings(world):
    return stage.listed("drift", "list", "--tenant", world["project"])


def look(world, resource_type, *wanted):
    """One look; what is found is what is wanted and nothing else."""
    job = stage.send(f"pull_{resource_type}", tenant=world["project"])
    assert job["outcome"] in ("succeeded", "unchanged"), job
    return found(world, *wanted)


def found(world, *wanted):
    """What stands is this and nothing else; what is gone is believed at a second look, which comes by itself."""
    if wanted:
        wait_for(wanted, lambda: len(findings(world)) >= len(wanted))
    rows = sorted(findings(world), key=lambda row: (row["object"], row["field"]))
    told = [(row["object_name"], row["field"], row["expected"], row["observed"]) for row in rows]
    print(f"    found {[f'{name}: {field}' for name, field, _, _ in told] or 'nothing'}", flush=True)
    assert len(rows) == len(wanted) and all(like.items() <= row.items() for row, like in zip(rows, wanted)), told
    return rows


def settling(world, resource_type, ends):
    """That nothing has settled yet: what was found was found meanwhile."""
    assert expected(world, resource_type)["announced"] and time.monotonic() < ends, "this machine is too slow for the test"


def settled(world, resource_type):
    """Waits for the look at the end of what was announced; what is expected since."""
    wait_for("the end of what was announced", lambda: not expected(world, resource_type)["announced"], SETTLE + 30)
    return expected(world, resource_type)


def commanded(row, thing, author="cli"):
    origin = row["objects"].get(thing)
    assert origin and (origin["source"], origin["author"]) == ("commanded", author), row["objects"]


def in_the_log_of(service, request_id):
    """That whoever looks for the id finds it, where the cloud is the lab and its logs are here."""
    lab = os.environ.get("TENANTD_TEST_OPENSTACK_LAB")
    if lab:
        log = Path(lab, "log", f"{service}.log").read_text(encoding="utf-8", errors="replace")
        line = next((line for line in log.splitlines() if request_id in line), None)
        assert line, f"{request_id} is not in the log of {service}"
        print(f"    {line}", flush=True)


# --- scenarios ---------------------------------------------------------------------------------


def limit_before(world):
    """a limit is announced, and changed then"""
    ends = announce(world, "quotas", {"vcpu": 40})
    look(world, "quotas")
    set_limit(world, "cores", 40)
    look(world, "quotas")
    settling(world, "quotas", ends)
    row = settled(world, "quotas")
    assert row["body"]["vcpu"]["limit"] == 40, row["body"]
    commanded(row, "vcpu")
    look(world, "quotas")
    set_limit(world, "cores", 20)
    look(world, "quotas", {"object": "vcpu", "expected": 40, "observed": 20, "source": "commanded"})
    set_limit(world, "cores", 40)
    look(world, "quotas")


def limit_after(world):
    """a limit is changed, and announced then: what was found ends"""
    set_limit(world, "ram", -1)
    [row] = look(world, "quotas", {"object": "ram", "expected": 51200, "observed": "unlimited", "state": "open"})
    ends = announce(world, "quotas", {"ram": "unlimited"})
    found(world)
    look(world, "quotas")
    settling(world, "quotas", ends)
    ended = next(it for it in stage.listed("drift", "list", "--all", "--tenant", world["project"]) if it["id"] == row["id"])
    assert ended["state"] == "resolved", ended
    wait_for("its event", lambda: any(
        key == "drift.quotas.resolved" and event["data"]["id"] == row["id"] for key, event in list(stage.events)))
    opened = stage.listed("drift", "show", row["id"])[0]["life"][0]
    [asked] = opened["request_ids"]
    assert asked["service"] == "nova" and asked["at"], opened
    in_the_log_of("nova-api", asked["id"])
    said = settled(world, "quotas")
    assert said["body"]["ram"]["limit"] == "unlimited", said["body"]
    commanded(said, "ram")
    look(world, "quotas")


def in_vain(world):
    """a limit is announced and never changed: the old one is found in the end"""
    ends = announce(world, "quotas", {"floating_ip_count": 60, "volumes": 12})
    look(world, "quotas")
    settling(world, "quotas", ends)
    settled(world, "quotas")
    like = {"object": "floating_ip_count", "expected": 60, "observed": 50, "source": "commanded"}
    found(world, like)
    look(world, "quotas", like)
    set_limit(world, "floating-ips", 60)
    look(world, "quotas")


def another_value(world):
    """a limit is announced, and another one is set: that is found at once"""
    ends = announce(world, "quotas", {"security_group_count": 40})
    set_limit(world, "secgroups", 41)
    look(world, "quotas", {"object": "security_group_count", "expected": 30, "observed": 41})
    settling(world, "quotas", ends)
    set_limit(world, "secgroups", 40)
    look(world, "quotas")
    settled(world, "quotas")
    found(world)


def rule_before(world):
    """a rule of a group is announced, and made then"""
    http = HTTPS | {"from_port": 80, "to_port": 80}
    ends = announce(world, "security_groups", {"web": {"rules": [HTTPS, http]}})
    look(world, "security_groups")
    add_rule(world, 80)
    look(world, "security_groups")
    settling(world, "security_groups", ends)
    commanded(settled(world, "security_groups"), world["web"])
    found(world)
    look(world, "security_groups")
    made = add_rule(world, 8000)
    look(world, "security_groups", {"object": world["web"], "change": "added", "source": "commanded"})
    stage.openstack("security", "group", "rule", "delete", made, parse=False)
    look(world, "security_groups")


def rule_after(world):
    """a rule is made and another is taken away, and both are announced then"""
    add_rule(world, 8443)
    stage.openstack("security", "group", "rule", "delete", world["https"], parse=False)
    rows = look(world, "security_groups", *[{"object": world["web"], "change": change} for change in ("removed", "added")])
    rules = [HTTPS | {"from_port": port, "to_port": port} for port in (80, 8443)]
    ends = announce(world, "security_groups", {world["web"]: {"rules": rules}})
    found(world)
    look(world, "security_groups")
    settling(world, "security_groups", ends)
    ended = {it["id"]: it["state"] for it in stage.listed("drift", "list", "--all", "--tenant", world["project"])}
    assert [ended[row["id"]] for row in rows] == ["resolved", "resolved"], ended
    commanded(settled(world, "security_groups"), world["web"])
    found(world)
    look(world, "security_groups")


def group_comes_and_goes(world):
    """a group that is to be made with its rules, and one that is to go, are announced"""
    ends = announce(world, "security_groups", {"mail": {"rules": [HTTPS | {"from_port": 25, "to_port": 25}]}, "old": None})
    make_group(world, "mail")
    add_rule(world, 25, "mail")
    stage.openstack("security", "group", "delete", world["old"], parse=False)
    look(world, "security_groups")
    settling(world, "security_groups", ends)
    commanded(settled(world, "security_groups"), world["mail"])
    found(world)
    look(world, "security_groups")
    stage.openstack("security", "group", "delete", world["mail"], parse=False)
    look(world, "security_groups", {"object": world["mail"], "change": "removed", "source": "commanded"})
    announce(world, "security_groups", {"mail": None})
    found(world)
    settled(world, "security_groups")
    found(world)
    look(world, "security_groups")


SCENARIOS = [limit_before, limit_after, in_vain, another_value, rule_before, rule_after, group_comes_and_goes]


def main():
    try:
        world = {"project": stage.make_project(stage.name)}
        limits = [word for option, value in LIMITS.items() for word in (f"--{option}", str(value))]
        stage.quiet("quota", "set", *limits, world["project"], parse=False)
        make_group(world, "web")
        make_group(world, "old")
        world["https"] = add_rule(world, 443)
        stage.start()
        assert stage.send("pull", tenant=world["project"])["outcome"] == "succeeded"
        return stage.play(SCENARIOS, world)
    finally:
        stage.stop()


sys.exit(main())
