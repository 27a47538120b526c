"""Every function that the real client has for the tenants, against a running daemon: see run."""

import json
import os
import subprocess
import sys
import unittest
import uuid

import httpx
from waldur_api_client.errors import UnexpectedStatus
from waldur_api_client.models.core_states import CoreStates
from waldur_api_client.models.open_stack_tenant_field_enum import OpenStackTenantFieldEnum
from waldur_api_client.models.image_create_request import ImageCreateRequest
from waldur_api_client.models.open_stack_floating_ip_request import OpenStackFloatingIPRequest
from waldur_api_client.models.open_stack_network_request import OpenStackNetworkRequest
from waldur_api_client.models.open_stack_security_group_request import OpenStackSecurityGroupRequest
from waldur_api_client.models.open_stack_security_group_rule_create_request import (
    OpenStackSecurityGroupRuleCreateRequest,
)
from waldur_api_client.models.open_stack_security_group_rule_update_by_name_request import (
    OpenStackSecurityGroupRuleUpdateByNameRequest,
)
from waldur_api_client.models.open_stack_server_group_request import OpenStackServerGroupRequest
from waldur_api_client.models.open_stack_tenant_change_password_request import OpenStackTenantChangePasswordRequest
from waldur_api_client.models.open_stack_tenant_request import OpenStackTenantRequest
from waldur_api_client.models.openstack_tenants_set_quotas_body import OpenstackTenantsSetQuotasBody
from waldur_api_client.models.patched_open_stack_tenant_request import PatchedOpenStackTenantRequest
from waldur_api_client.models.policy_enum import PolicyEnum
from waldur_api_client.models.set_erred_request import SetErredRequest
from waldur_api_client.models.tenant_security_group_update_request import TenantSecurityGroupUpdateRequest
from waldur_api_client.types import File

from stage import CALLED, TENANTS, Stage, call, functions

TENANT, NAME = "openstack_tenants", "openstack_marketplace_tenants"
NOBODY = uuid.UUID(int=1)

# Functions whose operation does not exist yet. Whoever brings one takes it out of here.
MISSING = set()
# Not in the API documents that tenantd follows.
FOREIGN = {f"{TENANT}_topology_retrieve"}

STAGE = None


def setUpModule():
    global STAGE
    STAGE = Stage()
    unittest.addModuleCleanup(STAGE.stop)


class WithClient(unittest.TestCase):
    def setUp(self):
        # A broken connection of one client is no matter of the next one.
        self.viewer, self.operator, self.staff = (
            STAGE.client(STAGE.tokens[role]) for role in ("viewer", "operator", "staff")
        )
        self.first = uuid.UUID(STAGE.tenants[0])

    def tenant(self, number):
        """Tests that change a tenant take one each."""
        return uuid.UUID(STAGE.tenants[number - 1])

    def refused(self, status, module, *args, way="sync_detailed", **kwargs):
        """The body of an answer that the client does not take for a success."""
        with self.assertRaises(UnexpectedStatus) as caught:
            call(module, way, *args, **kwargs)
        self.assertEqual(caught.exception.status_code, status, caught.exception.content)
        return json.loads(caught.exception.content)

    def raw(self, method, path, role="staff", **kwargs):
        headers = {"Authorization": f"Token {STAGE.tokens[role]}"} if role else {}
        return httpx.request(method, STAGE.base + path, headers=headers, timeout=60, **kwargs)


class Reading(WithClient):
    def test_a_list_of_tenants(self):
        for way in ("sync", "asyncio"):
            found = call(f"{TENANT}_list", way, client=self.viewer, name="TENANT-00", page_size=5)
            self.assertEqual([it.name for it in found], [f"tenant-00{n}" for n in range(1, 6)])
            self.assertEqual({it.state for it in found}, {CoreStates.OK})
        for way in ("sync_detailed", "asyncio_detailed"):
            answer = call(f"{TENANT}_list", way, client=self.viewer, name="tenant-", page=26)
            self.assertEqual((len(answer.parsed), answer.headers["x-result-count"]), (10, str(TENANTS)))

    def test_a_list_of_names(self):
        for way in ("sync", "asyncio"):
            found = call(f"{NAME}_list", way, client=self.viewer, name="tenant-00", page_size=5)
            self.assertEqual([it.name for it in found], [f"tenant-00{n}" for n in range(1, 6)])
            self.assertTrue(all(it.url.endswith(f"/{it.uuid.hex}/") for it in found))
        for way in ("sync_detailed", "asyncio_detailed"):
            answer = call(f"{NAME}_list", way, client=self.viewer, name="tenant-", page=26)
            self.assertEqual((len(answer.parsed), answer.headers["x-result-count"]), (10, str(TENANTS)))

    def test_all_pages_bring_every_tenant_once(self):
        for package in (TENANT, NAME):
            for way in ("sync_all", "asyncio_all"):
                found = call(f"{package}_list", way, client=self.viewer, name="tenant-")
                self.assertEqual(len({it.uuid for it in found}), TENANTS)
                self.assertEqual(len(found), TENANTS)

    def test_counts(self):
        for package in (TENANT, NAME):
            for way in ("sync", "asyncio"):
                self.assertEqual(call(f"{package}_count", way, client=self.viewer, name="tenant-"), TENANTS)
                self.assertEqual(call(f"{package}_count", way, client=self.viewer, name="nobody"), 0)
            for way in ("sync_detailed", "asyncio_detailed"):
                answer = call(f"{package}_count", way, client=self.viewer, name="tenant-00")
                self.assertEqual((answer.parsed, answer.content), (9, b""))

    def test_a_tenant(self):
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            found = call(f"{TENANT}_retrieve", way, self.first, client=self.viewer)
            found = getattr(found, "parsed", found)
            self.assertEqual((found.uuid, found.name, found.state), (self.first, "tenant-001", CoreStates.OK))
            self.assertEqual(found.resource_type, "OpenStack.Tenant")
            named = call(f"{NAME}_retrieve", way, self.first, client=self.viewer)
            named = getattr(named, "parsed", named)
            self.assertEqual((named.uuid, named.name), (self.first, "tenant-001"))

    def test_chosen_fields(self):
        fields = [OpenStackTenantFieldEnum.NAME, OpenStackTenantFieldEnum.STATE]
        one = call(f"{TENANT}_retrieve", "sync", self.first, client=self.viewer, field=fields)
        # The client itself adds an empty list of quotas.
        chosen = {"name": "tenant-001", "state": "OK", "quotas": []}
        self.assertEqual(one.to_dict(), chosen)
        many = call(f"{TENANT}_list", "sync", client=self.viewer, name="tenant-00", field=fields)
        self.assertEqual(many[0].to_dict(), chosen)

    def test_every_filter(self):
        whole = call(f"{TENANT}_retrieve", "sync", self.first, client=self.viewer)
        state = [CoreStates.OK, CoreStates.ERRED]
        filters = [
            ({"name": "NANT-001"}, 1),
            ({"name_exact": "tenant-001"}, 1),
            ({"name_exact": "Tenant-001"}, 0),
            ({"description": "no such words"}, 0),
            ({"backend_id": whole.backend_id}, 1),
            ({"state": [CoreStates.DELETING]}, 0),
            ({"name_exact": "tenant-001", "state": state}, 1),
            ({"customer": NOBODY}, 0),
            ({"customer_uuid": NOBODY}, 0),
            ({"customer_name": "x"}, 0),
            ({"customer_native_name": "x"}, 0),
            ({"customer_abbreviation": "x"}, 0),
            ({"project": NOBODY}, 0),
            ({"project_uuid": NOBODY}, 0),
            ({"project_name": "x"}, 0),
            ({"service_settings_uuid": whole.service_settings_uuid, "name": "tenant-"}, TENANTS),
            ({"service_settings_uuid": NOBODY}, 0),
            ({"service_settings_name": "SIM", "name": "tenant-"}, TENANTS),
            ({"service_settings_name": "nowhere"}, 0),
            ({"external_ip": "192.0.2.1"}, 0),
            ({"can_manage": True}, 0),
            ({"can_manage": False}, 0),
        ]
        for given, expected in filters:
            with self.subTest(**given):
                for package in (TENANT, NAME):
                    self.assertEqual(call(f"{package}_count", "sync", client=self.viewer, **given), expected)
                    answer = call(f"{package}_list", "sync_detailed", client=self.viewer, **given)
                    self.assertEqual(answer.headers["x-result-count"], str(expected))
        managed = call(f"{TENANT}_count", "sync", client=self.operator, can_manage=True, name="tenant-")
        self.assertEqual(managed, TENANTS)

    def test_the_order_of_a_list(self):
        answer = self.raw("GET", "/api/openstack-tenants/?name=tenant-&o=-name&page_size=2", "viewer")
        self.assertEqual([it["name"] for it in answer.json()], ["tenant-260", "tenant-259"])

    def test_what_is_in_the_cloud(self):
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed", "sync_all", "asyncio_all"):
            instances = call(f"{TENANT}_backend_instances_list", way, self.first, client=self.viewer)
            instances = getattr(instances, "parsed", instances)
            self.assertTrue(instances and all(it.state == "OK" and it.backend_id for it in instances))
            volumes = call(f"{TENANT}_backend_volumes_list", way, self.first, client=self.viewer)
            volumes = getattr(volumes, "parsed", volumes)
            self.assertTrue(volumes and all(it.size % 1024 == 0 for it in volumes))


class Refusals(WithClient):
    def test_a_wrong_token(self):
        stranger = STAGE.client("abc")
        for module in (f"{TENANT}_list", f"{NAME}_list"):
            self.assertEqual(self.refused(401, module, client=stranger), {"detail": "Invalid token."})
        answer = self.raw("GET", "/api/openstack-tenants/", None)
        self.assertEqual((answer.status_code, answer.headers["www-authenticate"]), (401, "Token"))
        self.assertEqual(answer.json(), {"detail": "Authentication credentials were not provided."})

    def test_an_unknown_tenant(self):
        body = {"detail": "Not found."}
        for module in ("retrieve", "pull", "pull_quotas", "backend_instances_list", "backend_volumes_list"):
            self.assertEqual(self.refused(404, f"{TENANT}_{module}", NOBODY, client=self.operator), body)
        self.assertEqual(self.refused(404, f"{NAME}_retrieve", NOBODY, client=self.viewer), body)

    def test_a_viewer_changes_nothing(self):
        for module in ("pull", "pull_quotas", "pull_floating_ips", "pull_security_groups", "pull_server_groups"):
            self.assertIn("operator", self.refused(403, f"{TENANT}_{module}", self.first, client=self.viewer)["detail"])
            self.refused(404, f"{TENANT}_{module}", NOBODY, client=self.viewer)

    def test_what_only_staff_may_is_refused_before_anything_is_looked_for(self):
        for client in (self.viewer, self.operator):
            for module in ("unlink", "set_ok"):
                for tenant in (self.first, NOBODY):
                    self.assertIn("staff", self.refused(403, f"{TENANT}_{module}", tenant, client=client)["detail"])
            erred = {"body": SetErredRequest()}
            self.assertIn("staff", self.refused(403, f"{TENANT}_set_erred", NOBODY, client=client, **erred)["detail"])

    def test_pages_that_there_are_not(self):
        self.assertEqual(self.refused(404, f"{TENANT}_list", client=self.viewer, page=1000), {"detail": "Invalid page."})
        answer = self.raw("GET", "/api/openstack-tenants/?page_size=100000&name=tenant-", "viewer")
        self.assertEqual(len(answer.json()), TENANTS)

    def test_filters_that_make_no_sense(self):
        said = ["Select a valid choice. GONE is not one of the available choices."]
        answer = self.raw("GET", "/api/openstack-tenants/?state=GONE&customer=seven", "viewer")
        self.assertEqual(answer.status_code, 400)
        self.assertEqual(answer.json(), {"state": said, "customer": ["Enter a valid UUID."]})

    def test_methods_that_there_are_not(self):
        answer = self.raw("DELETE", "/api/openstack-marketplace-tenants/", "staff")
        self.assertEqual(answer.status_code, 405)
        self.assertEqual(answer.json(), {"detail": 'Method "DELETE" not allowed.'})


class Acting(WithClient):
    def test_pulls(self):
        tenant = self.tenant(2)
        said = {
            "pull_quotas": "Quotas pull has been scheduled.",
            "pull_security_groups": "Security groups pull has been scheduled.",
            "pull_server_groups": "Server groups pull has been scheduled.",
        }
        for module, status in said.items():
            for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
                found = call(f"{TENANT}_{module}", way, tenant, client=self.operator)
                self.assertEqual(getattr(found, "parsed", found).status, status)
        for way in ("sync_detailed", "asyncio_detailed"):
            found = call(f"{TENANT}_pull_floating_ips", way, tenant, client=self.operator)
            self.assertEqual((found.status_code, found.content), (202, b""))
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            found = call(f"{TENANT}_pull", way, tenant, client=self.operator)
            detail = "Pull operation was successfully scheduled."
            self.assertEqual(getattr(found, "parsed", found).detail, detail)
        retrieve = f"{TENANT}_retrieve"
        quotas = STAGE.wait("quotas", lambda: call(retrieve, "sync", tenant, client=self.viewer).quotas)
        self.assertIn("vcpu", {it.name for it in quotas})
        self.assertEqual(call(retrieve, "sync", tenant, client=self.viewer).state, CoreStates.OK)

    def test_states_set_by_staff(self):
        tenant = self.tenant(3)
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            body = SetErredRequest(error_message="the rack burns")
            found = call(f"{TENANT}_set_erred", way, tenant, client=self.staff, body=body)
            self.assertTrue(getattr(found, "parsed", found).detail)
            shown = call(f"{TENANT}_retrieve", "sync", tenant, client=self.viewer)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.ERRED, "the rack burns"))
            self.assertEqual(call(f"{TENANT}_count", "sync", client=self.viewer, state=[CoreStates.ERRED]), 1)
            for module in ("pull_quotas", "pull_floating_ips", "pull_security_groups", "pull_server_groups"):
                said = self.refused(409, f"{TENANT}_{module}", tenant, client=self.operator)
                self.assertEqual(said, {"detail": "Valid states for operation: OK."})
            found = call(f"{TENANT}_set_ok", way, tenant, client=self.staff)
            self.assertTrue(getattr(found, "parsed", found).detail)
            shown = call(f"{TENANT}_retrieve", "sync", tenant, client=self.viewer)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))

    def test_a_pull_is_refused_while_something_goes_on(self):
        tenant = self.tenant(4)
        call(f"{TENANT}_set_erred", "sync", tenant, client=self.staff, body=SetErredRequest())
        found = call(f"{TENANT}_pull", "sync_detailed", tenant, client=self.operator)
        self.assertEqual(found.status_code, 202, "it may show why something went wrong")
        call(f"{TENANT}_set_ok", "sync", tenant, client=self.staff)

    def test_unlinking(self):
        for number, way in ((TENANTS, "sync_detailed"), (TENANTS - 1, "asyncio_detailed")):
            tenant = self.tenant(number)
            name = call(f"{TENANT}_retrieve", "sync", tenant, client=self.viewer).name
            found = call(f"{TENANT}_unlink", way, tenant, client=self.staff)
            self.assertEqual((found.status_code, found.content), (204, b""))
            count = f"{TENANT}_count"
            STAGE.wait("its end", lambda: call(count, "sync", client=self.viewer, name_exact=name) == 0)
            self.refused(404, f"{TENANT}_retrieve", tenant, client=self.viewer)
            # Paging tests count every tenant.
            project = next(it for it in STAGE.command("tenants", "list", "--unlinked") if it["name"] == name)
            STAGE.command("tenants", "add", "--cloud", "sim", project["backend_id"])


class Changing(WithClient):
    """Each form of a function changes another tenant, and so does each test."""

    def each_way(self, module, first, body):
        for number, way in enumerate(("sync", "sync_detailed", "asyncio", "asyncio_detailed"), first):
            tenant = self.tenant(number)
            client = self.staff if module.endswith("set_quotas") else self.operator
            found = call(f"{TENANT}_{module}", way, tenant, client=client, body=body(number))
            yield tenant, number, getattr(found, "parsed", found)

    def settled(self, tenant):
        """The tenant, once nothing is going on."""
        stable = (CoreStates.OK, CoreStates.ERRED)

        def look():
            found = call(f"{TENANT}_retrieve", "sync", tenant, client=self.viewer)
            return found if found.state in stable else None

        return STAGE.wait("the end of a change", look)

    def test_limits(self):
        def body(number):
            limits = OpenstackTenantsSetQuotasBody(vcpu=number, ram=number * 1024, network_count=-1)
            limits.storage = number * 1024
            return limits

        for tenant, number, found in self.each_way("set_quotas", 10, body):
            self.assertEqual(found.status, "Quota update has been scheduled")
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))
            limits = {it.name: it.limit for it in shown.quotas}
            self.assertEqual([limits[name] for name in ("vcpu", "ram", "storage", "network_count")],
                             [number, number * 1024, number * 1024, -1])

    def test_limits_that_make_no_sense(self):
        path = f"/api/openstack-tenants/{self.tenant(14)}/set_quotas/"
        for sent, key in (({"ram": 0}, "ram"), ({"vcpu": "x"}, "vcpu"), ({"storage": 1500}, "storage"),
                          ({"port_count": -2}, "port_count"), ({"gigabytes_ssd": None}, "gigabytes_ssd")):
            answer = self.raw("POST", path, json=sent)
            self.assertEqual((answer.status_code, list(answer.json())), (400, [key]), answer.text)
        self.assertEqual(self.raw("POST", path, "operator", json={}).status_code, 403)
        body = OpenstackTenantsSetQuotasBody(vcpu=1)
        self.refused(404, f"{TENANT}_set_quotas", NOBODY, client=self.staff, body=body)

    def test_names(self):
        def body(number):
            return OpenStackTenantRequest(name=f"renamed-{number}", description="anew")

        for tenant, number, found in self.each_way("update", 15, body):
            self.assertEqual(found.state, CoreStates.UPDATE_SCHEDULED)
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.name, shown.description), (CoreStates.OK, f"renamed-{number}", "anew"))
            back = PatchedOpenStackTenantRequest(name=f"tenant-{number:03}")
            call(f"{TENANT}_partial_update", "sync", tenant, client=self.operator, body=back)
            self.settled(tenant)

    def test_descriptions(self):
        def body(number):
            return PatchedOpenStackTenantRequest(description=f"number {number}", availability_zone="nova")

        for tenant, number, found in self.each_way("partial_update", 20, body):
            self.assertEqual(found.state, CoreStates.UPDATE_SCHEDULED)
            shown = self.settled(tenant)
            self.assertEqual((shown.name, shown.description), (f"tenant-{number:03}", f"number {number}"))
            self.assertEqual((shown.state, shown.availability_zone), (CoreStates.OK, "nova"))

    def test_names_that_cannot_be(self):
        path = f"/api/openstack-tenants/{self.tenant(24)}/"
        for method, sent in (("PUT", {}), ("PUT", {"name": ""}), ("PATCH", {"name": "x" * 65}),
                             ("PATCH", {"name": None}), ("PATCH", {"name": "tenant-001"})):
            answer = self.raw(method, path, "operator", json=sent)
            self.assertEqual((answer.status_code, list(answer.json())), (400, ["name"]), answer.text)
        self.assertEqual(self.raw("PUT", path, "viewer", json={"name": "x"}).status_code, 403)

    def test_passwords_that_cannot_be(self):
        # Nobody was made for a tenant of the simulated cloud; `Making` has one with a user.
        fine = OpenStackTenantChangePasswordRequest(user_password="correct horse battery")
        said = self.refused(400, f"{TENANT}_change_password", self.tenant(25), client=self.operator, body=fine)
        self.assertIn("no user is recorded", said[0])
        wrong = OpenStackTenantChangePasswordRequest(user_password="12345678")
        said = self.refused(400, f"{TENANT}_change_password", self.tenant(29), client=self.operator, body=wrong)
        self.assertEqual(list(said), ["user_password"])
        self.assertNotIn("battery", (STAGE.folder / "log-1").read_text())

    def test_a_second_change_is_refused_while_the_first_goes_on(self):
        tenant = self.tenant(30)
        path = f"/api/openstack-tenants/{tenant}/set_quotas/"
        found = {self.raw("POST", path, json={"vcpu": 40}).status_code for _ in range(4)}
        self.assertTrue(found <= {202, 409} and 202 in found, found)
        self.settled(tenant)


class Objects(WithClient):
    """Each form of a function makes an object of another tenant."""

    each_way, settled = Changing.each_way, Changing.settled

    def recorded(self, tenant, resource_type):
        """What was last seen of a resource type."""
        path = f"/api/snapshots/?tenant={tenant}&resource_type={resource_type}&page_size=1"
        found = self.raw("GET", path, "viewer").json()
        return self.raw("GET", f"/api/snapshots/{found[0]['uuid']}/", "viewer").json()["body"] if found else []

    def test_floating_ips(self):
        for tenant, _, found in self.each_way("create_floating_ip", 31, lambda _: OpenStackFloatingIPRequest()):
            self.assertEqual((found.state, found.address, found.tenant_uuid), (CoreStates.CREATION_SCHEDULED, None, tenant))
            self.assertEqual(found.resource_type, "OpenStack.FloatingIP")
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))
            self.assertEqual(len(self.recorded(tenant, "floating_ips")), 4)

    def test_networks(self):
        body = OpenStackNetworkRequest(name="backend-net", description="for databases")
        for tenant, _, found in self.each_way("create_network", 35, lambda _: body):
            self.assertEqual((found.state, found.name, found.subnets), (CoreStates.CREATION_SCHEDULED, "backend-net", []))
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))

    def test_server_groups(self):
        body = OpenStackServerGroupRequest(name="spread", policy=PolicyEnum.ANTI_AFFINITY)
        for number in range(39, 43):
            STAGE.administrate(self.tenant(number))
        for tenant, _, found in self.each_way("create_server_group", 39, lambda _: body):
            self.assertEqual(found.display_name, "Name: spread, Policy: anti-affinity")
            self.assertEqual((found.state, found.policy), (CoreStates.CREATION_SCHEDULED, PolicyEnum.ANTI_AFFINITY))
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))
            self.assertIn("spread", {it["name"] for it in self.recorded(tenant, "server_groups")})

    def test_security_groups(self):
        rule = OpenStackSecurityGroupRuleCreateRequest(protocol="tcp", from_port=1, to_port=10, cidr="10.0.0.0/8")
        body = OpenStackSecurityGroupRequest(name="web", rules=[rule])
        for tenant, _, found in self.each_way("create_security_group", 43, lambda _: body):
            self.assertEqual((found.state, found.name), (CoreStates.CREATION_SCHEDULED, "web"))
            self.assertEqual([it.to_port for it in found.rules], [10])
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))
            self.assertIn("web", {it["name"] for it in self.recorded(tenant, "security_groups")})

    def test_pushed_security_groups(self):
        rule = OpenStackSecurityGroupRuleUpdateByNameRequest(
            protocol="tcp", from_port=80, to_port=80, remote_group_name="db"
        )
        groups = [
            TenantSecurityGroupUpdateRequest(name="web", rules=[rule]),
            TenantSecurityGroupUpdateRequest(name="db", rules=[]),
        ]

        def body(number):
            # Instances are in some of those that are there: they stay as they are.
            tenant = self.tenant(number)
            call(f"{TENANT}_pull_security_groups", "sync", tenant, client=self.operator)
            held = STAGE.wait("groups", lambda: self.recorded(tenant, "security_groups"))
            kept = [it for it in held if it["name"] != "default"]
            return groups + [TenantSecurityGroupUpdateRequest(name=it["name"], uuid=it["id"]) for it in kept]

        for tenant, number, found in self.each_way("push_security_groups", 47, body):
            self.assertEqual(found.status, "Security groups update has been scheduled.")
            shown = self.settled(tenant)
            self.assertEqual((shown.state, shown.error_message), (CoreStates.OK, ""))
            kept = {f"tenant-{number:03}-sg{it}" for it in range(3)}
            names = {it["name"] for it in self.recorded(tenant, "security_groups")}
            self.assertEqual(names, {"default", "db", "web"} | kept)

    def test_bodies_that_make_no_sense(self):
        path = f"/api/openstack-tenants/{self.tenant(51)}"
        rules = {"rules": [{"protocol": "tcp", "from_port": 1, "to_port": 2}, {"protocol": "tcp", "from_port": 5, "to_port": 70000}]}
        for action, sent, key in (
            ("create_network", {}, "name"),
            ("create_network", {"name": ""}, "name"),
            ("create_server_group", {"name": "x", "policy": "odd"}, "policy"),
            ("create_security_group", {"name": "x"}, "rules"),
            ("create_security_group", {"name": "default", "rules": []}, "name"),
            ("create_security_group", {"name": "x", **rules}, "rules"),
        ):
            answer = self.raw("POST", f"{path}/{action}/", "operator", json=sent)
            self.assertEqual((answer.status_code, list(answer.json())), (400, [key]), answer.text)
        self.assertEqual(list(answer.json()["rules"][1]), ["to_port"], answer.text)
        self.assertEqual(answer.json()["rules"][0], {})
        pushed = [{"name": "ok", "rules": []}, {"name": "default"}]
        answer = self.raw("POST", f"{path}/push_security_groups/", "operator", json=pushed)
        self.assertEqual((answer.status_code, answer.json()[0], list(answer.json()[1])), (400, {}, ["name"]), answer.text)
        answer = self.raw("POST", f"{path}/push_security_groups/", "operator", json={})
        self.assertEqual(answer.status_code, 400, "nothing sent is not no groups")
        for action in ("create_network", "create_floating_ip", "create_security_group", "create_server_group"):
            self.assertEqual(self.raw("POST", f"{path}/{action}/", "viewer", json={}).status_code, 403)


class Images(WithClient):
    def made(self, way="sync", **kwargs):
        body = ImageCreateRequest(name="ubuntu", **kwargs)
        found = call(f"{NAME}_create_image", way, self.tenant(52), client=self.operator, body=body)
        return getattr(found, "parsed", found)

    def test_images_are_made(self):
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            made = self.made(way)
            self.assertEqual((made.name, made.status), ("ubuntu", "queued"))
            self.assertTrue(made.upload_url.endswith(f"/upload_image_data/{made.image_id}/"))

    def test_images_get_their_data(self):
        made = self.made()

        def pieces():
            for number in range(64):
                yield bytes([number]) * 65536

        answer = self.raw("POST", made.upload_url, "operator", content=pieces())
        self.assertEqual((answer.status_code, answer.json().get("status")), (200, "success"), answer.text)
        self.assertEqual(set(answer.json()), {"status", "message", "response"})
        again = self.raw("POST", made.upload_url, "operator", content=b"again")
        self.assertEqual(again.status_code, 409, again.text)

    def test_the_client_s_own_upload_sends_what_it_sends(self):
        # The client writes a list of JSON where the data should be: they are data like any other.
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            made = self.made()
            words = {"uuid": self.tenant(52), "image_id": str(made.image_id), "client": self.operator}
            found = call(f"{NAME}_upload_image_data", way, **words, body=File(payload="abc"))
            self.assertEqual(getattr(found, "parsed", found).status, "success")

    def test_images_that_cannot_be(self):
        path = f"/api/openstack-marketplace-tenants/{self.tenant(52)}"
        for sent, key in (({}, "name"), ({"name": "x", "disk_format": "odd"}, "disk_format"),
                          ({"name": "x", "min_ram": -1}, "min_ram"), ({"name": "x", "visibility": "public"}, "visibility")):
            answer = self.raw("POST", f"{path}/create_image/", "operator", json=sent)
            self.assertEqual((answer.status_code, list(answer.json())), (400, [key]), answer.text)
        public = self.raw("POST", f"{path}/create_image/", "staff", json={"name": "x", "visibility": "public"})
        self.assertEqual(public.status_code, 201, public.text)
        self.assertEqual(self.raw("POST", f"{path}/create_image/", "viewer", json={"name": "x"}).status_code, 403)
        answer = self.raw("POST", f"{path}/upload_image_data/{NOBODY}/", "operator", content=b"x")
        self.assertEqual((answer.status_code, answer.json()), (404, {"detail": "Not found."}))
        other = self.raw("POST", f"/api/openstack-marketplace-tenants/{NOBODY}/create_image/", "operator", json={"name": "x"})
        self.assertEqual(other.status_code, 404)


class Making(WithClient):
    """By the last client that makes and removes tenants."""

    def setUp(self):
        super().setUp()
        words = [os.environ["TENANTD_TEST_OLDER_PYTHON"], "-B", "older.py", STAGE.base, STAGE.tokens["operator"]]
        self.older = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.older.communicate)
        shown = call(f"{TENANT}_retrieve", "sync", self.first, client=self.viewer)
        self.settings = shown.service_settings

    def ask(self, *words):
        self.older.stdin.write(" ".join(map(str, words)) + "\n")
        self.older.stdin.flush()
        return json.loads(self.older.stdout.readline())

    def shown(self, tenant):
        answer = self.raw("GET", f"/api/openstack-tenants/{tenant}/", "viewer")
        return answer.json() if answer.status_code == 200 else None

    def test_a_tenant_is_made_and_removed(self):
        project = uuid.uuid4()
        made = self.ask("create", "Genomics", self.settings, f"{STAGE.base}/api/projects/{project.hex}/")
        self.assertEqual((made["status"], made["state"]), (201, "CREATION_SCHEDULED"), made)
        again = self.ask("create", "Genomics", self.settings, f"{STAGE.base}/api/projects/{project.hex}/")
        self.assertEqual((again["status"], list(again["body"])), (400, ["name"]), again)
        tenant = made["uuid"]
        STAGE.wait("a tenant", lambda: self.shown(tenant)["state"] in ("OK", "ERRED"))
        shown = self.shown(tenant)
        self.assertEqual((shown["state"], shown["error_message"], shown["name"]), ("OK", "", "Genomics"))
        self.assertEqual(shown["project_uuid"], project.hex)
        self.assertTrue(shown["backend_id"] and shown["internal_network_id"])
        for way in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
            body = OpenStackTenantChangePasswordRequest(user_password=f"correct horse {way}")
            found = call(f"{TENANT}_change_password", way, uuid.UUID(tenant), client=self.operator, body=body)
            self.assertEqual(getattr(found, "parsed", found).status, "Password update has been scheduled.")
            STAGE.wait("a password", lambda: self.shown(tenant)["state"] in ("OK", "ERRED"))
            self.assertEqual(self.shown(tenant)["state"], "OK")
        # The cloud takes its time for the first removal, or all of it could be over before the second request.
        slow = {"method": "DELETE", "kind": "latency", "milliseconds": 3000, "count": 1}
        STAGE.disturb(slow)
        self.addCleanup(STAGE.disturb)
        self.assertEqual(self.ask("destroy", tenant), {"status": 204})
        self.assertEqual(self.ask("destroy", tenant)["status"], 409, "it is on its way already")
        STAGE.wait("its end", lambda: self.shown(tenant) is None)
        self.assertEqual(self.ask("destroy", tenant)["status"], 404)

    def test_what_cannot_be_made_is_refused(self):
        path = "/api/openstack-tenants/"
        known = {"name": "Botany", "service_settings": self.settings}
        for sent, key in (({"service_settings": self.settings}, "name"), ({"name": "Botany"}, "service_settings"),
                          ({**known, "service_settings": f"{STAGE.base}/api/service-settings/{NOBODY.hex}/"},
                           "service_settings"),
                          ({**known, "name": ""}, "name"), ({**known, "name": "x" * 65}, "name"),
                          ({**known, "subnet_cidr": "192.0.2.0/24"}, "subnet_cidr"),
                          ({**known, "subnet_cidr": "10.0.0.0/16"}, "subnet_cidr"),
                          ({**known, "project": "seven"}, "project"),
                          ({**known, "security_groups": [{"name": "default"}]}, "security_groups")):
            answer = self.raw("POST", path, "operator", json=sent)
            self.assertEqual((answer.status_code, list(answer.json())), (400, [key]), answer.text)
        self.assertEqual(self.raw("POST", path, "viewer", json=known).status_code, 403)
        self.assertEqual(self.raw("DELETE", f"{path}{self.first}/", "viewer").status_code, 403)

    def test_a_cloud_that_may_not_be_changed_says_which_key_lets_it(self):
        settings = uuid.uuid5(uuid.uuid5(uuid.UUID("7a1e5d0c-52d4-5c0e-9a63-1f0b7c9d4e21"), "cloud"), "readonly")
        sent = {"name": "Botany", "service_settings": f"{STAGE.base}/api/service-settings/{settings.hex}/"}
        answer = self.raw("POST", "/api/openstack-tenants/", "operator", json=sent)
        self.assertEqual(answer.status_code, 403, answer.text)
        self.assertIn("`write`", answer.json()["detail"])


class Zzz(unittest.TestCase):
    """The last to run: what the others called."""

    def test_every_function_of_the_client_was_called(self):
        if len(sys.argv) > 1:
            self.skipTest("only some tests were asked for")
        due = {(module, way) for module, way in functions() if module not in MISSING | FOREIGN}
        self.assertEqual(due - CALLED, set())
        self.assertEqual({module for module, _ in CALLED} & MISSING, set(), "they are there: take them out of MISSING")
        print(f"missing operations: {', '.join(sorted(MISSING)) or 'none'}")


if __name__ == "__main__":
    names = sys.argv[1:]
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    broken = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    passed = result.testsRun - len(broken) - len(result.skipped)
    print(f"{max(passed, 0)} passed, {len(broken)} failed, {len(result.skipped)} skipped")
    sys.exit(bool(broken) or not result.testsRun)
