"""Lets most of the made-up requests be about something that there is; read by schemathesis, see `schema.py`."""

import json
import os
import pathlib
import uuid
import zlib

import schemathesis

IDS = json.loads(pathlib.Path(os.environ["TENANTD_TEST_IDS"]).read_text(encoding="utf-8"))
# What no made-up text would be.
FITTING = {"service_settings": IDS["service_settings"], "subnet_cidr": "10.7.7.0/24", "policy": "affinity",
           "availability_zone": "", "default_volume_type_name": ""}


def is_uuid(text):
    """Whether a known one may stand in its place: what is none is to stay wrong."""
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def known(operation):
    """What there is for an operation."""
    ids = IDS.get(operation.path.split("/")[2], [])
    if "tenants" not in operation.path:
        return ids
    # What is deleted or forgotten is of no use to the other operations.
    few = len(ids) // 4
    return ids[:few] if operation.method == "delete" or "unlink" in operation.path else ids[few:]


@schemathesis.hook
def map_case(context, case):
    """Nine of ten ids become one that is known; equal requests become equal, so that a failure can be repeated."""
    number, chosen = divmod(zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="replace")), 10)
    if chosen == 0:
        return case
    path, ids = case.path_parameters or {}, known(case.operation)
    if ids and is_uuid(path.get("uuid")):
        path["uuid"] = ids[number % len(ids)]
        if is_uuid(path.get("image_id")):
            path["uuid"], path["image_id"] = IDS["images"][number % len(IDS["images"])]
    if isinstance(case.body, dict):
        # Nobody has a project, and null is refused for most fields, whatever the document says.
        kept = {name: value for name, value in case.body.items() if value is not None and name != "project"}
        case.body = kept | {name: value for name, value in FITTING.items() if isinstance(kept.get(name), str)}
    return case


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """The same for names, of which there are too few to be chosen by the whole request."""
    made_up = (path_parameters or {}).get("name")
    if isinstance(made_up, str) and zlib.crc32(made_up.encode(errors="replace")) % 2:
        path_parameters["name"] = IDS["schedules"][0]
    return path_parameters
