import { clashesIn, readRoutingMarks } from '../../host/neighbours/marks.ts';
import { marks, renderMark } from '../../network/marks.ts';
import { ok, warning, type HealthCheck } from '../check.ts';

/** Two bits of the packet mark and the mark of sandboxes' connections are coi's: no other program may use them. */
export const packetMarksCheck: HealthCheck = {
  name: 'packet_marks',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const bits = `${renderMark(marks.identity)} and ${renderMark(marks.passed)}`;
    const [iptables, { chains }] = await Promise.all([sight.iptables(), sight.foreignRules()]);
    const found = clashesIn({ iptables, chains, bridge: sight.bridgeName });
    const clashes = [...found, ...(await readRoutingMarks(sight))];
    if (clashes.length === 0) return ok(`Nobody else uses coi's bits of the packet mark (${bits})`);
    const lines = clashes.map(({ what, rule }) => `${what}: ${rule}`);
    return warning(
      `Other programs use marks that are coi's (${bits}, and those of sandboxes' connections): ${lines.join('; ')}`,
      [
        `# Give that program other bits, or keep its rule away from the bridge: -i ! ${sight.bridgeName}, iifname != ${sight.bridgeName}`,
      ],
    );
  },
};
