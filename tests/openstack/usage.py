"""What genuine services say is used, against what tenantd counts there: the same, until a counter is put off by hand.

A counter is put off in the lab's database; where there is none to reach, those scenarios are skipped with a word.
"""

import os
import sys
import time
from pathlib import Path

from stage import Stage, wait_for

LONG = 240
# A little more than what the stage's configuration says of looks that are to agree.
SPACING = 2.1

stage = Stage(["set_quotas"])


def look(world, outcome=None, **params):
    """A look at the tenant's quotas; how it ended."""
    job = stage.send("pull_quotas", LONG, tenant=world["project"], params=params)
    assert job["outcome"] in ([outcome] if outcome else ["succeeded", "unchanged"]), job
    return job


def drift(world, *more):
    return stage.listed("drift", "list", "--tenant", world["project"], *more)


def counted(world, patience=30):
    """Looks that count and agree: the first is asked for, the others come by themselves."""
    look(world, count=True)
    return wait_for("a finding about a counter", lambda: [row for row in drift(world) if row["change"] == "usage"], patience)


def agrees(world):
    """Looks that count find nothing, however often."""
    for _ in range(3):
        look(world, count=True)
        time.sleep(SPACING)
    rows = drift(world)
    assert not rows, rows


def used(world):
    """What the services say is used, in the client's words."""
    rows = stage.quiet("quota", "show", "--usage", world["project"])
    return {row["Resource"]: row["In Use"] for row in rows}


def nothing(world):
    """a project with nothing in it counts as the services count it"""
    agrees(world)


def filled(world):
    """a project with one of each counts as the services count it: ports of routers and instances, rules that others made"""
    project, member = world["project"], world["member"]
    group = stage.openstack("security", "group", "create", "web", env=member)["id"]
    for port in ("80", "443"):
        stage.openstack("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", port, group, env=member)
    # A rule that an administrator makes in it is the administrator's, and counts for the administrator's project.
    stage.openstack("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", group)
    network = stage.openstack("network", "create", "inner", env=member)["id"]
    subnet = stage.openstack("subnet", "create", "--network", network, "--subnet-range", "10.9.8.0/24", "inner", env=member)["id"]
    router = stage.openstack("router", "create", "way out", env=member)["id"]
    stage.openstack("router", "set", "--external-gateway", world["external"], router, env=member, parse=False)
    stage.openstack("router", "add", "subnet", router, subnet, env=member, parse=False)
    port = stage.openstack("port", "create", "--network", network, "spare", env=member)["id"]
    address = stage.openstack("floating", "ip", "create", world["external"], env=member)["id"]
    stage.openstack("floating", "ip", "set", "--port", port, address, env=member, parse=False)
    image = stage.quiet("image", "list", "--status", "active", "--name", "cirros")[0]["ID"]
    servers = [stage.openstack("server", "create", "--flavor", flavor, "--image", image, "--network", network, name,
                               env=member)["id"] for flavor, name in (("m1.tiny", "one"), ("m1.tiny", "two"))]
    volume = stage.openstack("volume", "create", "--size", "3", "data", env=member)["id"]
    wait_for("the volume", lambda: stage.openstack("volume", "show", volume, show=False, env=member)["status"] == "available", LONG)
    copy = stage.openstack("volume", "snapshot", "create", "--volume", volume, "copy", env=member)["id"]
    wait_for("the snapshot", lambda: stage.openstack("volume", "snapshot", "show", copy, show=False, env=member)["status"] == "available", LONG)
    for server in servers:
        wait_for("the instance", lambda: stage.openstack("server", "show", server, show=False, env=member)["status"] == "ACTIVE", LONG)
    stage.openstack("server", "add", "volume", servers[0], volume, env=member, parse=False)
    stage.openstack("server", "stop", servers[1], env=member, parse=False)
    wait_for("the instance", lambda: stage.openstack("server", "show", servers[1], show=False, env=member)["status"] == "SHUTOFF", LONG)
    wait_for("the volume", lambda: stage.openstack("volume", "show", volume, show=False, env=member)["status"] == "in-use", LONG)
    stage.undo += [
        ["volume", "delete", volume], ["volume", "snapshot", "delete", copy], ["network", "delete", network],
        ["router", "delete", router], ["router", "remove", "subnet", router, subnet], ["port", "delete", port],
        ["floating", "ip", "delete", address], *(["server", "delete", "--wait", server] for server in servers),
    ]
    agrees(world)
    said = used(world)
    print(f"    {said}", flush=True)
    wanted = {"instances": 2, "volumes": 1, "snapshots": 1, "gigabytes": 6, "floating-ips": 1, "networks": 1}
    named = {key.replace("_", "-"): value for key, value in said.items()}
    assert {key: named[key] for key in wanted} == wanted, said


def everyone(_):
    """a look at the whole cloud, by the command, counts the same"""
    stage.tenantd("pull", "quotas", "--count", "--cloud", "lab")
    assert not stage.listed("drift", "list", "--field", "counter")


# --- a counter that goes wrong -----------------------------------------------------------------


def lab_settings():
    """The lab's settings, where there is a lab."""
    file = Path(os.environ.get("TENANTD_TEST_OPENSTACK_LAB", "/nowhere"), "env")
    if not file.exists():
        return None
    lines = (line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {key.removeprefix("export "): value.strip("'\"") for key, value in lines}


def in_cinders_database(statement, *values):
    import pymysql  # Only the lab has it.

    lab = lab_settings()
    at = {"host": lab["OSLAB_HOST"], "port": int(lab["OSLAB_DB_PORT"]), "password": lab["OSLAB_SERVICE_PASSWORD"]}
    with pymysql.connect(user="oslab", database="cinder", autocommit=True, **at) as database:
        with database.cursor() as cursor:
            rows = cursor.execute(statement, values)
    assert rows == 1, f"{rows} rows: {statement}"
    print(f"  # {statement % values}", flush=True)


PUT_OFF = "UPDATE quota_usages SET in_use = in_use + %s WHERE project_id = %s AND resource = %s AND deleted = 0"


def put_off(world):
    """a counter that somebody put off is found, with both numbers and whose it is"""
    in_cinders_database(PUT_OFF, 2, world["project"], "volumes")
    in_cinders_database(PUT_OFF, 4, world["project"], "gigabytes")
    rows = counted(world)
    told = {row["object"]: (row["expected"], row["observed"], row["severity"]) for row in rows}
    assert told == {
        "volumes": ({"counted": 1}, {"counter": 3, "service": "cinder"}, "warning"),
        "storage": ({"counted": 6144}, {"counter": 10240, "service": "cinder"}, "warning"),
    }, told
    shown = stage.tenantd("drift", "show", next(row["id"] for row in rows if row["object"] == "volumes"))
    print("    " + shown.replace("\n", "\n    "), flush=True)
    assert "cinder counts 3, 1 are there: cinder's counter is to be mended" in shown, shown
    look(world)
    assert len(drift(world)) == 2, "a look that does not count says nothing"


def mended(world):
    """a counter that is mended resolves its finding"""
    in_cinders_database(PUT_OFF, -2, world["project"], "volumes")
    in_cinders_database(PUT_OFF, -4, world["project"], "gigabytes")
    look(world, count=True)
    assert not drift(world)
    ended = [row for row in drift(world, "--all") if row["change"] == "usage"]
    assert [row["state"] for row in ended] == ["resolved"] * 2, ended


# --- defaults ----------------------------------------------------------------------------------


def reset(world):
    """quotas that are deleted are told from limits that somebody set"""
    project = world["project"]
    stage.openstack("quota", "set", "--cores", "31", "--ports", "77", "--volumes", "13", project, parse=False)
    look(world)
    told = {row["object"]: (row["change"], row["expected"], row["observed"]) for row in drift(world)}
    assert told == {"vcpu": ("limit", 33, 31), "port_count": ("limit", 70, 77), "volumes": ("limit", 12, 13)}, told
    stage.openstack("quota", "delete", "--all", project, parse=False)
    look(world)
    told = {row["object"]: (row["change"], row["expected"]) for row in drift(world)}
    assert told == {"vcpu": ("default", 33), "port_count": ("default", 70), "volumes": ("default", 12)}, told
    print("    " + stage.tenantd("drift", "list", "--tenant", project).replace("\n", "\n    "), flush=True)
    stage.openstack("quota", "set", "--cores", "33", "--ports", "70", "--volumes", "12", project, parse=False)
    look(world)
    assert not drift(world)


def prepare():
    world = {"project": stage.make_project(stage.name)}
    stage.quiet("quota", "set", "--cores", "33", "--ports", "70", "--volumes", "12", world["project"], parse=False)
    world["member"] = stage.make_user(world["project"])
    world["external"] = stage.quiet("network", "list", "--external")[0]["ID"]
    return world


def main():
    scenarios = [nothing, filled, everyone, reset]
    if lab_settings():
        scenarios += [put_off, mended]
    else:
        print("skipped: no database of the cloud is known, so no counter can be put off")
    try:
        world = prepare()
        stage.start()
        assert stage.send("pull_tenants", scope="all")["outcome"] == "succeeded"
        return stage.play(scenarios, world)
    finally:
        stage.stop()


sys.exit(main())
