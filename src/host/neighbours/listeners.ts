import { readFile } from 'node:fs/promises';
import { Problem } from '../../base/problem.ts';
import { ask, type Asking } from './ask.ts';

/** Somebody who listens on a port. */
export interface Listener {
  readonly proto: 'tcp' | 'udp';
  /** Address without brackets and zone; `*`, `0.0.0.0` and `::` are all of them. */
  readonly address: string;
  readonly port: number;
  /** Name and command line of the process; undefined where this user may not see them. */
  readonly program: string | undefined;
  readonly argv: readonly string[] | undefined;
}

/**
 * Who listens on a port of this host. See ss(8).
 *
 * @throws Problem `health.unreadable` when ss cannot be used
 */
export async function readListeners(port: number, asking: Asking): Promise<readonly Listener[]> {
  const finished = await ask(['ss', '-Hlntup', 'sport', '=', `:${port}`], asking);
  if (finished?.code === 0) return Promise.all(parseListeners(finished.stdout).map(withArgv));
  throw new Problem({
    code: 'health.unreadable',
    message: `ss could not list who listens${finished ? `: ${finished.stderr.split('\n')[0]}` : ': it is not installed'}`,
    hint: 'Install it: apt-get install iproute2',
  });
}

interface Seen extends Omit<Listener, 'argv'> {
  readonly pid: string | undefined;
}

/** Lines of `udp UNCONN 0 0 10.0.0.1%coibr0:53 0.0.0.0:* users:(("dnsmasq",pid=7,fd=4))`. */
export function parseListeners(text: string): Seen[] {
  return text.split('\n').flatMap((line) => {
    const [, proto, host = '', port] = /^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s/.exec(`${line} `) ?? [];
    if (proto === undefined) return [];
    const [, program, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(line) ?? [];
    const address = host.replace(/%.*$/, '').replaceAll(/[[\]]/g, '');
    return [{ proto: proto as 'tcp' | 'udp', address, port: Number(port), program, pid }];
  });
}

async function withArgv({ pid, ...seen }: Seen): Promise<Listener> {
  // A process that is gone by now, or that is not ours to look at, has no command line to show.
  const text = pid === undefined ? undefined : await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return { ...seen, argv: text?.split('\0') };
}
