#!/usr/bin/env bash
# Every figure that has a goal: scripts/bench has the options. Parts, in this order:
#   get post sustain settle latency hop connections memory ready drain rebuild
# Those up to connections are measured on a directory of 1,000 orders, and again on one of --large
# orders; every run has a fresh copy. Runs of what is compared take turns. All servers run at
# --log-level warning; what the default level costs is measured beside get, post and settle.
# The results are collected as lines (bench/bookstore_bench/report.hpp) and reported at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all_parts="get post sustain settle latency hop connections memory ready drain rebuild"
parts=$all_parts runs=5 large=1000000 out=build/bench document=docs/performance.md
get_s=3 sustain_s=60 orders=100000 latencies=200 hop_s=10 connected_s=5
many=10000000 killed=2500000 behind=370000
usage() {
    echo "usage: scripts/bench [--quick | --short] [--runs N] [--only \"PART...\"] [--large N] [--out DIR] [--no-document]" >&2
    echo "       parts: $all_parts" >&2
    exit 2
}
while (($#)); do
    case $1 in
        --quick)
            runs=2 large=20000 document=
            get_s=1 sustain_s=4 orders=5000 latencies=30 hop_s=2 connected_s=1
            many=20000 killed=5000 behind=5000
            ;;
        --short)
            large=200000
            get_s=2 sustain_s=12 orders=20000 latencies=60 hop_s=4 connected_s=2
            many=1000000 killed=500000 behind=40000
            ;;
        --runs) runs=${2:?}; shift ;;
        --only) parts=${2:?}; document=; shift ;;
        --large) large=${2:?}; shift ;;
        --out) out=${2:?}; shift ;;
        --no-document) document= ;;
        *) usage ;;
    esac
    shift
done
for part in $parts; do [[ " $all_parts " == *" $part "* ]] || usage; done

scripts/setup bench
scripts/build release bookstore bench_programs >/dev/null
bin=build/release
ulimit -n "$(ulimit -Hn)" # ten thousand connections

# On the disk that the project is on: a file system in memory would flatter every fsync.
mkdir -p "$out"
scratch=$(mktemp -d build/bench.XXXXXX)
results=$out/results.tsv
: >"$results"
# shellcheck source=bench/common.sh
. bench/common.sh
trap 'rm -rf "$scratch"' EXIT
quiet=(--log-level warning)
sizes() { if [[ -d $scratch/large ]]; then echo small large; else echo small; fi; }

part_get() {
    command_line "wrk -t1 -c32 -d${get_s}s URL/orders/1"
    local size run quiet_url loud_url
    for size in $(sizes); do
        serve "$(directory "$size")" "${quiet[@]}"
        bare
        quiet_url=$url
        # A second server, idle meanwhile, that logs as much as it does by default.
        cp -r "$scratch/small" "$scratch/loud"
        launch "$scratch/loud"
        loud_url=$url
        for ((run = 1; run <= runs; run++)); do
            figure "$size" "$run" get.per_s "$(rate -t1 -c32 -d"${get_s}s" "$quiet_url/orders/1")"
            figure "$size" "$run" get.bare_per_s "$(rate -t1 -c32 -d"${get_s}s" "$bare_url/orders/1")"
            [[ $size != small ]] ||
                figure "$size" "$run" get.logged_per_s "$(rate -t1 -c32 -d"${get_s}s" "$loud_url/orders/1")"
        done
        end
        rm -rf "$scratch/loud"
    done
}

# burst <size> <run> <figure> <option>...: on a fresh server, which is left running
burst() {
    serve "$(directory "$1")" "${@:4}"
    figure "$1" "$2" "post.$3" "$(rate -t1 -c64 -d1s -s "$scratch/post.lua" "$url/orders")"
    "$bin/bookstore-bench" settle "${who[@]}" --data-dir "$data" --orders 0 >"$scratch/drained"
}
part_post() {
    command_line "wrk -t1 -c64 -d1s -s post.lua URL/orders"
    local size run
    for size in $(sizes); do
        for ((run = 1; run <= runs; run++)); do
            burst "$size" "$run" per_s "${quiet[@]}"
            collect "$size" "$run" post. <"$scratch/drained"
            bare
            stop
            figure "$size" "$run" post.bare_per_s \
                "$(rate -t1 -c64 -d1s -s "$scratch/post.lua" "$bare_url/orders")"
            kill "$bare_pid"
            [[ $size != small ]] || { burst "$size" "$run" logged_per_s; stop; }
        done
    done
}

part_sustain() {
    command_line "wrk -t1 -c64 -d${sustain_s}s -s post.lua URL/orders"
    command_line "bookstore-bench watch --data-dir DIR --seconds $sustain_s"
    local size run
    for size in $(sizes); do
        for ((run = 1; run <= runs; run++)); do
            serve "$(directory "$size")" "${quiet[@]}"
            rate -t1 -c64 -d"$((sustain_s + 1))s" -s "$scratch/post.lua" "$url/orders" >/dev/null &
            measure "$size" "$run" sustain. watch --data-dir "$data" --seconds "$sustain_s"
            wait $!
            measure "$size" "$run" sustain.after_ settle "${who[@]}" --data-dir "$data" --orders 0
            stop
        done
    done
}

part_settle() {
    command_line "bookstore-bench settle --url URL --data-dir DIR --customer C --book B --orders $orders"
    command_line "ceiling --data-dir DIR --orders $orders --batch 64"
    command_line "bookstore-bench disk --data-dir DIR --orders $((orders + 1000))"
    local size run
    for size in $(sizes); do
        for ((run = 1; run <= runs; run++)); do
            serve "$(directory "$size")" "${quiet[@]}"
            measure "$size" "$run" settle. settle "${who[@]}" --data-dir "$data" --orders "$orders"
            stop
            [[ $size != small ]] ||
                measure "$size" "$run" disk. disk --data-dir "$data" --orders $((orders + 1000))
            "$bin/ceiling" --data-dir "$(directory "$size")" --orders "$orders" | collect "$size" "$run" ""
            if [[ $size == small ]]; then
                serve "$(directory "$size")"
                measure "$size" "$run" settle.logged_ \
                    settle "${who[@]}" --data-dir "$data" --orders "$orders"
                stop
            fi
        done
    done
}

part_latency() {
    command_line "bookstore-bench sync --directory DIR"
    command_line "bookstore-bench latency --url URL --customer C --book B --orders $latencies"
    local size run
    for size in $(sizes); do
        serve "$(directory "$size")" "${quiet[@]}"
        for ((run = 1; run <= runs; run++)); do
            measure "$size" "$run" latency. sync --directory "$scratch"
            measure "$size" "$run" latency. latency "${who[@]}" --orders "$latencies"
        done
        stop
    done
}

part_hop() {
    command_line "bookstore-bench hops --url URL --data-dir DIR --customer C --book B --rate 1000 --seconds $hop_s"
    local size run
    for size in $(sizes); do
        serve "$(directory "$size")" "${quiet[@]}"
        for ((run = 1; run <= runs; run++)); do
            measure "$size" "$run" hop. sync --directory "$scratch"
            measure "$size" "$run" hop. hops "${who[@]}" --data-dir "$data" --seconds "$hop_s"
            "$bin/bookstore-bench" quiet --data-dir "$data"
        done
        stop
    done
}

part_connections() {
    command_line "bookstore-bench connections --url URL --pid PID --seconds $connected_s"
    local size run
    for size in $(sizes); do
        for ((run = 1; run <= runs; run++)); do # a server each: what it once had, it keeps
            serve "$(directory "$size")" "${quiet[@]}"
            measure "$size" "$run" connections. connections --url "$url" --pid "$pid" --seconds "$connected_s"
            stop
        done
    done
}

part_memory() {
    local run page
    for ((run = 1; run <= runs; run++)); do
        rm -rf "$scratch/new"
        launch "$scratch/new" "${quiet[@]}"
        sleep 2
        measure - "$run" memory.idle_ memory --pid "$pid"
        stop
    done
    if ! has_room "$many"; then
        echo "memory: $many orders do not fit on the disk; not measured" >&2
        return
    fi
    command_line "bookstore-bench fill --data-dir DIR --orders $many --customers 1000 --books 1000"
    fill "$scratch/many" "$many"
    for ((run = 1; run <= runs; run++)); do
        serve "$scratch/many" "${quiet[@]}"
        figure - "$run" memory.many_there "$many"
        measure - "$run" memory.many_ settle "${who[@]}" --data-dir "$data" --orders 2000
        for page in orders myPages payments deliveries; do
            curl -fsS -o /dev/null "$url/$page?page=$((many / 2000))&size=1000"
            wrk -t1 -c32 -d1s "$url/$page/$((many / 2))" >/dev/null
        done
        measure - "$run" memory.many_ memory --pid "$pid"
        stop
    done
    rm -rf "$scratch/many"
}

part_ready() {
    command_line "bookstore-bench start --binary bookstore --data-dir DIR"
    local run start=(start --binary "$bin/bookstore")
    for ((run = 1; run <= runs; run++)); do
        rm -rf "$scratch/new"
        measure - "$run" ready.new_ "${start[@]}" --data-dir "$scratch/new"
        measure - "$run" ready.empty_ "${start[@]}" --data-dir "$scratch/new"
    done
    if ! has_room "$killed"; then
        echo "ready: $killed orders do not fit on the disk; not measured" >&2
        return
    fi
    command_line "bookstore-bench start --binary bookstore --data-dir DIR --kill-after 2"
    fill "$scratch/killed" "$killed"
    for ((run = 1; run <= runs; run++)); do
        figure - "$run" ready.killed_events "$((killed * 4))"
        measure - "$run" ready.killed_ "${start[@]}" --data-dir "$scratch/killed" --kill-after 2
    done
    rm -rf "$scratch/killed"
}

# Two contexts are stopped while orders come; then one after the other is started again.
part_drain() {
    command_line "bookstore serve --stopped delivery,payment_history ...    # while $behind orders are placed"
    command_line "bookstore-bench drain --data-dir DIR --context delivery    # then payment_history"
    local run
    cp -r "$scratch/small" "$scratch/stopped"
    serve "$scratch/stopped" "${quiet[@]}" --stopped delivery,payment_history
    "$bin/bookstore-bench" settle "${who[@]}" --data-dir "$data" --orders "$behind" --no-wait >/dev/null
    "$bin/bookstore-bench" quiet --data-dir "$data"
    stop
    for ((run = 1; run <= runs; run++)); do
        rm -rf "$scratch/data"
        cp -r --reflink=auto "$scratch/stopped" "$scratch/data"
        sync "$scratch"/data/*
        launch "$scratch/data" "${quiet[@]}" --stopped payment_history
        measure - "$run" drain.delivery_ drain --data-dir "$data" --context delivery
        "$bin/bookstore-bench" quiet --data-dir "$data"
        stop
        launch "$scratch/data" "${quiet[@]}"
        measure - "$run" drain.payment_history_ drain --data-dir "$data" --context payment_history
        stop
    done
    rm -rf "$scratch/stopped"
}

part_rebuild() {
    command_line "bookstore-bench rebuild --url URL --read-model my-page"
    local run
    [[ -d $scratch/large ]] || { echo "rebuild: not measured without --large" >&2; return; }
    serve "$(directory large)" "${quiet[@]}"
    for ((run = 1; run <= runs; run++)); do
        measure large "$run" rebuild. rebuild --url "$url" --target "/myPages/$((large / 2))"
    done
    stop
}

describe() {
    printf 'machine\t%s\n' \
        "$(nproc) cores of $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)" \
        "Linux $(uname -r | cut -d. -f1,2), $(. /etc/os-release && echo "$PRETTY_NAME"), $(c++ --version | head -1), SQLite $(pkg-config --modversion sqlite3)" \
        "file system $(df --output=fstype "$scratch" | tail -1), load $(cut -d' ' -f1-3 /proc/loadavg) when it began, the load generator on the same cores" \
        "bookstore of $(git log -1 --format='%h, %cs' 2>/dev/null || echo 'no repository'), release build, --log-level warning" \
        "$runs runs, $(date -u +%F)" >>"$results"
}

plot() {
    mkdir -p "$out/data" "$1"
    gnuplot -e "data='$out/data'; out='$1'" bench/plots.gnuplot
}

describe
command_line "bookstore-bench fill --data-dir DIR --orders N --customers 1000 --books 1000    # 1000 and $large"
command_line "bookstore serve --listen 127.0.0.1:0 --data-dir DIR --log-level warning"
fill "$scratch/small" 1000
figure small 1 orders_before 1000
if ((large > 1000)) && has_room "$large"; then
    fill "$scratch/large" "$large"
    figure large 1 orders_before "$large"
fi
failed=()
for part in $parts; do
    echo "$(date -u +%T) $part" >&2
    set +e # not part_$part || ...: that would let the part go on after an error
    (set -e; trap end EXIT; "part_$part")
    (($? == 0)) || failed+=("$part")
    set -e
done
echo "$(date -u +%T) report" >&2

mkdir -p "$out/data"
report=("$bin/bookstore-bench" report --results "$results" --data-dir "$out/data")
if [[ -n $document && ${#failed[@]} == 0 ]]; then
    "${report[@]}" --document "$document" | tee "$out/report.md"
    plot docs/plots
else
    "${report[@]}" | tee "$out/report.md"
    plot "$out/plots"
fi
if ((${#failed[@]})); then
    echo "scripts/bench: failed, and left out: ${failed[*]}" >&2
    exit 1
fi
