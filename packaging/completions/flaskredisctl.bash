# shellcheck shell=bash
# Completion of flaskredisctl for bash.
_flaskredisctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word command=''
    local commands='status top clients show slowlog reload pause resume disable enable drain reconnect kill set
        ping bench config'
    local directory=${FLASKREDIS_RUNTIME_DIR:-/run/flaskredis} i prefixes=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -s | --socket) i=$((i + 1)) ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
    done
    case $previous in
    -s | --socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    # the sockets that are there are the prefixes; the daemon's own are not
    for word in "$directory"/*.sock; do
        word=${word##*/}
        case $word in
        '*.sock' | admin.sock | metrics.sock | flaskredis.sock) ;;
        *) prefixes+=" ${word%.sock}" ;;
        esac
    done
    case $command in
    '') word="$commands --socket --json --no-color --help --version" ;;
    show) word="version pools stats latency limits memory config clients lanes upstreams help$prefixes" ;;
    config) word='check show' ;;
    slowlog) word="reset$prefixes" ;;
    clients | pause | resume | disable | enable | drain | reconnect | kill | set | ping | bench) word=$prefixes ;;
    *) word='' ;;
    esac
    if [ "$previous" = check ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
    fi
}
complete -F _flaskredisctl flaskredisctl
