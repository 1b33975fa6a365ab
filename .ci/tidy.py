"""The tidy check: what linters do not see. Prints every finding; exit code 1 when there is one.

Rules: modules of at most 500 lines, functions of at most 60; every module has a test file of its
name (or stands in `.ci/untested.txt`, which may only shrink); no leftover markers; no fixed sleeps in
tests; ARCHITECTURE.md names every package; links in documents lead somewhere; generated files
are fresh.
"""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("node/aether", "forge/aether_forge", "infra_slices/aether_infra")
UNTESTED = ROOT / ".ci" / "untested.txt"
MOST_MODULE_LINES = 500
MOST_FUNCTION_LINES = 60
MARKERS = re.compile(r"\b(" + "TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
FIXED_SLEEP = re.compile(r"\bsleep\(\s*[0-9.]+\s*\)")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def tracked(*endings: str) -> list[Path]:
    """Return the files git knows, or would add, with one of the endings."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / line for line in listing.stdout.splitlines()]
    return [path for path in paths if path.suffix in endings and path.is_file()]


def sources() -> list[Path]:
    """Return the product's own Python modules."""
    return [
        path
        for path in tracked(".py")
        if path.relative_to(ROOT).as_posix().startswith(SOURCES) and "/proto/" not in str(path)
    ]


def sizes() -> Iterator[str]:
    """Find modules and functions that grew too long."""
    for path in tracked(".py"):
        if "/proto/" in str(path):
            continue
        text = path.read_text()
        name = path.relative_to(ROOT)
        lines = text.count("\n")
        if lines > MOST_MODULE_LINES:
            yield f"{name}: {lines} lines, {MOST_MODULE_LINES} at most: split it by ideas"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    yield f"{name}:{node.lineno}: {node.name} has {length} lines, 60 at most"


def parity() -> Iterator[str]:
    """Find modules without a test file of their name."""
    tests = {path.name for path in tracked(".py") if path.name.startswith("test_")}
    excused = set(UNTESTED.read_text().split()) if UNTESTED.exists() else set()
    present: set[str] = set()
    for path in sources():
        if path.stem in ("__init__", "__main__"):
            continue
        name = path.relative_to(ROOT).as_posix()
        present.add(name)
        # A module may share its test with its package: client.py of store is test_store_client.py.
        has_test = bool({f"test_{path.stem}.py", f"test_{path.parent.name}_{path.stem}.py"} & tests)
        if not has_test and name not in excused:
            yield f"{name}: no test_{path.stem}.py anywhere"
        if has_test and name in excused:
            yield f"{name}: has a test now, take it out of .ci/untested.txt"
    for name in sorted(excused - present):
        yield f"{name}: is gone, take it out of .ci/untested.txt"


def markers() -> Iterator[str]:
    """Find leftover marks, and sleeps of a fixed length in tests."""
    for path in tracked(".py", ".md", ".toml", ".proto"):
        if path == Path(__file__).resolve() or "/proto/v1/" in str(path):
            continue
        name = path.relative_to(ROOT)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if MARKERS.search(line):
                yield f"{name}:{number}: leftover marker: {line.strip()[:60]}"
            is_test = name.parts[0] in ("tests", "e2e") and path.suffix == ".py"
            if is_test and FIXED_SLEEP.search(line) and "sleep(0)" not in line:
                yield f"{name}:{number}: fixed sleep in a test: await a condition instead"


def documents() -> Iterator[str]:
    """Find packages ARCHITECTURE.md does not name, and links that lead nowhere."""
    architecture = (ROOT / "ARCHITECTURE.md").read_text()
    for path in sources():
        if path.name == "__init__.py":
            package = ".".join(path.relative_to(ROOT).parent.parts[1:])
            if f"`{package}`" not in architecture:
                yield f"ARCHITECTURE.md does not name `{package}`"
    for path in tracked(".md"):
        for target in LINK.findall(path.read_text()):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: link to {target} leads nowhere"


def generated() -> Iterator[str]:
    """Find generated files that are older than what they are generated from."""
    with tempfile.TemporaryDirectory() as out:
        protos = [str(path.relative_to(ROOT)) for path in tracked(".proto")]
        flags = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "protos", *flags, *protos]
        subprocess.run(command, cwd=ROOT, check=True)
        for fresh in Path(out).rglob("*.py*"):
            committed = ROOT / "node" / fresh.relative_to(out)
            if not committed.exists() or committed.read_bytes() != fresh.read_bytes():
                yield f"{committed.relative_to(ROOT)} is stale: run make protos"
    reference = subprocess.run(
        [sys.executable, ".ci/reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if reference.returncode:
        yield f"docs/reference is stale: {reference.stdout.strip() or reference.stderr.strip()}"
    monitoring = subprocess.run(
        [sys.executable, "-m", "aether_forge.observability", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if monitoring.returncode:
        yield monitoring.stdout.strip() or monitoring.stderr.strip()


def main() -> int:
    """Run every rule and report."""
    rules = (sizes, parity, markers, documents, generated)
    findings = [finding for rule in rules for finding in rule()]
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
