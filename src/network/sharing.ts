import type { Family } from './address.ts';
import { marks, renderMark } from './marks.ts';

/** Rules that differ between a bridge of coi's own and one on which others' containers sit, too. Each is one or more lines. */
export interface Sharing {
  /** In `judge`: packets from the bridge that the bridge table did not vouch for. */
  readonly unknownSender: string;
  /** In `forward`: what comes from the bridge and goes back to it. */
  readonly backToBridge: string;
  /** In `forward` and `input`: what the policy did not let through. */
  readonly notPassed: string;
  /** In `forward`: what goes to sandboxes. */
  readonly toSandboxes: string;
  /** In `output` and `nat`: narrows a rule to sandboxes by destination or source; empty where the bridge says it all. */
  readonly onlyTo: (ip: 'ip' | 'ip6', family: Family) => string;
  readonly onlyFrom: (ip: 'ip' | 'ip6', family: Family, prefix?: string) => string;
  /** In `guard`: frames of ports that are no sandbox's. */
  readonly otherPorts: string;
  /** Chains that the rules above lead to, in the bridge table. */
  readonly bridgeChains: string;
}

const identity = renderMark(marks.identity);
const both = renderMark(marks.identity | marks.passed);
const byNobody = 'counter drop comment "the bridge table did not vouch for it"';
const separator = '\n\t\t';

/** Everything on the bridge is a sandbox, or reaches nothing. */
export function ownBridge(name: string): Sharing {
  const fromBridge = `iifname "${name}"`;
  return {
    unknownSender: `meta mark & ${identity} == 0 ${byNobody}`,
    backToBridge: `${fromBridge} oifname "${name}" counter drop`,
    notPassed: `${fromBridge} meta mark & ${renderMark(marks.passed)} == 0 counter drop`,
    toSandboxes: `oifname "${name}" goto enter`,
    onlyTo: () => '',
    onlyFrom: (ip, _family, prefix) => (prefix === undefined ? '' : `${ip} saddr ${prefix}`),
    otherPorts: 'iifname != "coi*" accept',
    bridgeChains: '',
  };
}

/**
 * Sandboxes are those whose addresses are in `own4` and `own6`. Whatever else is on the bridge passes unjudged, unmarked and
 * without being translated, unless it claims to be a sandbox or has to do with one.
 */
export function sharedBridge(name: string): Sharing {
  const fromBridge = `iifname "${name}"`;
  const lines = (rule: (ip: 'ip' | 'ip6', family: Family) => string) => [rule('ip', 4), rule('ip6', 6)];
  return {
    unknownSender: [
      ...lines((ip, family) => `${ip} saddr @own${family} meta mark & ${identity} == 0 ${byNobody}`),
      `meta mark & ${identity} == 0 accept comment "of others: not ours to judge"`,
    ].join(separator),
    backToBridge: [
      `${fromBridge} oifname "${name}" meta mark & ${identity} == ${identity} counter drop`,
      ...lines((ip, family) => `${fromBridge} oifname "${name}" ${ip} daddr @own${family} counter drop`),
    ].join(separator),
    notPassed: `${fromBridge} meta mark & ${both} == ${identity} counter drop`,
    toSandboxes: lines((ip, family) => `oifname "${name}" ${ip} daddr @own${family} goto enter`).join(separator),
    onlyTo: (ip, family) => `${ip} daddr @own${family}`,
    onlyFrom: (ip, family) => `${ip} saddr @own${family}`,
    otherPorts: 'iifname != "coi*" goto others',
    // Which bridge a port is on cannot be asked for without a module that kernels may lack; these addresses are nobody
    // else's on any.
    bridgeChains: `	chain others {
		arp saddr ip @own4 counter drop comment "claims to be a sandbox"
		ip saddr @own4 counter drop
		ip6 saddr @own6 counter drop
	}
`,
  };
}
