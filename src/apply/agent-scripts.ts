/**
 * What runs inside for an agent, always as the code user. Arguments are positional: nothing of a manifest is ever read as
 * shell text.
 */

/**
 * Where the exit code is left: not in what a booting system sweeps, unless there is no home. What was left before the
 * container started has another name: it says nothing about the agent of now. Needs `session` and HOME.
 *
 * @see proc_pid_stat(5), field 22
 */
export const statusPath = `
since=$(cut -c 1-8 /proc/sys/kernel/random/boot_id)-$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)
status=/tmp/$session.$since.status
if [ -w "$HOME" ]; then mkdir -p "$HOME/.coi/agent" && status=$HOME/.coi/agent/$session.$since.status; fi
`;

/** Takes away what was left, of earlier starts too. */
const forget = 'rm -f "${status%.*.status}".*status';

/**
 * Leaves a process behind and ends at once, because incusd waits for what it runs before it ends itself. Its environment is
 * that of the agent. Arguments: session, script of that process, `files` where an archive for the home comes by standard
 * input, home, and what that process takes besides. A system that boots may yet bring what is missing.
 */
export const launch = `
session=$1 wait=$2 files=$3; shift 3
if [ "$files" = files ]; then tar -xf - -C "$1" || exit 126; fi
# Before anybody is told that it was started: whoever looks for its end must not find the last one.
if [ "$3" = back ] && ! tmux has-session -t "=$session" 2>/dev/null; then
  HOME=$1
  ${statusPath}
  ${forget}
fi
command -v setsid >/dev/null || exit 127
case $(readlink -f /sbin/init) in
  */systemd) ;;
  *) command -v tmux >/dev/null || exit 127 ;;
esac
setsid sh -c "$wait" "$0" "$session" "$@" </dev/null >/dev/null 2>&1 &
`;

/**
 * Starts the agent in a tmux session of its own unless it is there, and ends when it does. Several may run side by side.
 * What ended since the container started has had its turn: only `again` and `back` start it once more.
 * When the agent ends, its window goes on with a shell for people to look around.
 * Arguments: session, home, directory, `again`, `back` or `once`, and the agent's own. A session that is there keeps the environment
 * of its server, so what the agent is to have goes through a file.
 */
export const wait = `
session=$1 HOME=$2 dir=$3 mode=$4; shift 4
export HOME LANG="\${LANG:-C.UTF-8}"
[ -d "$dir" ] || dir=$HOME
cd /
# Until a booting system has set up /tmp and its users, what is put there is swept away again. The bus has its socket after
# that, see bootup(7), and looking for it costs nothing; where it has none, the whole of it is waited for.
tries=1200
case $(readlink -f /sbin/init) in
  */systemd)
    until [ -S /run/dbus/system_bus_socket ] || [ $((tries -= 1)) -le 0 ]; do
      if [ $((tries % 8)) = 0 ] && systemctl is-system-running 2>/dev/null | grep -Eqx 'running|degraded'; then break; fi
      sleep 0.05
    done ;;
esac
${statusPath}
is_there() { tmux has-session -t "=$session" 2>/dev/null; }
if [ "$mode" = again ]; then tmux kill-session -t "=$session" 2>/dev/null; fi
if ! is_there && ! { [ "$mode" = once ] && [ -e "$status" ]; }; then
  ${forget}
  environment=$(umask 077; mktemp /dev/shm/coi.XXXXXX || mktemp "$HOME/.coi/agent/env.XXXXXX" || mktemp) 2>/dev/null
  (unset PWD OLDPWD; export -p) >"$environment"
  tmux new-session -d -s "$session" -c "$dir" sh -c '
    status=$1 session=$2 environment=$3; shift 3
    . "$environment"; rm -f "$environment"
    trap : INT
    "$@"; code=$?
    echo "$code" >"$status.new"; mv "$status.new" "$status"
    tmux wait-for -S "$session-ended"
    printf "\\nThe agent ended with exit code %s.\\n" "$code"
    exec "$(command -v bash || echo sh)"
  ' sh "$status" "$session" "$environment" "$@"
  code=$?
  if ! is_there && [ ! -e "$status" ]; then
    [ "$code" = 127 ] || code=125
    echo "$code" >"$status"
  fi
fi
# A server with other sessions outlives this one, and would let nobody go.
tmux set-hook -g 'session-closed[7373]' "wait-for -S $session-ended"
until [ -e "$status" ] || ! is_there; do
  tmux wait-for "$session-ended" || break
done
`;

/** What {@link look} answers while the agent's session is there and nothing says that it ended. */
export const stillThere = 'running';

/** Tells how the agent ended: its exit code, {@link stillThere}, or nothing. Arguments: session, home. */
export const look = `
session=$1 HOME=$2
export HOME
${statusPath}
if [ -f "$status" ]; then exec head -c 4 "$status"; fi
if tmux has-session -t "=$session" 2>/dev/null; then echo ${stillThere}; fi
`;
