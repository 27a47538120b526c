"""The metrics of src/telemetry/metrics/catalogue.rs, and what a PromQL expression may use of them."""
import itertools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/telemetry/metrics/catalogue.rs"
ADDED_BY_PROMETHEUS = {"instance", "job"}


def families():
    """Name to (kind, labels) of every metric."""
    text = SOURCE.read_text().split("pub const CATALOGUE", 1)[1]
    # Calls (stored, gauge, counter) and literals (Family { … }) alike: kind, name, labels, in this order or with
    # the kind between name and labels.
    pattern = re.compile(
        r'(?:\b(stored|gauge|counter)\(\s*|\bFamily \{\s*name:\s*)"(\w+)",\s*'
        r'(?:kind:\s*Kind::(\w+).*?labels:\s*)?&\[(.*?)\]', re.S)
    found = {}
    for call, name, kind, labels in pattern.findall(text):
        kind = kind.lower() or {"stored": "gauge"}.get(call, call)
        found[name] = (kind, frozenset(re.findall(r'"(\w+)"', labels)))
    assert len(found) == len(re.findall(r'"tenantd_\w+",', text)), "a family of the catalogue was not understood"
    return found


def series(found):
    """Every name that a query may use, with its labels."""
    names = {}
    for name, (kind, labels) in found.items():
        if kind == "histogram":
            names[f"{name}_bucket"] = labels | {"le"}
            names[f"{name}_sum"] = names[f"{name}_count"] = labels
        else:
            names[name] = labels
    return names


def problems(expression, names, recorded=()):
    """What an expression uses that does not exist. `recorded` are the names of recording rules."""
    found, known = [], set(ADDED_BY_PROMETHEUS)
    for name in re.findall(r"\btenantd:[\w:]+", expression):
        if name not in recorded:
            found.append(f"no recording rule {name}")
        known |= set().union(*names.values())
    bare = re.sub(r"tenantd:[\w:]+", "", expression)
    metrics = re.findall(r"\b(tenantd_\w+)\b", bare)
    for name in metrics:
        if name not in names:
            found.append(f"no metric {name}")
        known |= names.get(name, set())
    for name, matchers in re.findall(r"\b(tenantd_\w+)\s*\{(.*?)\}", bare):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*[\"%]", matchers):
            if label not in names.get(name, set()) | ADDED_BY_PROMETHEUS:
                found.append(f"{name} has no label {label}")
    for clause in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\((.*?)\)", bare):
        for label in filter(None, (one.strip() for one in clause.split(","))):
            if label not in known:
                found.append(f"no metric of this expression has the label {label}")
    if not metrics and "tenantd:" not in expression:
        found.append("uses no metric of tenantd")
    return found


SAMPLES = {
    "cloud": ["lab"], "tenant": ["p1", "p2"], "resource": ["vcpu"], "resource_type": ["quotas", "security_groups"],
    "severity": ["warning", "critical"], "state": ["open", "acknowledged"], "reason": ["forbidden"],
    "kind": ["pull_quotas"], "outcome": ["succeeded", "failed"], "status": ["200", "503"], "service": ["network"],
    "operation": ["list"], "schedule": ["quotas"], "version": ["1.0.0"], "domain": ["customers"],
    "customer_name": ["University"], "project_name": ["Genomics"], "le": ["0.1", "1", "+Inf"],
}


def sample_series(names):
    """Plausible series of every metric from two replicas, as promtool wants them."""
    lines = []
    for name, labels in sorted(names.items()):
        keys = sorted(labels - {"tenant_name"})
        for values in itertools.product(*(SAMPLES[key] for key in keys)):
            pairs = dict(zip(keys, values))
            if "tenant_name" in labels:
                pairs["tenant_name"] = "name of " + pairs["tenant"]
            for instance in "ab":
                text = ",".join(f"{key}='{value}'" for key, value in {**pairs, "job": "tenantd", "instance": instance}.items())
                grows = name.endswith(("_total", "_bucket", "_sum", "_count"))
                lines.append(f'      - {{series: "{name}{{{text}}}", values: "{"0+60x60" if grows else "1x60"}"}}')
    return lines
