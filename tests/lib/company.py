"""Processes of the daemon under test that keep each other company, with one folder for what they write."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

from services import free_ports

BINARY = os.environ["TENANTD_TEST_BINARY"]


def free_address():
    return f"127.0.0.1:{free_ports(1)[0]}"


class Company:
    """Whoever starts something here calls `stop` in the end; what other processes do must be seen within `patience` seconds."""

    def __init__(self, name, patience):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tenantd-{name}-"))
        self.patience = patience
        self.address = free_address()
        self.processes = []

    def launch(self, *words):
        log = open(self.folder / f"log-{len(self.processes)}", "wb")
        environment = {name: it for name, it in os.environ.items() if name != "NOTIFY_SOCKET"}
        process = subprocess.Popen([BINARY, *words], stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        log.close()

    def simulate(self, address, tenants):
        """Starts the simulated cloud, whose clouds.yaml lies in the folder."""
        yaml = self.folder / "clouds.yaml"
        self.launch("simulate", "--listen", address, "--tenants", str(tenants), "--clouds-yaml", yaml)
        self.wait("the simulated cloud", yaml.exists)

    def health(self):
        """What the daemon says of itself; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/health/ready", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def wait(self, what, seen):
        """What `seen` returns, once it is something; another process brings it about."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if found := seen():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not seen within {self.patience} s: {what}\n{self.log()}")

    def log(self):
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("log-*")))

    def output(self, *words):
        done = subprocess.run([BINARY, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{words}: {done.stderr}")
        return done.stdout

    def command(self, *words, config="tenantd.toml"):
        """What a command prints as JSON."""
        return json.loads(self.output("--config", self.folder / config, *words, "--output", "json"))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(self.patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
