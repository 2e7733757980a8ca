#!/usr/bin/env bash
# Pages at growing sizes: scripts/bench pages [--rows "N..."] [--runs N] [--requests N] [--raw FILE]
#   For each N: a directory with N orders, customers, books and so on is filled; then, each run, a
#   server is started on it and asked for pages of everything that /openapi.json offers, over one
#   connection, one at a time, each page --requests times. SQL says what must be answered.
#   --raw keeps every figure: rows, run, listing, place, p50, p99, max (ms), the page, by tabs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rows="1000 10000 100000 1000000" runs=3 requests=100 raw=
while (($#)); do
    case $1 in
        --rows) rows=${2:?}; shift ;;
        --runs) runs=${2:?}; shift ;;
        --requests) requests=${2:?}; shift ;;
        --raw) raw=${2:?}; shift ;;
        *) echo 'usage: scripts/bench pages [--rows "N..."] [--runs N] [--requests N] [--raw FILE]' >&2; exit 2 ;;
    esac
    shift
done

scripts/setup bench
scripts/build release bookstore bookstore-bench >/dev/null

# On the disk that the project is on, as the server's own files are.
scratch=$(mktemp -d build/bench.XXXXXX)
pid=
cleanup() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

# Sets pid and url.
start() {
    : >"$scratch/out" # what the one before printed goes now, not when this one has begun
    build/release/bookstore serve --listen 127.0.0.1:0 --data-dir "$1" --log-level warning \
        >"$scratch/out" 2>"$scratch/log" &
    pid=$!
    until grep -q listens "$scratch/out"; do
        kill -0 "$pid" 2>/dev/null || { cat "$scratch/log" >&2; exit 1; }
        sleep 0.01
    done
    url=http://127.0.0.1:$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$scratch/out")
}
stop() { kill "$pid"; wait "$pid" 2>/dev/null || true; pid=; }

echo "machine: $(nproc) cores, $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)," \
    "$(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), Linux $(uname -r)"
for n in $rows; do
    data=$scratch/$n
    echo "bookstore-bench fill --data-dir DIR --orders $n --customers $n --books $n"
    echo "  $(build/release/bookstore-bench fill --data-dir "$data" --orders "$n" --customers "$n" --books "$n")," \
        "$(du -sh "$data" | cut -f1)"
    for ((run = 1; run <= runs; run++)); do
        start "$data"
        build/release/bookstore-bench pages --url "$url" --data-dir "$data" --requests "$requests" \
            >"$scratch/pages"
        stop
        sed "s/^/$n\t$run\t/" "$scratch/pages" >>"$scratch/raw"
    done
    rm -rf "$data"
done
[[ -z $raw ]] || cp "$scratch/raw" "$raw"

echo "bookstore-bench pages --url URL --data-dir DIR --requests $requests; $runs runs, a new server each"
cat <<TEXT

ms. A cell is first / middle / last page: the p50 of the slowest direction, the runs' median. A middle page is any of
the middle half; of a sort that walks its index, the farthest that is served. Growth is from the least to the most rows.
Of the largest size: the slowest page's p50, least to most of the runs; its p99, the median of runs and directions;
the greatest of all.

TEXT
awk -F'\t' -v sizes="$rows" '
    function median(list, parts, n, i, j, swap) {
        n = split(list, parts, " ")
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && parts[j - 1] + 0 > parts[j] + 0; j--) {
                swap = parts[j]; parts[j] = parts[j - 1]; parts[j - 1] = swap
            }
        least = parts[1]; most = parts[n]
        return parts[int((n + 1) / 2)]
    }
    {
        if (!($3 in seen)) { seen[$3] = 1; names[++count] = $3 }
        if (!(($3, $4) in placed)) { placed[$3, $4] = 1; places[$3] = places[$3] $4 " " }
        at = $1 SUBSEP $2 SUBSEP $3
        if ($5 > p50[at, $4]) p50[at, $4] = $5
        if ($5 > slowest[at]) slowest[at] = $5
        p99[$1, $3, $4] = p99[$1, $3, $4] $6 " "
        if ($7 > greatest[$1, $3]) greatest[$1, $3] = $7
        if ($2 > runs) runs = $2
    }
    END {
        columns = split(sizes, size, " ")
        header = "| |"; rule = "|---|"
        for (c = 1; c <= columns; c++) { header = header " " size[c] " rows |"; rule = rule "---|" }
        print header " growth | least to most | p99 | greatest |"
        print rule "---|---|---|---|"
        for (i = 1; i <= count; i++) {
            name = names[i]; line = "| " name " |"; growth = ""
            for (c = 1; c <= columns; c++) {
                n = split(places[name], place, " "); cell = ""
                for (k = 1; k <= n; k++) {
                    list = ""
                    for (r = 1; r <= runs; r++) list = list p50[size[c], r, name, place[k]] " "
                    value = median(list)
                    cell = cell (k > 1 ? " / " : " ") sprintf("%.2f", value)
                    if (c == 1) first[k] = value
                    if (c == columns) growth = growth (k > 1 ? " / " : " ") sprintf("%.1f", value / first[k])
                }
                line = line cell " |"
                list = ""
                for (r = 1; r <= runs; r++) list = list slowest[size[c], r, name] " "
                median(list); from = least; to = most; tail = 0
                for (k = 1; k <= n; k++) {
                    late = median(p99[size[c], name, place[k]])
                    if (late > tail) tail = late
                }
            }
            printf "%s%s | %.2f to %.2f | %.2f | %.2f |\n", line, growth, from, to,
                tail, greatest[size[columns], name]
        }
    }' "$scratch/raw"
