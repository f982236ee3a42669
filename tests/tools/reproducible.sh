#!/bin/sh
# Two builds of the same sources, made in other directories, at other times, in other languages and zones, one step at a
# time and many at once, must be the same to the byte.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
products="libsegmo.so.1 libsegmo.a segmo"
mkdir "$work/sources"
cp -R Makefile core bindings "$work/sources" # once, so that work in the tree meanwhile makes no difference

# directory, steps at once, zone, language, umask
build() {
    mkdir -p "$work/$1"
    cp -R "$work/sources/." "$work/$1"
    (umask "$5" && cd "$work/$1" && env -u MAKEFLAGS -u MAKELEVEL TZ="$3" LC_ALL="$4" make JOBS="$2" all >"$work/log" 2>&1) || {
        cat "$work/log" >&2
        exit 1
    }
    (cd "$work/$1/build/release" && sha256sum $products)
}

build first 2 UTC C 022 >"$work/first.sums"
build another/place/with-a-longer-name 1 Asia/Kolkata C.UTF-8 077 >"$work/second.sums"
cat "$work/first.sums"
if ! cmp -s "$work/first.sums" "$work/second.sums"; then
    echo "the second build differs:" >&2
    cat "$work/second.sums" >&2
    exit 1
fi
echo "two builds, the same to the byte"
