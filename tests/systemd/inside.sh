#!/bin/bash
# The service as its packages make it, on a systemd that is the first process. Runs inside the
# container of boot.sh; prints "N passed, N failed".
set -uo pipefail

readonly RUN=/run/flaskredis CONFIG=/etc/flaskredis/flaskredis.conf
readonly UNIT=flaskredisd.service
readonly DROP_IN=/etc/systemd/system/$UNIT.d
passed=0
failed=0

check() { # sentence, command...
    local sentence=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "  ok      $sentence"
    else
        failed=$((failed + 1))
        echo "  FAILED  $sentence"
        sed 's/^/          /' "$log" | tail -n 20
        journalctl -u "$UNIT" -n 12 --no-pager -o cat | sed 's/^/          | /'
    fi
}

same() { # expected, actual
    [ "$1" = "$2" ] || { printf 'expected: %s\nactual:   %s\n' "$1" "$2" && return 1; }
}

eventually() { # seconds, command...
    local deadline=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@"; do
        [ "$(date +%s%N)" -lt "$deadline" ] || { echo "not in time: $*" && return 1; }
        sleep 0.02
    done
}

ask() { redis-cli -s "$RUN/redis.sock" "$@" 2>&1; }
answers() { same PONG "$(redis-cli -s "$RUN/${1:-redis}.sock" PING 2>&1)"; }
property() { systemctl show -P "$1" "$UNIT"; }
is_active() { same active "$(systemctl is-active "$UNIT")"; }
status_has() { [[ $(property StatusText) == *$1* ]] || { property StatusText && return 1; }; }

drop_in() { # lines...
    mkdir -p "$DROP_IN"
    printf '%s\n' '[Unit]' StartLimitIntervalSec=0 '[Service]' "$@" >"$DROP_IN/test.conf"
    systemctl daemon-reload
}

configure() { # text of the configuration
    printf '%s\n' "$@" >"$CONFIG"
}

has_ctl_reload() { systemctl cat "$UNIT" | grep -q 'ExecReload=.*flaskredisctl'; }

# --- from installing on -----------------------------------------------------------------------------

installed_and_active() {
    dpkg -i /srv/*.deb && is_active && same enabled "$(systemctl is-enabled "$UNIT")" && answers
}

unit_is_fine() { systemd-analyze verify --man=no "$UNIT" flaskredis@cache.socket; }

modes_are_right() {
    same '640 root flaskredis' "$(stat -c '%a %U %G' "$CONFIG")" &&
        same '755 flaskredis' "$(stat -c '%a %U' "$RUN")" &&
        same '660 flaskredis flaskredis' "$(stat -c '%a %U %G' "$RUN/redis.sock")" &&
        same flaskredis "$(ps -o user= -p "$(property MainPID)" 2>/dev/null || stat -c %U "/proc/$(property MainPID)")"
}

status_is_told() {
    ask PING >/dev/null
    eventually 3 status_has 'requests/s' && eventually 9 status_has ' 0 requests/s'
}

# --- reloading --------------------------------------------------------------------------------------

good_reload() {
    configure '[REDIS]' '[CACHE]' 'url = redis://localhost:6379/1'
    systemctl reload "$UNIT" && eventually 3 answers cache && answers && is_active
}

bad_reload() {
    local status=0
    configure '[REDIS]' 'leases = many'
    systemctl reload "$UNIT" || status=$?
    eventually 3 status_has 'the last reload was refused' && answers cache && is_active || return 1
    ! has_ctl_reload || [ "$status" != 0 ] || { echo 'systemctl reload says nothing of it' && return 1; }
    configure '[REDIS]' '[CACHE]' 'url = redis://localhost:6379/1'
    systemctl reload "$UNIT" && ! status_has refused
}

# --- restarting -------------------------------------------------------------------------------------

start_load() {
    /srv/load 8 >/tmp/load.out 2>/tmp/load.err &
    LOAD=$!
    eventually 5 load_has_done 1000
}

load_has_done() { # so many
    [ "$(redis-cli GET load:0)" -ge "$1" ] 2>/dev/null
}

load_goes_on() {
    local now
    now=$(redis-cli GET load:0)
    eventually 5 load_has_done $((now + 500))
}

end_load() {
    local status=0
    kill "$LOAD"
    wait "$LOAD" || status=$?
    cat /tmp/load.out /tmp/load.err
    cp /tmp/load.out /tmp/load.last
    return "$status"
}

restarts_under_load() {
    local _
    start_load || return 1
    for _ in 1 2 3 4 5; do
        systemctl restart "$UNIT" && load_goes_on || return 1
    done
    end_load
}

upgrade_under_load() {
    start_load && dpkg -i /srv/flaskredisd_*.deb && load_goes_on && end_load && is_active
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

recovers_from_kill() {
    local before began
    before=$(property NRestarts)
    began=$(milliseconds)
    systemctl kill -s KILL "$UNIT"
    eventually 5 answers || return 1
    echo "answered after $(($(milliseconds) - began)) ms"
    [ $(($(milliseconds) - began)) -lt 1000 ] || return 1
    same $((before + 1)) "$(property NRestarts)"
}

# --- the watchdog -----------------------------------------------------------------------------------

thread_named() { # name
    local task
    for task in "/proc/$(property MainPID)"/task/*; do
        [ "$(cat "$task/comm")" != "$1" ] || echo "${task##*/}"
    done
}

has_restarted_beyond() { [ "$(property NRestarts)" -gt "$1" ]; }

watchdog_ends_a_stuck_worker() {
    local before
    drop_in WatchdogSec=2s
    configure '[flaskredisd]' 'workers = 2' '[REDIS]' '[CACHE]' 'url = redis://localhost:6379/1'
    systemctl restart "$UNIT" && answers || return 1
    before=$(property NRestarts)
    /srv/hold "$(thread_named 'worker 1')" >/tmp/hold.out &
    eventually 3 grep -q held /tmp/hold.out && eventually 8 has_restarted_beyond "$before" &&
        eventually 3 answers && journalctl -u "$UNIT" -o cat --no-pager | grep -q "Failed with result 'watchdog'"
}

healthy_service_is_left_alone() {
    local pid
    pid=$(property MainPID)
    eventually 1 answers
    sleep 5 # longer than WatchdogSec: that nothing happens can only be waited for
    same "$pid" "$(property MainPID)"
}

# --- secrets ----------------------------------------------------------------------------------------

credential_is_used() {
    redis-cli CONFIG SET requirepass hunter2 >/dev/null
    printf 'hunter2\n' >/etc/flaskredis/redis.password
    chmod 600 /etc/flaskredis/redis.password # root's alone
    drop_in LoadCredential=redis:/etc/flaskredis/redis.password
    configure '[REDIS]' 'password_file = redis'
    systemctl restart "$UNIT" && eventually 3 answers
}

credential_that_is_missing_is_told() {
    drop_in
    ! systemctl restart "$UNIT" && journalctl -u "$UNIT" -o cat --no-pager -n 20 |
        grep -q 'names a credential, and the daemon was started with none'
}

back_to_normal() {
    redis-cli -a hunter2 --no-auth-warning CONFIG SET requirepass '' >/dev/null
    rm -f /etc/flaskredis/redis.password
    configure '[REDIS]' '[CACHE]' 'url = redis://localhost:6379/1'
    systemctl reset-failed "$UNIT"
    systemctl restart "$UNIT" && eventually 3 answers
}

# --- the sandbox ------------------------------------------------------------------------------------

exposure_is_low() { systemd-analyze security --no-pager --threshold=14 "$UNIT" | tail -n 1; }

sandbox_holds() {
    local pid status
    pid=$(property MainPID)
    status=/proc/$pid/status
    grep -q '^CapEff:[[:space:]]*0*$' "$status" && grep -q '^CapBnd:[[:space:]]*0*$' "$status" &&
        grep -q '^NoNewPrivs:[[:space:]]*1' "$status" && grep -q '^Seccomp:[[:space:]]*2' "$status" &&
        ! nsenter --target "$pid" --mount touch /etc/flaskredis/made-inside &&
        ! nsenter --target "$pid" --mount touch /usr/made-inside
}

worker_is_on() { # core
    local worker
    worker=$(grep -lx 'worker 0' /proc/"$(property MainPID)"/task/*/comm)
    printf 'INCR core\n%.0s' {1..400} | redis-cli -s "$RUN/redis.sock" >/dev/null
    same "$1" "$(sed 's/.*) //' "${worker%comm}stat" | cut -d ' ' -f 37)"
}

# Both ways, so that it is not there by chance.
worker_follows_its_server() {
    local server cores core
    server=$(systemctl show -P MainPID redis-server)
    cores=$(nproc)
    [ "$cores" -ge 2 ] || return 0
    configure '[flaskredisd]' 'beside_server = yes' '[REDIS]' '[CACHE]' 'url = redis://localhost:6379/1'
    systemctl reload "$UNIT" || return 1
    for core in 0 1 0 1; do
        taskset -pc "$core" "$server" && eventually 5 worker_is_on "$core" || return 1
    done
    taskset -pc "0-$((cores - 1))" "$server"
}

# Root may ask, another user not: the daemon sees who is at the other end.
peers_are_known() {
    [ -S "$RUN/admin.sock" ] || return 0
    chmod 666 "$RUN/admin.sock"
    redis-cli -s "$RUN/admin.sock" SHOW VERSION | grep -q 0.1 &&
        ! setpriv --reuid=nobody --clear-groups redis-cli -s "$RUN/admin.sock" SHOW VERSION | grep -q 0.1
}

# --- socket units -----------------------------------------------------------------------------------

socket_unit_starts_the_service() {
    systemctl stop "$UNIT" && systemctl enable --now flaskredis@cache.socket || return 1
    same inactive "$(systemctl is-active "$UNIT")" && answers cache && is_active && answers
}

socket_unit_survives_a_restart() {
    systemctl restart "$UNIT" && answers cache && answers &&
        same active "$(systemctl is-active flaskredis@cache.socket)"
}

# --- going ------------------------------------------------------------------------------------------

disabled_stays_disabled() {
    systemctl disable "$UNIT" && dpkg -i /srv/flaskredisd_*.deb &&
        same disabled "$(systemctl is-enabled "$UNIT")"
}

purge_leaves_nothing() {
    dpkg -r flaskredisd && same inactive "$(systemctl is-active flaskredis@cache.socket)" &&
        same 640 "$(stat -c %a "$CONFIG")" || return 1
    dpkg -P flaskredisd || return 1
    rm -rf "$DROP_IN"
    same '' "$(find / -xdev -path /srv -prune -o -path /proc -prune -o -path /sys -prune -o -path /tmp -prune -o \
        -path /var/log -prune -o -path /var/lib/dpkg -prune -o \( -name '*flaskredis*' ! -path '*libflaskredis*' \) \
        ! -path '/usr/include/*' ! -path '/usr/share/doc/libflaskredis*' -print 2>/dev/null | grep -v 'libflaskredis\|/flaskredis\.pc$')"
}

systemctl start redis-server
eventually 5 redis-cli PING >/dev/null

check 'installing the packages starts the service' installed_and_active
check 'systemd finds nothing wrong with the units' unit_is_fine
check 'files, sockets and process have their owners and modes' modes_are_right
check 'the status tells how it goes' status_is_told
check 'the test that the package brings along passes' /srv/daemon
check 'a good reload is in force' good_reload
check 'a bad reload changes nothing and is told' bad_reload
drop_in
check 'restarts under load leave no command lost, doubled or in doubt' restarts_under_load
[ ! -e /tmp/load.last ] || sed 's/^/          /' /tmp/load.last
check 'nor does an upgrade' upgrade_under_load
check 'it is back within a second after kill -9' recovers_from_kill
check 'a worker that hangs is noticed by the watchdog' watchdog_ends_a_stuck_worker
check 'a healthy service is left alone' healthy_service_is_left_alone
check 'a password comes from a credential' credential_is_used
check 'a credential that is missing is told' credential_that_is_missing_is_told
check 'without, all is as before' back_to_normal
check 'its exposure is low' exposure_is_low
check 'the sandbox holds' sandbox_holds
check 'a worker follows its server through the sandbox' worker_follows_its_server
check 'peers are known through the sandbox' peers_are_known
check 'a socket unit starts the service with the first client' socket_unit_starts_the_service
check 'and stays over a restart' socket_unit_survives_a_restart
check 'what is disabled stays so over an upgrade' disabled_stays_disabled
check 'purging leaves nothing behind' purge_leaves_nothing

echo "systemd: $passed passed, $failed failed"
[ "$failed" = 0 ]
