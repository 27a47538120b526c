"""The plan: which fault happens when to whom. The same seed and number make the same plan."""

import random
from dataclasses import dataclass

REPLICAS = ("a", "b")
# Kind, weight, and whom it strikes.
KINDS = [
    ("kill", 14, "replica"), ("terminate", 8, "replica"), ("freeze", 5, "replica"), ("stall", 1, "replica"),
    ("cut", 14, "link"), ("blackhole", 9, "link"), ("refuse", 6, "link"), ("latency", 6, "link"),
    ("duplicates", 8, "stream"), ("slow", 7, "cloud"), ("errors", 7, "cloud"), ("breakage", 4, "cloud"),
    ("logins", 3, "cloud"), ("database", 5, "database"), ("broker", 3, "broker"),
]
# Seconds between two faults, on average.
PACE = 1.15
# A restart of the broker takes this long, so a plan has few of them.
BUSY = {"broker": 14.0, "database": 4.0}


# A replica that stalls comes back after every lease that it held has passed to another.
LONG = {"stall": (21.0, 25.0)}


@dataclass(frozen=True)
class Fault:
    at: float
    kind: str
    target: str
    seconds: float
    detail: tuple = ()

    def __str__(self):
        detail = "".join(f" {key}={value}" for key, value in self.detail)
        return f"{self.at:8.2f} s  {self.kind:<10} {self.target:<10} {self.seconds:4.1f} s{detail}"


def plan(seed, count, renamed=True):
    """So many faults; a target has only one at a time, and different targets overlap."""
    draw = random.Random(f"plan {seed}")
    faults, free, at = [], {}, 1.0
    # Each kind comes once before any comes twice.
    first = draw.sample(KINDS, len(KINDS))
    while len(faults) < count:
        kind, _, struck = first[-1] if first else draw.choices(KINDS, [weight for _, weight, _ in KINDS])[0]
        target = pick(draw, struck)
        if free.get(target, 0) > at:
            at += 0.05
            continue
        if first:
            first.pop()
        seconds = round(draw.uniform(*LONG.get(kind, (0.3, 2.0))), 1)
        fault = Fault(round(at, 2), kind, target, seconds, details(draw, kind, renamed))
        faults.append(fault)
        at += draw.expovariate(1 / PACE)
        free[target] = fault.at + fault.seconds + BUSY.get(struck, 1.0)
    return faults


def pick(draw, struck):
    if struck == "replica":
        return draw.choice(REPLICAS)
    if struck == "link":
        return f"{draw.choice(REPLICAS)}-{draw.choice(['broker', 'database', 'database'])}"
    return struck


def details(draw, kind, renamed):
    """What a kind needs to know besides how long it lasts."""
    if kind == "kill":
        return (("renamed", renamed and draw.random() < 0.3),)
    if kind == "blackhole":
        return (("then", draw.choice(["late", "dead"])),)
    if kind == "latency":
        return (("ms", draw.choice([20, 100, 400])),)
    if kind == "duplicates":
        return (("jobs", draw.randint(5, 25)),)
    if kind == "slow":
        return (("ms", draw.choice([200, 800, 2000])),)
    if kind == "errors":
        return (("status", draw.choice([500, 502, 503, 429])), ("every", draw.choice([1, 2, 3])))
    if kind == "breakage":
        return (("how", draw.choice(["reset", "truncate"])), ("every", draw.choice([1, 3])))
    if kind == "database":
        return (("how", draw.choice(["SIGINT", "SIGQUIT", "SIGKILL"])),)
    if kind == "broker":
        return (("how", draw.choice(["SIGTERM", "SIGKILL"])),)
    return ()
