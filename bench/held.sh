#!/usr/bin/env bash
# What held events cost the others: scripts/bench held [--runs N] [--orders N] [--held N]
#   Each run settles N orders twice, each time on a new directory: with nothing held, and with that
#   many parked events, each of another key, in every subscription. The figure that counts is the
#   server's own processor time for an order: it is less noisy than the time that went by.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=5 orders=10000 held=10000
while (($#)); do
    case $1 in
        --runs) runs=${2:?}; shift ;;
        --orders) orders=${2:?}; shift ;;
        --held) held=${2:?}; shift ;;
        *) echo "usage: scripts/bench held [--runs N] [--orders N] [--held N]" >&2; exit 2 ;;
    esac
    shift
done

scripts/setup bench
scripts/build release bookstore bookstore-bench >/dev/null
mkdir -p build
scratch=$(mktemp -d build/bench.XXXXXX)
pid=
cleanup() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

start() {
    : >"$scratch/out"
    build/release/bookstore serve --listen 127.0.0.1:0 --data-dir "$scratch/data" --log-level warning \
        >"$scratch/out" 2>"$scratch/log" &
    pid=$!
    until grep -q listens "$scratch/out"; do sleep 0.05; done
    port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$scratch/out")
}
stop() { kill "$pid"; wait "$pid" 2>/dev/null || true; pid=; }
post() { curl -fsS -o /dev/null -H 'Content-Type: application/json' -d "$2" "http://127.0.0.1:$port/$1"; }

# hold FILE SUBSCRIPTION: that many parked events, whose keys are no order's
hold() {
    sqlite3 "$scratch/data/$1.db" "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $held)
        INSERT INTO held(subscription, position, source, source_position, key, type, time, trace,
            payload, attempts, error, first_try, next_try, parked)
        SELECT '$2', i + 1000000000, 'order', i, 'order-' || (i + 1000000000), 'Ordered', 0, '',
            '{}', 10, 'made for a benchmark', 0, NULL, 1 FROM n;"
}

# one HELD?: microseconds of processor time, and of time, an order
one() {
    rm -rf "$scratch/data"
    start
    post customers '{"customerName":"Kim"}'
    post books '{"bookName":"C++","stock":1000000000}'
    if (($1)); then
        stop
        for name in customer:my-page inventory:inventory order:order delivery:delivery \
            payment:payment payment_history:payment-history; do
            hold "${name%:*}" "${name#*:}"
        done
        start
    fi
    local before after begin end
    before=$(cpu) begin=$(date +%s%N)
    build/release/bookstore-bench settle --url "http://127.0.0.1:$port" --customer 1 --book 1 --data-dir "$scratch/data" --orders "$orders" >/dev/null
    after=$(cpu) end=$(date +%s%N)
    stop
    awk "BEGIN {printf \"%.1f %.1f\n\", ($after - $before) * 1e6 / $ticks / $orders, ($end - $begin) / 1e3 / $orders}"
}
ticks=$(getconf CLK_TCK)
cpu() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
median() { sort -n | awk '{v[NR]=$1} END {printf "%.1f (%.1f to %.1f)", v[int((NR+1)/2)], v[1], v[NR]}'; }

for ((run = 1; run <= runs; run++)); do
    one 0 >>"$scratch/without"
    one 1 >>"$scratch/with"
done
echo "$runs runs of $orders orders, us an order:"
echo "  nothing held:            processor $(cut -d' ' -f1 "$scratch/without" | median), time $(cut -d' ' -f2 "$scratch/without" | median)"
echo "  $held held a context:  processor $(cut -d' ' -f1 "$scratch/with" | median), time $(cut -d' ' -f2 "$scratch/with" | median)"
