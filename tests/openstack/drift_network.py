"""Security groups, floating IPs and server groups that somebody changes."""

import ipaddress

NETWORK = []


def listed(scenario):
    NETWORK.append(scenario)
    return scenario


def group(world, name, project="main"):
    return world["stage"].quiet("security", "group", "create", "--project", world[project], name)["id"]


def rule(world, in_group, *words, show=True):
    words = ["security", "group", "rule", "create", "--project", world["main"], *words, in_group]
    return world["stage"].openstack(*words, show=show)["id"]


def drop(world, *words):
    world["stage"].openstack(*words, parse=False)


def in_a_group(about, name):
    """A scenario with a security group of its own, that is there before."""
    def wrap(scenario):
        def play(world):
            return scenario(world, world[name])

        def before(world):
            world[name] = group(world, name)
        play.__doc__, play.before = about, before
        NETWORK.append(play)
        return play
    return wrap


def appears(about, name, words, meaning, severity="warning"):
    """A rule that appears and goes, and the sentence that names it."""
    @in_a_group(about, name)
    def _scenario(world, mine):
        words_of = [mine if word == "itself" else word for word in words]
        made = rule(world, mine, *words_of)
        field = f"rule {meaning}".replace("itself", mine)
        [row] = yield [{"object": mine, "change": "added", "field": field}]
        assert row["severity"] == severity, row
        drop(world, "security", "group", "rule", "delete", made)
        yield []


appears("ssh is opened to the world over IPv6", "over-six",
        ["--ethertype", "IPv6", "--protocol", "tcp", "--dst-port", "22", "--remote-ip", "::/0"],
        "ingress IPv6 tcp 22 from ::/0", "critical")
appears("ping is allowed: a rule with an ICMP type and code", "pinged",
        ["--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0", "--remote-ip", "192.0.2.0/24"],
        "ingress IPv4 icmp type 8 code 0 from 192.0.2.0/24")
appears("ICMPv6 by its old name and with a type alone", "pinged-six",
        ["--ethertype", "IPv6", "--protocol", "icmpv6", "--icmp-type", "128", "--remote-ip", "2001:DB8::1/32"],
        "ingress IPv6 ipv6-icmp type 128 from 2001:db8::/32")
appears("a protocol by its number", "tunnel", ["--protocol", "47", "--remote-ip", "198.51.100.9/24"],
        "ingress IPv4 gre from 198.51.100.0/24")
appears("a protocol by a number that has a name in Neutron alone", "encapsulated",
        ["--protocol", "4", "--remote-ip", "198.51.100.9/32"], "ingress IPv4 ipip from 198.51.100.9/32")
appears("a protocol that has no name", "nameless", ["--protocol", "253", "--egress", "--remote-ip", "198.51.100.0/24"],
        "egress IPv4 253 to 198.51.100.0/24")
appears("a group lets its own members in", "members", ["--protocol", "tcp", "--dst-port", "8000:8080", "--remote-group", "itself"],
        "ingress IPv4 tcp 8000-8080 from group itself")


@in_a_group("a range of ports is widened: one rule goes and another comes", "widened")
def widened(world, mine):
    drop(world, "security", "group", "rule", "delete", world["narrow"])
    wide = rule(world, mine, "--protocol", "udp", "--dst-port", "5000:6000", "--remote-ip", "192.0.2.0/24")
    rows = yield [{"object": mine, "change": "removed", "field": "rule ingress IPv4 udp 5000-5010 from 192.0.2.0/24"},
                  {"object": mine, "change": "added", "field": "rule ingress IPv4 udp 5000-6000 from 192.0.2.0/24"}]
    assert rows[0]["observed"] is None and rows[1]["expected"] is None, rows
    drop(world, "security", "group", "rule", "delete", wide)
    rule(world, mine, "--protocol", "17", "--dst-port", "5000:5010", "--remote-ip", "192.0.2.200/24")
    yield []


def with_narrow(world, grouped=widened.before):
    grouped(world)
    world["narrow"] = rule(world, world["widened"], "--protocol", "udp", "--dst-port", "5000:5010",
                           "--remote-ip", "192.0.2.0/24", show=False)


widened.before = with_narrow


@in_a_group("rules are made anew in other words: nothing is found", "reworded")
def reworded(world, mine):
    for old in world["rules to reword"]:
        drop(world, "security", "group", "rule", "delete", old)
    rule(world, mine, "--protocol", "6", "--dst-port", "443", "--remote-ip", "10.1.2.77/24")
    rule(world, mine, "--ethertype", "IPv6", "--protocol", "58", "--remote-ip", "2001:DB8:0:0::7/64")
    rule(world, mine, "--protocol", "any", "--remote-ip", "203.0.113.7/32")
    drop(world, "security", "group", "set", "--tag", "reworded", mine)
    yield []


def with_rules(world, grouped=reworded.before):
    grouped(world)
    mine = world["reworded"]
    world["rules to reword"] = [
        rule(world, mine, "--protocol", "tcp", "--dst-port", "443", "--remote-ip", "10.1.2.0/24", show=False),
        rule(world, mine, "--ethertype", "IPv6", "--protocol", "ipv6-icmp", "--remote-ip", "2001:db8::/64", show=False),
        rule(world, mine, "--protocol", "0", "--remote-ip", "203.0.113.7", show=False)]


reworded.before = with_rules


@in_a_group("a rule for an address group", "book")
def address_group(world, mine):
    stage = world["stage"]
    made = rule(world, mine, "--protocol", "tcp", "--dst-port", "25", "--remote-address-group", world["addresses"])
    yield [{"object": mine, "change": "added",
            "field": f"rule ingress IPv4 tcp 25 from address group {world['addresses']}"}]
    stage.openstack("security", "group", "rule", "delete", made, parse=False)
    yield []


def with_addresses(world, grouped=address_group.before):
    grouped(world)
    stage = world["stage"]
    world["addresses"] = stage.quiet("address", "group", "create", "--project", world["main"], "--address", "192.0.2.9/32",
                                     stage.name)["id"]
    stage.undo.append(["address", "group", "delete", world["addresses"]])


address_group.before = with_addresses


@in_a_group("a group is renamed and described", "named")
def renamed(world, mine):
    drop(world, "security", "group", "set", "--name", "called", "--description", "by hand", mine)
    rows = yield [{"object": mine, "change": "changed", "field": "description", "observed": "by hand"},
                  {"object": mine, "change": "changed", "field": "name", "expected": "named", "observed": "called"}]
    assert {row["severity"] for row in rows} == {"info"}, rows
    drop(world, "security", "group", "set", "--name", "named", "--description", "named", mine)
    yield []


@in_a_group("a group that forgets its connections", "stateless")
def stateless(world, mine):
    drop(world, "security", "group", "set", "--stateless", mine)
    yield [{"object": mine, "field": "stateful", "expected": True, "observed": False}]
    drop(world, "security", "group", "set", "--stateful", mine)
    yield []


@in_a_group("nobody gets out any more: an egress rule that every group has is taken away", "locked")
def locked(world, mine):
    rows = world["stage"].quiet("security", "group", "rule", "list", "--egress", mine)
    four = next(row["ID"] for row in rows if row["Ethertype"] == "IPv4")
    drop(world, "security", "group", "rule", "delete", four)
    yield [{"object": mine, "change": "removed", "field": "rule egress IPv4 any protocol to 0.0.0.0/0"}]
    rule(world, mine, "--egress", "--protocol", "any")
    yield []


@in_a_group("a group is deleted, which two looks prove", "gone")
def deleted(world, mine):
    drop(world, "security", "group", "delete", mine)
    [row] = yield [{"object": mine, "change": "removed", "field": "existence", "object_name": "gone"}]
    world["stage"].tenantd("drift", "accept", row["id"])
    yield []


@listed
def appeared(world):
    """a group appears with a rule that opens it to the world"""
    made = group(world, "opened")
    rule(world, made, "--protocol", "tcp", "--dst-port", "1:1024")
    [row] = yield [{"object": made, "change": "added", "field": "existence"}]
    assert row["severity"] == "critical" and len(row["observed"]["rules"]) == 3, row
    drop(world, "security", "group", "delete", made)
    yield []


@listed
def default_group(world):
    """the project's own default group is opened"""
    rows = world["stage"].quiet("security", "group", "list", "--project", world["main"])
    mine = next(row["ID"] for row in rows if row["Name"] == "default")
    made = rule(world, mine, "--protocol", "tcp", "--dst-port", "5432", "--remote-ip", "0.0.0.0/0")
    yield [{"object": mine, "change": "added", "object_name": "default", "severity": "warning"}]
    drop(world, "security", "group", "rule", "delete", made)
    yield []


@listed
def address_taken(world):
    """a floating IP is allocated and released"""
    made = world["stage"].openstack("floating", "ip", "create", "--project", world["main"], world["external"])["id"]
    [row] = yield [{"object": made, "change": "added", "resource_type": "floating_ips"}]
    ipaddress.ip_address(row["object_name"])
    drop(world, "floating", "ip", "delete", made)
    yield []


@listed
def address_described(world):
    """a floating IP gets another description"""
    drop(world, "floating", "ip", "set", "--description", "by hand", world["described"])
    yield [{"object": world["described"], "field": "description", "severity": "info", "expected": "for us"}]
    drop(world, "floating", "ip", "set", "--description", "for us", world["described"])
    yield []


address_described.before = lambda world: world.update(described=address(world))


def address(world, project="main"):
    words = ["floating", "ip", "create", "--project", world[project], "--description", "for us", world["external"]]
    return world["stage"].quiet(*words)["id"]


@listed
def address_released(world):
    """a floating IP that was there is released"""
    drop(world, "floating", "ip", "delete", world["released"])
    [row] = yield [{"object": world["released"], "change": "removed"}]
    world["stage"].tenantd("drift", "accept", row["id"])
    yield []


address_released.before = lambda world: world.update(released=address(world))


@listed
def address_led(world):
    """a floating IP is led to a port, and away again"""
    mine = world["led"]
    drop(world, "floating", "ip", "set", "--port", world["port"], mine)
    rows = yield [{"object": mine, "field": "port_id", "expected": None, "observed": world["port"]},
                  {"object": mine, "field": "fixed_ip", "expected": None}]
    assert rows[1]["observed"].startswith("10.66."), rows
    drop(world, "floating", "ip", "unset", "--port", mine)
    yield []


def with_port(world):
    stage, name = world["stage"], world["stage"].name
    of_main = ["--project", world["main"]]
    network = stage.quiet("network", "create", *of_main, name)["id"]
    subnet = stage.quiet("subnet", "create", *of_main, "--network", network, "--subnet-range", "10.66.0.0/24", name)["id"]
    router = stage.quiet("router", "create", *of_main, "--external-gateway", world["external"], name)["id"]
    stage.quiet("router", "add", "subnet", router, subnet, parse=False)
    world["port"] = stage.quiet("port", "create", *of_main, "--network", network, "--disable-port-security",
                                "--no-security-group", name)["id"]
    stage.undo += [["network", "delete", network], ["router", "delete", router],
                   ["router", "remove", "subnet", router, subnet], ["port", "delete", world["port"]]]
    world["led"] = address(world)


address_led.before = with_port


def port(world, project, show=True):
    """A port in the group that scenarios put on and off."""
    words = ["--project", world[project], "--network", world["wardrobe"], "--security-group", world["garment"]]
    return world["stage"].openstack("port", "create", *words, world["stage"].name, show=show)["id"]


@listed
def unused(world):
    """a group loses its last port, another project puts one into it, and it goes too"""
    unused_one = {"object": world["garment"], "change": "policy", "field": "policy unused", "severity": "info"}
    drop(world, "port", "delete", world["only port"])
    [row] = yield [unused_one]
    assert row["observed"] == "nothing uses it", row
    of_another = port(world, "main")
    yield []
    drop(world, "port", "delete", of_another)
    yield [unused_one]
    own = port(world, "worn")
    world["stage"].undo.append(["port", "delete", own])
    yield []


def with_wardrobe(world):
    stage, of_worn = world["stage"], ["--project", world["worn"]]
    world["garment"] = group(world, "worn", "worn")
    world["wardrobe"] = stage.quiet("network", "create", *of_worn, f"{stage.name}-worn")["id"]
    stage.quiet("subnet", "create", *of_worn, "--network", world["wardrobe"], "--subnet-range", "10.67.0.0/24", stage.name)
    world["only port"] = port(world, "worn", show=False)
    stage.undo += [["security", "group", "delete", world["garment"]], ["network", "delete", world["wardrobe"]]]


unused.before = with_wardrobe


@listed
def servers_apart(world):
    """a server group is made and deleted"""
    stage = world["stage"]
    made = stage.openstack("server", "group", "create", "--policy", "anti-affinity", "apart", env=world["member"])["id"]
    [row] = yield [{"object": made, "change": "added", "resource_type": "server_groups"}]
    assert row["observed"] == {"name": "apart", "policy": "anti-affinity"}, row
    stage.openstack("server", "group", "delete", made, env=world["member"], parse=False)
    yield []


@listed
def servers_together(world):
    """a server group that was there is deleted"""
    world["stage"].openstack("server", "group", "delete", world["together"], env=world["member"], parse=False)
    [row] = yield [{"object": world["together"], "change": "removed", "object_name": "together"}]
    world["stage"].tenantd("drift", "accept", row["id"])
    yield []


def with_servers(world):
    words = ["server", "group", "create", "--policy", "affinity", "together"]
    world["together"] = world["stage"].openstack(*words, show=False, env=world["member"])["id"]


servers_together.before = with_servers
