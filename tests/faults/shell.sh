#!/faults/sh
# shellcheck disable=SC1091 # what it reads is written by the tests
# Stands in the place of /bin/sh, and lets something happen to one of the tool's own commands: each
# of them is started as `/bin/sh -c "exec …"`, and nothing else is.
#
# /faults/armed has a line for each fault, KIND<TAB>WORDS: it happens to the first command that has
# these words. `/faults/met/N` is there when the N-th has happened; whoever watches waits for it.
if [ "${1-}" != -c ] || [ ! -s /faults/armed ]; then exec /faults/sh "$@"; fi
case ${2-} in "exec "*) ;; *) exec /faults/sh "$@" ;; esac

number=0 kind=
while IFS='	' read -r happens words; do
  number=$((number + 1))
  case $2 in
    *"$words"*) if mkdir "/faults/met/$number" 2>/dev/null; then kind=$happens; break; fi ;;
  esac
done </faults/armed

cut() { echo off >/faults/power; read -r _ </faults/never; } # by whoever reads it
begin() { # in the background; the end of the terminal does not end it
  trap '' HUP
  /faults/sh "$@" &
  sleep 0.1
  [ ! -e /faults/begun ] || . /faults/begun
}
case $kind in
  pause) read -r _ </faults/go ;;
  fail) echo "It fails: a test wants it so." >&2; exit 1 ;;
  hang) read -r _ </faults/never ;;
  kill-before) kill -9 "$PPID"; exit 1 ;;
  kill-during) begin "$@"; kill -9 "$PPID"; wait; exit 1 ;;
  kill-after) /faults/sh "$@"; kill -9 "$PPID"; exit 1 ;;
  power-before) cut ;;
  power-during) begin "$@"; cut ;;
  power-after) /faults/sh "$@"; cut ;;
  sudo-expires) sudo -K ;;
  network-gone) . /faults/network-gone ;;
  disk-full) . /faults/disk-full ;;
  ctrl-c | "") ;; # whoever watches types it
esac
exec /faults/sh "$@"
