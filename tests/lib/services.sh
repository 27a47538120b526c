# Private PostgreSQL and RabbitMQ for the tests. Sourced by tests/run, not run.
#
# Both listen on free ports of 127.0.0.1 and keep everything under $SCRATCH. The
# broker has its own port mapper, cookie and home, so that no RabbitMQ or
# PostgreSQL that runs already notices. Every process is started in a session of
# its own and stopped by its pid.
# shellcheck shell=bash

SERVICE_PIDS=()

# launch NAME CMD...: CMD in its own session, its output in $SCRATCH/NAME.log.
launch() {
    local name=$1
    shift
    (cd "$SCRATCH" && exec setsid "$@") >"$SCRATCH/$name.log" 2>&1 </dev/null &
    LAUNCHED=$!
    disown "$LAUNCHED"
    SERVICE_PIDS+=("$LAUNCHED")
}

# wait_for NAME PID SECONDS CMD...: until CMD succeeds; fails early if PID died.
wait_for() {
    local name=$1 pid=$2 end=$((SECONDS + $3))
    shift 3
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $end ]; then
            echo "$name did not start; the end of its log:" >&2
            tail -n 25 "$SCRATCH/$name.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports N: N different free ports, below the range that the kernel gives to
# outgoing connections.
free_ports() {
    python3 -I -c '
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", random.randrange(20000, 32000)))
        held.append(one)
    except OSError:
        pass
print(*(one.getsockname()[1] for one in held))' "$1"
}

# find_postgres: the folder of initdb and postgres; the newest if there are several.
find_postgres() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) "$(dirname "$(command -v postgres || echo /-)")"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done
    return 1
}

# find_rabbitmq: the server's own script. Debian's in sbin changes to the user
# rabbitmq, who could not write here.
find_rabbitmq() {
    local file
    for file in /usr/lib/rabbitmq/bin/rabbitmq-server "$(command -v rabbitmq-server || true)"; do
        if [ -x "$file" ]; then
            echo "$file"
            return
        fi
    done
    return 1
}

start_postgres() {
    local bin data="$SCRATCH/postgres" as=()
    bin=$(find_postgres)
    mkdir -p "$data"
    if [ "$(id -u)" = 0 ]; then
        # PostgreSQL refuses to run as root.
        local user=postgres
        id "$user" >/dev/null 2>&1 || user=nobody
        chown "$user" "$data"
        as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
    fi
    (cd "$data" && exec "${as[@]}" "$bin/initdb" --pgdata="$data" --auth=trust --no-sync \
        --username=postgres --encoding=UTF8 --locale=C) >"$SCRATCH/initdb.log" 2>&1 ||
        { tail -n 25 "$SCRATCH/initdb.log" >&2; return 1; }
    # No socket file; speed instead of durability.
    launch postgres "${as[@]}" "$bin/postgres" -D "$data" -h 127.0.0.1 -p "$POSTGRES_PORT" -k "" \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400
    wait_for postgres "$LAUNCHED" 60 "$bin/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres
}

start_rabbitmq() {
    local home="$SCRATCH/rabbitmq" server name
    server=$(find_rabbitmq)
    mkdir -p "$home"
    echo "[]." >"$home/enabled_plugins"
    echo "log.console.level = info" >"$home/rabbitmq.conf"
    # A machine without /etc/hosts or name service still knows localhost.
    cat >"$home/inetrc" <<'INETRC'
{host, {127,0,0,1}, ["localhost"]}.
{lookup, [file, native]}.
INETRC
    cat >"$home/environment" <<ENVIRONMENT
export HOME="$home"
export ERL_EPMD_ADDRESS=127.0.0.1
export ERL_EPMD_PORT=$EPMD_PORT
export ERL_INETRC="$home/inetrc"
export RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_NODENAME=tenantd-tests@localhost
export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
export RABBITMQ_NODE_PORT=$AMQP_PORT
export RABBITMQ_DIST_PORT=$DIST_PORT
export RABBITMQ_CONFIG_FILE="$home/rabbitmq"
export RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins"
export RABBITMQ_MNESIA_BASE="$home/mnesia"
export RABBITMQ_LOG_BASE="$home/log"
export RABBITMQ_LOGS=-
export RABBITMQ_PID_FILE="$home/pid"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
ENVIRONMENT
    # The same settings for whoever wants to add users or cut connections.
    name="$(dirname "$server")/rabbitmqctl"
    [ -x "$name" ] || name=$(command -v rabbitmqctl || true)
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n. "%s/environment"\nexec "%s" "$@"\n' "$home" "$name" >"$home/rabbitmqctl"
    chmod +x "$home/rabbitmqctl"
    # The broker would start a port mapper that outlives it; run our own.
    launch epmd epmd -address 127.0.0.1 -port "$EPMD_PORT"
    wait_for epmd "$LAUNCHED" 20 port_open "$EPMD_PORT"
    # shellcheck disable=SC2016
    launch rabbitmq bash -c '. "$0"; exec "$1"' "$home/environment" "$server"
    wait_for rabbitmq "$LAUNCHED" 120 port_open "$AMQP_PORT"
}

start_services() {
    read -r POSTGRES_PORT AMQP_PORT DIST_PORT EPMD_PORT < <(free_ports 4)
    start_postgres
    start_rabbitmq
    export TENANTD_TEST_AMQP_URL="amqp://guest:guest@127.0.0.1:$AMQP_PORT/%2f"
    export TENANTD_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$POSTGRES_PORT/postgres"
    export TENANTD_TEST_RABBITMQCTL="$SCRATCH/rabbitmq/rabbitmqctl"
}

# Their data is thrown away, so nobody is given long to write it.
stop_services() {
    local pid end=$((SECONDS + 10)) signal
    for signal in INT TERM; do
        for pid in "${SERVICE_PIDS[@]}"; do kill -"$signal" -- "-$pid" 2>/dev/null || true; done
    done
    for pid in "${SERVICE_PIDS[@]}"; do
        while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.1; done
        kill -KILL -- "-$pid" 2>/dev/null || true
    done
    SERVICE_PIDS=()
}
