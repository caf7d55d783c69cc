# Reads results.csv of run.sh, or several of them; prints the machine, tables for each scenario
# (Markdown; medians over the rounds) and a verdict for each threshold. With -v figures=1 prints the
# medians instead, as CSV. Plain awk: awk -f bench/report.awk results.csv...

BEGIN {
    FS = ","
    base = "direct-tcp"
    title["get"] = "One GET of 64 bytes in flight per process"
    title["threads"] = "One GET of 64 bytes in flight per thread of one process"
    title["connect"] = "Connect, one GET, close"
    title["pipeline"] = "redis-benchmark, 50 clients, pipelines of 16"
    title["fanout"] = "Messages of 64 bytes to subscribers of one channel, published 16 at a time"
    title["transactions"] = "One whole transaction in flight per process: MULTI, two GETs, EXEC"
    title["memory"] = "Memory of idle clients"
    unit["get"] = unit["connect"] = unit["transactions"] = "processes"
    unit["threads"] = "threads"
    unit["pipeline"] = "pipeline"
    unit["fanout"] = "listeners"
    unit["memory"] = "clients"
    scenario_count = split("get threads pipeline transactions connect fanout memory", scenarios, " ")
    known_targets = "direct-tcp direct-unix daemon-tcp daemon-unix daemon-library daemon-rings mock-socket mock-rings twemproxy-tcp twemproxy-unix"
    target_count = split(known_targets, targets, " ")
}

# Several files say mostly the same.
/^# / {
    if (!figures && !said[$0]++)
        print "- " substr($0, 3)
    next
}

$1 == "round" {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}

{
    cell = $2 SUBSEP $3 SUBSEP $4
    remember($2, $3)
    n = ++rounds[cell]
    if ($1 + 0 > round_count)
        round_count = $1 + 0
    nth[cell, $1 + 0] = n
    rate[cell, n] = value_of("rate")
    p50[cell, n] = value_of("p50_us")
    p90[cell, n] = value_of("p90_us")
    p99[cell, n] = value_of("p99_us")
    p999[cell, n] = value_of("p999_us")
    if (value_of("max_us") > most[cell])
        most[cell] = value_of("max_us")
    faults[cell] += value_of("errors") + value_of("wrong")
    replies[cell] += value_of("replies")
    server_s[cell] += value_of("server_cpu_s")
    pooler_s[cell] += value_of("pooler_cpu_s")
    client_s[cell] += value_of("client_cpu_s")
    checked[cell] = $at["errors"] != "-"
    has_tail[$2] = has_tail[$2] || value_of("p999_us") > 0
    memory[cell] = value_of("memory_bytes")
}

END {
    if (figures)
        print_figures()
    for (i = 1; i <= scenario_count && !figures; i++)
        if (scenarios[i] in sizes)
            tables(scenarios[i])
    if (!figures)
        verdicts()
}

# A column that is not there, or "-", is 0.
function value_of(name) {
    return (name in at) ? $at[name] + 0 : 0
}

# Sizes in the order of their first row: that is the order they were asked for.
function remember(scenario, size) {
    if ((scenario, size) in known)
        return
    known[scenario, size] = 1
    sizes[scenario] = sizes[scenario] " " size
}

# --- numbers --------------------------------------------------------------------------------------

function sorted_copy(from, cell, to,    i) {
    for (i = 1; i <= rounds[cell]; i++)
        insert(to, i, from[cell, i])
    return rounds[cell]
}

# As the n-th of values that are in order.
function insert(to, n, value) {
    for (; n > 1 && to[n - 1] > value; n--)
        to[n] = to[n - 1]
    to[n] = value
}

function median(from, cell,    values) {
    return middle(values, sorted_copy(from, cell, values))
}

function middle(values, n) {
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

# How far apart the rounds were, in percent of the median.
function spread(from, cell,    values, n) {
    n = sorted_copy(from, cell, values)
    return (values[n] - values[1]) * 100 / positive(median(from, cell))
}

function positive(number) {
    return number > 0 ? number : 1
}

# The median of the ratios within a round, or "" where no round measured both: a machine that is
# faster in some rounds than in others is so for both.
function ratio(from, one, other,    round, values, n) {
    for (round = 1; round <= round_count; round++)
        if ((one, round) in nth && (other, round) in nth && from[other, nth[other, round]] > 0)
            insert(values, ++n, from[one, nth[one, round]] / from[other, nth[other, round]])
    return n > 0 ? middle(values, n) : ""
}

# --- tables ---------------------------------------------------------------------------------------

function tables(scenario) {
    printf "\n### %s\n\n", title[scenario]
    if (scenario == "memory") {
        table(scenario, "memory")
        return
    }
    table(scenario, "speed")
    print "\nProcessor time, seconds per million replies:\n"
    table(scenario, "cpu")
    if (has_tail[scenario]) {
        print "\nLatency, microseconds:\n"
        table(scenario, "latency")
    }
}

function table(scenario, kind,    list, count, i, j) {
    head(scenario, kind)
    count = split(sizes[scenario], list, " ")
    for (i = 1; i <= count; i++)
        for (j = 1; j <= target_count; j++)
            if ((scenario SUBSEP list[i] SUBSEP targets[j]) in rounds)
                line(scenario, kind, list[i], targets[j])
}

function head(scenario, kind) {
    printf "| %9s | %-14s |", unit[scenario], "target"
    if (kind == "speed")
        columns_head("per_s:9 x_" base ":12 spread_%:8 p50_us:8 p99_us:8 faults:6")
    else if (kind == "cpu")
        columns_head("clients:8 pooler:8 server:8 together:8 x_" base ":12")
    else if (kind == "latency")
        columns_head("p50:9 p90:9 p99:9 p99.9:9 max:9")
    else
        columns_head("bytes_per_client:16")
}

# Of "name:width" words; "_" is a blank.
function columns_head(words,    list, count, i, part, line_below) {
    count = split(words, list, " ")
    line_below = "|----------:|----------------|"
    for (i = 1; i <= count; i++) {
        split(list[i], part, ":")
        gsub(/_/, " ", part[1])
        printf " %" part[2] "s |", part[1]
        line_below = line_below dashes(part[2] + 1) ":|"
    }
    print "\n" line_below
}

function dashes(count,    text) {
    while (length(text) < count)
        text = text "-"
    return text
}

function line(scenario, kind, size, target,    cell) {
    cell = scenario SUBSEP size SUBSEP target
    printf "| %9s | %-14s |", size, target
    if (kind == "speed")
        speed_line(cell, scenario SUBSEP size SUBSEP base)
    else if (kind == "cpu")
        cpu_line(target, cell, scenario SUBSEP size SUBSEP base)
    else if (kind == "latency")
        printf " %9.1f | %9.1f | %9.1f | %9.1f | %9.1f |\n", median(p50, cell), median(p90, cell),
            median(p99, cell), median(p999, cell), most[cell]
    else
        printf " %16d |\n", memory[cell]
}

function speed_line(cell, base_cell) {
    printf " %9.0f | %12s | %8.0f | %8.1f | %8.1f | %6s |\n",
        median(rate, cell), as_ratio(ratio(rate, cell, base_cell)), spread(rate, cell),
        median(p50, cell), median(p99, cell), (checked[cell] ? faults[cell] : "-")
}

# The processor time of redis-benchmark is not known.
function cpu_line(target, cell, base_cell) {
    printf " %8s | %8s | %8s | %8s | %12s |\n",
        (checked[cell] ? per_million(client_s[cell], cell) : "-"),
        (target ~ /^direct/ ? "-" : per_million(pooler_s[cell], cell)),
        per_million(server_s[cell], cell),
        (checked[cell] ? per_million(together_s(cell), cell) : "-"),
        (checked[cell] && checked[base_cell] ? as_ratio(cpu_ratio(cell, base_cell)) : "-")
}

function together_s(cell) {
    return client_s[cell] + pooler_s[cell] + server_s[cell]
}

function cpu_ratio(cell, base_cell) {
    if (replies[cell] <= 0 || replies[base_cell] <= 0 || together_s(base_cell) <= 0)
        return ""
    return (together_s(cell) / replies[cell]) / (together_s(base_cell) / replies[base_cell])
}

function as_ratio(number) {
    return number == "" ? "-" : sprintf("%.2f", number)
}

function per_million(cpu_s, cell) {
    return sprintf("%.2f", cpu_s * 1000000 / positive(replies[cell]))
}

# --- figures --------------------------------------------------------------------------------------

function print_figures(    i, j, k, count, list, cell) {
    print "scenario,size,target,rounds,rate,rate_least,rate_most,p50_us,p90_us,p99_us,p999_us,max_us," \
        "client_s,pooler_s,server_s,faults"
    for (i = 1; i <= scenario_count; i++) {
        count = split(sizes[scenarios[i]], list, " ")
        for (j = 1; j <= count; j++)
            for (k = 1; k <= target_count; k++) {
                cell = scenarios[i] SUBSEP list[j] SUBSEP targets[k]
                if (cell in rounds)
                    print scenarios[i] "," list[j] "," targets[k] "," figures_of(cell)
            }
    }
}

# Processor time is in seconds for a million replies.
function figures_of(cell,    sorted, n) {
    n = sorted_copy(rate, cell, sorted)
    return sprintf("%d,%.0f,%.0f,%.0f,%.2f,%.2f,%.2f,%.2f,%.2f,%s,%s,%s,%d", n, median(rate, cell),
        sorted[1], sorted[n], median(p50, cell), median(p90, cell), median(p99, cell),
        median(p999, cell), most[cell], per_million(client_s[cell], cell),
        per_million(pooler_s[cell], cell), per_million(server_s[cell], cell), faults[cell])
}

# --- verdicts -------------------------------------------------------------------------------------

function verdicts(    upstream, i, ways) {
    print "\n### Thresholds\n"
    split("unix tcp", ways, " ")
    for (i = 1; i <= 2; i++) {
        upstream = ways[i]
        at_least("get", 50, "daemon-" upstream, base, 1.0)
        at_least("get", 200, "daemon-" upstream, base, 1.0)
        at_least("get", 50, "daemon-" upstream, "twemproxy-" upstream, 1.3)
        at_least("get", 200, "daemon-" upstream, "twemproxy-" upstream, 1.3)
        at_least("pipeline", 16, "daemon-" upstream, "direct-" upstream, 0.9)
        at_least("fanout", 100, "daemon-" upstream, base, 1.0)
        at_least("fanout", 1000, "daemon-" upstream, base, 1.0)
        at_least("transactions", 50, "daemon-" upstream, base, 1.0)
        at_most_p50("get", 1, "daemon-" upstream, "direct-unix", 1.6)
    }
    at_least("pipeline", 16, "daemon-unix", base, 0.9)
    at_least("get", 1, "daemon-rings", base, 1.5)
    at_least("get", 8, "daemon-rings", base, 1.3)
    at_least("get", 50, "daemon-rings", base, 1.8)
    at_least("get", 200, "daemon-rings", base, 3.0)
    at_least("get", 50, "daemon-rings", "twemproxy-unix", 2.0)
    at_least("get", 200, "daemon-rings", "twemproxy-unix", 2.0)
    at_most_p50("get", 1, "daemon-rings", "direct-unix", 1.25)
    split("1 8 50 200", ways, " ")
    for (i = 1; i <= 4; i++)
        at_least("get", ways[i], "daemon-rings", "daemon-library", 1.0)
    at_least("get", 1, "mock-rings", "mock-socket", 5.0)
}

function at_least(scenario, size, target, other, limit) {
    judge(rate, "rate", 1, scenario, size, target, other, limit)
}

function at_most_p50(scenario, size, target, other, limit) {
    judge(p50, "p50", -1, scenario, size, target, other, limit)
}

# A ratio against a limit: at least that (wanted 1) or at most that (wanted -1).
function judge(from, name, wanted, scenario, size, target, other, limit,
               one, base_cell, measured) {
    one = scenario SUBSEP size SUBSEP target
    base_cell = scenario SUBSEP size SUBSEP other
    measured = ratio(from, one, base_cell)
    printf "- %-12s %-17s %s %.1f x %-15s %5s %s\n", scenario " " size ":", target " " name,
        (wanted > 0 ? ">=" : "<="), limit, other ":", as_ratio(measured),
        judgement(measured, trouble(one), trouble(base_cell), (measured - limit) * wanted >= 0)
}

# Where replies or rounds are missing, those that came say nothing about speed.
function trouble(cell) {
    if (faults[cell] > 0)
        return faults[cell] " faults"
    return rounds[cell] < round_count ? "rounds missing" : ""
}

function judgement(measured, own_trouble, other_trouble, holds) {
    if (measured == "")
        return "not measured"
    if (own_trouble != "")
        return "not reached (" own_trouble ")"
    if (other_trouble != "")
        return "not judged (" other_trouble " in what it is compared with)"
    return holds ? "reached" : "not reached"
}
