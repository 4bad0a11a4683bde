import { failed, ok, type HealthCheck } from '../check.ts';
import { acceptRules, describe, hasChain, obstructions } from '../passage.ts';

const chain = 'DOCKER-USER';

/** Docker drops whatever is forwarded and not its own. What coi accepts does not count there: a drop anywhere is final. */
export const dockerCheck: HealthCheck = {
  name: 'docker',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const programs = (await sight.iptables()).filter((each) => hasChain(each, chain) || hasChain(each, 'DOCKER'));
    if (programs.length === 0) return ok('Docker has no rules here');
    const bridge = await sight.requireBridge();
    const found = programs.map((each) => ({ program: each.program, dropped: obstructions(each, bridge, 'FORWARD') }));
    const dropped = found.flatMap((each) => each.dropped);
    if (dropped.length === 0) return ok('Docker lets the packets of sandboxes through');
    const fix = found
      .filter((each) => each.dropped.length > 0)
      .flatMap(({ program }) => acceptRules(chain, bridge.name).map((rule) => `${program} -I ${rule}`));
    return failed(`Docker drops packets of sandboxes: ${describe(dropped)}`, fix);
  },
};
