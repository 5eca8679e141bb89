#!/usr/bin/env python3
"""Builds every tests/fuzz/fuzz_*.c with clang's libFuzzer, ASan and UBSan and runs each for a while.

usage: run.py [SECONDS [NAME...]]     exit 1 if one finds something
What a target keeps as interesting stays in build/fuzz/corpus/, what broke it in build/fuzz/found/.
"""
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build", "fuzz")
# Folders a target needs besides base/, and the libraries of those.
NEEDS = {
    "fuzz_conf": (["conf"], ["-linih"]),
    "fuzz_explain": (["conf", "json", "event", "kpi", "store"], ["-linih", "-lsqlite3", "-lroaring", "-lz", "-lcsv"]),
    "fuzz_hist": (["kpi/hist.c"], []),
    "fuzz_http": (["conf", "http/msg.c", "http/scan.c"], ["-linih", "-lhttp_parser"]),
    "fuzz_json": (["conf", "json", "event"], ["-linih"]),
    "fuzz_query": (["conf", "json", "event", "kpi/parse.c", "kpi/window.c"], ["-linih"]),
    "fuzz_set": (["kpi/set.c", "kpi/dense.c", "kpi/portable.c"], ["-lroaring", "-lz"]),
    "fuzz_times": (["conf", "json", "event", "kpi", "store"], ["-linih", "-lsqlite3", "-lroaring", "-lz", "-lcsv"]),
}
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-Icore", "-fno-strict-aliasing", "-fno-omit-frame-pointer",
         "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]


def build(name):
    parts, libraries = NEEDS[name]
    sources = [f"tests/fuzz/{name}.c"]
    for part in ["base", *parts]:
        sources += [f"core/{part}"] if part.endswith(".c") else sorted(glob.glob(f"core/{part}/*.c"))
    binary = os.path.join(OUT, name)
    subprocess.run(["clang", *FLAGS, *sources, *libraries, "-lcrypto", "-lm", "-o", binary], check=True)
    return binary


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    names = sys.argv[2:] or sorted(os.path.basename(f)[:-2] for f in glob.glob(os.path.join(ROOT, "tests/fuzz/fuzz_*.c")))
    os.chdir(ROOT)
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
    broken = []
    for name in names:
        corpus, found = os.path.join(OUT, "corpus", name), os.path.join(OUT, "found", name)
        os.makedirs(corpus, exist_ok=True)
        os.makedirs(found, exist_ok=True)
        done = subprocess.run(
            [build(name), corpus, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=8192",
             "-print_final_stats=1", f"-artifact_prefix={found}/"], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        out = done.stdout.decode("utf-8", "replace")
        runs = [line.split()[-1] for line in out.splitlines() if "number_of_executed_units" in line]
        print(f"  {name}: {runs[0] if runs else '?'} inputs, {'found something' if done.returncode else 'nothing found'}",
              flush=True)
        if done.returncode:
            broken.append(name)
            print(out[-6000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
