# Reads latency.csv of run.sh, or several of them; prints the share of exchanges that took less than so
# many microseconds, of all rounds together. For the scenario get, and the numbers of processes in
# "sizes" (blanks between). awk -v sizes="1 50" -f bench/distribution.awk latency.csv...

BEGIN {
    FS = ","
    in_order = "sort -t, -k1,1n -k2,2 -k3,3n"
    split(sizes, list, " ")
    for (i in list)
        wanted[list[i]] = 1
}

$2 == "get" && ($3 in wanted) {
    cell = $3 "," $4
    count[cell, $5] += $6
    total[cell] += $6
    if (!((cell, $5) in known)) {
        known[cell, $5] = 1
        steps[cell] = steps[cell] " " $5
    }
}

END {
    print "processes,target,below_us,share"
    fflush()
    for (cell in total)
        print_cell(cell)
    close(in_order)
}

# Rounds have different steps: they are put in order first. Insertion is enough for two hundred.
function print_cell(cell,    list, n, i, j, step, sum) {
    n = split(steps[cell], list, " ")
    for (i = 2; i <= n; i++) {
        step = list[i]
        for (j = i - 1; j > 0 && list[j] + 0 > step + 0; j--)
            list[j + 1] = list[j]
        list[j + 1] = step
    }
    for (i = 1; i <= n; i++) {
        sum += count[cell, list[i]]
        print cell "," list[i] "," sprintf("%.7f", sum / total[cell]) | in_order
    }
}
