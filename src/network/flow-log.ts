import type { Family } from './address.ts';
import { both } from './rule-text.ts';
import { metadataAddresses, privateRanges } from './special-ranges.ts';

/**
 * Ports that remote shells and controllers of bots are known for, and hardly anything else: those of common listeners,
 * and IRC.
 */
export const oddPorts = ['1234', '4444', '5555', '6666-6667', '6697', '12345', '31337'] as const;

/** How many odd flows of one sandbox, of each kind, are logged: far more than a look at one thing needs. */
const oddLimit = 'limit rate 50/second burst 100 packets';

/** Kinds of odd flows. Each has a limit of its own, so that a scan of one kind hides no other. */
export const oddKinds = ['metadata', 'ports', 'near'] as const;

/**
 * Chains that have flows of watched sandboxes written to the kernel log. `stamped` and `refuse` lead here with what is
 * new alone, so packets of established flows never meet them. Odd flows go to the log past the limit for ordinary ones;
 * those beyond their own limit are ordinary.
 *
 * @see nft(8): what a set's element limits is asked for each packet, and one that is above it goes on to the next rule
 */
export const flowChains = `	chain tell_passed {
		${oddFlows()}
		${both((ip, family) => `${ip} saddr vmap @flow${family}`)}
	}
	chain tell_refused {
		${oddFlows()}
		${both((ip, family) => `${ip} saddr vmap @log${family}`)}
	}
	chain over {
		${both((ip, family) => `update @over${family} { ${ip} saddr }`)}
	}`;

function oddFlows(): string {
  const near = { 4: [...privateRanges[4], '169.254.0.0/16'], 6: privateRanges[6] } as const;
  const to = (ranges: Readonly<Record<Family, readonly string[]>>) => (ip: 'ip' | 'ip6', family: Family) =>
    `${ip} daddr { ${ranges[family].join(', ')} }`;
  const matches = {
    metadata: to(metadataAddresses),
    ports: () => `meta l4proto { tcp, udp } th dport { ${oddPorts.join(', ')} }`,
    near: to(near),
  };
  return oddKinds
    .map((kind) =>
      both(
        (ip, family) =>
          `${matches[kind](ip, family)} update @odd_${kind}${family} { ${ip} saddr ${oddLimit} } ${ip} saddr vmap @odd${family}`,
      ),
    )
    .join('\n\t\t');
}
