#!/bin/bash
# Prints the path of a Python that can run the project: 3.11 or later, able to make a virtual environment.
# Exits 1, printing nothing, when the machine has none.
set -euo pipefail

for name in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
    # A version manager's stand-in may be on the path without the program behind it: only a run tells.
    if "$name" -c 'import sys, ensurepip, sqlite3, ssl, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then
        "$name" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
exit 1
