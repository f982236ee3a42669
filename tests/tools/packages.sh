#!/bin/sh
# Installs the Debian packages that are missing for the purposes named: build, run, python, ruby, test, kafka, bench, fuzz,
# pictures, check.
# Silent when nothing is missing. Without root it prints the command to run and fails.
set -eu

packages_for() {
    case $1 in
    build) echo gcc libc6-dev make pkg-config libcurl4-openssl-dev libcjson-dev libdeflate-dev \
                zlib1g-dev libmicrohttpd-dev librdkafka-dev ;;
    python) echo python3-dev python3-cffi python3-setuptools python3-wheel python3-pip python3-venv ;;
    run)   echo python3 ca-certificates ;;
    ruby)  echo ruby ruby-dev ruby-ffi bundler ;;
    test)  echo python3 python3-pytest libcmocka-dev curl openssl procps util-linux \
                iproute2 nftables python3-attr python3-numpy python3-pydantic python3-prometheus-client python3-django \
                python3-flask python3-fastapi python3-celery python3-redis redis-server gunicorn \
                python3-uvicorn python3-hypercorn python3-jwt python3-cryptography uwsgi-core uwsgi-plugin-python3 \
                ruby-minitest ruby-rspec ruby-oj ruby-railties ruby-activerecord ruby-activejob ruby-sqlite3 \
                puma ruby-sidekiq chromium ;;
    kafka) echo openjdk-17-jre-headless ;;
    bench) echo wrk util-linux chromium ;;
    fuzz)  echo python3 clang libclang-rt-dev llvm ;;
    pictures) echo python3 python3-pytest chromium fonts-inter fonts-jetbrains-mono fonts-noto-color-emoji pngquant ;;
    check) echo g++ clang clang-format clang-tidy cppcheck valgrind abigail-tools python3-mypy ;;
    *)     echo "packages.sh: unknown purpose '$1' (build, run, python, ruby, test, kafka, bench, fuzz, pictures, check)" >&2; exit 2 ;;
    esac
}

is_installed() {
    case " $(dpkg-query -W -f '${db:Status-Status} ' "$1" 2>/dev/null)" in
    *" installed "*) return 0 ;;
    *) return 1 ;;
    esac
}

missing=
for purpose in "$@"; do
    wanted=$(packages_for "$purpose")
    for package in $wanted; do
        case "$missing " in *" $package "*) continue ;; esac
        is_installed "$package" || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
    echo "packages: missing:$missing (no apt-get here: install what they hold yourself)" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "packages: missing:$missing. Run: sudo $install" >&2
    exit 1
fi

# The lists are fetched only when the ones at hand are absent or too old to install from.
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "packages: installing$missing"
if ! $install >"$log" 2>&1; then
    echo "packages: refreshing the package lists (apt-get update)"
    { apt-get update && $install; } >"$log" 2>&1 || {
        cat "$log" >&2
        echo "packages: the installation failed; the lines above say why. Command: $install" >&2
        exit 1
    }
fi
echo "packages: done"
