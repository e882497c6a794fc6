#!/bin/sh
# PostgreSQL 15 (Debian postgresql): PREPARE TRANSACTION in a transaction that has
# failed is no error. It answers ROLLBACK, and nothing is prepared.
#
# For a coordinator that is a vote of yes, unless it reads the command tag: libpq's
# and pgx's result of the statement is success. COMMIT does the same, but there the
# damage ends with the transaction; here the coordinator goes on to commit at the
# others. COMMIT PREPARED then fails here, with the words that it has also for a
# transaction that it had committed before: "does not exist".
. "$(dirname "$0")/lib.sh"
bin=/usr/lib/postgresql/15/bin
[ -x $bin/postgres ] || { echo "this needs PostgreSQL 15: apt-get install postgresql"; exit 1; }
as= # it refuses to be root
if [ "$(id -u)" = 0 ]; then
	as="setpriv --reuid nobody --regid nogroup --clear-groups"
	chown nobody "$dir"
fi
$as $bin/initdb -D "$dir/data" -A trust -U me --no-sync >/dev/null
$as $bin/postgres -D "$dir/data" -c listen_addresses= -c unix_socket_directories="$dir" -c max_prepared_transactions=2 2>log &
server=$!
sql() { psql -X -h "$dir" -U me -d postgres "$@" 2>&1; }
until sql -c 'select 1' >/dev/null; do
	kill -0 "$server"
	sleep 0.1
done
seen=$(printf '%s\n' "begin;" "select 1/0;" "prepare transaction 'x';" | sql | tr '\n' ' ')
same "three statements" "$seen" "BEGIN ERROR:  division by zero ROLLBACK "
same "prepared" "$(sql -Atc 'select count(*) from pg_prepared_xacts')" 0
sql -c "begin; prepare transaction 'y'" >/dev/null
same "COMMIT PREPARED of one that is" "$(sql -c "commit prepared 'y'")" "COMMIT PREPARED"
same "again" "$(sql -c "commit prepared 'y'")" "ERROR:  prepared transaction with identifier \"y\" does not exist"
same "of one that never was" "$(sql -c "commit prepared 'x'")" "ERROR:  prepared transaction with identifier \"x\" does not exist"
