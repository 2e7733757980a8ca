# What bench/speed.sh's parts have in common: servers, directories and results. Sourced.
# Wants: scratch (a directory on the project's disk), results (a file), bin (build/release).

pids=()

# end: stops what this shell has started
end() {
    local each
    for each in "${pids[@]}"; do kill "$each" 2>/dev/null || true; done
    wait 2>/dev/null || true
}

# launch <data directory> <option>...: a server; sets pid, url and data once it listens
launch() {
    data=$1
    : >"$scratch/server.out" # what the one before printed goes now, not when this one has begun
    "$bin/bookstore" serve --listen 127.0.0.1:0 --data-dir "$data" "${@:2}" \
        >"$scratch/server.out" 2>"$scratch/server.log" &
    pid=$!
    pids+=("$pid")
    until grep -q listens "$scratch/server.out"; do
        kill -0 "$pid" 2>/dev/null || { cat "$scratch/server.log" >&2; return 1; }
        sleep 0.01
    done
    url=$(sed -n 's/.* \(http:.*\)$/\1/p' "$scratch/server.out")
}

# serve <data directory> <option>...: launch, ready, with a new customer and a new book that has
# stock for everybody; sets who (the options that name both) and post.lua
serve() {
    launch "$@"
    until curl -fsS -o /dev/null "$url/isReady" 2>/dev/null; do sleep 0.05; done
    local customer book
    customer=$(id_of customers '{"customerName":"Kim"}')
    book=$(id_of books '{"bookName":"C++","stock":1000000000}')
    who=(--url "$url" --customer "$customer" --book "$book")
    order='{"bookId":'$book',"customerId":'$customer',"quantity":1,"deliveryAddress":"busan si",'
    order+='"payAmount":1000.0,"payType":"ONCE"}'
    cat >"$scratch/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '$order'
LUA
}
answer_to_post() { curl -fsS -i -H 'Content-Type: application/json' -d "$2" "$url/$1"; }
id_of() { answer_to_post "$1" "$2" | tr -d '\r' | sed -n 's/^Location: .*\///p'; }

# stop: the last server
stop() { kill "$pid"; wait "$pid" 2>/dev/null || true; }

# bare: a bare Beast server that answers GET /orders/1 and POST /orders as the running server does,
# byte by byte; sets bare_url and bare_pid
bare() {
    curl -fsS -i "$url/orders/1" >"$scratch/get.answer"
    answer_to_post orders "$order" >"$scratch/post.answer"
    : >"$scratch/bare.out"
    "$bin/bare_beast_server" 0 "$(nproc)" "$scratch/get.answer" "$scratch/post.answer" \
        >"$scratch/bare.out" &
    bare_pid=$!
    pids+=("$bare_pid")
    until [[ -s $scratch/bare.out ]]; do sleep 0.01; done
    bare_url=http://127.0.0.1:$(cat "$scratch/bare.out")
    local ours=$url
    url=$bare_url
    curl -fsS -i "$url/orders/1" | cmp - "$scratch/get.answer"
    answer_to_post orders "$order" | cmp - "$scratch/post.answer"
    url=$ours
}

# directory <size>: a fresh one of that size, small or large; prints its path
directory() {
    rm -rf "$scratch/data"
    cp -r --reflink=auto "$scratch/$1" "$scratch/data"
    sync "$scratch"/data/*
    echo "$scratch/data"
}
fill() { "$bin/bookstore-bench" fill --data-dir "$1" --orders "$2" --customers 1000 --books 1000 >/dev/null; }
# has_room <orders>: the disk takes a directory of so many, and a half of it again
has_room() { (($(df --output=avail -k "$scratch" | tail -1) > $1 * 33 / 10)); }

# collect <size> <run> <prefix>: figures and curves of bookstore-bench on stdin become results
collect() {
    awk -F'\t' -v OFS='\t' -v size="$1" -v run="$2" -v prefix="$3" '
        /^\+/ { print "point", size, run, prefix substr($1, 2), $2, $3; next }
        NF == 2 { print "figure", size, run, prefix $1, $2 }' >>"$results"
}
figure() { printf 'figure\t%s\t%s\t%s\t%s\n' "$@" >>"$results"; } # <size> <run> <name> <value>
measure() { "$bin/bookstore-bench" "${@:4}" | collect "$1" "$2" "$3"; }

# rate <wrk options>...: requests a second
rate() {
    wrk "$@" >"$scratch/wrk.out"
    ! grep -q 'Non-2xx' "$scratch/wrk.out" || { cat "$scratch/wrk.out" >&2; return 1; }
    awk '/^Requests\/sec/ {print $2}' "$scratch/wrk.out"
}
command_line() { printf 'command\t%s\n' "$*" >>"$results"; }
