#!/bin/sh
# abi.sh check|record <libsegmo.so.1>: the binary interface against that of the last release.
#
# `record` is run once for each release and its file is committed. `check` then allows additions only.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
library=$2
version=$(sed -n 's/^#define SEGMO_VERSION *"\(.*\)"/\1/p' "$root/core/include/segmo.h")
last=$(ls "$root"/tests/abi/libsegmo-*.abi 2>/dev/null | sort -V | tail -1)

if ! command -v abidw >/dev/null; then
    echo "not run: abidiff is not installed (Debian package abigail-tools)"
    exit 0
fi
case $1 in
record)
    abidw --headers-dir "$root/core/include" --drop-private-types --exported-interfaces-only --no-architecture --no-elf-needed \
        --no-corpus-path --no-comp-dir-path --no-show-locs \
        --out-file "$root/tests/abi/libsegmo-$version.abi" "$library"
    echo "recorded tests/abi/libsegmo-$version.abi" ;;
check)
    if [ -z "$last" ]; then
        echo "not run: no release has been recorded in tests/abi"
        exit 0
    fi
    # abidiff answers bits: 1 and 2 are errors of its own, 4 a change, 8 a breaking one.
    code=0
    abidiff --headers-dir2 "$root/core/include" --no-added-syms --no-architecture --drop-private-types \
        "$last" "$library" || code=$?
    if [ "$code" != 0 ]; then
        echo "abi: the library differs from $(basename "$last"): additions only, or a new SONAME" >&2
        exit 1
    fi
    echo "abi: additions only since $(basename "$last" .abi)" ;;
esac
