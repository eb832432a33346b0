#!/bin/sh
# Names a Python that can build shardlearn, on standard output; else says in one line what is missing and exits 1.
# Plain sh, because it must work where there is no Python. PYTHON=... is asked first and alone.

need() {
    echo "shardlearn needs $1" >&2
    exit 1
}

python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    if [ -n "$PYTHON" ]; then
        need "Python 3.11 or newer, which PYTHON=$PYTHON is not: name another, or on Debian 12 or newer: apt install python3"
    fi
    need "Python 3.11 or newer: on Debian 12 or newer, apt install python3; or name one with make PYTHON=/path/to/python3"
fi

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    need "the venv module of $python: on Debian, apt install python$version-venv"
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
[ -e "$header" ] ||
    need "the C headers of $python ($header): on Debian, apt install python$version-dev"
for compiler in ${CXX:-c++ g++ clang++}; do
    if command -v "$compiler" >/dev/null 2>&1; then
        echo "$python"
        exit 0
    fi
done
need "a C++17 compiler${CXX:+, which CXX=$CXX is not}: on Debian, apt install g++"
