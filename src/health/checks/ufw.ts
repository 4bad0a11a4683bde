import { readOptional } from '../../host/neighbours/files.ts';
import { failed, ok, type HealthCheck } from '../check.ts';
import { describe, hasChain, obstructions } from '../passage.ts';

/** ufw denies what comes in and what is routed unless told otherwise; DHCP and DNS on the bridge come in. */
export const ufwCheck: HealthCheck = {
  name: 'ufw',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const isEnabled = /^\s*ENABLED\s*=\s*["']?yes/im.test((await readOptional('/etc/ufw/ufw.conf')) ?? '');
    const programs = (await sight.iptables()).filter((each) => hasChain(each, 'ufw-before-input') || hasUfw6(each));
    if (programs.length === 0) return ok(isEnabled ? 'ufw is enabled and has no rules loaded' : 'ufw is not active');
    const bridge = await sight.requireBridge();
    const into = programs.flatMap((each) => obstructions(each, bridge, 'INPUT'));
    // Where Docker decides what is forwarded, that is its check's to tell.
    const routed = programs.filter((each) => !hasChain(each, 'DOCKER-USER'));
    const through = routed.flatMap((each) => obstructions(each, bridge, 'FORWARD'));
    if (into.length + through.length === 0) return ok('ufw lets the packets of sandboxes through');
    return failed(`ufw drops packets of sandboxes: ${describe([...into, ...through])}`, [
      ...(into.length > 0 ? [`ufw allow in on ${bridge.name}`] : []),
      ...(through.length > 0 ? [`ufw route allow in on ${bridge.name}`] : []),
    ]);
  },
};

function hasUfw6(each: Parameters<typeof hasChain>[0]): boolean {
  return hasChain(each, 'ufw6-before-input');
}
