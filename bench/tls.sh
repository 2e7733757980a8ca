#!/usr/bin/env bash
# What TLS costs: scripts/bench tls [--runs N]
#   Two servers, one plain and one over TLS (1.3, P-256), are asked in turn: GET and POST of orders on kept connections.
#   Per second, and the server's own processor time a request, which is less noisy; then new connections a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=5
while (($#)); do
    case $1 in
        --runs) runs=${2:?}; shift ;;
        *) echo "usage: scripts/bench tls [--runs N]" >&2; exit 2 ;;
    esac
    shift
done

scripts/setup bench test
scripts/build release bookstore >/dev/null
mkdir -p build
scratch=$(mktemp -d build/bench.XXXXXX)
declare -A pid url
cleanup() {
    local each
    for each in "${pid[@]}"; do kill "$each" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/key.pem" -out "$scratch/cert.pem" \
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 30 2>/dev/null

order='{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan si","payAmount":1000.0,"payType":"ONCE"}'
cat >"$scratch/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '$order'
LUA

# start NAME OPTION...: a server with a customer, a book and an order
start() {
    local name=$1 out=$scratch/$1.out
    shift
    : >"$out"
    build/release/bookstore serve --listen 127.0.0.1:0 --data-dir "$scratch/$name" --log-level warning "$@" \
        >"$out" 2>"$scratch/$name.log" &
    pid[$name]=$!
    until grep -q listens "$out"; do sleep 0.05; done
    url[$name]=$(sed -n 's/.* listens on //p' "$out")
    local each
    for each in 'customers {"customerName":"Kim"}' 'books {"bookName":"C++","stock":1000000000}' "orders $order"; do
        curl -kfsS -o /dev/null -H 'Content-Type: application/json' -d "${each#* }" "${url[$name]}/${each%% *}"
    done
}
cpu_ns() { cat "/proc/${pid[$1]}"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; }

# one NAME get|post: "requests a second, microseconds of the server's processor a request"
one() {
    local before after seen options=(-t1 -c32 -d2s)
    [[ $2 == get ]] || options=(-t1 -c64 -d1s -s "$scratch/post.lua")
    before=$(cpu_ns "$1")
    seen=$(wrk "${options[@]}" "${url[$1]}/orders$([[ $2 == post ]] || echo /1)")
    # An order is settled behind its answer.
    [[ $2 == get ]] || sleep 3
    after=$(cpu_ns "$1")
    awk -v ns=$((after - before)) '/requests in/ { count = $1 } /^Requests\/sec/ { rate = $2 }
        END { printf "%.0f %.2f\n", rate, ns / 1000 / count }' <<<"$seen"
}
median() { sort -n | awk '{ a[NR] = $1 } END { printf "%s", a[int((NR + 1) / 2)] }'; }

start plain
start tls --tls-cert "$scratch/cert.pem" --tls-key "$scratch/key.pem"
for what in get post; do
    for ((run = 1; run <= runs; run++)); do
        names=(plain tls)
        ((run % 2)) || names=(tls plain)
        for name in "${names[@]}"; do one "$name" "$what" >>"$scratch/$what.$name"; done
    done
    paste -d' ' "$scratch/$what.plain" "$scratch/$what.tls" >"$scratch/$what.both"
    printf '%s: plain %s a second (%s us), TLS %s (%s us); TLS over plain %s, by processor time %s\n' "$what" \
        "$(cut -d' ' -f1 "$scratch/$what.plain" | median)" "$(cut -d' ' -f2 "$scratch/$what.plain" | median)" \
        "$(cut -d' ' -f1 "$scratch/$what.tls" | median)" "$(cut -d' ' -f2 "$scratch/$what.tls" | median)" \
        "$(awk '{ printf "%.3f\n", $3 / $1 }' "$scratch/$what.both" | median)" \
        "$(awk '{ printf "%.3f\n", $2 / $4 }' "$scratch/$what.both" | median)"
done
before=$(cpu_ns tls)
new=$(openssl s_time -connect "${url[tls]#https://}" -new -time 4 2>/dev/null | sed -n 's/^\([0-9]*\) connections in .* real.*/\1/p' | tail -1)
again=$(openssl s_time -connect "${url[tls]#https://}" -reuse -time 4 2>/dev/null | sed -n 's/^\([0-9]*\) connections in .* real.*/\1/p' | tail -1)
after=$(cpu_ns tls)
echo "new connections in 5 s, one after the other: $new; resumed: $again; $(((after - before) / 1000 / (new + again))) us of the server's processor each"
