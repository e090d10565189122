import { rightsScript, untrustedId } from '../processes/rights.ts';

/** The agent makes folders `0` to `readyFolders - 1` in advance. Making one later costs a command on the host. */
export const readyFolders = 4;

const folders = Array.from({ length: readyFolders }, (_, number) => `"$base/${number}"`).join(' ');

/** What the agent answers when the folders have been made again. */
export const renewed = 'vpmu-agent ready';

/**
 * The agent script, which runs on the host while the connection lasts. It holds the FIFO that every program's watcher waits
 * on, owns the folder for our files, and sends signals. If it runs as root, the folders belong to the user that QEMU runs as.
 * It ends at the end of its input, that is with the connection, or after a minute without a message (a dead network). Then
 * all our programs and files on the host are removed. Between two users of the connection, the message `renew` replaces the
 * folders by empty ones.
 *
 * A new agent removes the `vpmu.*` folders of agents that were killed. A process id may have been reused, so the agent
 * compares the start time in /proc/PID/stat (field 22; after the last ')' it is the 20th).
 */
export const agent = `
umask 077
started() { IFS= read -r stat <"/proc/$1/stat" 2>/dev/null || return; set -- \${stat##*)}; printf %s "\${20}"; }
for other in /tmp/vpmu.??????; do
	[ -O "$other" ] 2>/dev/null || continue
	read -r pid since 2>/dev/null <"$other/owner" || continue
	[ "$(started "$pid")" = "$since" ] || rm -rf -- "$other"
done
base=$(mktemp -d /tmp/vpmu.XXXXXX) && mkdir ${folders} "$base/kvm" || exit 71
give() { case $rights in self | setpriv) ;; *) chown ${untrustedId}:${untrustedId} ${folders} ;; esac; }
echo "$$ $(started $$)" >"$base/owner"
mkfifo "$base/lifeline" && exec 8<>"$base/lifeline" || exit 71
${rightsScript}
case $rights in
self | setpriv) ;;
*) chmod 711 "$base" && give || rights=setpriv ;;
esac
silence=
hush() { [ -z "$silence" ] || kill -s TERM "$silence" 2>/dev/null; }
leave() { hush; exec 8>&-; rm -rf -- "$base" || { sleep 1; rm -rf -- "$base"; }; exit 0; }
trap leave HUP TERM PIPE
echo "vpmu-agent $base $(id -u) $(uname -m) $rights"
while IFS=' ' read -r verb first second; do
	case $verb in
	kill) kill -s "$first" -- "$second" 2>/dev/null ;;
	renew) rm -rf -- "$base"/[0-9f]* && mkdir ${folders} && give && echo '${renewed}' || echo 'vpmu-agent failed' ;;
	beat)
		hush
		(exec 8>&- </dev/null >/dev/null; trap 'kill $!; exit' TERM; sleep 60 & wait $! && kill -s TERM $$) &
		silence=$!
		;;
	esac
done
leave`;
