# Reads results.csv of run.sh; prints the machine, a table for each scenario (Markdown; medians over
# the rounds) and a verdict for each threshold. Plain awk: awk -f bench/report.awk results.csv

BEGIN {
    FS = ","
    base = "direct-tcp"
    title["get"] = "One GET of 64 bytes in flight per process"
    title["connect"] = "Connect, one GET, close"
    title["pipeline"] = "redis-benchmark, 50 clients, pipelines of 16"
    title["fanout"] = "Messages of 64 bytes to subscribers of one channel, published 16 at a time"
    title["transactions"] = "One whole transaction in flight per process: MULTI, two GETs, EXEC"
    title["memory"] = "Memory of idle clients"
    unit["get"] = unit["connect"] = unit["transactions"] = "processes"
    unit["pipeline"] = "pipeline"
    unit["fanout"] = "listeners"
    unit["memory"] = "clients"
    scenario_count = split("get pipeline transactions connect fanout memory", scenarios, " ")
    known_targets = "direct-tcp direct-unix daemon-tcp daemon-unix daemon-library daemon-rings twemproxy-tcp twemproxy-unix"
    target_count = split(known_targets, targets, " ")
}

/^# / {
    print "- " substr($0, 3)
    next
}

$1 == "round" {
    next
}

{
    cell = $2 SUBSEP $3 SUBSEP $4
    remember($2, $3)
    n = ++rounds[cell]
    if ($1 + 0 > round_count)
        round_count = $1 + 0
    rate[cell, n] = $5 + 0
    p50[cell, n] = $6 + 0
    p99[cell, n] = $7 + 0
    faults[cell] += $8 + $9
    replies[cell] += $10
    server_s[cell] += $11
    pooler_s[cell] += $12
    client_s[cell] += $13
    checked[cell] = $8 != "-"
    memory[cell] = $14
}

END {
    for (i = 1; i <= scenario_count; i++)
        if (scenarios[i] in sizes)
            table(scenarios[i])
    verdicts()
}

# Sizes in the order of their first row: that is the order they were asked for.
function remember(scenario, size) {
    if ((scenario, size) in known)
        return
    known[scenario, size] = 1
    sizes[scenario] = sizes[scenario] " " size
}

# --- numbers --------------------------------------------------------------------------------------

function sorted_copy(from, cell, to,    i, j, value) {
    for (i = 1; i <= rounds[cell]; i++) {
        value = from[cell, i]
        for (j = i - 1; j > 0 && to[j] > value; j--)
            to[j + 1] = to[j]
        to[j + 1] = value
    }
    return rounds[cell]
}

function median(from, cell,    values, n) {
    n = sorted_copy(from, cell, values)
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

# The ratio of medians, or "" where one of the two was not measured.
function ratio(from, one, other) {
    if (!(one in rounds) || !(other in rounds) || median(from, other) <= 0)
        return ""
    return median(from, one) / median(from, other)
}

# --- tables ---------------------------------------------------------------------------------------

function table(scenario,    list, count, i, j) {
    printf "\n### %s\n\n", title[scenario]
    if (scenario == "memory")
        memory_head()
    else
        speed_head(scenario)
    count = split(sizes[scenario], list, " ")
    for (i = 1; i <= count; i++)
        for (j = 1; j <= target_count; j++)
            if ((scenario SUBSEP list[i] SUBSEP targets[j]) in rounds)
                line(scenario, list[i], targets[j])
}

function line(scenario, size, target) {
    if (scenario == "memory")
        memory_line(size, target, scenario SUBSEP size SUBSEP target)
    else
        speed_line(scenario, size, target, scenario SUBSEP size SUBSEP target)
}

function speed_head(scenario) {
    printf "| %9s | %-14s | %9s | %12s | %8s | %8s | %8s | %8s | %8s | %8s | %6s |\n",
        unit[scenario], "target", "per s", "x " base, "spread %", "p50 us", "p99 us",
        "server", "pooler", "clients", "faults"
    print "|----------:|----------------|----------:|-------------:|---------:|---------:" \
        "|---------:|---------:|---------:|---------:|-------:|"
}

function speed_line(scenario, size, target, cell) {
    printf "| %9s | %-14s | %9.0f | %12s | %8.0f | %8.1f | %8.1f | %8s | %8s | %8s | %6s |\n",
        size, target, median(rate, cell),
        as_ratio(ratio(rate, cell, scenario SUBSEP size SUBSEP base)), spread(rate, cell),
        median(p50, cell), median(p99, cell), per_million(server_s[cell], cell),
        (target ~ /^direct/ ? "-" : per_million(pooler_s[cell], cell)),
        (checked[cell] ? per_million(client_s[cell], cell) : "-"),
        (checked[cell] ? faults[cell] : "-")
}

function as_ratio(number) {
    return number == "" ? "-" : sprintf("%.2f", number)
}

function per_million(cpu_s, cell) {
    return sprintf("%.2f", cpu_s * 1000000 / positive(replies[cell]))
}

function memory_head() {
    printf "| %9s | %-14s | %16s |\n", unit["memory"], "target", "bytes per client"
    print "|----------:|----------------|-----------------:|"
}

function memory_line(size, target, cell) {
    printf "| %9s | %-14s | %16d |\n", size, target, memory[cell]
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
