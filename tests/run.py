#!/usr/bin/env python3
"""Runs every test, as many at once as there are processors, and closes with `N passed, N failed`.

C units (plain and sanitised), the plugins' own tests, then the API tests over the real socket
(plain and sanitised), each file in a process of its own. What could not run for want of ../shared
data is counted as skipped and said.
usage: run.py [--quick]   --quick leaves the sanitised API tests out
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, as_completed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV = dict(os.environ,
           ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1",
           CXD_SHARED=os.environ.get("CXD_SHARED", os.path.join(ROOT, "..", "shared")))
ENV.setdefault("CXD_JSON_SUITE", os.path.join(ENV["CXD_SHARED"], "oracles", "json"))
BUILDS = ("build", "build/san")
API = os.path.join(ROOT, "tests", "api")


def run(args, timeout, **env):
    try:
        done = subprocess.run(args, cwd=ROOT, env=dict(ENV, **env), stdout=subprocess.PIPE, timeout=timeout,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode("utf-8", "replace") + f"\ntimed out after {timeout} s"


# Each returns its name, how many passed, failed and were skipped, and what to print.

def unit(build, name):
    code, out = run([os.path.join(ROOT, build, "unit", name)], 600)
    passed = len(re.findall(r"^\[       OK \]", out, re.M))
    failed = len(set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)", out, re.M)))
    skipped = len(set(re.findall(r"^\[  SKIPPED \] ([A-Za-z_]\w*)", out, re.M)))
    return f"{build}/unit/{name}", passed, failed or int(code != 0), skipped, out[-6000:] if code else ""


def plugin(build, name):
    code, out = run([os.path.join(ROOT, build, "cxd"), "test", os.path.join(ROOT, "plugins", name)], 600)
    last = re.findall(r"^(\d+) passed, (\d+) failed$", out, re.M)
    passed, failed = map(int, last[-1]) if last else (0, 1)
    return f"cxd test plugins/{name} ({build})", passed, failed or int(code != 0), 0, out[-4000:] if code else ""


def api(build, name):
    with tempfile.TemporaryDirectory(prefix="cxd-api-") as folder:
        report = os.path.join(folder, "report.xml")
        code, out = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
                         f"--basetemp={folder}/t", f"--junitxml={report}", os.path.join(API, name)], 1500,
                        CXD_BIN=os.path.join(ROOT, build, "cxd"))
        try:
            suite = ET.parse(report).getroot().find("testsuite").attrib
            failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
            passed = int(suite["tests"]) - failed - skipped
        except (OSError, ET.ParseError):
            passed, failed, skipped = 0, 1, 0
    shown = [line for line in out.splitlines() if line.startswith("SKIPPED")] + ([out[-12000:]] if code else [])
    return f"tests/api/{name} ({build})", passed, failed or int(code != 0), skipped, "\n".join(shown)


def jobs(quick):
    """The longest first, so that no processor waits for one at the end: sanitised, API, large files."""
    files = [n for n in os.listdir(API) if re.fullmatch(r"test_\w+\.py", n)]
    files.sort(key=lambda n: -os.path.getsize(os.path.join(API, n)))
    found = [(api, build, n) for build in reversed(BUILDS) if build == "build" or not quick for n in files]
    for build in reversed(BUILDS):
        units = os.listdir(os.path.join(ROOT, build, "unit"))
        found += [(unit, build, n) for n in sorted(units) if re.fullmatch(r"test_\w+", n)]
        found += [(plugin, build, n) for n in sorted(os.listdir(os.path.join(ROOT, "plugins")))
                  if os.path.isdir(os.path.join(ROOT, "plugins", n, "tests"))]
    return found


def timed(what, *args):
    begun = time.monotonic()
    return what(*args), time.monotonic() - begun


def main():
    total, broken = [0, 0, 0], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(timed, *job) for job in jobs("--quick" in sys.argv)]):
            (name, *counts, shown), took = done.result()
            total = [a + b for a, b in zip(total, counts)]
            passed, failed, skipped = counts
            print(f"  {name}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
                  + (f" ({took:.0f} s)" if took >= 10 else ""), flush=True)
            if shown:
                print(shown)
            if failed:
                broken.append(name)
    passed, failed, skipped = total
    for name in sorted(broken):
        print(f"FAILED: {name}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
