"""The rules that hold after any run. Each looks at the evidence and tells, in words and rows, what breaks it."""

import json
from collections import Counter, defaultdict

from producer import DONE
from ticks import TICK_RULES, overlaps

ENDED = ("succeeded", "failed", "cancelled")
# How long a job may lie with a replica that was killed, while others and the database are there.
TAKEOVER = 30
# How long a start may take.
STARTING = 10
# Why a tick has a row, but no run.
NOT_RUN = ("skipped", "missed")
LOGIN = ("POST", "/identity/v3/auth/tokens")


def ended(row):
    return row["state"] in ENDED and row["outcome"] is not None


def accepted_jobs_have_one_outcome(evidence):
    """every accepted job has exactly one outcome"""
    rows = {row["id"]: row for row in evidence.rows}
    for asked in evidence.jobs.values():
        row = rows.get(asked.id)
        if asked.confirmed and row is None:
            name = json.loads(asked.body or "{}").get("id", asked.id)
            found = [(it["reason"], it["error"]) for it in evidence.letters if f'"{name}"' in it["body"]]
            yield f"lost: {asked}, dead letters with it: {found}"
        elif asked.confirmed and not ended(row):
            yield f"not ended: {row}"


def what_began_has_ended(evidence):
    """every recorded job has ended, accepted or not"""
    for row in evidence.rows:
        if not ended(row):
            yield f"{row}"


def an_end_is_final(evidence):
    """no job ended twice, came back from its end, or vanished"""
    for entry in evidence.log:
        if entry["what"] != "job":
            continue
        was, became = entry["was"], entry["became"]
        if became is None:
            yield f"deleted: {entry}"
        elif was and was["state"] in ENDED and (became["state"], became["outcome"]) != (was["state"], was["outcome"]):
            yield f"changed after its end: {entry}"


def jobs_end_as_they_must(evidence):
    """what can be done is done, what cannot be done fails with its reason"""
    asked_of = evidence.jobs
    for row in evidence.rows:
        asked = asked_of.get(row["id"])
        if not ended(row):
            continue
        if row["source"].startswith("schedule:") and row["outcome"] == "cancelled" and row["reason"] in NOT_RUN:
            continue
        outcomes = asked.outcomes if asked else DONE
        reason = asked.reason if asked else None
        if row["outcome"] not in outcomes or (reason and row["reason"] != reason):
            yield f"expected {sorted(outcomes)} {reason or ''}: {row}"


def what_is_no_job_is_dead_once(evidence):
    """what is no job is one dead letter, with its reason"""
    by_job = defaultdict(list)
    for letter in evidence.letters:
        by_job[letter["job"]].append(letter)
    unnamed = {letter["id"]: letter for letter in evidence.letters if letter["job"] is None}
    for asked in evidence.broken.values():
        found = [letter for letter in unnamed.values() if asked.id in letter["body"]]
        for letter in found:
            del unnamed[letter["id"]]
        if (asked.confirmed and not found) or len(found) > 1 or any(it["reason"] != asked.reason for it in found):
            yield f"{len(found)} letters for {asked}: {found}"
    for letter in unnamed.values():
        yield f"dead, though it is a job: {letter}"
    kinds = {row["id"]: row["kind"] for row in evidence.rows}
    for asked in evidence.reused.values():
        found = [letter for letter in by_job[asked.id] if letter["reason"] == "id_reused"]
        # When the second was there first, each repetition of the first is another wrong use of the id.
        second_won = kinds.get(asked.id) == asked.kind
        if (asked.confirmed and not found) or (len(found) > 1 and not second_won):
            yield f"{len(found)} letters for the second use of an id: {asked}: {found}"


def a_failed_job_is_one_dead_letter(evidence):
    """every failed job is one dead letter, and no other job is one"""
    failed = {row["id"] for row in evidence.rows if row["outcome"] == "failed"}
    letters = Counter(it["job"] for it in evidence.letters if it["job"] and it["reason"] != "id_reused")
    for job in failed | set(letters):
        if letters[job] != (job in failed):
            yield f"{letters[job]} letters for job {job}, which {'failed' if job in failed else 'did not fail'}"


def dead_letters_agree(evidence):
    """the broker's dead letters are those of the table, each under one id"""
    rows = {letter["id"]: letter["reason"] for letter in evidence.letters}
    messages = dict(evidence.dead)
    for key in rows.keys() | messages.keys():
        if rows.get(key) != messages.get(key):
            yield f"{key}: in the table {rows.get(key)}, in the broker {messages.get(key)}"


def committed_events_were_published(evidence):
    """every committed event was published, and no other, each under one id"""
    outgoing = {it["key"]: it["became"] for it in evidence.log if it["what"] == "outgoing"}
    committed = {key: it for key, it in outgoing.items() if it["exchange"].endswith(".events")}
    heard = {}
    for key, routing_key, event in evidence.events:
        before = heard.setdefault(key, (routing_key, event))
        if before != (routing_key, event):
            yield f"two events with the id {key}: {before} and {event}"
    for key in committed.keys() - heard.keys():
        yield f"never published: {key} {committed[key]}"
    for key in heard.keys() - committed.keys():
        yield f"published but never committed: {heard[key]}"


def a_job_has_one_event(evidence):
    """every ended job has one event, with its outcome"""
    events = defaultdict(set)
    for key, routing_key, event in evidence.events:
        if routing_key.startswith("job."):
            events[event["data"]["id"]].add((key, routing_key))
    rows = {row["id"]: row for row in evidence.rows}
    for row in rows.values():
        found = events.pop(row["id"], set())
        quiet = row["outcome"] == "cancelled" and row["reason"] in NOT_RUN
        wanted = f"job.{row['kind']}.{row['outcome']}"
        if ended(row) and not (quiet and not found) and [it[1] for it in found] != [wanted]:
            yield f"{sorted(found)} for {row}"
    for job, found in events.items():
        yield f"{sorted(found)} for job {job}, of which there is no row"


def a_snapshot_has_one_event(evidence):
    """every snapshot has one event"""
    events = defaultdict(set)
    for key, routing_key, event in evidence.events:
        if routing_key.startswith("snapshot."):
            events[event["data"]["snapshot"]].add(key)
    for snapshot in evidence.snapshots.keys() | events.keys():
        if len(events[snapshot]) != 1 or snapshot not in evidence.snapshots:
            yield f"snapshot {snapshot}: in the table {snapshot in evidence.snapshots}, events {sorted(events[snapshot])}"


def nothing_but_reads_was_sent(evidence):
    """the cloud was sent nothing but reads and logins"""
    for request, count in evidence.requests.items():
        if request[0] in ("GET", "HEAD") or request == LOGIN:
            continue
        if count > evidence.meddled.get(request, 0):
            yield f"{request}: {count} times, of which {evidence.meddled.get(request, 0)} were not the daemon's"
    if evidence.requests_lost:
        yield f"{evidence.requests_lost} requests were never looked at"


def observations_go_forward(evidence):
    """the time of the last observation never moved backwards"""
    for entry in evidence.log:
        if entry["what"] == "resource":
            was, became = (entry["was"] or {}).get("observed_at"), entry["became"]["observed_at"]
            if was is not None and (became is None or became < was):
                yield f"{entry}"


def no_older_observation_won(evidence):
    """no older observation took the place of a newer one: what only grows in the cloud only grows in the records"""
    last = {}
    for entry in evidence.log:
        if entry["what"] != "resource" or entry["became"]["snapshot"] is None:
            continue
        snapshot = evidence.snapshots[entry["became"]["snapshot"]]
        now, before = snapshot["measure"], last.get(entry["key"], {})
        last[entry["key"]] = before | now
        if any(now.get(name, value) < value for name, value in before.items()):
            yield f"{entry['key']}: {now} after {before}: {entry}"


def seen(resource_type, body):
    """A snapshot in the form of the truth that it is compared with."""
    if resource_type == "security_groups":
        return sorted(rule["id"].replace("-", "") for group in body for rule in group["rules"])
    return sorted(it["id"].replace("-", "") for it in body)


def the_records_are_true(evidence):
    """after a last round of pulls the records say what the cloud says"""
    records = {(row["project"], row["resource_type"]): row for row in evidence.resources}
    for project, types in evidence.truth.items():
        for resource_type, truth in types.items():
            row = records.get((project, resource_type))
            snapshot = row and evidence.snapshots.get(row["snapshot"])
            if not snapshot:
                yield f"{project} {resource_type}: no record"
            elif resource_type == "quotas":
                limits = {name: snapshot["body"].get(name, {}).get("limit") for name in truth}
                wanted = {name: "unlimited" if limit < 0 else limit for name, limit in truth.items()}
                if limits != wanted:
                    yield f"{project} quotas: recorded {limits}, in the cloud {wanted}"
            elif seen(resource_type, snapshot["body"]) != sorted(it.replace("-", "") for it in truth):
                yield f"{project} {resource_type}: recorded {json.dumps(snapshot['body'])}, in the cloud {truth}"


def nothing_is_left(evidence):
    """queue and outbox are empty"""
    if evidence.outbox:
        yield f"{evidence.outbox} messages are in the outbox"
    if evidence.left_in_queue:
        yield f"{evidence.left_in_queue} messages are in the queue"


def crashed_jobs_are_taken_over(evidence):
    """a job whose replica was killed is taken over within 30 s"""
    history = defaultdict(list)
    for entry in evidence.log:
        if entry["what"] == "job" and entry["became"]:
            history[entry["key"]].append(entry)
    for life in evidence.lives:
        if life["how"] not in ("kill -9", "by itself"):
            continue
        died = life["ended"]
        outages = [it for it in evidence.journal if it["kind"] == "database" and overlaps(it, died, died + TAKEOVER)]
        away = sum(it["ended"] - it["began"] for it in outages)
        for job, entries in history.items():
            if entries[0]["at"] > died or (entries[-1]["at"] <= died and entries[-1]["became"]["state"] != "running"):
                continue
            before = [it for it in entries if it["at"] <= died]
            last = before[-1]["became"] if before else {}
            if (last.get("state"), last.get("owner")) != ("running", life["instance"]):
                continue
            after = entries[len(before)]["at"] if len(before) < len(entries) else None
            if (after or evidence.judged) - died > TAKEOVER + away:
                took = f"taken over after {after - died:.1f} s" if after else "never taken over"
                yield f"job {job} of {life['instance']}, killed at {died:.1f}: {took}"


def replicas_stop_politely(evidence):
    """a replica ends when it is told to, in time and with status 0, and never by itself"""
    for life in evidence.lives:
        # A start without its database may fail: the service manager tries again.
        targets = ("database", f"{life['replica']}-database")
        outages = [it for it in evidence.journal if it["target"] in targets and overlaps(it, life["began"], life["ended"])]
        if life["how"] == "by itself" and outages and life["ended"] - life["began"] < STARTING:
            continue
        # One that was told before it could listen is ended by the signal itself.
        polite = life["status"] == 0 or (life["status"] == -15 and life["ended"] - life["began"] < 2)
        stop = life["ended"] - life.get("took", 0)
        away = sum(it["ended"] - it["began"] for it in outages if it["ended"] > stop)
        late = life["how"] == "SIGTERM" and life["took"] > life["allowed"] + away
        if life["how"] == "by itself" or late or (life["how"] == "SIGTERM" and not polite):
            yield f"{life}"


RULES = [
    accepted_jobs_have_one_outcome, what_began_has_ended, an_end_is_final, jobs_end_as_they_must,
    what_is_no_job_is_dead_once, a_failed_job_is_one_dead_letter, dead_letters_agree, committed_events_were_published,
    a_job_has_one_event, a_snapshot_has_one_event, nothing_but_reads_was_sent, observations_go_forward,
    no_older_observation_won, the_records_are_true, *TICK_RULES, nothing_is_left, crashed_jobs_are_taken_over,
    replicas_stop_politely,
]


def check(evidence):
    """Each rule with what breaks it."""
    return [(rule.__doc__, list(rule(evidence))) for rule in RULES]
