# Draws the figures of plots.sh, from what plots.awk wrote.
#
#   gnuplot -e "dir='...'; output='...'; latency_sizes='1 50'" bench/plots.gp
#
# Colours are Okabe and Ito's, which the colour-blind tell apart; shapes and dashes say the same once more.
# The background is opaque, so that the figures read well on dark pages as well.

targets = system("cat ".dir."/targets")
sizes = system("cat ".dir."/sizes")
sheet = "#ffffff"
ink = "#222222"

name(t) = t eq "direct-tcp" ? "direct TCP" : \
    t eq "direct-unix" ? "direct Unix" : \
    t eq "daemon-tcp" ? "daemon, TCP to the server" : \
    t eq "daemon-unix" ? "daemon, hiredis" : \
    t eq "daemon-library" ? "daemon, library" : \
    t eq "daemon-rings" ? "shared memory" : \
    t eq "twemproxy-unix" ? "twemproxy" : t
style_of(t) = t eq "direct-tcp" ? 1 : \
    t eq "direct-unix" ? 2 : \
    t eq "daemon-unix" ? 3 : \
    t eq "daemon-library" ? 4 : \
    t eq "daemon-rings" ? 5 : \
    t eq "twemproxy-unix" ? 6 : 7
set style line 1 lc rgb "#000000" lw 2 pt 7 ps 0.8 dt 1
set style line 2 lc rgb "#7f7f7f" lw 2 pt 5 ps 0.7 dt 2
set style line 3 lc rgb "#56b4e9" lw 2 pt 9 ps 0.9 dt 1
set style line 4 lc rgb "#0072b2" lw 2 pt 11 ps 0.9 dt 4
set style line 5 lc rgb "#d55e00" lw 3 pt 13 ps 1.1 dt 1
set style line 6 lc rgb "#009e73" lw 2 pt 4 ps 0.7 dt 5
set style line 7 lc rgb "#cc79a7" lw 2 pt 6 ps 0.7 dt 3
set style line 20 lc rgb "#e0e0e0" lw 1 dt 1
client_colour = "#56b4e9"
pooler_colour = "#e69f00"
server_colour = "#0072b2"

set border 3 lc rgb ink
set tics nomirror textcolor rgb ink
set bmargin 7
set title textcolor rgb ink
set key textcolor rgb ink

callers(s) = s eq "get" ? "processes" : "threads of one process"
file_of(s) = s eq "get" ? "processes" : s
counted(s, n) = n." ".(s eq "get" ? "process".(n eq "1" ? "" : "es") : "thread".(n eq "1" ? "" : "s"))
rates(s, t) = sprintf("%s/rate.%s.%s", dir, s, t)
# Side by side where they would stand upon each other.
beside(x, t) = x * 2 ** (0.06 * (style_of(t) - 3.5))

# --- requests per second ---------------------------------------------------------------------------

set terminal svg size 760,460 font "sans-serif,13" background sheet noenhanced
set xtics scale 1
do for [s in "get threads"] {
    set output sprintf("%s/rate-%s.svg", output, file_of(s))
    set title sprintf("Requests per second, compared with direct TCP; %s", callers(s))
    set xlabel callers(s).", each with one GET of 64 bytes in flight" textcolor rgb ink
    set ylabel "times the rate of direct TCP" textcolor rgb ink
    set key outside below horizontal Left reverse width 1
    set logscale x 2
    set logscale y 2
    set xrange [0.8:1.25 * real(word(sizes, words(sizes)))]
    set autoscale yfix
    set offsets 0, 0, graph 0.05, graph 0.05
    set xtics ()
    do for [n in sizes] { set xtics add (n real(n)) }
    set ytics (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
    set grid ytics ls 20
    set bars 0.5
    plot for [t in targets] rates(s, t) using (beside($1, t)):2:3:4 with yerrorlines \
        ls style_of(t) title name(t)
    unset output
    unset logscale
}

# --- processor time --------------------------------------------------------------------------------

set terminal svg size 960,520 font "sans-serif,13" background sheet noenhanced
set bmargin 9
set style fill solid 1.0 noborder
set boxwidth 0.8
do for [s in "get threads"] {
    set output sprintf("%s/cpu-%s.svg", output, file_of(s))
    set title sprintf("Processor time of a million GETs; %s", callers(s)) offset 0,0.8
    unset xlabel
    set ylabel "seconds per million GETs" textcolor rgb ink
    set key outside below horizontal Left reverse width 1
    set xrange [0:*]
    set autoscale y
    set yrange [0:*]
    set offsets 0, 0, graph 0.06, 0
    set xtics () rotate by 50 right scale 0
    set ytics auto
    set grid ytics ls 20
    bars = sprintf("%s/cpu.%s", dir, s)
    groups = system(sprintf("cat %s/groups.%s", dir, s))
    do for [i = 1:words(groups):2] {
        set label i counted(s, word(groups, i + 1)) at first real(word(groups, i)), graph 1.04 center textcolor rgb ink
    }
    # The tallest first, so that each of the others covers its lower part.
    plot bars using 1:4 with boxes lc rgb server_colour notitle, \
        bars using 1:3 with boxes lc rgb pooler_colour notitle, \
        bars using 1:2:xtic(name(stringcolumn(5))) with boxes lc rgb client_colour notitle, \
        bars using 1:4:(sprintf("%.1f", $4)) with labels offset 0,0.6 font ",10" \
            textcolor rgb ink notitle, \
        keyentry with boxes lc rgb client_colour title "clients", \
        keyentry with boxes lc rgb pooler_colour title "daemon or twemproxy", \
        keyentry with boxes lc rgb server_colour title "server"
    unset output
    unset label
}
unset offsets
set xtics norotate center scale 1
set title offset 0,0
set bmargin 7

# --- latency ---------------------------------------------------------------------------------------

set terminal svg size 760,460 font "sans-serif,13" background sheet noenhanced
do for [n in latency_sizes] {
    set output sprintf("%s/latency-%s.svg", output, n)
    set title "Latency of a GET of 64 bytes; ".counted("get", n)
    set xlabel "microseconds" textcolor rgb ink
    set ylabel "share of GETs that took less" textcolor rgb ink
    set key outside below horizontal Left reverse width 1
    set logscale x 10
    set xrange [*:*]
    set autoscale xfix
    set yrange [0:4.2]
    set xtics auto
    set ytics ("0" 0, "50 %%" 0.30103, "90 %%" 1, "99 %%" 2, "99.9 %%" 3, "99.99 %%" 4)
    set grid xtics ytics ls 20
    plot for [t in targets] sprintf("%s/latency.%s.%s", dir, n, t) \
        using 1:2 with lines ls style_of(t) title name(t)
    unset output
    unset logscale
}
