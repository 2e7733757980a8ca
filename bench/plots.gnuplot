# The plots of docs/performance.md, out of what `bookstore-bench report --data-dir` wrote:
#     gnuplot -e "data='DIR'; out='DIR'" bench/plots.gnuplot
set terminal svg size 720,360 noenhanced font "sans-serif,12" background rgb "white"
set grid ytics lc rgb "#dddddd"
set border 3 lc rgb "#666666"
set tics nomirror
set key top left
there(name) = int(system("test -s ".data."/".name.".dat && echo 1 || echo 0"))

if (there("ratios")) {
    set output out."/ratios.svg"
    set title "Each run's ratio, and its goal"
    set xrange [0.4:3.6]
    set yrange [0:*]
    set xtics ("GET over bare Beast" 1, "POST burst over bare Beast" 2, "settled over plain SQLite" 3)
    plot data."/ratios.dat" using 1:2 with points pt 7 ps 0.7 lc rgb "#1f6fb2" title "a run", \
        "" using ($1-0.2):3:(0.4):(0) with vectors nohead lw 2 lc rgb "#c0392b" title "goal"
    set xrange [*:*]
    set xtics autofreq
}

if (there("sustain.placed")) {
    set output out."/sustained.svg"
    set title "Orders come as fast as they are answered"
    set xlabel "s"
    set ylabel "orders a second"
    set y2label "lag, s"
    set yrange [0:*]
    set y2range [0:3]
    set y2tics
    set key top right
    plot data."/sustain.placed.dat" with lines lw 1.5 lc rgb "#1f6fb2" title "placed", \
        data."/sustain.settled.dat" with lines lw 1.5 lc rgb "#2e8b57" title "settled", \
        data."/sustain.lag_s.dat" axes x1y2 with lines lw 1.5 lc rgb "#c0392b" title "lag (right)"
    unset y2tics
    unset y2label
}

if (there("drain.delivery_behind")) {
    set output out."/catching-up.svg"
    set title "A context that was stopped catches up"
    set xlabel "s since it was started"
    set ylabel "events behind"
    set key top right
    plot data."/drain.delivery_behind.dat" with lines lw 1.5 lc rgb "#1f6fb2" title "delivery", \
        data."/drain.payment_history_behind.dat" with lines lw 1.5 lc rgb "#2e8b57" title "payment history"
}

unset xlabel
set style fill solid 0.8 border -1
set boxwidth 0.6
set xtics rotate by 25 right
set key off
if (there("growth")) {
    set output out."/growth.svg"
    set title "Growth from the small to the large directory: above 1 is worse, 1.3 is the goal's bound"
    set ylabel "factor"
    plot data."/growth.dat" using 0:2:xtic(1) with boxes lc rgb "#1f6fb2", \
        1.3 with lines lw 2 lc rgb "#c0392b"
}
if (there("disk")) {
    set output out."/disk.svg"
    set title "Bytes on disk an order, by file"
    set ylabel "bytes"
    plot data."/disk.dat" using 0:2:xtic(1) with boxes lc rgb "#1f6fb2"
}
