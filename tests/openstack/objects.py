"""Objects that jobs make in a genuine cloud, looked at afterwards with the real client, and removed again with it."""

import json
from pathlib import Path

# The kinds of jobs that these scenarios need in the `write` list.
WRITE = ["create_security_group", "push_security_groups", "create_floating_ip", "create_network", "create_server_group",
         "create_image", "upload_image_data"]


class Objects:
    """The scenarios, in the order in which they are to run: a project of their own is made first."""

    def __init__(self, stage):
        self.stage, self.groups = stage, {}

    def all(self):
        return [self.begin, self.group_made, self.groups_pushed, self.address_made, self.network_made,
                self.server_group_made, self.image_made]

    def job(self, kind, outcome="succeeded", **params):
        job = self.stage.send(kind, tenant=self.project, params=params)
        assert job["outcome"] == outcome, job
        print(f"    {kind}: {outcome}", flush=True)
        return job

    def here(self, kind):
        """What the project has of a sort, by name."""
        rows = self.stage.quiet(*kind.split(), "list", "--project", self.project)
        return {row["Name"]: row["ID"] for row in rows}

    def rules(self, group):
        rows = self.stage.quiet("security", "group", "rule", "list", "--long", group)
        return {(row["Direction"], row["IP Protocol"], row["Port Range"], row["IP Range"], row["Remote Security Group"]):
                row["ID"] for row in rows}

    def in_order(self):
        row = next(row for row in self.stage.listed("tenants", "list") if row["backend_id"] == self.project)
        assert row["state"] == "OK", row
        assert not self.stage.listed("drift", "list", "--tenant", self.project)

    def begin(self, _):
        """a project for objects"""
        stage = self.stage
        self.project = stage.make_project(f"{stage.name}-objects")
        assert stage.send("pull", tenant=self.project)["outcome"] == "succeeded"

    def group_made(self, _):
        """a security group is made with its rules"""
        self.job("create_security_group", name="web", description="for everybody", rules=[
            {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.7/24"},
            {"protocol": "icmp", "from_port": -1, "to_port": -1},
            {"protocol": "udp", "from_port": 53, "to_port": 53, "remote_group_name": "web"}])
        web = self.here("security group")["web"]
        rules = self.rules(web)
        assert len(rules) == 5 and ("ingress", "tcp", "443:443", "192.0.2.0/24", None) in rules, rules
        assert any(rule[4] == web for rule in rules), rules
        self.groups = {"web": web, "rules": rules}
        self.in_order()

    def groups_pushed(self, _):
        """security groups are pushed: a new name, a circle of references, and what was right stays"""
        https = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "192.0.2.0/24"}
        wish = [
            {"uuid": self.groups["web"], "name": "front", "rules": [
                https, {"protocol": "tcp", "from_port": 80, "to_port": 80, "remote_group_name": "back"}]},
            {"name": "back", "default_egress_rules": False, "rules": [
                {"protocol": "", "from_port": -1, "to_port": -1, "remote_group_name": "front"}]}]
        self.job("push_security_groups", security_groups=wish)
        now = self.here("security group")
        assert sorted(now) == ["back", "default", "front"] and now["front"] == self.groups["web"], now
        before, front = self.groups["rules"], self.rules(now["front"])
        kept = {meaning: rule for meaning, rule in before.items() if meaning in front}
        assert len(front) == 4 and len(kept) == 3 and all(front[it] == kept[it] for it in kept), front
        back = self.rules(now["back"])
        assert [rule[4] for rule in back] == [now["front"]], back
        wish[1]["uuid"] = now["back"]
        self.job("push_security_groups", "unchanged", security_groups=wish)
        self.job("push_security_groups", security_groups=[])
        assert list(self.here("security group")) == ["default"]
        self.in_order()

    def address_made(self, _):
        """a floating IP is taken"""
        self.job("create_floating_ip", description="for the gateway")
        rows = self.stage.quiet("floating", "ip", "list", "--project", self.project, "--long")
        assert [row["Description"] for row in rows] == ["for the gateway"], rows
        self.in_order()
        self.stage.undo.append(["floating", "ip", "delete", rows[0]["ID"]])

    def network_made(self, _):
        """a network is made"""
        self.job("create_network", name="inner", description="for us")
        networks = self.here("network")
        shown = self.stage.quiet("network", "show", networks["inner"])
        assert (shown["project_id"], shown["description"]) == (self.project, "for us"), shown
        self.stage.undo.append(["network", "delete", networks["inner"]])

    def server_group_made(self, _):
        """a server group is made where the login has a role, and refused where it has none"""
        stage, wish = self.stage, {"name": "spread", "policy": "anti-affinity"}
        refused = self.job("create_server_group", "failed", **wish)
        assert refused["reason"] == "no_role", refused
        user = stage.quiet("token", "issue")["user_id"]
        stage.openstack("role", "add", "--user", user, "--project", self.project, "member", parse=False)
        self.job("create_server_group", **wish)
        rows = stage.quiet("server", "group", "list", "--all-projects", "--long")
        made = [row for row in rows if row["Project Id"] == self.project]
        assert [(row["Name"], row["Policy"]) for row in made] == [("spread", "anti-affinity")], made
        self.in_order()
        stage.undo.append(["server", "group", "delete", made[0]["ID"]])

    def image_made(self, _):
        """an image is made, and gets its data from a file"""
        stage = self.stage
        self.job("create_image", name=f"{stage.name}-image", disk_format="raw", min_disk=1)
        rows = stage.quiet("image", "list", "--name", f"{stage.name}-image")
        image = rows[0]["ID"]
        stage.undo.append(["image", "delete", image])
        Path(stage.images, "disk.raw").write_bytes(b"tenantd" * 300_000)
        self.job("upload_image_data", image_id=image, file="disk.raw")
        shown = stage.quiet("image", "show", image)
        told = (shown["status"], shown["size"], shown["owner"], shown["visibility"])
        assert told == ("active", 2_100_000, self.project, "private"), json.dumps(shown)
        again = self.job("upload_image_data", "failed", image_id=image, file="disk.raw")
        assert again["reason"] == "conflict", again
