#!/usr/bin/env bash
# Install the named Debian packages where one is missing; say its name where that fails.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

# A server package must not start a service of the machine's own: the tests start theirs.
refuse=/usr/sbin/policy-rc.d
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "Not installed: ${missing[*]}. Install them with your system's packages (as root on Debian: apt-get install ${missing[*]}), then try again." >&2
    exit 1
fi
made=
[ -e "$refuse" ] || { printf '#!/bin/sh\nexit 101\n' >"$refuse"; chmod +x "$refuse"; made=yes; }
trap '[ -z "$made" ] || rm -f "$refuse"' EXIT
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || {
    echo "apt-get could not install: ${missing[*]}. Install them by hand, then try again." >&2
    exit 1
}
