import { Problem } from '../../base/problem.ts';
import { isOwnChain, ownerOf } from '../../network/firewalld-rules.ts';
import type { DirectRule } from '../../network/firewalld-rules.ts';
import { runInNetwork } from '../link/in-network.ts';
import type { NetworkScope } from '../link/in-network.ts';

/** How many rules of each owner a chain has in the kernel, by `ipv chain owner`; chains by `ipv chain`. */
export type KernelCounts = ReadonlyMap<string, number>;

/** Chains of ours that are not in the kernel as firewalld believes them to be. */
export interface Astray {
  readonly ipv: DirectRule['ipv'];
  readonly chain: string;
  /** Whether the chain itself is missing. */
  readonly isMissing: boolean;
}

/**
 * Counts our rules in the kernel's mangle tables.
 *
 * @throws Problem `firewalld.kernel` when they cannot be listed
 */
export async function countRules(
  call: NetworkScope & { readonly signal?: AbortSignal | undefined },
): Promise<KernelCounts> {
  const counts = new Map<string, number>();
  for (const [ipv, program] of [
    ['ipv4', 'iptables-save'],
    ['ipv6', 'ip6tables-save'],
  ] as const) {
    const { code, stdout, stderr } = await runInNetwork({ ...call, command: [program, '-t', 'mangle'] });
    if (code !== 0) {
      throw new Problem({
        code: 'firewalld.kernel',
        message: `${program} cannot list the rules: ${stderr.split('\n')[0]?.trim()}`,
        hint: 'firewalld needs iptables for direct rules: apt-get install iptables',
        retry: 'backoff',
      });
    }
    for (const line of stdout.split('\n')) countLine(counts, ipv, line);
  }
  return counts;
}

function countLine(counts: Map<string, number>, ipv: string, line: string): void {
  const declared = /^:(coi_\w+) /.exec(line)?.[1];
  if (declared !== undefined) counts.set(`${ipv} ${declared}`, counts.get(`${ipv} ${declared}`) ?? 0);
  const [, chain = '', rest = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
  // Comments of ours have no blanks, so that nothing needs quotes undone; others' may be split wrongly and are not ours.
  const owner = ownerOf({ args: rest.split(' ').map((part) => part.replaceAll('"', '')) });
  if (owner === undefined && !chain.startsWith('coi_')) return;
  const key = `${ipv} ${chain} ${owner ?? 'nobody'}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Which chains are not what these rules, once loaded, look like. */
export function findAstray(rules: readonly DirectRule[], counts: KernelCounts): Astray[] {
  const chains = new Map(rules.map(({ ipv, chain }) => [`${ipv} ${chain}`, { ipv, chain }]));
  const wanted = new Map<string, number>();
  for (const rule of rules) {
    const key = `${rule.ipv} ${rule.chain} ${ownerOf(rule) ?? 'nobody'}`;
    wanted.set(key, (wanted.get(key) ?? 0) + kernelRules(rule));
  }
  return [...chains].flatMap(([id, place]) => {
    const isMissing = isOwnChain(place.chain) && !counts.has(id);
    const keys = [...new Set([...wanted.keys(), ...counts.keys()])].filter((key) => key.startsWith(`${id} `));
    // One too many of those that lead into our chains does no harm.
    const differs = keys.some((key) => {
      const [want = 0, have = 0] = [wanted.get(key), counts.get(key)];
      return isOwnChain(place.chain) ? want !== have : have < want;
    });
    return isMissing || differs ? [{ ...place, isMissing }] : [];
  });
}

/** iptables makes one rule of each address in a list. */
function kernelRules({ args }: DirectRule): number {
  const lists = ['-d', '-s'].map((option) => args.indexOf(option)).filter((at) => at >= 0);
  return lists.reduce((count, at) => count * args[at + 1]!.split(',').length, 1);
}
