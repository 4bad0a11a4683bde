import { marks, renderMark } from './marks.ts';
import { toListedPorts, toListedWeb } from './rule-text.ts';

/**
 * Chains for a host whose sandboxes another firewall judges. A packet meets, before routing: `judge`, which settles what
 * is no question of policy and notes on the mark whether an allowlist names the destination; the other firewall's rules in
 * the kernel's mangle table, which put `allowed` on the mark or not; and `settle`, which stamps or refuses. Answers that
 * must be judged again take the same way after routing. So a firewall whose rules are missing, half loaded or just being
 * reloaded allows nothing new, and flows that were let through go on.
 */
export function undecidedModes(variants: readonly string[]): string {
  const stub = (name: string) => `	chain ${name} { ${name.startsWith('allowlist') ? 'jump listed; ' : ''}accept; }`;
  return `	chain tell_literal { meta mark set meta mark | ${renderMark(marks.literal)} return; }
	chain tell_resolved { meta mark set meta mark | ${renderMark(marks.resolved)} return; }
	chain listed {
		${toListedWeb('host', 'jump tell_literal')}
		${toListedWeb('net', 'jump tell_literal')}
		${toListedPorts('hostport', 'jump tell_literal')}
		${toListedPorts('netport', 'jump tell_literal')}
		${toListedWeb('web', 'jump tell_resolved')}
		${toListedPorts('port', 'jump tell_resolved')}
	}
${['open', ...variants].map(stub).join('\n')}`;
}

const isAllowed = `meta mark & ${renderMark(marks.allowed)} != 0`;

/** What `enter` does with answers to flows that were let through under another policy. */
export const answersAsMarked = `ct direction reply ${isAllowed} goto stamp`;

/**
 * The hooks after, and for answers before, the other firewall's.
 *
 * @param onHost matches packets to the host itself, which are never stamped
 */
export function settleChains(bridgeName: string, onHost: string): string {
  const { identity, passed, allowed } = marks;
  return `
	chain settle {
		type filter hook prerouting priority mangle + 1; policy accept;
		iifname != "${bridgeName}" accept
		meta mark & ${renderMark(identity)} == 0 counter drop
		meta mark & ${renderMark(passed)} != 0 accept
		meta mark & ${renderMark(allowed)} == 0 goto refuse
		${onHost} goto host
		goto stamp
	}
	chain ask_again {
		type filter hook forward priority mangle - 1; policy accept;
		oifname != "${bridgeName}" accept
		meta mark set meta mark & 0x00ffffff
		ct direction reply ip daddr vmap @mode4
		ct direction reply ip6 daddr vmap @mode6
	}`;
}
