/** A host by name or address, without brackets, and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where a sandbox is to try to get to. */
export interface TrialTargets {
  readonly reach: Place;
  readonly private: readonly Place[];
  /** An IPv4 address of the bridge that is not the sandbox's own. */
  readonly forged: string;
}

/** What a restricted sandbox of its own showed. */
export interface Trial {
  readonly targets: TrialTargets;
  /** Whether it found the address of what it is to reach. */
  readonly resolved: boolean;
  readonly reached: boolean;
  /** Whether this host itself gets there: what it does not reach says nothing about sandboxes. */
  readonly hostReaches: boolean;
  /** Which of the private places answered. */
  readonly opened: readonly Place[];
  /** Under an address that is not its own. */
  readonly forgery: 'refused' | 'passed' | 'untried';
}

/** How long one attempt may take, in seconds; names get one more. */
const attempt = 2;

/**
 * For bash, as root. Waits for an address, 5 s at most. Prints what is so, a word a line: `resolved`, `reached`, `opened INDEX`, `tried`, `passed`. Arguments:
 * host and port to reach, the forged address, then host and port of each private place.
 */
export const trialScript = `
host=$1 port=$2 forged=$3
shift 3
for _ in {1..50}; do
  read -r _ _ gateway _ < <(ip -4 route show default 2>/dev/null) && break
  sleep 0.1
done
knock() { timeout ${attempt} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }
(timeout ${attempt + 1} getent ahosts "$host" >/dev/null && echo resolved && knock "$host" "$port" && echo reached) &
index=0
while [ $# -gt 0 ]; do
  (knock "$1" "$2" && echo "opened $index") &
  index=$((index + 1))
  shift 2
done
wait
read -r address _ < <(timeout ${attempt + 1} getent ahostsv4 "$host")
[ -n "$address" ] && [ -n "$gateway" ] || exit 0
ip address add "$forged/32" dev eth0 && ip route add "$address/32" via "$gateway" dev eth0 src "$forged" && echo tried
knock "$address" "$port" && echo passed
exit 0
`;

/** The arguments of {@link trialScript}. */
export function trialArguments({ reach, private: places, forged }: TrialTargets): string[] {
  const words = ({ host, port }: Place) => [host, String(port)];
  return [...words(reach), forged, ...places.flatMap(words)];
}

/** Reads what {@link trialScript} printed. */
export function readTrial(targets: TrialTargets, hostReaches: boolean, printed: string): Trial {
  const lines = new Set(printed.split('\n'));
  return {
    targets,
    hostReaches,
    resolved: lines.has('resolved'),
    reached: lines.has('reached'),
    opened: targets.private.filter((_, index) => lines.has(`opened ${index}`)),
    forgery: !lines.has('tried') || !lines.has('reached') ? 'untried' : lines.has('passed') ? 'passed' : 'refused',
  };
}

/** Host and port of `NAME:PORT` or `[ADDRESS]:PORT`. */
export function parsePlace(text: string): Place {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
}

/** As {@link parsePlace} reads it. */
export function placeText({ host, port }: Place): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
