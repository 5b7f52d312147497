#!/usr/bin/env bash
# Runs `gamaka bench` on the lavapipe of several versions of Mesa, in turns: this machine's, Debian 13's and that of Debian
# 13's backports, the last with its usual vectors and with 512 bits. Each is installed once, into a folder of its own; this
# system stays as it is.
set -u
export LC_ALL=C

usage() {
  cat <<'END'
usage: drivers.sh [--folder FOLDER] [--gamaka FILE] [--rounds N] [--drivers NAME,...] [--mirror URL] [--json FILE]
                  [--install] [-- COMMAND...]
  --folder FOLDER     where the systems lie, 1.3 GB (default: gamaka-drivers in the user's cache)
  --gamaka FILE       the program (default: target/release/gamaka)
  --rounds N          rounds of all drivers in turns (default: 5)
  --drivers NAME,...  some of: host 25.0 26.1 26.1-512 (default: all)
  --mirror URL        where Debian's packages are (default: http://deb.debian.org/debian)
  --json FILE         every round's documents and the ratios, also as JSON
  --install           install the systems, and run nothing
  -- COMMAND...       run this on the first of the drivers instead, in the folder of the program, which it calls ./gamaka
It runs as root, by debootstrap and chroot.
END
}

refuse() {
  echo "drivers.sh: $1" >&2
  exit "${2:-1}"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 2
folder="${XDG_CACHE_HOME:-$HOME/.cache}/gamaka-drivers" gamaka="$root/target/release/gamaka" rounds=5
drivers=host,25.0,26.1,26.1-512 mirror=http://deb.debian.org/debian json="" install=no command=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --install) install=yes; shift ;;
    --) shift; command=("$@"); set -- ;;
    --folder | --gamaka | --rounds | --drivers | --mirror | --json)
      [ $# -ge 2 ] || refuse "$1 wants a value; see --help" 2
      case $1 in
        --folder) folder=$2 ;;
        --gamaka) gamaka=$2 ;;
        --rounds) rounds=$2 ;;
        --drivers) drivers=$2 ;;
        --mirror) mirror=$2 ;;
        --json) json=$2 ;;
      esac
      shift 2
      ;;
    *) refuse "there is no option $1; see --help" 2 ;;
  esac
done
case $rounds in
  '' | 0 | *[!0-9]*) refuse "--rounds wants a whole number from 1 on, not '$rounds'" 2 ;;
esac
IFS=, read -ra drivers <<<"$drivers"
[ ${#drivers[@]} -gt 0 ] || refuse "--drivers names none; see --help" 2
for driver in "${drivers[@]}"; do
  case $driver in
    host | 25.0 | 26.1 | 26.1-512) ;;
    *) refuse "there is no driver '$driver'; see --help" 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || refuse "it must run as root, for debootstrap and chroot"
for tool in debootstrap chroot unshare python3; do
  command -v "$tool" >/dev/null || refuse "there is no $tool; install it (on Debian: apt-get install debootstrap util-linux python3)"
done
if [ "$install" = no ]; then
  [ -x "$gamaka" ] || refuse "there is no program at $gamaka; build it (cargo build --release) or name it by --gamaka"
fi
mkdir -p "$folder" || refuse "$folder cannot be made; name another by --folder"
folder=$(cd "$folder" && pwd)
log="$folder/install.log"

# inside SYSTEM COMMAND... : there, with /proc and devices of its own, and the program's folder as /work
inside() {
  unshare --mount bash -c '
    system=$1 work=$2
    shift 2
    mkdir -p "$system/work" && mount -t proc proc "$system/proc" && mount --rbind /dev "$system/dev" \
      && mount --bind "$work" "$system/work" || exit 1
    exec chroot "$system" env HOME=/tmp XDG_CACHE_HOME=/tmp/cache DEBIAN_FRONTEND=noninteractive \
      bash -c "cd /work && exec \"\$@\"" _ "$@"' _ "$1" "$folder/work" "${@:2}"
}

# A system is whole once it has its name: until then it has another.
made() { # NAME FUNCTION
  [ -d "$folder/$1" ] && return
  rm -rf "$folder/$1.part"
  echo "installing Mesa $1 into $folder/$1 ..." >&2
  "$2" "$folder/$1.part" >>"$log" 2>&1 \
    || refuse "Mesa $1 could not be installed; is there a network? The last words of $log: $(tail -n 1 "$log")"
  mv "$folder/$1.part" "$folder/$1"
}
stable() {
  debootstrap --variant=minbase trixie "$1" "$mirror" \
    && inside "$1" apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1
}
backports() {
  cp -a "$folder/25.0" "$1" && echo "deb $mirror trixie-backports main" >>"$1/etc/apt/sources.list" \
    && inside "$1" apt-get update \
    && inside "$1" apt-get install -y --no-install-recommends -t trixie-backports mesa-vulkan-drivers
}
mkdir -p "$folder/work"
case " ${drivers[*]} " in *\ 2*) made 25.0 stable ;; esac
case " ${drivers[*]} " in *\ 26*) made 26.1 backports ;; esac
[ "$install" = no ] || exit 0

cp "$gamaka" "$folder/work/gamaka" || refuse "$gamaka cannot be copied to $folder/work"
export GAMAKA_DEVICE=llvmpipe
on() { # DRIVER COMMAND... ; none of them takes another's shaders
  local driver=$1
  shift
  case $driver in
    host) (cd "$folder/work" && "$@") ;;
    26.1-512) LP_NATIVE_VECTOR_WIDTH=512 inside "$folder/26.1" "$@" ;;
    *) inside "$folder/$driver" "$@" ;;
  esac
}
if [ ${#command[@]} -gt 0 ]; then
  on "${drivers[0]}" "${command[@]}"
  exit
fi

results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
for round in $(seq "$rounds"); do
  for driver in "${drivers[@]}"; do
    echo "round $round of $rounds: $driver" >&2
    on "$driver" ./gamaka bench --only networks --json --quiet >"$results/$round.$driver.json" \
      || refuse "gamaka bench failed on $driver"
  done
done
python3 - "$results" "$rounds" "$json" "${drivers[@]}" <<'END'
import json, statistics, sys
from pathlib import Path

results, rounds, out, *drivers = sys.argv[1:]
documents = [
    {driver: json.loads((Path(results) / f"{r}.{driver}.json").read_text()) for driver in drivers}
    for r in range(1, int(rounds) + 1)
]


def figure(document, network, key):
    return document["reference"][network][key]


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


table = {}
for driver in drivers:
    of = lambda network, key: [figure(d[driver], network, key) for d in documents]
    base = lambda network, key: [figure(d[drivers[0]], network, key) for d in documents]
    step, equal = of("ickan", "step_ms"), of("conv_equal_params", "step_ms")
    forward = of("ickan", "forward_ms")
    over = lambda a, b: [x / y for x, y in zip(a, b)]
    table[driver] = {
        "driver": documents[0][driver]["adapter"]["driver"],
        "name": documents[0][driver]["adapter"]["name"],
        "step_ms": step,
        "forward_ms": forward,
        "equal_params_step_ms": equal,
        "step_to_first": over(step, base("ickan", "step_ms")),
        "forward_to_first": over(forward, base("ickan", "forward_ms")),
        "step_to_equal_params": over(step, equal),
    }
print(f"| driver | ICKAN step, ms | forward, ms | step / {drivers[0]}'s | forward / {drivers[0]}'s | step / equal-parameter conv step |")
print("| --- | --- | --- | --- | --- | --- |")
for driver, row in table.items():
    cells = [f"{driver}: {row['driver']}", *(f"{statistics.median(row[k]):.0f}" for k in ("step_ms", "forward_ms"))]
    cells += [spread(row[k]) for k in ("step_to_first", "forward_to_first", "step_to_equal_params")]
    print("| " + " | ".join(cells) + " |")
if out:
    Path(out).write_text(json.dumps({"ratios": table, "rounds": documents}, indent=1) + "\n")
END
