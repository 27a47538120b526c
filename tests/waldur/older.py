"""Makes and removes a tenant with the last client that has functions for it. usage: older.py BASE TOKEN

One command a line on stdin: `create NAME SETTINGS PROJECT`, `destroy UUID`; one JSON answer a line on stdout.
"""

import json
import sys

from waldur_api_client.api.openstack_tenants import openstack_tenants_create, openstack_tenants_destroy
from waldur_api_client.client import AuthenticatedClient
from waldur_api_client.errors import UnexpectedStatus
from waldur_api_client.models.open_stack_tenant_request import OpenStackTenantRequest

BASE, TOKEN = sys.argv[1:]
CLIENT = AuthenticatedClient(base_url=BASE, token=TOKEN, prefix="Token")


def create(name, settings, project):
    body = OpenStackTenantRequest(name=name, service_settings=settings, project=project)
    made = openstack_tenants_create.sync_detailed(client=CLIENT, body=body)
    return {"status": made.status_code, "uuid": made.parsed.uuid.hex, "state": str(made.parsed.state)}


def destroy(tenant):
    return {"status": openstack_tenants_destroy.sync_detailed(tenant, client=CLIENT).status_code}


for line in sys.stdin:
    command, *words = line.split()
    try:
        answer = {"create": create, "destroy": destroy}[command](*words)
    except UnexpectedStatus as refused:
        answer = {"status": refused.status_code, "body": json.loads(refused.content)}
    print(json.dumps(answer), flush=True)
