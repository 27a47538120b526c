"""Every kind of drift in a genuine cloud, made with the real client behind tenantd's back.

The scenarios go side by side: each changes something of its own and says what is to be found of it; then everybody is
looked at once, and what stands must be that and nothing else. So whatever is found too much fails too.
"""

import sys
import time
import traceback

from drift_life import LIFE
from drift_network import NETWORK
from drift_quotas import QUOTAS
from stage import Stage

POLICIES = """
[[drift.policies]]
name = "no-remote-desktop"
severity = "critical"
world_open = { ports = [3389] }
[[drift.policies]]
name = "unused"
severity = "info"
unused_security_groups = "2s"
only = { tenants = ["*-worn"] }
"""


class Play:
    """One scenario, as far as it has got."""

    def __init__(self, scenario, world):
        self.name, self.steps = scenario.__doc__, scenario(world)
        self.wanted, self.error, self.over = [], None, False

    def go_on(self, rows):
        """To the next look; what is wanted then."""
        print(f"- {self.name}", flush=True)
        try:
            self.wanted = self.steps.send(rows)
        except StopIteration:
            self.wanted, self.over = [], True
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            self.wanted, self.over, self.error = [], True, "its step failed"


def fits(row, like):
    return all(row[key] == value for key, value in like.items())


def short(row):
    return {key: row[key] for key in ("tenant_name", "resource_type", "object_name", "change", "field", "state")}


def match(plays, rows):
    """The rows of each play, what is missing, and the rows that nobody wants."""
    left, found, missing = list(rows), {}, []
    for play in plays:
        found[play] = []
        for like in play.wanted:
            row = next((row for row in left if fits(row, like)), None)
            if row:
                left.remove(row)
                found[play].append(row)
            else:
                missing.append((play, like))
    return found, missing, left


def look(stage, world, plays, whole):
    """Everybody is looked at, together or each alone, until what is wanted stands and nothing else."""
    if whole:
        jobs = [stage.send("pull", cloud="lab")]
    else:
        jobs = [stage.send("pull", tenant=project) for project in world["projects"]]
    assert all(job["outcome"] in ("succeeded", "unchanged") for job in jobs), jobs
    end = time.monotonic() + 30
    while True:
        found, missing, left = match(plays, stage.listed("drift", "list"))
        if not missing and not left or time.monotonic() > end:
            break
        time.sleep(0.5)
    for play, like in missing:
        play.error = f"not found: {like}"
    for row in left:
        print(f"    nobody wants {short(row)}", flush=True)
    for play in plays:
        for row in found[play]:
            print(f"    found [{row['severity']}] {row['tenant_name']} {row['object_name']}: {row['change']} {row['field']}",
                  flush=True)
    return found, [str(short(row)) for row in left]


def prepare(stage, scenarios):
    """What is there before: everything that scenarios change or take away."""
    world = {"stage": stage, "projects": [], "external": stage.quiet("network", "list", "--external")[0]["ID"]}
    for key in ("main", "defaults", "emptied", "fresh", "worn"):
        world[key] = stage.make_project(f"{stage.name}-{key}")
        world["projects"].append(world[key])
    world["member"] = stage.make_user(world["main"])
    for scenario in scenarios:
        if hasattr(scenario, "before"):
            scenario.before(world)
    return world


def main():
    scenarios = [*QUOTAS, *NETWORK, *LIFE]
    stage = Stage(policies=POLICIES)
    began = time.monotonic()
    try:
        world = prepare(stage, scenarios)
        stage.start()
        assert stage.send("pull_tenants", cloud="lab")["outcome"] == "succeeded"
        plays, strays = [Play(scenario, world) for scenario in scenarios], []
        found, left = look(stage, world, [], whole=True)
        strays += left
        number = 0
        while any(not play.over for play in plays):
            for play in plays:
                if not play.over and not play.error:
                    play.go_on(found.get(play) if number else None)
                play.over |= bool(play.error)
            print(f"== look {number + 1}", flush=True)
            found, left = look(stage, world, [play for play in plays if not play.error], whole=number % 2 == 0)
            strays += left
            number += 1
        failed = [play for play in plays if play.error]
        for play in failed:
            print(f"FAILED {play.name}: {play.error}")
        for stray in sorted(set(strays)):
            print(f"FAILED nobody made {stray}")
        print(f"{number} looks, {time.monotonic() - began:.0f} s")
        print(f"{len(plays) - len(failed)} passed, {len(failed) + bool(strays)} failed")
        return 1 if failed or strays else 0
    finally:
        stage.stop()


if __name__ == "__main__":
    sys.exit(main())
