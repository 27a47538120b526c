"""The checker can fail: each rule is shown a run in order, and the same run with one thing wrong."""

import copy
import sys
import unittest

import checker
import ticks
from evidence import Evidence, measure
from producer import Asked

SECOND = 1_800_000_000
JOB, DEAD, TICK = "job-1", "job-2", ticks.job_of("quotas", SECOND + 30)
SKIPPED = ticks.job_of("quotas", SECOND + 35)


def row(key, kind="pull_quotas", outcome="succeeded", source="amqp", reason=None, at=SECOND + 10.0):
    state = {"failed": "failed", "cancelled": "cancelled"}.get(outcome, "succeeded")
    return {"id": key, "kind": kind, "state": state, "outcome": outcome, "attempt": 1, "source": source, "reason": reason,
            "error": None, "enqueued_at": at, "not_before": at, "finished_at": at, "lease_owner": None}


def event(key, routing_key, **data):
    return (key, routing_key, {"id": key, "type": f"tenantd.{routing_key}", "data": data})


def job_entry(number, key, was, became, owner=None, at=SECOND + 10.0):
    def shown(state):
        outcome = state if state in checker.ENDED else None
        return state and {"state": state, "outcome": outcome, "attempt": 1, "owner": owner}
    return {"number": number, "at": at, "what": "job", "key": key, "was": shown(was), "became": shown(became)}


def look(number, observed_at, snapshot):
    return {"number": number, "at": observed_at, "what": "resource", "key": "tenant-1 quotas", "was": None,
            "became": {"observed_at": observed_at, "snapshot": snapshot}}


def in_order():
    """A run of one accepted job, one that must fail, one tick that ran, and one that was skipped."""
    evidence = Evidence(began=SECOND + 29, ended=SECOND + 38.0, schedules={"quotas": (5, "pull_quotas")})
    evidence.jobs = {
        JOB: Asked(JOB, "pull_quotas", "{}", published=2, confirmed=2),
        DEAD: Asked(DEAD, "pull_quotas", "{}", frozenset({"failed"}), "unknown_tenant", 1, 1),
    }
    evidence.broken = {"broken-1": Asked("broken-1", "pull", "broken-1", frozenset(), "unreadable", 1, 1)}
    evidence.reused = {JOB: Asked(JOB, "pull_tenants", "{}", frozenset(), "id_reused", 1, 1)}
    evidence.rows = [
        row(JOB), row(DEAD, outcome="failed", reason="unknown_tenant"),
        row(TICK, source="schedule:quotas", at=SECOND + 30.1),
        row(SKIPPED, source="schedule:quotas", outcome="cancelled", reason="skipped", at=SECOND + 35.1),
    ]
    evidence.letters = [
        {"id": "letter-1", "job": DEAD, "kind": "pull_quotas", "reason": "unknown_tenant", "error": "", "body": "{}"},
        {"id": "letter-2", "job": None, "kind": None, "reason": "unreadable", "error": "", "body": "no JSON at all: broken-1"},
        {"id": "letter-3", "job": JOB, "kind": "pull_tenants", "reason": "id_reused", "error": "", "body": "{}"},
    ]
    evidence.dead = [(it["id"], it["reason"]) for it in evidence.letters]
    evidence.snapshots = {
        f"snapshot-{number}": {"id": f"snapshot-{number}", "tenant": "tenant-1", "resource_type": "quotas",
                               "body": {"vcpu": {"limit": limit, "usage": 0}}}
        for number, limit in [(1, 20), (2, 22)]
    }
    for snapshot in evidence.snapshots.values():
        snapshot["measure"] = measure(snapshot)
    evidence.events = [
        event("event-1", "job.pull_quotas.succeeded", id=JOB), event("event-1", "job.pull_quotas.succeeded", id=JOB),
        event("event-2", "job.pull_quotas.failed", id=DEAD), event("event-3", "job.pull_quotas.succeeded", id=TICK),
        event("event-4", "snapshot.quotas.changed", snapshot="snapshot-1"),
        event("event-5", "snapshot.quotas.changed", snapshot="snapshot-2"),
    ]
    evidence.log = [
        job_entry(1, JOB, None, "running", "a1"), job_entry(2, JOB, "running", "succeeded"),
        job_entry(3, DEAD, None, "failed"), look(4, SECOND + 10.0, "snapshot-1"), look(5, SECOND + 11.0, "snapshot-2"),
        job_entry(6, TICK, None, "queued", at=SECOND + 30.1), job_entry(7, TICK, "queued", "succeeded", at=SECOND + 31),
        job_entry(8, SKIPPED, None, "cancelled", at=SECOND + 35.1),
    ]
    evidence.log += [
        {"number": 20 + number, "at": SECOND + 20.0 + 3 * number, "what": "lease", "key": "leader", "was": None,
         "became": {"owner": "a1", "until": SECOND + 30.0 + 3 * number}} for number in range(8)
    ]
    evidence.log += [
        {"number": 40 + number, "at": SECOND + 10.0, "what": "outgoing", "key": key, "was": None,
         "became": {"exchange": "faults.events", "routing_key": routing_key}}
        for number, (key, routing_key, _) in enumerate(evidence.events[1:])
    ]
    evidence.resources = [{"project": "project-1", "resource_type": "quotas", "snapshot": "snapshot-2", "error": None}]
    evidence.truth = {"project-1": {"quotas": {"vcpu": 22}}}
    evidence.requests = {("GET", ""): 100, checker.LOGIN: 2, ("PUT", "/quotas"): 2}
    evidence.meddled = {("PUT", "/quotas"): 2}
    evidence.lives = [{"replica": "a", "instance": "a1", "began": SECOND, "ended": SECOND + 60, "how": "SIGTERM",
                       "status": 0, "took": 1.0, "allowed": 11}]
    return evidence


def entry(evidence, number):
    return next(it for it in evidence.log if it["number"] == number)


class Doctored(unittest.TestCase):
    def setUp(self):
        self.evidence = in_order()

    def broken(self):
        return {rule.__name__ for rule in checker.RULES if list(rule(self.evidence))}

    def only(self, *rules):
        self.assertEqual(self.broken(), {rule.__name__ for rule in rules})

    def test_a_run_in_order_breaks_no_rule(self):
        self.only()

    def test_a_lost_job(self):
        self.evidence.rows = self.evidence.rows[1:]
        self.evidence.events = self.evidence.events[2:]
        self.evidence.log = [it for it in self.evidence.log if it["key"] != "event-1"]
        self.only(checker.accepted_jobs_have_one_outcome)

    def test_a_job_that_was_not_accepted_may_be_lost(self):
        self.evidence.jobs["job-9"] = Asked("job-9", "pull", "{}", published=1)
        self.only()

    def test_a_job_that_never_ended(self):
        self.evidence.rows[0] |= {"state": "running", "outcome": None}
        self.evidence.events = self.evidence.events[2:]
        self.evidence.log = [it for it in self.evidence.log if it["key"] != "event-1"]
        self.only(checker.accepted_jobs_have_one_outcome, checker.what_began_has_ended)

    def test_a_job_that_ended_twice(self):
        self.evidence.log.append(job_entry(60, JOB, "succeeded", "failed"))
        self.only(checker.an_end_is_final)

    def test_a_job_that_came_back(self):
        self.evidence.log.append(job_entry(60, JOB, "succeeded", "queued"))
        self.only(checker.an_end_is_final)

    def test_a_job_that_gave_up(self):
        self.evidence.rows[0] |= {"state": "failed", "outcome": "failed", "reason": "unavailable"}
        self.only(checker.jobs_end_as_they_must, checker.a_failed_job_is_one_dead_letter, checker.a_job_has_one_event)

    def test_a_broken_message_that_vanished_or_died_twice(self):
        letter = self.evidence.letters.pop(1)
        message = self.evidence.dead.pop(1)
        self.only(checker.what_is_no_job_is_dead_once)
        self.evidence.letters += [letter, letter | {"id": "letter-9"}]
        self.evidence.dead += [message, ("letter-9", "unreadable")]
        self.only(checker.what_is_no_job_is_dead_once)

    def test_a_second_use_of_an_id_that_was_not_noticed(self):
        del self.evidence.letters[2], self.evidence.dead[2]
        self.only(checker.what_is_no_job_is_dead_once)

    def test_a_job_that_is_taken_for_none(self):
        self.evidence.letters.append(self.evidence.letters[0] | {"id": "letter-9", "job": None, "reason": "database"})
        self.evidence.dead.append(("letter-9", "database"))
        self.only(checker.what_is_no_job_is_dead_once)

    def test_a_dead_letter_that_the_broker_has_not(self):
        del self.evidence.dead[0]
        self.only(checker.dead_letters_agree)

    def test_a_death_of_the_brokers_own(self):
        self.evidence.dead.append((None, None))
        self.evidence.dead.append(("job-7", "delivery_limit"))
        self.only(checker.dead_letters_agree)

    def test_an_event_that_was_never_published(self):
        self.evidence.events.pop(2)
        self.only(checker.committed_events_were_published, checker.a_job_has_one_event)

    def test_an_event_under_two_ids(self):
        self.evidence.events.append(event("event-9", "job.pull_quotas.succeeded", id=JOB))
        self.evidence.log.append({"number": 70, "at": SECOND, "what": "outgoing", "key": "event-9", "was": None,
                                  "became": {"exchange": "faults.events", "routing_key": "job.pull_quotas.succeeded"}})
        self.only(checker.a_job_has_one_event)

    def test_an_event_that_was_never_committed(self):
        self.evidence.events.append(event("event-9", "drift.quotas.opened", id="finding"))
        self.only(checker.committed_events_were_published)

    def test_an_event_with_another_outcome(self):
        self.evidence.events[2] = event("event-2", "job.pull_quotas.succeeded", id=DEAD)
        self.only(checker.a_job_has_one_event)

    def test_an_event_of_a_job_that_is_not_there(self):
        self.evidence.events[3] = event("event-3", "job.pull_quotas.succeeded", id="job-9")
        self.only(checker.a_job_has_one_event)

    def test_a_snapshot_without_its_event(self):
        self.evidence.events[4] = event("event-4", "snapshot.quotas.changed", snapshot="snapshot-2")
        self.only(checker.a_snapshot_has_one_event)

    def test_a_write(self):
        self.evidence.requests[("PUT", "/quotas")] = 3
        self.only(checker.nothing_but_reads_was_sent)
        self.evidence.requests = {("DELETE", "/servers"): 1}
        self.only(checker.nothing_but_reads_was_sent)

    def test_an_observation_from_before_the_last(self):
        entry(self.evidence, 5)["was"] = {"observed_at": SECOND + 12.0}
        self.only(checker.observations_go_forward)

    def test_a_snapshot_that_shrank(self):
        self.evidence.snapshots["snapshot-2"]["body"]["vcpu"]["limit"] = 19
        self.evidence.snapshots["snapshot-2"]["measure"] = {"vcpu": 19}
        self.evidence.truth["project-1"]["quotas"]["vcpu"] = 19
        self.only(checker.no_older_observation_won)

    def test_a_record_that_is_not_the_cloud(self):
        self.evidence.truth["project-1"]["quotas"]["vcpu"] = 23
        self.only(checker.the_records_are_true)
        self.evidence.truth["project-1"] = {"floating_ips": ["address-1"]}
        self.only(checker.the_records_are_true)

    def test_a_missing_tick(self):
        self.evidence.rows = [it for it in self.evidence.rows if it["id"] != SKIPPED]
        self.only(ticks.every_tick_ran_once)

    def test_a_tick_may_be_missed_while_nobody_can_lead(self):
        self.evidence.rows = [it for it in self.evidence.rows if it["id"] != SKIPPED]
        evidence = copy.deepcopy(self.evidence)
        for target in ("database", "a", "a-database"):
            evidence.journal = [{"kind": "cut", "target": target, "began": SECOND + 34.0, "ended": SECOND + 34.5}]
            self.assertEqual(list(ticks.every_tick_ran_once(evidence)), [])
        evidence.journal = [{"kind": "cut", "target": "b-database", "began": SECOND + 34.0, "ended": SECOND + 34.5}]
        self.assertEqual(len(list(ticks.every_tick_ran_once(evidence))), 1)

    def test_an_old_tick_that_was_caught_up(self):
        self.evidence.rows[2]["enqueued_at"] = SECOND + 35.1
        self.only(ticks.only_the_newest_is_caught_up)

    def test_a_schedule_that_overlaps_with_itself(self):
        self.evidence.rows[3] |= {"state": "succeeded", "outcome": "succeeded", "reason": None}
        self.evidence.log = [it for it in self.evidence.log if it["number"] != 7]
        self.evidence.log.append(job_entry(62, TICK, "queued", "succeeded"))
        self.evidence.events.append(event("event-6", "job.pull_quotas.succeeded", id=SKIPPED))
        self.only(ticks.no_schedule_overlaps, checker.committed_events_were_published)

    def test_what_is_left(self):
        self.evidence.outbox = 1
        self.only(checker.nothing_is_left)
        self.evidence.outbox, self.evidence.left_in_queue = 0, 2
        self.only(checker.nothing_is_left)

    def test_a_crashed_job_that_waits_for_too_long(self):
        killed = {"replica": "b", "instance": "a1", "began": SECOND, "ended": SECOND + 10.5, "how": "kill -9", "status": -9}
        self.evidence.lives.append(killed)
        self.only()
        entry(self.evidence, 2)["at"] = SECOND + 41.5
        self.only(checker.crashed_jobs_are_taken_over)
        self.evidence.journal = [{"kind": "database", "target": "database", "began": SECOND + 11, "ended": SECOND + 14}]
        self.only()
        self.evidence.log = [it for it in self.evidence.log if it["number"] != 2]
        self.evidence.judged = SECOND + 60.0
        self.only(checker.crashed_jobs_are_taken_over)

    def test_a_replica_that_ends_by_itself_or_late_or_badly(self):
        for wrong in ({"how": "by itself"}, {"took": 12.0}, {"status": 1}):
            self.evidence.lives[0] |= {"how": "SIGTERM", "took": 1.0, "status": 0} | wrong
            self.only(checker.replicas_stop_politely)

    def test_a_start_without_its_database_may_fail(self):
        self.evidence.lives[0] |= {"how": "by itself", "began": SECOND + 1, "ended": SECOND + 2, "status": 1}
        cut = {"kind": "cut", "target": "a-database", "began": SECOND + 1.5, "ended": SECOND + 1.6}
        self.evidence.journal = [cut]
        self.assertNotIn("replicas_stop_politely", self.broken())
        self.evidence.journal = [cut | {"target": "b-database"}]
        self.assertIn("replicas_stop_politely", self.broken())


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Doctored)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
    wrong = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - wrong} passed, {wrong} failed")
    sys.exit(bool(wrong) or not result.testsRun)
