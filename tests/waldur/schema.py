"""Made-up requests for every operation of the API's document; see `schema`."""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml

import httpx
from stage import Stage

HERE = pathlib.Path(__file__).parent
# Enough for those that are deleted and forgotten on the way.
TENANTS = 40
# So many of them have an image that waits for data, and something that is not as expected.
PREPARED = 6


def prepare(stage, token):
    """Lets there be something of everything; the ids of it, by the second part of its path."""
    headers = {"Authorization": f"Token {token}"}
    ids = {"images": []}
    stage.command("enqueue", "pull", "--cloud", "sim", "--wait")
    for tenant in stage.tenants[-PREPARED:]:
        stage.output("--config", stage.folder / "tenantd.toml", "expectations", "set", "--tenant", tenant, "quotas",
                     "--values", '{"vcpu": 1234567}')
        make = f"{stage.base}/api/openstack-marketplace-tenants/{tenant}/create_image/"
        made = httpx.post(make, json={"name": "debian"}, headers=headers, timeout=30)
        made.raise_for_status()
        ids["images"].append([tenant, made.json()["image_id"]])
    stage.command("enqueue", "pull", "--cloud", "sim", "--wait")
    for what in ("jobs", "drift", "snapshots", "schedules"):
        listed = httpx.get(f"{stage.base}/api/{what}/", headers=headers, timeout=30).raise_for_status().json()
        assert listed, f"there are no {what}"
        ids[what] = [it.get("uuid") or it["name"] for it in listed]
    tenant = httpx.get(f"{stage.base}/api/openstack-tenants/{stage.tenants[0]}/", headers=headers, timeout=30).json()
    ids["service_settings"] = tenant["service_settings"]
    return ids | {"openstack-tenants": stage.tenants, "openstack-marketplace-tenants": stage.tenants}


def run(stage, options, more):
    """The report of a run, as an element for each operation and phase."""
    token = stage.tokens["staff"]
    ids, report = stage.folder / "ids.json", stage.folder / "report.xml"
    ids.write_text(json.dumps(prepare(stage, token)))
    command = [
        sys.executable, "-B", "-m", "schemathesis.cli", "--config-file", HERE / "schema.toml", "run",
        f"{stage.base}/api/schema/", "--header", f"Authorization: Token {token}", "--seed", options.seed,
        "--max-examples", options.max_examples, "--generation-database", "none", "--no-color", "--report", "junit",
        # Of what is made up for a schedule's name, most cannot stand in a path.
        "--report-junit-path", report, "--suppress-health-check", "filter_too_much", *more]
    environment = {"SCHEMATHESIS_HOOKS": "schema_hooks", "TENANTD_TEST_IDS": str(ids), "PYTHONPATH": str(HERE)}
    done = subprocess.run(list(map(str, command)), cwd=stage.folder, env=os.environ | environment, check=False)
    kinds = collections.Counter(it["kind"] for it in stage.command("jobs", "list", "--limit", "5000"))
    print("jobs:", ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    return done.returncode, list(xml.parse(report).getroot().iter("testcase"))


def main():
    parser = argparse.ArgumentParser(
        prog="tests/waldur/schema", description=__doc__, epilog="What else is given, schemathesis is told.")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--max-examples", type=int, default=20, help="for each operation")
    options, more = parser.parse_known_args()
    stage = Stage(TENANTS)
    try:
        status, cases = run(stage, options, more)
        living = all(process.poll() is None for process in stage.processes)
    finally:
        stage.stop()
    failed = sum(1 for it in cases if it.find("failure") is not None or it.find("error") is not None)
    if not living:
        print("the daemon did not live through it")
    if (status or not living) and not failed:
        failed = 1
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
