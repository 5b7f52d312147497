#!/usr/bin/env bash
# Measures gamaka and its peers in PyTorch on the GPU of this machine, within a budget of time, and gathers it all in one
# JSON document, which is whole after every step. README.md beside this says what to bring and how to read the result.
set -u
export LC_ALL=C

usage() {
  cat <<'END'
usage: run.sh [--seconds N] [--out FILE] [--gamaka FILE] [--tests FILE] [--packages FOLDER] [--python FILE]
              [--only STEP,...] [--commit TEXT] [--note TEXT]
  --seconds N        the budget of the whole run (default: 480); steps that come too late are skipped
  --out FILE         the document (default: docs/bench-ADAPTER.json in this checkout)
  --gamaka FILE      the program (default: target/release/gamaka)
  --tests FILE       the built GPU tests (default: the newest target/*/deps/gpu-*)
  --packages FOLDER  .deb packages of a Vulkan loader, unpacked in the temporary folder for this run alone
  --python FILE      a Python with PyTorch (default: python3)
  --only STEP,...    some of: doctor tests kernels networks dispatch peers networks-x4 mel embed start tune
                     networks-tuned peers-x4 peers-x4-tf32 peers-tf32
  --commit TEXT      what was built, where this is not a git checkout
  --note TEXT        anything a reader of the figures must know
GAMAKA_DEVICE picks the adapter, as everywhere.
END
}

refuse() {
  echo "run.sh: $1" >&2
  exit 2
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 2
budget=480 out="" gamaka="$root/target/release/gamaka" tests="" packages="" python=python3 only="" commit="" note=""
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --seconds | --out | --gamaka | --tests | --packages | --python | --only | --commit | --note)
      [ $# -ge 2 ] || refuse "$1 wants a value; see --help"
      case $1 in
        --seconds) budget=$2 ;;
        --out) out=$2 ;;
        --gamaka) gamaka=$2 ;;
        --tests) tests=$2 ;;
        --packages) packages=$2 ;;
        --python) python=$2 ;;
        --only) only=$2 ;;
        --commit) commit=$2 ;;
        --note) note=$2 ;;
      esac
      shift 2
      ;;
    *) refuse "there is no option $1; see --help" ;;
  esac
done
case $budget in
  '' | *[!0-9]*) refuse "--seconds wants a whole number, not '$budget'" ;;
esac
absolute() { # PATH -> from the root, since some steps run in another folder
  case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac
}
[ -z "$out" ] || out=$(absolute "$out")
[ -z "$packages" ] || packages=$(absolute "$packages")
gamaka=$(absolute "$gamaka")
case $python in */*) python=$(absolute "$python") ;; esac
[ -x "$gamaka" ] || refuse "there is no program $gamaka: build it with 'cargo build --release', or name it with --gamaka"
if [ -z "$tests" ]; then
  # Newest first; the name's end is a hash.
  # shellcheck disable=SC2012
  tests=$(ls -t "$root"/target/*/deps/gpu-* 2>/dev/null | while IFS= read -r file; do
    if [ -f "$file" ] && [ -x "$file" ]; then printf '%s' "$file"; break; fi
  done)
else
  tests=$(absolute "$tests")
  [ -x "$tests" ] || refuse "there is no test program $tests"
fi
command -v timeout >/dev/null || refuse "this needs the command timeout (GNU coreutils)"
folder=$(dirname "${out:-$root/docs/bench}")
if [ ! -d "$folder" ] || [ ! -w "$folder" ]; then refuse "nothing can be written in $folder; name a file with --out"; fi
work=$(mktemp -d) || refuse "no temporary folder can be made; set TMPDIR to one that can be written"
mkdir "$work/steps" "$work/tmp" "$work/run" || exit 2

# All that the programs would leave elsewhere goes to the temporary folder.
export TMPDIR="$work/tmp" XDG_CACHE_HOME="$work/tmp/cache" PYTHONDONTWRITEBYTECODE=1
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$work/run}"
export MESA_SHADER_CACHE_DIR="$work/tmp/mesa" __GL_SHADER_DISK_CACHE_PATH="$work/tmp" CUDA_CACHE_PATH="$work/tmp/cuda"
export TORCHINDUCTOR_CACHE_DIR="$work/tmp/inductor" TRITON_CACHE_DIR="$work/tmp/triton"

started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
SECONDS=0 # bash counts it up
child="" finished=false adapter="" driver="" steps=0 good=0
libraries="${LD_LIBRARY_PATH:-}"

# Words from the standard input, safe to print: one byte a character, and no others.
plain() { tr '\t\r' ' \n' | tr -d '\000-\010\013\014\016-\037\177' | tr '\200-\377' '?'; }

# The same as a JSON string.
json_text() {
  plain |
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' | awk 'BEGIN { printf "\"" } { printf "%s%s", (NR > 1 ? "\\n" : ""), $0 } END { printf "\"" }'
}

json_of() { printf '%s' "$1" | json_text; }

# A command as a reader would type it in the checkout.
shown() {
  local word text=""
  for word in "$@"; do
    case $word in env | LD_LIBRARY_PATH=*) continue ;; esac
    word=${word//"$work"/TEMPORARY}
    word=${word#"$root"/}
    [ "$word" = "$gamaka" ] && word=gamaka
    [ "$word" = "$tests" ] && word=gpu-tests
    [ "$word" = "$python" ] && word=python3
    text="$text $word"
  done
  printf '%s' "${text# }"
}

# FIELD of the adapter in use, from a document of gamaka's.
adapter_field() {
  sed -n '/^  "adapter": {/,/^  }/s/^    "'"$1"'": "\(.*\)",\{0,1\}$/\1/p' "$2" 2>/dev/null | head -n 1
}

# What a program said last on its standard error, after a colon, if it said anything.
last_words() {
  local words
  words=$(plain <"$work/stderr" | tail -n 1 | cut -c 1-300)
  printf '%s' "${words:+: $words}"
}

first_line() { "$@" 2>/dev/null </dev/null | head -n 1; }

write_document() {
  if [ -z "$out" ]; then
    local name
    name=$(printf '%s' "${adapter:-no adapter}" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-' | sed 's/^-*//; s/-*$//')
    out="$root/docs/bench-$name.json"
  fi
  {
    printf '{\n"format": "gamaka gpu run 1",\n"adapter": %s,\n"driver": %s,\n' "$(json_of "$adapter")" "$(json_of "$driver")"
    printf '"date": "%s",\n"commit": %s,\n"note": %s,\n"machine": {\n' "$started" "$(json_of "$commit")" "$(json_of "$note")"
    cat "$work/machine"
    printf '},\n"budget_s": %s,\n"seconds": %s,\n"finished": %s,\n"steps": [' "$budget" "$SECONDS" "$finished"
    local file comma=""
    for file in "$work"/steps/*.json; do
      [ -f "$file" ] || continue
      printf '%s\n' "$comma"
      cat "$file"
      comma=,
    done
    printf '\n]\n}\n'
  } >"$out.new" && mv -f "$out.new" "$out" || echo "run.sh: $out cannot be written" >&2
}

cut_off() {
  trap '' INT TERM
  if [ -n "$child" ]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child" 2>/dev/null
  fi
  write_document
  echo "cut off after $SECONDS s; what there is lies in $out"
  exit 130
}

# Invoked by the trap below.
# shellcheck disable=SC2317
clean_up() { rm -rf "$work"; }
trap clean_up EXIT
trap cut_off INT TERM

wanted() { case ",$only," in ,, | *",$1,"*) true ;; *) false ;; esac; }

# record NAME OUTCOME WHY [REST]: a step's JSON object; REST are more fields.
record() {
  steps=$((steps + 1))
  [ "$2" = ok ] && good=$((good + 1))
  {
    printf '{\n"name": "%s",\n"outcome": "%s",\n"why": %s' "$1" "$2" "$(json_of "$3")"
    printf '%s' "${4:-}"
    [ -f "$work/result" ] && printf ',\n"result": ' && cat "$work/result"
    printf '\n}'
  } >"$work/steps/$(printf '%02d' "$steps").json"
  rm -f "$work/result"
  printf '[%3d s] %-14s %s%s\n' "$SECONDS" "$1" "$2" "${3:+: $3}"
  write_document
}

skip() {
  rm -f "$work/result"
  record "$1" skipped "$2"
}

# limit MOST LEAST: the seconds that a step may take in what is left, in `allowed`; fails if that is too little. MOST is
# for the default budget, and grows with a larger one.
limit() {
  local most=$1
  [ "$budget" -le 480 ] || most=$((most * budget / 480))
  allowed=$((budget - SECONDS - 2))
  [ "$allowed" -ge "$2" ] || return 1
  [ "$allowed" -le "$most" ] || allowed=$most
}

# run_step NAME MOST LEAST COMMAND...: runs a command for at most MOST seconds, if LEAST are left, and records it. Its
# result is $work/result if it wrote that, else its standard output where that is JSON.
run_step() {
  local name=$1 most=$2 least=$3 begin code outcome why="" rest
  shift 3
  rm -f "$work/result"
  limit "$most" "$least" || { skip "$name" "the budget of $budget s is spent"; return; }
  echo "[$(printf '%3d' "$SECONDS") s] $name: at most $allowed s"
  begin=$SECONDS
  (cd "$root" && exec timeout -k 5 "$allowed" "$@") >"$work/stdout" 2>"$work/stderr" </dev/null &
  child=$!
  # A shell tells of one that was killed.
  { wait "$child"; } 2>/dev/null
  code=$?
  child=""
  case $code in
    0) outcome=ok ;;
    124 | 137) outcome="timed out" why="it was ended after $allowed s" ;;
    *) outcome=failed why="it ended with code $code" ;;
  esac
  [ "$outcome" = ok ] || why="$why$(last_words)"
  rest=$(printf ',\n"command": %s,\n"limit_s": %s,\n"rc": %s,\n"seconds": %s' \
    "$(json_of "$(shown "$@")")" "$allowed" "$code" "$((SECONDS - begin))")
  [ "$name" = tests ] && count_tests
  # A program prints its document at its end, all or nothing.
  if [ ! -f "$work/result" ] && [ "$(head -c 1 "$work/stdout")" = "{" ] && [ "$(tail -c 2 "$work/stdout" | head -c 1)" = "}" ]; then
    mv "$work/stdout" "$work/result"
  else
    rest="$rest$(printf ',\n"stdout": ' && tail -c 3000 "$work/stdout" | json_text)"
  fi
  rest="$rest$(printf ',\n"stderr": ' && tail -c 3000 "$work/stderr" | json_text)"
  record "$name" "$outcome" "$why" "$rest"
}

# Of the tests' output: how many passed, failed and were ignored, and which failed.
count_tests() {
  awk '
    /^test .* \.\.\. / || /^test .* - should panic \.\.\. / {
      if ($NF == "ok") passed++
      else if ($NF == "FAILED") names = names (failed++ ? ", " : "") "\"" $2 "\""
      else if ($0 ~ /ignored/) ignored++
    }
    END { printf "{\"passed\": %d, \"failed\": %d, \"ignored\": %d, \"failures\": [%s]}", passed, failed, ignored, names }
  ' "$work/stdout" >"$work/result"
}

# --- the machine ---------------------------------------------------------------------------------------------------

if [ -z "$commit" ]; then
  commit=$(git -C "$root" describe --always --dirty --abbrev=12 2>/dev/null) || commit=unknown
fi
{
  printf '"gamaka": %s,\n' "$(json_of "$(first_line "$gamaka" --version)")"
  printf '"system": %s,\n' "$(json_of "$(uname -sm)")"
  printf '"cpu": %s,\n' "$(json_of "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)")"
  printf '"cores": %s,\n' "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo null)"
  printf '"nvidia": %s\n' "$(json_of "$(first_line timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader)")"
} >"$work/machine"

if [ -n "$packages" ]; then
  for package in "$packages"/*.deb; do
    dpkg -x "$package" "$work/tmp/packages" 2>/dev/null || echo "run.sh: $package cannot be unpacked" >&2
  done
  for folder in "$work"/tmp/packages/usr/lib/*-linux-gnu* "$work"/tmp/packages/lib/*-linux-gnu*; do
    [ -d "$folder" ] && libraries="$folder${libraries:+:$libraries}"
  done
fi
# Containers often have NVIDIA's driver where no loader looks.
known=$(ls /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d 2>/dev/null)
elsewhere=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
case ${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}$known in
  *nvidia*) ;;
  *) if [ -f "$elsewhere" ]; then export VK_ADD_DRIVER_FILES="$elsewhere"; fi ;;
esac
with_loader=(env "LD_LIBRARY_PATH=$libraries")
[ -n "$libraries" ] || with_loader=(env)

# --- what needs the adapter ----------------------------------------------------------------------------------------

blind="" # why nothing can be measured on an adapter
on_adapter() { # NAME MOST LEAST COMMAND...
  wanted "$1" || return
  if [ -n "$blind" ]; then skip "$1" "$blind"; else run_step "$1" "$2" "$3" "${with_loader[@]}" "${@:4}"; fi
}
bench() { # NAME MOST LEAST PARTS
  on_adapter "$1" "$2" "$3" "$gamaka" bench --only "$4" --json --quiet
}
gpu_tests() {
  if [ -n "$tests" ]; then
    on_adapter tests 120 20 "$tests"
  elif wanted tests; then
    skip tests "there is no test program: build it with 'cargo test --features internals --no-run --test gpu', or name it with --tests"
  fi
}

# The adapter's name is needed in any case.
"${with_loader[@]}" timeout 60 "$gamaka" bench --only host --json --quiet >"$work/probe" 2>"$work/stderr" </dev/null &
child=$!
wait "$child" || blind="no adapter can be used"
child=""
adapter=$(adapter_field name "$work/probe")
driver=$(adapter_field driver "$work/probe")
echo "adapter: ${adapter:-none}${driver:+, $driver}"
if [ -n "$blind" ]; then
  blind="$blind$(last_words)"
  echo "$blind"
  echo "Is the Vulkan loader here (libvulkan.so.1; see --packages), and does VK_DRIVER_FILES name the driver's JSON file?"
fi

# Those of most value first. Even with no adapter doctor says what there is.
wanted doctor && run_step doctor 60 5 "${with_loader[@]}" "$gamaka" doctor --json --quiet
gpu_tests
bench kernels 90 10 kernels
bench networks 90 10 networks
bench dispatch 30 5 dispatch,host

# --- PyTorch -------------------------------------------------------------------------------------------------------

networks_in() { # WAY... -> the names of the networks, run in these ways
  local way names=""
  for way in "$@"; do
    names="$names,conv_same_channels$way,conv_equal_params$way,kan_closed_form$way"
  done
  printf '%s' "${names#,}"
}
peers() { # NAME MOST LEAST NETWORKS OPTIONS...
  wanted "$1" && run_step "$1" "$2" "$3" "$python" benches/peers/peers.py --keep "$work/result" --parts networks --networks "${@:4}"
}
torch_device="" no_torch=""
if wanted peers || wanted peers-x4 || wanted peers-x4-tf32 || wanted peers-tf32; then
  timeout 90 "$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")' \
    >"$work/probe" 2>"$work/stderr" </dev/null &
  child=$!
  if wait "$child"; then torch_device=$(tail -n 1 "$work/probe"); fi
  child=""
  no_torch="there is no $python with PyTorch$(last_words)"
fi

# Graphs last: one that cannot be recorded may leave the device in a bad state.
everyway=$(networks_in "" _compiled _graph _compiled_graph)
case $torch_device in
  cuda) peers peers 150 20 "$everyway" --device cuda ;;
  cpu) peers peers 150 20 "$(networks_in "" _compiled)" --device cpu --repeats 3 ;;
  *) wanted peers && skip peers "$no_torch" ;;
esac

bench networks-x4 100 10 networks-x4
bench mel 30 5 mel
bench embed 30 5 embed
bench start 40 10 start
# Kernels measured here, which the bench takes from then on.
on_adapter tune 150 30 "$gamaka" tune --network included --network reference --json --quiet
bench networks-tuned 60 10 networks

for step in peers-x4 peers-x4-tf32 peers-tf32; do
  wanted "$step" || continue
  options=()
  case $step in *x4*) options+=(--scale 4) ;; esac
  case $step in *tf32) options+=(--tf32) ;; esac
  case $torch_device in
    cuda) peers "$step" 120 20 "$everyway" --device cuda "${options[@]}" ;;
    cpu) skip "$step" "PyTorch has no CUDA device" ;;
    *) skip "$step" "$no_torch" ;;
  esac
done

finished=true
write_document
echo "$good of $steps steps, $SECONDS s: $out"
[ "$good" -gt 0 ]
