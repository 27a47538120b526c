"""Carries out the plan, each fault in its time, and writes down what happened from when to when."""

import asyncio
import signal
import time

LONGEST = 90


class Storm:
    def __init__(self, stage):
        self.stage, self.journal, self.locks = stage, [], {}

    async def rage(self, plan):
        """All faults; one whose target is still busy with the last waits for it."""
        began = time.monotonic()
        running = []
        for fault in plan:
            await asyncio.sleep(max(0, began + fault.at - time.monotonic()))
            running.append(asyncio.create_task(self.strike(fault)))
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def strike(self, fault):
        async with self.locks.setdefault(fault.target, asyncio.Lock()):
            entry = {"kind": fault.kind, "target": fault.target, "began": time.time(), "ended": None}
            self.journal.append(entry)
            async with asyncio.timeout(LONGEST):
                await getattr(self, fault.kind)(fault, dict(fault.detail))
            entry["ended"] = time.time()

    # --- replicas ----------------------------------------------------------------------------

    def replica(self, fault):
        return self.stage.replicas[fault.target]

    async def kill(self, fault, detail):
        await self.replica(fault).kill(fault.seconds, detail["renamed"])

    async def terminate(self, fault, _detail):
        await self.replica(fault).terminate(fault.seconds)

    async def freeze(self, fault, _detail):
        await self.replica(fault).freeze(fault.seconds)

    async def stall(self, fault, detail):
        await self.freeze(fault, detail)

    # --- the network -------------------------------------------------------------------------

    def link(self, fault):
        letter, side = fault.target.split("-")
        return getattr(self.stage.replicas[letter], side)

    async def cut(self, fault, _detail):
        self.link(fault).cut()

    async def blackhole(self, fault, detail):
        await self.link(fault).swallow(fault.seconds, detail["then"] == "dead")

    async def refuse(self, fault, _detail):
        await self.link(fault).refuse(fault.seconds)

    async def latency(self, fault, detail):
        await self.link(fault).dawdle(fault.seconds, detail["ms"] / 1000)

    # --- the services ------------------------------------------------------------------------

    async def database(self, _fault, detail):
        await self.stage.postgres.restart(signal.Signals[detail["how"]])

    async def broker(self, _fault, detail):
        await self.stage.rabbit.restart(signal.Signals[detail["how"]])

    async def duplicates(self, _fault, detail):
        self.stage.producer.repeat(detail["jobs"])

    # --- the cloud ---------------------------------------------------------------------------

    async def trouble(self, seconds, rule):
        """Reads go wrong for a while; whoever changes the cloud is left alone."""
        await asyncio.to_thread(self.stage.cloud.set_faults, [{"method": "GET", **rule}])
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.stage.cloud.set_faults, [])

    async def slow(self, fault, detail):
        await self.trouble(fault.seconds, {"kind": "latency", "milliseconds": detail["ms"]})

    async def errors(self, fault, detail):
        rule = {"kind": "status", "status": detail["status"], "every": detail["every"]}
        if detail["status"] in (429, 503):
            rule["retry_after"] = 1
        await self.trouble(fault.seconds, rule)

    async def breakage(self, fault, detail):
        await self.trouble(fault.seconds, {"kind": detail["how"], "every": detail["every"]})

    async def logins(self, fault, _detail):
        # Once: a job that is refused with the next token too has a reason to give up.
        await self.trouble(fault.seconds, {"kind": "revoke_tokens", "count": 1})
