# Reads figures.csv (report.awk -v figures=1) and distribution.csv (distribution.awk); writes what plots.gp
# draws into the directory "dir", blanks between the columns:
#
#   rate.SCENARIO.TARGET     callers, rate by that of direct-tcp, least and most of it
#   cpu.SCENARIO             place of the bar, clients, with pooler, with server, name
#   groups.SCENARIO          middle of a group of bars, callers
#   latency.CALLERS.TARGET   microseconds, the share that took less, in nines
#   targets, sizes           what there is, in the order of the figures

BEGIN {
    FS = ","
    base = "direct-tcp"
    nines_most = 5 # a share of 1 has none
}

/^#/ || NF == 0 {
    next
}

FNR == 1 || $1 == "scenario" || $1 == "processes" {
    delete at
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}

"share" in at {
    print $at["below_us"], nines($at["share"]) > (dir "/latency." $1 "." $2)
    next
}

$1 == "get" || $1 == "threads" {
    rows++
    scenario[rows] = $1
    size[rows] = $2
    target[rows] = $3
    rate[$1, $2, $3] = $at["rate"]
    least[rows] = $at["rate_least"]
    most[rows] = $at["rate_most"]
    client[rows] = $at["client_s"]
    pooler[rows] = $at["pooler_s"]
    server[rows] = $at["server_s"]
    note(targets, $3)
    note(sizes, $2)
}

END {
    write_list(targets, "targets")
    write_list(sizes, "sizes")
    for (i = 1; i <= rows; i++) {
        write_rate(i, rate[scenario[i], size[i], base])
        write_cpu(i)
    }
    for (i = 1; i <= rows; i++)
        if (i == rows || scenario[i] != scenario[i + 1] || size[i] != size[i + 1])
            write_group(scenario[i], size[i])
}

function nines(share,    result) {
    result = share < 1 ? -log(1 - share) / log(10) : nines_most
    return sprintf("%.4f", result < nines_most ? result : nines_most)
}

# A list of what has come, each once; list[0] is how many.
function note(list, word,    i) {
    for (i = 1; i <= list[0]; i++)
        if (list[i] == word)
            return
    list[++list[0]] = word
}

function write_list(list, name,    i) {
    for (i = 1; i <= list[0]; i++)
        print list[i] > (dir "/" name)
}

function write_rate(i, by) {
    if (by > 0)
        print size[i], rate[scenario[i], size[i], target[i]] / by, least[i] / by, most[i] / by \
            > (dir "/rate." scenario[i] "." target[i])
}

# Bars of a size stand together; between groups is room for one.
function write_cpu(i,    of) {
    of = scenario[i]
    if (i > 1 && scenario[i - 1] == of && size[i - 1] != size[i])
        place[of]++
    group_most[of, size[i]] = ++place[of]
    if (!((of, size[i]) in group_least))
        group_least[of, size[i]] = place[of]
    print place[of], client[i], client[i] + pooler[i], client[i] + pooler[i] + server[i], target[i] \
        > (dir "/cpu." of)
}

function write_group(of, count) {
    print (group_least[of, count] + group_most[of, count]) / 2, count > (dir "/groups." of)
}
