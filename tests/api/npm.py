"""The public clients of tests/clients, as npm installs them there (make clients)."""
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "clients"
MODULES = FOLDER / "node_modules"
ENV = dict(os.environ, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")


def needed(*packages):
    """Skips the test, and says why, where Node.js or a package is not there."""
    if not shutil.which("node"):
        pytest.skip("no node: Node.js 20 or later runs the public clients")
    major = int(run("node", "--version").lstrip("v").split(".")[0])
    if major < 20:
        pytest.skip(f"Node.js {major}: the public clients need 20 or later")
    for package in packages:
        if not (MODULES / package / "package.json").is_file():
            pytest.skip(f"npm package {package} is not installed: `make clients` where a registry is reachable")


def run(*args, cwd=FOLDER, stdin=None, code=0):
    done = subprocess.run(list(map(str, args)), cwd=cwd, input=stdin, text=True, capture_output=True, timeout=300, env=ENV)
    assert done.returncode == code, (args, done.returncode, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout


def tool(name):
    return MODULES / ".bin" / name


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def token(cxd, name, level="manager", **more):
    args = [x for k, v in more.items() for x in (f"--{k}", v)]
    return cxd.cli("token", "add", name, "--level", level, *args)[0].strip().splitlines()[-1]
