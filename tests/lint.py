#!/usr/bin/env python3
"""make lint: house rules that a machine can check; one line per finding, exit 1 if there is one.

Include directions and foreign headers (the layers of core/), sizes of files and functions, tools
(clang-format, cppcheck, luacheck), compiler warnings are errors in the build itself.
"""
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
LINES, FUNCTION, COLUMNS = 600, 80, 100
# A folder may include those listed and itself.
BASE = {"base"}
FRONT = BASE | {"conf", "ipc"}
LAYERS = {
    "base": BASE, "conf": {"base", "conf"}, "ipc": FRONT,
    "http": FRONT | {"http"},
    "json": FRONT | {"json"}, "event": FRONT | {"json", "event"},
    "store": FRONT | {"json", "event", "store"},
    "kpi": FRONT | {"json", "event", "store", "kpi"},
    "lua": FRONT | {"json", "event", "store", "kpi", "lua"},
    "engine": FRONT | {"json", "event", "store", "kpi", "lua", "engine"},
    "cli": FRONT | {"cli"},
    "front.c": FRONT | {"http"}, "front.h": FRONT, "engine.c": {"*"}, "engine.h": FRONT, "main.c": FRONT | {"cli"},
}
TOP = {"cli": {"front.h"}, "main.c": {"engine.h", "front.h"}, "front.c": {"front.h"}, "engine.c": {"engine.h"}}
FOREIGN = {"sqlite3.h": {"store"}, "lua.h": {"lua", "json"}, "lauxlib.h": {"lua", "json"}, "lualib.h": {"lua"},
           "http_parser.h": {"http"}, "curl/curl.h": {"cli"}, "roaring/roaring.h": {"kpi"},
           "ini.h": {"conf"}, "csv.h": {"store"}}
findings = []


def find(place, what):
    findings.append(f"{place}: {what}")


def files(*ends):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True).stdout
    return [f for f in out.split("\n") if f.endswith(ends) and os.path.exists(f)]


def includes(path, text):
    part = path.split("/")[1]
    for number, line in enumerate(text.split("\n"), 1):
        m = re.match(r'#include ([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        quoted, name = m[1] == '"', m[2]
        if not quoted:
            allowed = FOREIGN.get(name)
            if allowed and part not in allowed:
                find(f"{path}:{number}", f"<{name}> belongs to {'/, '.join(sorted(allowed))}/ alone")
            continue
        layer = name.split("/")[0] if "/" in name else name
        may = LAYERS.get(part, set())
        if "*" not in may and layer not in may and layer not in TOP.get(part, set()):
            find(f"{path}:{number}", f"{part} may not include {name}")


def functions(path, text):
    name, start = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            start = number
        elif re.match(r"^[A-Za-z].*\(", line) and not line.endswith(";"):
            name = re.match(r"^[^(]*?(\w+)\(", line)
        elif line.startswith("}") and start:
            if number - start > FUNCTION:
                find(f"{path}:{start}", f"{name[1] if name else 'function'} has {number - start} lines, {FUNCTION} at most")
            start = 0


def sizes():
    counts = []
    for path in files(".c", ".h", ".lua", ".py", ".def", ".sql"):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        n = text.count("\n")
        if path.startswith("core/") and path.endswith((".c", ".h", ".lua")):
            counts.append(n)
        if n > LINES:
            find(path, f"{n} lines, {LINES} at most")
        if path.endswith((".c", ".h")):
            for number, line in enumerate(text.split("\n"), 1):
                if len(line.expandtabs(8)) > COLUMNS + 60:
                    find(f"{path}:{number}", "far over 100 columns")
        if path.startswith("core/") and path.endswith((".c", ".h")):
            includes(path, text)
            functions(path, text)
    if counts and statistics.median(counts) > 200:
        find("core/", f"the median file has {statistics.median(counts)} lines, 200 at most")


def tool(name, args):
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        out = (done.stdout + done.stderr).strip().split("\n")
        findings.extend(f"{name}: {line}" for line in out[:40])


def words():
    bad = re.compile(r"\b(TODO|FIXME)\b|(?<![\w.])/(work|root|farm)/")
    for path in files(".c", ".h", ".lua", ".py", ".md", ".def", ".sql", ".ini", "Makefile"):
        if path == "tests/lint.py":
            continue
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if bad.search(line):
                    find(f"{path}:{number}", "unfinished mark or a path of one machine")


def main():
    sizes()
    words()
    sources = files(".c", ".h")
    tool("clang-format", ["clang-format", "--dry-run", "-Werror", *sources])
    core = [f for f in sources if f.startswith("core/") and f.endswith(".c")]
    tool("cppcheck", ["cppcheck", "-q", "-j2", "--std=c11", "--enable=warning,portability", "--inline-suppr",
                      "--error-exitcode=1", "--suppress=missingIncludeSystem", "--suppress=unknownMacro",
                      "--suppress=normalCheckLevelMaxBranches", "-Icore", "-D_GNU_SOURCE", *core])
    tool("luacheck", ["luacheck", "-q", "--codes", *files(".lua")])
    for line in findings:
        print(line)
    print(f"lint: {len(findings)} finding(s) in {len(sources)} C files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
