import { normalize } from 'node:path';
import { runningFolder } from '../../base/own-files.ts';
import { readListeners, type Listener } from '../../host/neighbours/listeners.ts';
import { parseInterfaceAddress, renderAddress } from '../../network/address.ts';
import type { Bridge } from '../../network/policy.ts';
import { resolverPort } from '../../network/resolvers.ts';
import { failed, ok, type HealthCheck } from '../check.ts';

/** The resolver of allowlist sandboxes needs its port on the bridge. */
export const resolverPortCheck: HealthCheck = {
  name: 'resolver_port',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const bridge = await sight.requireBridge();
    const others = (await readListeners(resolverPort, sight)).filter(
      (listener) => isInTheWay(listener, bridge) && !isOurs(listener),
    );
    if (others.length === 0) return ok(`Port ${resolverPort} on the bridge is free for the resolver, or in its use`);
    if (others.every(({ argv }) => argv === undefined) && !sight.isRoot) sight.requireRoot('whose the port is');
    const names = others.map(({ program: name = 'a program', address, proto }) => `${name} (${proto} ${address})`);
    return failed(`Port ${resolverPort}, at which coi answers names for allowlists, is taken: ${names.join(', ')}`, [
      `ss -lntup 'sport = :${resolverPort}'`,
      '# Stop that program, or have it listen on other addresses.',
    ]);
  },
};

function isInTheWay({ address }: Listener, { ipv4, ipv6 }: Bridge): boolean {
  const own = [ipv4, ipv6].flatMap((text) => (text ? [renderAddress(parseInterfaceAddress(text).address)] : []));
  return ['*', '0.0.0.0', '::', ...own].includes(address);
}

function isOurs({ argv }: Listener): boolean {
  // Whoever runs our files is of coi. Started by deploy/coi, it is called by a path with ".." in it.
  return argv?.some((word) => normalize(word).startsWith(`${runningFolder}/`)) ?? false;
}
