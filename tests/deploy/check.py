"""Tests of deploy/: see run."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import catalogue

ROOT = catalogue.ROOT
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = PROMETHEUS / "tenantd.rules.yml"
TESTS = PROMETHEUS / "tenantd.rules.test.yml"
SCRIPTS = ["deploy/install", "deploy/uninstall", "tests/run", "tests/lib/services.sh", "tests/deploy/run",
           "tests/openstack/run", "tests/lib/producers.sh", "tests/producers/run", "tests/producers/record", ".ci/run"]


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


def rules():
    """The rules, read by their layout: promtool has the last word on their syntax."""
    found = []
    for block in re.split(r"\n      - (?=alert:|record:)", RULES.read_text())[1:]:
        kind, name = re.match(r"(alert|record): (\S+)", block).groups()
        expression = re.search(r"expr: \|\n((?:          .*\n|\n)+)", block + "\n").group(1)
        fields = dict(re.findall(r"^ {10}(\w+): (.+)$", block.replace(expression, ""), re.M))
        found.append((kind, name, expression, fields))
    return found


ALERTS = [rule for rule in rules() if rule[0] == "alert"]
RECORDED = [rule[1] for rule in rules() if rule[0] == "record"]


class Prometheus(unittest.TestCase):
    names = catalogue.series(catalogue.families())

    def test_rules_are_valid(self):
        done = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(rules())} rules found", done.stdout)

    def test_alerts_fire_and_are_silent(self):
        done = run("promtool", "test", "rules", TESTS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_is_tested_in_both_directions(self):
        text = TESTS.read_text()
        for name in sorted({alert[1] for alert in ALERTS}):
            cases = re.findall(rf"alertname: {name}\n        exp_alerts:(.*)", text)
            with self.subTest(name):
                self.assertTrue(any(case.strip() != "[]" for case in cases), "no test in which it fires")
                self.assertTrue(any(case.strip() == "[]" for case in cases), "no test in which it is silent")

    def test_rules_use_the_catalogue(self):
        for _, name, expression, fields in rules():
            asked = re.findall(r"(?:printf `|query `)(.*?)`", " ".join(fields.values()))
            for one in [expression, *(text.replace('\\"', '"') for text in asked)]:
                with self.subTest(name):
                    self.assertEqual(catalogue.problems(one, self.names, RECORDED), [])

    def test_each_alert_says_what_it_is_about(self):
        for _, name, _, fields in ALERTS:
            with self.subTest(name):
                self.assertIn(fields.get("scope"), ("tenant", "fleet", "cloud", "service"))
                self.assertIn("summary", fields)
                self.assertIn("description", fields)

    def test_each_alert_has_a_runbook(self):
        folder = DEPLOY / "runbooks"
        names = {alert[1] for alert in ALERTS}
        self.assertEqual({file.stem for file in folder.glob("*.md")}, names)
        for _, name, _, fields in ALERTS:
            with self.subTest(name):
                self.assertTrue(fields["runbook_url"].strip('"').endswith(f"/deploy/runbooks/{name}.md"))
                text = (folder / f"{name}.md").read_text()
                self.assertTrue(text.startswith(f"# {name}\n"))
                for heading in ("Meaning", "Impact", "Diagnosis", "What to do"):
                    self.assertIn(f"\n## {heading}\n", text)

    def test_scrape_example(self):
        done = run("promtool", "check", "config", "--syntax-only", PROMETHEUS / "scrape.example.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @needs("amtool")
    def test_alertmanager_example(self):
        done = run("amtool", "check-config", PROMETHEUS / "alertmanager.example.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alertmanager_knows_the_alerts(self):
        text = (PROMETHEUS / "alertmanager.example.yml").read_text()
        self.assertLessEqual(set(re.findall(r"Tenantd\w+", text)), {alert[1] for alert in ALERTS})
        self.assertIn("group_by: [cloud, resource_type]", text)


class Dashboard(unittest.TestCase):
    families = catalogue.families()
    names = catalogue.series(families)
    board = json.loads((DEPLOY / "grafana/tenantd.json").read_text())

    def queries(self):
        """Title and expression of each query, variables included."""
        for panel in self.board["panels"]:
            for target in panel.get("targets", []):
                yield f"{panel['title']} {target['refId']}", target["expr"]
        for variable in self.board["templating"]["list"]:
            if variable["type"] == "query":
                text = variable["query"]["query"]
                name, inner = re.fullmatch(r"(query_result|label_values)\((.*)\)", text).groups()
                if name == "label_values":
                    inner, label = inner.rsplit(",", 1)
                    inner = f"count by ({label.strip()}) ({inner})"
                yield f"variable {variable['name']}", inner

    @staticmethod
    def filled(expression):
        return (expression.replace("$cloud", ".*").replace("$tenant", "p1").replace("$__rate_interval", "5m"))

    def test_queries_use_the_catalogue(self):
        for title, expression in self.queries():
            with self.subTest(title):
                self.assertEqual(catalogue.problems(expression, self.names), [])

    def test_every_metric_is_shown_or_alerted_on(self):
        used = " ".join([*(one for _, one in self.queries()), RULES.read_text()])
        self.assertEqual([name for name in self.families if not re.search(rf"\b{name}(_bucket|_sum|_count)?\b", used)], [])

    def test_queries_answer_beside_two_replicas(self):
        """Each query has a result when every metric has one, from two replicas at once."""
        lines = ["evaluation_interval: 1m", "tests:", "  - interval: 1m", "    input_series:",
                 *catalogue.sample_series(self.names), "    promql_expr_test:"]
        for _, expression in self.queries():
            lines += [f"      - expr: {json.dumps(f'count({self.filled(expression)}) > bool 0')}",
                      "        eval_time: 1h", "        exp_samples: [{labels: '{}', value: 1}]"]
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "test.yml"
            file.write_text("\n".join(lines) + "\n")
            done = run("promtool", "test", "rules", file)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_panels_are_laid_out(self):
        taken, ids = set(), set()
        for panel in self.board["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            with self.subTest(panel["title"]):
                self.assertFalse(cells & taken, "lies over another panel")
                self.assertLessEqual(place["x"] + place["w"], 24)
                self.assertNotIn(panel["id"], ids)
            taken |= cells
            ids.add(panel["id"])
        rows = [panel["title"].split(":")[0] for panel in self.board["panels"] if panel["type"] == "row"]
        self.assertEqual(rows, ["Fleet", "One tenant", "Drift", "Jobs", "OpenStack requests", "All tenants of a cloud together"])

    def test_tenant_is_chosen_by_name(self):
        variable = next(one for one in self.board["templating"]["list"] if one["name"] == "tenant")
        pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
        match = re.search(pattern, '{tenant="0b1c", tenant_name="shop"} 1 1700000000000')
        self.assertEqual(match.groupdict(), {"value": "0b1c", "text": "shop"})


class Service(unittest.TestCase):
    unit = DEPLOY / "systemd/tenantd.service"

    @needs("systemd-analyze")
    def test_unit_is_valid_and_hardened(self):
        with tempfile.TemporaryDirectory() as folder:
            # The program is not installed where the tests run.
            copy = pathlib.Path(folder) / "tenantd.service"
            copy.write_text(self.unit.read_text().replace("/usr/bin/tenantd", "/bin/true"))
            done = run("systemd-analyze", "verify", "--man=no", copy)
            self.assertEqual((done.returncode, done.stderr.replace(str(copy), "")), (0, ""))
            done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", copy)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_unit_says_what_the_daemon_needs(self):
        lines = self.unit.read_text().splitlines()
        for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "RestartPreventExitStatus=64",
                     "StateDirectory=tenantd", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=",
                     "ExecStartPre=/usr/bin/tenantd config check --config /etc/tenantd/tenantd.toml"):
            self.assertIn(line, lines)
        self.assertTrue(any(line.startswith("WatchdogSec=") for line in lines))
        self.assertTrue(any(line.startswith("#LoadCredential=") for line in lines))


PROGRAM = """#!/bin/sh
case $* in
--version) echo "tenantd 1.0.0" ;;
"config init") echo "# minimal" ;;
completions\\ *) echo "# $2" ;;
*) exit 1 ;;
esac
"""
CONFIG = """[database]
url = "sqlite:///var/lib/tenantd/tenantd.db"

# How work comes in.
[broker]
url = "amqp://localhost"  # the broker

[[broker.producers]]
user = "portal"

[[clouds]]
name = "lab"
[clouds.discover]
domains = []

[drift]
confirm_spacing = "60s"
"""


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "root"
        self.program = pathlib.Path(folder.name) / "tenantd"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        self.config = pathlib.Path(folder.name) / "tenantd.toml"
        self.config.write_text(CONFIG)

    def install(self, *more):
        done = run(DEPLOY / "install", "--binary", self.program, "--config", self.config, *more,
                   env={**os.environ, "DESTDIR": str(self.root)})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_clouds_and_broker_are_commented_out(self):
        self.install()
        written = (self.root / "etc/tenantd/tenantd.toml").read_text()
        active = [line for line in written.splitlines() if line and not line.startswith("#")]
        self.assertEqual(active, ['[database]', 'url = "sqlite:///var/lib/tenantd/tenantd.db"', '[drift]',
                                  'confirm_spacing = "60s"'])
        # Nothing is lost: without the marks it is the whole file again.
        self.assertEqual(re.sub(r"(?m)^#(?! )", "", written), CONFIG)

    @unittest.skipUnless((ROOT / "config/tenantd.toml").exists(), "config/tenantd.toml is not there yet")
    def test_the_shipped_configuration_names_no_cloud(self):
        self.config = ROOT / "config/tenantd.toml"
        self.install()
        written = (self.root / "etc/tenantd/tenantd.toml").read_text()
        self.assertNotRegex(written, r"(?m)^\[+(clouds|broker)\b")

    def test_a_second_installation_keeps_the_configuration(self):
        self.assertIn("The configuration is new", self.install())
        kept = self.root / "etc/tenantd/tenantd.toml"
        kept.write_text("# mine\n")
        before = sorted(str(file) for file in self.root.rglob("*"))
        self.assertIn("The configuration is as it was", self.install())
        self.assertEqual(kept.read_text(), "# mine\n")
        self.assertEqual(sorted(str(file) for file in self.root.rglob("*")), before)

    def test_modes(self):
        self.install()
        for path, mode in (("etc/tenantd", 0o750), ("etc/tenantd/tenantd.toml", 0o640), ("var/lib/tenantd", 0o750),
                           ("usr/bin/tenantd", 0o755), ("usr/lib/systemd/system/tenantd.service", 0o644)):
            with self.subTest(path):
                self.assertEqual(stat.S_IMODE((self.root / path).stat().st_mode), mode)

    def test_another_prefix(self):
        self.install("--prefix", "/usr/local")
        unit = (self.root / "etc/systemd/system/tenantd.service").read_text()
        self.assertIn("ExecStart=/usr/local/bin/tenantd run", unit)
        self.assertNotIn("/usr/bin/tenantd", unit)
        self.assertTrue((self.root / "usr/local/share/bash-completion/completions/tenantd").exists())

    def test_without_a_file_the_program_writes_the_configuration(self):
        self.config = pathlib.Path("/nonexistent")
        self.install()
        self.assertEqual((self.root / "etc/tenantd/tenantd.toml").read_text(), "# minimal\n")

    def test_without_a_program_it_says_how_to_make_one(self):
        done = run(DEPLOY / "install", "--binary", "/nonexistent", env={**os.environ, "DESTDIR": str(self.root)})
        self.assertEqual(done.returncode, 1)
        self.assertIn("Next: cargo build --release", done.stderr)


class Texts(unittest.TestCase):
    def test_policies_are_rules_of_the_role(self):
        for file in sorted((DEPLOY / "openstack/policy").glob("*.yaml")):
            for line in file.read_text().splitlines():
                if not line.startswith("#"):
                    with self.subTest(file.name):
                        self.assertRegex(line, r'^"[\w:-]+": ".*\brole:tenantd-reader"$')

    def test_links_lead_somewhere(self):
        for file in sorted(DEPLOY.rglob("*.md")):
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
                with self.subTest(f"{file.name}: {target}"):
                    self.assertTrue((file.parent / target).exists())

    @needs("shellcheck")
    def test_scripts(self):
        files = [name for name in SCRIPTS if (ROOT / name).exists()]
        done = run("shellcheck", "-x", *files, cwd=ROOT)
        self.assertEqual(done.returncode, 0, done.stdout)
