"""The rules of schedules. The id of a tick's job is computed here as the daemon computes it, so none can hide."""

import math

from producer import named_id

# Around a tick, a leader must have been in good order for so long before and after it.
BEFORE, AFTER = 1.0, 2.5


def job_of(name, tick):
    return named_id(f"schedule:{name}", str(tick))


def ticks(evidence, period):
    """Moments at which a schedule was due while the run lasted."""
    return range(math.ceil(evidence.began / period) * period, math.floor(evidence.ended), period)


def overlaps(entry, since, until):
    return entry["began"] < until and (entry["ended"] is None or entry["ended"] > since)


def terms_of(evidence):
    """Each taking and renewing of the leader's lease."""
    return [it for it in evidence.log if it["what"] == "lease" and it["key"] == "leader"]


def in_good_order(evidence, terms, tick):
    """Whether some replica led at this moment, and nothing had happened to it since it last renewed its lease."""
    until = tick + AFTER
    # Renewed shortly before the tick, and nobody else since.
    last = [it for it in terms if it["at"] < tick - BEFORE][-1:]
    if not last or last[0]["became"]["until"] < until:
        return False
    owner, since = last[0]["became"]["owner"], last[0]["at"] - BEFORE
    if any(it["became"]["owner"] != owner for it in terms if last[0]["at"] < it["at"] < until):
        return False
    lives = [it for it in evidence.lives if it["instance"] == owner]
    lives = [it for it in lives if it["began"] < since and (it["ended"] or math.inf) > until]
    targets = {"database", *(target for it in lives for target in (it["replica"], f"{it['replica']}-database"))}
    return bool(lives) and not any(it["target"] in targets and overlaps(it, since, until) for it in evidence.journal)


def every_tick_ran_once(evidence):
    """every tick of a schedule ran once or is recorded as skipped, while a replica in good order led"""
    rows, terms = {row["id"] for row in evidence.rows}, terms_of(evidence)
    for name, (period, kind) in evidence.schedules.items():
        for tick in ticks(evidence, period):
            if job_of(name, tick) not in rows and in_good_order(evidence, terms, tick):
                yield f"{name} ({kind}): no job for the tick {tick}"


def only_the_newest_is_caught_up(evidence):
    """of ticks that nobody could fire only the newest is caught up"""
    rows = {row["id"]: row for row in evidence.rows}
    for name, (period, _) in evidence.schedules.items():
        for tick in ticks(evidence, period):
            row = rows.get(job_of(name, tick))
            if row and row["outcome"] != "cancelled" and not tick <= row["enqueued_at"] < tick + period:
                late = row["enqueued_at"] - tick
                yield f"{name}: the tick {tick} was fired {late:.1f} s late, with a period of {period} s: {row}"


def no_schedule_overlaps(evidence):
    """no run of a schedule began before the one before had ended"""
    made, over = {}, {}
    for entry in evidence.log:
        if entry["what"] != "job" or not entry["became"]:
            continue
        if entry["was"] is None:
            made[entry["key"]] = entry["number"]
        if entry["became"]["outcome"]:
            over.setdefault(entry["key"], entry["number"])
    skipped = {row["id"] for row in evidence.rows if row["outcome"] == "cancelled"}
    for name, (period, _) in evidence.schedules.items():
        ran = [(job, tick) for tick in ticks(evidence, period) if (job := job_of(name, tick)) in made and job not in skipped]
        for (first, _), (second, tick) in zip(ran, ran[1:]):
            if made[second] < over.get(first, math.inf):
                yield f"{name}: the tick {tick} (job {second}) was fired before job {first} had ended"


def tally(evidence):
    """How many ticks there were, and what became of them."""
    rows, terms = {row["id"]: row for row in evidence.rows}, terms_of(evidence)
    count = {"ran": 0, "skipped": 0, "missed without a leader": 0, "missed": 0}
    for name, (period, _) in evidence.schedules.items():
        for tick in ticks(evidence, period):
            row = rows.get(job_of(name, tick))
            if row:
                count["skipped" if row["outcome"] == "cancelled" else "ran"] += 1
            else:
                count["missed" if in_good_order(evidence, terms, tick) else "missed without a leader"] += 1
    return count


TICK_RULES = [every_tick_ran_once, only_the_newest_is_caught_up, no_schedule_overlaps]
