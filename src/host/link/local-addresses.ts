import { Problem } from '../../base/problem.ts';
import { parsePrefix } from '../../network/address.ts';
import type { Prefix } from '../../network/address.ts';
import { runInNetwork } from './in-network.ts';
import type { LinkCall } from './links.ts';

interface RouteJson {
  readonly dst?: string;
}

/**
 * Everything that the host takes for its own: its addresses, and the broadcast and anycast addresses of its links. See
 * ip-route(8), "table local".
 *
 * @throws Problem `link.failed`
 */
export async function listLocalAddresses(call: LinkCall): Promise<Prefix[]> {
  const lists = await Promise.all((['-4', '-6'] as const).map((family) => listFamily(family, call)));
  return lists.flat();
}

async function listFamily(family: '-4' | '-6', call: LinkCall): Promise<Prefix[]> {
  const command = ['ip', '-j', family, 'route', 'show', 'table', 'local'] as const;
  const { code, stdout, stderr } = await runInNetwork({ ...call, command: [...command] });
  if (code !== 0) {
    throw new Problem({
      code: 'link.failed',
      message: `Cannot list the addresses of this host: ${stderr.split('\n')[0] ?? `exit code ${code}`}`,
      retry: 'backoff',
    });
  }
  const routes = JSON.parse(stdout === '' ? '[]' : stdout) as RouteJson[];
  return routes.flatMap(({ dst }) => (dst === undefined ? [] : (parsePrefix(dst) ?? [])));
}
