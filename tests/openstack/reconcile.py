"""Twenty changes behind the portal's back in a genuine cloud, and `tenantd reconcile` that takes them back.

The project has groups that name each other, floating IPs of which one leads to a port, a server group and limits. What
is changed is drawn from a seed, which is printed; RECONCILE_SEED repeats it. Whether all is as it was is seen with the
real client. The output is a transcript.
"""

import os
import random
import subprocess
import sys

from stage import Stage

CHANGES = 20
LIMITS = {"cores": "--cores", "instances": "--instances", "volumes": "--volumes", "snapshots": "--snapshots",
          "floating-ips": "--floating-ips", "ports": "--ports"}

stage = Stage(["reconcile"])


def reconcile(world, *words, code):
    """Runs it beside the daemon; what it said."""
    command = ["reconcile", "--tenant", world["project"], *words]
    print("  $ tenantd " + " ".join(command), flush=True)
    done = subprocess.run([stage.binary, "--config", stage.config, *command], capture_output=True, text=True,
                          check=False, env=os.environ | {"NO_COLOR": "1"})
    said = done.stdout + done.stderr
    print("    " + said.strip().replace("\n", "\n    "), flush=True)
    assert done.returncode == code, done
    return said


def rows(world, *words):
    return stage.quiet(*words, "list", "--project", world["project"])


def groups(world):
    return {row["Name"]: row["ID"] for row in rows(world, "security", "group")}


def rules(group):
    return stage.quiet("security", "group", "rule", "list", "--long", group)


def addresses(world):
    return stage.quiet("floating", "ip", "list", "--project", world["project"], "--long")


def server_groups(world):
    listed = stage.quiet("server", "group", "list", "--all-projects", "--long")
    return [row for row in listed if row["Project Id"] == world["project"]]


def shape(world):
    """Everything that is compared, without ids."""
    there = groups(world)
    names = {group: name for name, group in there.items()}
    told = {}
    for name, group in there.items():
        shown = stage.quiet("security", "group", "show", group)
        told[name] = (shown["description"], sorted(str((
            row["Direction"], row["Ethertype"], row["IP Protocol"], row["Port Range"], row["IP Range"],
            names.get(row["Remote Security Group"]))) for row in rules(group)))
    limits = {row["Resource"]: row["Limit"] for row in stage.quiet("quota", "show", world["project"])}
    return {
        "groups": told,
        "addresses": sorted((row["Floating IP Address"], row["Fixed IP Address"] or "", row["Port"] or "",
                             row["Description"] or "") for row in addresses(world)),
        "server groups": sorted((row["Name"], row["Policy"]) for row in server_groups(world)),
        "limits": limits,
    }


def furnished(world):
    """a project with groups, floating IPs, a server group and limits"""
    world["project"] = stage.make_project(f"{stage.name}-reconcile")
    project = ["--project", world["project"]]
    world["member"] = stage.make_user(world["project"])
    # Nova makes a server group only for the project of the token.
    user = stage.quiet("token", "issue")["user_id"]
    stage.quiet("role", "add", "--user", user, *project, "member", parse=False)
    external = stage.quiet("network", "list", "--external")[0]
    world["external"] = external["ID"]

    def made(what, *words):
        """Something that is removed again at the end."""
        made = stage.openstack(*what.split(), "create", *words)["id"]
        stage.undo.append([*what.split(), "delete", made])
        return made

    network = made("network", *project, "inner")
    subnet = made("subnet", *project, "--network", network, "--subnet-range", "10.20.30.0/24", "inner")
    router = made("router", *project, "outward")
    stage.openstack("router", "set", "--external-gateway", external["ID"], router, parse=False)
    stage.openstack("router", "add", "subnet", router, subnet, parse=False)
    stage.undo.append(["router", "remove", "subnet", router, subnet])
    world["port"] = made("port", *project, "--network", network, "server")
    for name in ("web", "db", "mail"):
        stage.openstack("security", "group", "create", *project, "--description", f"of {name}", name)
    there = groups(world)
    for name, port, side in (("web", "443", ["--remote-ip", "192.0.2.0/24"]), ("web", "80", ["--remote-ip", "0.0.0.0/0"]),
                             ("db", "5432", ["--remote-group", there["web"]]), ("mail", "25", ["--remote-group", there["db"]])):
        stage.openstack("security", "group", "rule", "create", *project, "--protocol", "tcp", "--dst-port", port, *side,
                        there[name])
    for description in ("gateway", "spare"):
        stage.openstack("floating", "ip", "create", *project, "--description", description, external["ID"])
    gateway = next(row for row in addresses(world) if row["Description"] == "gateway")
    stage.openstack("floating", "ip", "set", "--port", world["port"], gateway["ID"], parse=False)
    stage.openstack("server", "group", "create", "--policy", "anti-affinity", "apart", env=world["member"])
    stage.openstack("quota", "set", "--cores", "30", "--volumes", "12", "--floating-ips", "10", world["project"], parse=False)
    assert stage.send("pull", tenant=world["project"])["outcome"] == "succeeded"
    world["expected"] = shape(world)
    reconcile(world, "--fresh", code=0)


def change(world, draw):
    """One change, if there is something to change."""
    project, kind = ["--project", world["project"]], draw.choice(list(DEEDS))
    return DEEDS[kind](world, draw, project)


def limit(world, draw, _):
    name = draw.choice(list(LIMITS))
    stage.openstack("quota", "set", LIMITS[name], str(draw.randint(20, 90)), world["project"], parse=False)
    return True


def rule_made(world, draw, project):
    group = draw.choice(sorted(groups(world).items()))[1]
    stage.openstack("security", "group", "rule", "create", *project, "--protocol", "tcp", "--dst-port",
                    str(draw.randint(1000, 9000)), "--remote-ip", "0.0.0.0/0", group)
    return True


def rule_removed(world, draw, _):
    there = [row["ID"] for group in groups(world).values() for row in rules(group)]
    if there:
        stage.openstack("security", "group", "rule", "delete", draw.choice(sorted(there)), parse=False)
    return bool(there)


def group_made(world, draw, project):
    stage.openstack("security", "group", "create", *project, f"stray-{draw.randint(100, 999)}")
    return True


def group_renamed(world, draw, _):
    there = sorted(it for it in groups(world).items() if it[0] != "default")
    if there:
        stage.openstack("security", "group", "set", "--name", f"renamed-{draw.randint(100, 999)}", "--description",
                        "by hand", draw.choice(there)[1], parse=False)
    return bool(there)


def group_removed(world, draw, _):
    there = sorted(it for it in groups(world).items() if it[0] != "default")
    if there:
        stage.openstack("security", "group", "delete", draw.choice(there)[1], parse=False)
    return bool(there)


def address_taken(world, draw, project):
    stage.openstack("floating", "ip", "create", *project, "--description", "by hand", world["external"])
    return True


def address_changed(world, draw, _):
    there = sorted(addresses(world), key=lambda row: row["ID"])
    if not there:
        return False
    row = draw.choice(there)
    if row["Port"]:
        stage.openstack("floating", "ip", "unset", "--port", row["ID"], parse=False)
    elif any(other["Port"] for other in there):
        stage.openstack("floating", "ip", "set", "--description", "by hand", row["ID"], parse=False)
    else:
        stage.openstack("floating", "ip", "set", "--port", world["port"], row["ID"], parse=False)
    return True


def address_released(world, draw, _):
    there = sorted(row["ID"] for row in addresses(world))
    if there:
        stage.openstack("floating", "ip", "delete", draw.choice(there), parse=False)
    return bool(there)


def server_group_made(world, draw, _):
    stage.openstack("server", "group", "create", "--policy", "affinity", f"stray-{draw.randint(100, 999)}",
                    env=world["member"])
    return True


def server_group_removed(world, draw, _):
    there = sorted(row["ID"] for row in server_groups(world))
    if there:
        stage.openstack("server", "group", "delete", draw.choice(there), parse=False, env=world["member"])
    return bool(there)


DEEDS = {deed.__name__: deed for deed in (
    limit, rule_made, rule_removed, group_made, group_renamed, group_removed, address_taken, address_changed,
    address_released, server_group_made, server_group_removed)}


def restored(world):
    """twenty changes are taken back"""
    seed = int(os.environ.get("RECONCILE_SEED") or random.randrange(10**6))
    print(f"  seed {seed}", flush=True)
    draw, done = random.Random(seed), 0
    while done < CHANGES:
        done += change(world, draw)
    assert shape(world) != world["expected"]
    planned = reconcile(world, "--delete", "--fresh", code=2)
    assert "--delete --apply" in planned, planned
    reconcile(world, "--delete", "--apply", code=0)
    seen = shape(world)
    for what, expected in world["expected"].items():
        assert seen[what] == expected, (what, seen[what], expected)
    reconcile(world, "--delete", "--fresh", code=0)
    assert not stage.listed("drift", "list", "--tenant", world["project"])


def refused(world):
    """what the cloud refuses is told in its words, and the rest is done"""
    used = groups(world)["web"]
    stage.openstack("port", "set", "--security-group", used, world["port"], parse=False)
    stage.openstack("security", "group", "create", "--project", world["project"], "stray")
    stray = groups(world)["stray"]
    stage.openstack("port", "set", "--security-group", stray, world["port"], parse=False)
    stage.tenantd("expectations", "set", "--tenant", world["project"], "quotas", "--values",
                  '{"port_count": 0, "vcpu": 31}')
    told = reconcile(world, "--delete", "--apply", code=1)
    assert "in use" in told and "already used" in told, told
    limits = {row["Resource"]: row["Limit"] for row in stage.quiet("quota", "show", world["project"])}
    assert limits["cores"] == 31 and "stray" in groups(world), limits
    row = next(row for row in stage.listed("tenants", "list") if row["backend_id"] == world["project"])
    assert row["state"] == "ERRED" and "in use" in row["error_message"], row
    stage.openstack("port", "unset", "--security-group", stray, "--security-group", used, world["port"], parse=False)
    stage.tenantd("expectations", "set", "--tenant", world["project"], "quotas", "--values", '{"port_count": 100}')
    reconcile(world, "--delete", "--apply", code=0)
    assert "stray" not in groups(world)


def cleared(world):
    """what the project has is removed again"""
    for row in addresses(world):
        stage.quiet("floating", "ip", "delete", row["ID"], parse=False)
    for row in server_groups(world):
        stage.openstack("server", "group", "delete", row["ID"], show=False, parse=False, env=world["member"])
    for name, group in groups(world).items():
        if name != "default":
            stage.quiet("security", "group", "delete", group, parse=False)


def main():
    world = {}
    try:
        stage.start()
        return stage.play([furnished, restored, refused, cleared], world)
    finally:
        stage.stop()


sys.exit(main())
