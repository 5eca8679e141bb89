#!/usr/bin/env python3
"""Runs every test and closes with `N passed, N failed`.

C units (plain and sanitised), the plugins' own tests, then the API tests over the real socket
(plain and sanitised). What could not run for want of ../shared data is counted as skipped and said.
usage: run.py [--quick]   --quick leaves the sanitised API tests out
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV = dict(os.environ,
           ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1",
           CXD_SHARED=os.environ.get("CXD_SHARED", os.path.join(ROOT, "..", "shared")))
ENV.setdefault("CXD_JSON_SUITE", os.path.join(ENV["CXD_SHARED"], "oracles", "json"))
total = {"passed": 0, "failed": 0, "skipped": 0}
broken = []


def count(name, passed, failed, skipped=0):
    total["passed"] += passed
    total["failed"] += failed
    total["skipped"] += skipped
    if failed:
        broken.append(name)
    print(f"  {name}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""),
          flush=True)


def run(args, timeout):
    try:
        done = subprocess.run(args, cwd=ROOT, env=ENV, stdout=subprocess.PIPE, timeout=timeout,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode("utf-8", "replace") + f"\ntimed out after {timeout} s"


def units(build):
    folder = os.path.join(ROOT, build, "unit")
    for name in sorted(n for n in os.listdir(folder) if re.fullmatch(r"test_\w+", n)):
        code, out = run([os.path.join(folder, name)], 300)
        passed = len(re.findall(r"^\[       OK \]", out, re.M))
        failed = len(set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)", out, re.M)))
        skipped = len(set(re.findall(r"^\[  SKIPPED \] ([A-Za-z_]\w*)", out, re.M)))
        if code and not failed:
            failed = 1
        count(f"{build}/unit/{name}", passed, failed, skipped)
        if code:
            print(out[-6000:])


def plugins(build):
    for name in sorted(os.listdir(os.path.join(ROOT, "plugins"))):
        folder = os.path.join(ROOT, "plugins", name)
        if not os.path.isdir(os.path.join(folder, "tests")):
            continue
        code, out = run([os.path.join(ROOT, build, "cxd"), "test", folder], 300)
        last = re.findall(r"^(\d+) passed, (\d+) failed$", out, re.M)
        passed, failed = map(int, last[-1]) if last else (0, 1)
        count(f"cxd test plugins/{name} ({build})", passed, failed or int(code != 0))
        if code:
            print(out[-4000:])


def api(build):
    report = os.path.join(ROOT, build, "api.xml")
    ENV["CXD_BIN"] = os.path.join(ROOT, build, "cxd")
    code, out = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", "tests/api",
                     f"--junitxml={report}"], 1500)
    try:
        suite = ET.parse(report).getroot().find("testsuite").attrib
        failed = int(suite["failures"]) + int(suite["errors"])
        skipped = int(suite["skipped"])
        count(f"tests/api ({build})", int(suite["tests"]) - failed - skipped, failed, skipped)
    except (OSError, ET.ParseError):
        count(f"tests/api ({build})", 0, 1)
    print("\n".join(line for line in out.splitlines() if line.startswith("SKIPPED")))
    if code:
        print(out[-12000:])


def main():
    for build in ("build", "build/san"):
        units(build)
        plugins(build)
        if build == "build" or "--quick" not in sys.argv:
            api(build)
    for name in broken:
        print(f"FAILED: {name}")
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
