import { pause, type Clock } from '../base/clock.ts';
import { IncusError } from '../host/incus/errors.ts';
import { runScript, type Guest } from './guest.ts';

/** Public resolvers that stand in while a build runs. */
export const publicServers = ['8.8.8.8', '8.8.4.4', '1.1.1.1'] as const;

/** How long names may take to resolve before somebody looks why they do not, in milliseconds. */
const patienceMs = 5_000;
const lookupMs = 3_000;

/** What names are looked up with. */
export interface NameCheck {
  readonly guest: Guest;
  /** A name that resolves where names do. */
  readonly name: string;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

/** Servers that stand in for those of the container; they end with it. */
export interface NameFix {
  /** Take them away again, unless names resolve by them alone: then they stay in the image. */
  end(): Promise<void>;
}

/**
 * Wait until names resolve inside. Where they do not because the container asks itself or nobody, although public resolvers
 * answer, those are asked for as long as the build lasts. The network of the host stays as it is.
 */
export async function fixNames(check: NameCheck): Promise<NameFix | undefined> {
  if (await resolvesInTime(check)) return undefined;
  const { guest, name, say } = check;
  const fault = faultOf((await runScript(guest, 'cat /etc/resolv.conf')).stdout.toString('utf8'));
  if (fault === undefined) {
    say(`Names do not resolve inside (${name}), and its name servers are others: left as they are`);
    return undefined;
  }
  const laid = await runScript(guest, laySubstitute, { stdin: substitute });
  if (laid.exitCode === 0 && (await resolves(check))) {
    say(`Names do not resolve inside: ${fault}. Using ${publicServers.join(', ')} for this build`);
    say('For good: give the bridge or the host a resolver that answers, see resolvectl status');
    return { end: () => endFix(check) };
  }
  await runScript(guest, takeSubstitute);
  say(`Names do not resolve inside (${name}): ${fault}, and no public resolver answers either`);
  return undefined;
}

/** Why a container cannot look up names, by its resolv.conf(5); undefined where that names somebody else. */
export function faultOf(resolvConf: string): string | undefined {
  const servers = [...resolvConf.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(([, server]) => server!);
  if (servers.length === 0) return 'its resolv.conf names no server';
  const isItself = (server: string) => server.startsWith('127.') || server === '::1';
  return servers.every(isItself) ? `its resolv.conf names only itself (${servers.join(', ')})` : undefined;
}

const substitute = publicServers.map((server) => `nameserver ${server}\n`).join('');

/** A mount is in no snapshot and in no image. What a link leads to may not be there yet. */
const laySubstitute = `
mkdir -p /run/coi-build && cat >/run/coi-build/resolv.conf || exit
if [ -L /etc/resolv.conf ] && [ ! -e /etc/resolv.conf ]; then
  target=$(readlink -f /etc/resolv.conf || readlink /etc/resolv.conf)
  mkdir -p "\${target%/*}" && : >"$target"
fi
[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
mount --bind /run/coi-build/resolv.conf /etc/resolv.conf || mount -o bind /run/coi-build/resolv.conf /etc/resolv.conf
`;
const takeSubstitute = 'umount /etc/resolv.conf; rm -f /run/coi-build/resolv.conf';
const keepSubstitute = 'rm -f /etc/resolv.conf && cat >/etc/resolv.conf && chmod 644 /etc/resolv.conf';

async function endFix(check: NameCheck): Promise<void> {
  const { guest, say } = check;
  await runScript(guest, takeSubstitute);
  if (await resolves(check))
    return say('Names resolve in the image by themselves: the name servers of this build are gone');
  await runScript(guest, keepSubstitute, { stdin: substitute });
  say(`Names still do not resolve in the image by themselves: ${publicServers.join(', ')} stay in its resolv.conf`);
}

async function resolvesInTime(check: NameCheck): Promise<boolean> {
  const { clock, guest } = check;
  const end = clock.monotonic() + patienceMs;
  do {
    if (await resolves(check)) return true;
    await pause(clock, 500, guest.signal);
    guest.signal.throwIfAborted();
  } while (clock.monotonic() < end);
  return false;
}

async function resolves({ guest, name }: NameCheck): Promise<boolean> {
  const script = 'if command -v getent; then getent ahosts "$1"; else nslookup "$1"; fi >/dev/null 2>&1';
  try {
    return (await runScript(guest, script, { args: [name], timeoutMs: lookupMs })).exitCode === 0;
  } catch (error) {
    // Nobody answered in time: that is no.
    if (error instanceof IncusError && error.code === 'incus.exec-timeout') return false;
    throw error;
  }
}
