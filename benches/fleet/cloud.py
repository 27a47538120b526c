"""The simulated cloud that is pulled, and what it knows of how it was asked."""

import random

import requests

from services import Service, free_ports, wait_for

SERVICES = ["identity", "compute", "network", "volume", "image"]


class Cloud:
    """A simulated cloud in a process of its own: so many workers in each service, each busy for the latency."""

    name = "sim"

    def __init__(self, options, folder, tenants, latency, workers):
        self.options, self.folder, self.tenants, self.latency, self.workers = options, folder, tenants, latency, workers
        self.concurrency = workers
        [port] = free_ports(1)
        self.url, self.port = f"http://127.0.0.1:{port}", port
        self.service = Service(f"cloud-{tenants}-{latency}-{workers}", folder)
        self.clouds_yaml = folder / "clouds.yaml"

    async def start(self):
        self.clouds_yaml.unlink(missing_ok=True)
        self.service.spawn([
            self.options.binary, "simulate", "--listen", f"127.0.0.1:{self.port}", "--tenants", str(self.tenants),
            "--latency", f"{self.latency}ms", "--workers", str(self.workers), "--rules", str(self.options.rules),
            "--clouds-yaml", self.clouds_yaml])
        await wait_for("the simulated cloud", self.clouds_yaml.exists)

    async def end(self):
        await self.service.end(9)

    def count_anew(self):
        """Forgets how often it was asked."""
        services = {name: {"workers": self.workers} for name in SERVICES}
        requests.put(f"{self.url}/simulator/limits", json={"services": services}, timeout=60).raise_for_status()
        requests.delete(f"{self.url}/simulator/requests", timeout=60)

    def asked(self):
        """How many requests each service had."""
        return {name: count for name, (count, _) in self.counted().items()}

    def counted(self):
        """By service: how often it was asked, and how long its workers were busy."""
        answer = requests.get(f"{self.url}/simulator/limits", timeout=60).json()
        services = answer.get("limits", answer)["services"]
        return {name: (it["asked"], it["busy_seconds"]) for name, it in services.items() if it["asked"]}

    def bound(self):
        """The seconds that the requests alone need: the busiest service with all of its workers at work."""
        return max((busy / self.workers for _, busy in self.counted().values()), default=0)

    def change(self, share):
        """A rule more or less in so many of a hundred tenants; how many."""
        count = max(1, self.tenants * share // 100)
        for number in random.Random(1).sample(range(1, self.tenants + 1), count):
            order = {"kind": "rule_add", "tenant": f"tenant-{number:03}"}
            requests.post(f"{self.url}/simulator/meddle", json=order, timeout=60).raise_for_status()
        return count
