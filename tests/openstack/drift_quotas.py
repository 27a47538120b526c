"""Limits that somebody changes: raised, lifted, lowered below what is used, and forgotten.

Each scenario changes something, yields what is to be found of it at the next look, and gets the findings back.
"""

# What is set for the main project before.
LIMITS = {"cores": 20, "ram": 51200, "instances": 10, "server-groups": 8, "networks": 9, "floating-ips": 50, "ports": 60, "subnets": 6,
          "secgroup-rules": 200, "secgroups": 30, "gigabytes": 1000, "volumes": 12, "snapshots": 7}
QUOTAS = []


def set_limit(world, option, value, *more, project="main"):
    world["stage"].openstack("quota", "set", f"--{option}", str(value), *more, world[project], parse=False)


def limit(option, value, name, expected, observed):
    def scenario(world):
        set_limit(world, option, value)
        [row] = yield [{"tenant": world["main"], "object": name, "field": "limit", "change": "limit", "state": "open"}]
        assert (row["expected"], row["observed"], row["severity"]) == (expected, observed, "warning"), row
        set_limit(world, option, LIMITS[option])
        yield []
    scenario.__doc__ = f"a limit goes from {expected} to {observed}: {name}"
    QUOTAS.append(scenario)


limit("ram", -1, "ram", 51200, "unlimited")
limit("instances", 0, "instances", 10, 0)
limit("server-groups", 80, "server_group_count", 8, 80)
limit("networks", 90, "network_count", 9, 90)
limit("ports", 59, "port_count", 60, 59)
limit("gigabytes", 1500, "storage", 1_024_000, 1_536_000)
limit("snapshots", -1, "snapshots", 7, "unlimited")


def set_all(world):
    limits = [word for option, value in LIMITS.items() for word in (f"--{option}", str(value))]
    world["stage"].quiet("quota", "set", *limits, world["main"], parse=False)


QUOTAS[0].before = set_all


def below_usage(world):
    """a limit is forced below what is used: it differs, and more is used than allowed"""
    set_limit(world, "subnets", 0, "--force")
    mine = {"tenant": world["main"], "object": "subnet_count", "state": "open"}
    differs, exceeded = yield [mine | {"change": "limit"}, mine | {"change": "over_limit", "field": "usage"}]
    assert (differs["expected"], differs["observed"]) == (6, 0), differs
    assert (exceeded["expected"], exceeded["observed"]) == ({"at_most": 0}, 1), exceeded
    set_limit(world, "subnets", LIMITS["subnets"])
    yield []


QUOTAS.append(below_usage)


def forgotten(world):
    """limits are deleted, so that the defaults hold again, and are set anew"""
    stage, mine = world["stage"], {"tenant": world["defaults"], "field": "limit", "change": "default"}
    for service in ("--compute", "--network", "--volume"):
        stage.openstack("quota", "delete", service, world["defaults"], parse=False)
    rows = yield [mine | {"object": name} for name in ("vcpu", "floating_ip_count", "volumes")]
    assert [row["expected"] for row in rows] == [33, 44, 55] and all(row["observed"] not in (33, 44, 55) for row in rows), rows
    forgotten.before(world)
    yield []


def set_before(world):
    limits = ["--cores", "33", "--floating-ips", "44", "--volumes", "55"]
    world["stage"].quiet("quota", "set", *limits, world["defaults"], parse=False)


forgotten.before = set_before
QUOTAS.append(forgotten)
