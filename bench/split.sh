#!/usr/bin/env bash
# scripts/bench split [--orders N] [--runs N] [--out DIR]: seven processes, a context each, behind the shipped gateway, with a real
# Kafka of one broker between them, beside the single process, in one run. Settled orders a second, POST to Shipped, memory,
# and where the processor's time went. Prints the table, and writes it to DIR/split.tsv (build/bench).
# The disk is the project's. Everything is on this machine's cores, the load generator and the broker too.
set -euo pipefail

orders=20000 runs=3 out=build/bench
while (($#)); do
    case $1 in
        --orders) orders=$2 ;;
        --runs) runs=$2 ;;
        --out) out=$2 ;;
        *) echo "usage: scripts/bench split [--orders N] [--runs N] [--out DIR]" >&2; exit 2 ;;
    esac
    shift 2
done

scripts/setup bench kafka
scripts/build release bookstore bookstore-bench >&2
bin=build/release
mkdir -p "$out"
results=$out/split.tsv
: >"$results"
scratch=$(mktemp -d "$PWD/build/split-XXXXXX")
# shellcheck source=bench/common.sh
. bench/common.sh
trap 'end; scripts/kafka stop "$scratch/kafka" 2>/dev/null || true; rm -rf "$scratch"' EXIT

note() { printf '%s\t%s\t%s\n' "$@" | tee -a "$results"; } # <form> <figure> <value>
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# cpu <pid>...: seconds of processor, children that have ended not counted
cpu() {
    local sum=0 each ticks
    for each in "$@"; do
        ticks=$(awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$each/stat" 2>/dev/null || echo 0)
        sum=$((sum + ticks))
    done
    awk -v t="$sum" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / hz }'
}
# memory_mb <Pss|Rss> <pid>...: of them together. Pss counts what several have in common (the program itself) once, in parts.
memory_mb() {
    local each
    for each in "${@:2}"; do awk -v what="$1:" '$1 == what {print $2}' "/proc/$each/smaps_rollup"; done |
        awk '{s += $1} END {printf "%.0f", s / 1024}'
}
note_memory() { # <form> <run> <pid>...
    note "$1" "run$2.memory_mb" "$(memory_mb Pss "${@:3}")"
    note "$1" "run$2.resident_mb" "$(memory_mb Rss "${@:3}")"
}
# measured <form> <run> <data directory>: settled orders a second, then one client's orders until they are shipped
measured() {
    local form=$1 run=$2 dir=$3 name value
    "$bin/bookstore-bench" settle "${who[@]}" --data-dir "$dir" --orders 2000 >/dev/null # warm
    "$bin/bookstore-bench" settle "${who[@]}" --data-dir "$dir" --orders "$orders" >"$scratch/figures"
    while read -r name value; do note "$form" "run$run.$name" "$value"; done <"$scratch/figures"
    "$bin/bookstore-bench" latency "${who[@]}" --orders 200 >"$scratch/figures"
    while read -r name value; do note "$form" "run$run.$name" "$value"; done <"$scratch/figures"
}

single() { # <run>
    serve "$scratch/single$1" --log-level warning
    measured single "$1" "$scratch/single$1"
    note_memory single "$1" "$pid"
    note single "run$1.cpu_s" "$(cpu "$pid")"
    stop
}

declare -A port=() process=()
names=(customer book order delivery payment paymenthistory van)
context_of() { case $1 in book) echo inventory ;; paymenthistory) echo payment_history ;; *) echo "$1" ;; esac; }

start_process() { # <name> <option>...
    local name=$1
    "$bin/bookstore" serve --listen "127.0.0.1:${port[$name]}" --data-dir "$scratch/split/$name" --log-level warning \
        --modules "$(context_of "$name")" --kafka "127.0.0.1:$broker" --kafka-topic "$topic" --trusted-proxy 127.0.0.1 \
        "${@:2}" >"$scratch/$name.out" 2>"$scratch/$name.log" &
    process[$name]=$!
    pids+=($!)
}

gateway() {
    mkdir -p "$scratch/gateway"
    local name script=''
    for name in "${names[@]}"; do script+="s/server $name:808[01]/server 127.0.0.1:${port[$name]}/;"; done
    sed "$script" deploy/split/upstreams.conf >"$scratch/gateway/upstreams.conf"
    sed "s/listen 8080;/listen 127.0.0.1:$entry;/" deploy/split/nginx.conf >"$scratch/gateway/nginx.conf"
    PATH=$PATH:/usr/sbin nginx -p "$scratch/gateway" -e stderr -c "$scratch/gateway/nginx.conf" -g 'user root; daemon off;' \
        2>"$scratch/gateway.log" &
    gateway_pid=$!
    pids+=("$gateway_pid")
}
gateway_pids() { echo "$gateway_pid"; pgrep -P "$gateway_pid"; }
broker_pid() { cat "$scratch/kafka/1/pid"; }

split() { # <run>
    local name run=$1
    topic=bench-$run
    rm -rf "$scratch/split" "$scratch/all"
    mkdir -p "$scratch/split" "$scratch/all"
    "$bin/bookstore" topic create --kafka "127.0.0.1:$broker" --kafka-topic "$topic" >/dev/null
    for name in "${names[@]}"; do port[$name]=$(free_port); done
    entry=$(free_port)
    for name in "${names[@]}"; do
        case $name in
            order) start_process order --customer-url "http://127.0.0.1:${port[customer]}" --inventory-url "http://127.0.0.1:${port[book]}" ;;
            payment) start_process payment --van-url "http://127.0.0.1:${port[van]}" ;;
            *) start_process "$name" ;;
        esac
    done
    gateway
    for name in "${names[@]}"; do
        until curl -fsS -o /dev/null "http://127.0.0.1:${port[$name]}/isReady" 2>/dev/null; do sleep 0.05; done
    done
    for name in "${names[@]}"; do # one directory, as the figures are read
        for tail in '' -wal -shm; do
            ln -s "$scratch/split/$name/$(context_of "$name").db$tail" "$scratch/all/$(context_of "$name").db$tail"
        done
    done
    for tail in '' -wal -shm; do ln -s "$scratch/split/order/topic.db$tail" "$scratch/all/topic.db$tail"; done
    url=http://127.0.0.1:$entry
    local customer book
    customer=$(id_of customers '{"customerName":"Kim"}')
    book=$(id_of books '{"bookName":"C++","stock":1000000000}')
    who=(--url "$url" --customer "$customer" --book "$book")
    local -A before=()
    for name in "${names[@]}"; do before[$name]=$(cpu "${process[$name]}"); done
    # shellcheck disable=SC2046
    before[gateway]=$(cpu $(gateway_pids)) before[broker]=$(cpu "$(broker_pid)")
    measured split "$run" "$scratch/all"
    note_memory split "$run" "${process[@]}"
    note split "run$run.memory_of_the_broker_mb" "$(memory_mb Pss "$(broker_pid)")"
    for name in "${names[@]}"; do
        note split "run$run.cpu_s.$name" "$(awk "BEGIN { print $(cpu "${process[$name]}") - ${before[$name]} }")"
    done
    # shellcheck disable=SC2046
    note split "run$run.cpu_s.gateway" "$(awk "BEGIN { print $(cpu $(gateway_pids)) - ${before[gateway]} }")"
    note split "run$run.cpu_s.broker" "$(awk "BEGIN { print $(cpu "$(broker_pid)") - ${before[broker]} }")"
    for name in "${names[@]}"; do kill "${process[$name]}"; done
    kill "$gateway_pid"
    for name in "${names[@]}"; do wait "${process[$name]}" 2>/dev/null || true; done
    wait "$gateway_pid" 2>/dev/null || true
}

broker=$(free_port)
scripts/kafka start "$scratch/kafka" "$broker" >/dev/null
for run in $(seq "$runs"); do
    single "$run"
    split "$run"
done

# median <form> <figure>
median() {
    awk -F'\t' -v form="$1" -v figure="$2" '$1 == form && $2 ~ "^run[0-9]+[.]" figure "$" {print $3}' "$results" | sort -g |
        awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}
echo
printf '%-34s %12s %12s\n' "median of $runs" single split
for figure in settled_per_s placed_per_s created_ms shipped_ms shipped_p99_ms memory_mb; do
    printf '%-34s %12s %12s\n' "$figure" "$(median single "$figure")" "$(median split "$figure")"
done
