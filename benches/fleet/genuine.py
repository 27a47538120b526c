"""A cloud that is there already, with whatever projects it has, in place of the simulated one."""

import os
from pathlib import Path

MARK = "comes and goes with a benchmark"


class Genuine:
    """What OS_CLIENT_CONFIG_FILE knows by this name. It is read, and one rule comes and goes in 1 % of its projects."""

    latency, workers = "", ""

    def __init__(self, options, folder, concurrency):
        import openstack
        self.options, self.folder, self.name, self.concurrency = options, folder, options.cloud, concurrency
        self.clouds_yaml = Path(os.environ["OS_CLIENT_CONFIG_FILE"]).resolve()
        self.network = openstack.connect(cloud=self.name).network
        self.daemon, self.before = None, {}
        self.clear()

    @property
    def tenants(self):
        """Those that discovery keeps."""
        return self.daemon.rows("SELECT COUNT(*) FROM tenants WHERE enabled")[0][0] if self.daemon else 0

    def clear(self):
        """Removes the rules that this run, or one that was killed, has made."""
        for rule in self.network.security_group_rules(description=MARK):
            self.network.delete_security_group_rule(rule)

    async def start(self):
        """It is there."""

    async def end(self):
        self.clear()

    def count_anew(self):
        """Nobody but the daemon knows how often it is asked."""
        self.before = self.daemon.asked()

    def asked(self):
        """How many requests each service had."""
        return {name: count - self.before.get(name, 0) for name, count in self.daemon.asked().items()
                if count > self.before.get(name, 0)}

    def bound(self):
        """Nobody knows how long it was at work."""

    def change(self, share):
        """A rule more in so many of a hundred projects; how many."""
        count = max(1, self.tenants * share // 100)
        groups = list(self.network.security_groups(name="default"))[:count]
        for group in groups:
            self.network.create_security_group_rule(
                security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=3389,
                port_range_max=3389, remote_ip_prefix="192.0.2.1/32", description=MARK)
        return len(groups)
