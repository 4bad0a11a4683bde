import { parseKernelRules, type KernelRule } from '../../network/original/kernel-rules.ts';
import { problemOf } from '../nft/nft.ts';
import { runInNetwork, type NetworkScope } from '../link/in-network.ts';

/** What a call takes besides its subject. */
export interface ChainCall extends NetworkScope {
  readonly signal: AbortSignal;
}

const place = 'ip filter';

/**
 * Something of ours in the table for as long as rules are taken out of it: handles mean what they meant when they were read
 * as long as it is there, because a table that somebody made anew meanwhile lacks it.
 */
const fence = `set ${place} coi_fence`;
const addFence = `add ${fence} { type mark; }`;

/** Rules in one transaction. The kernel looks each of them up among all, so that many more take much longer. */
const chunk = 5_000;

/** 100,000 rules take nft some ten seconds to list. */
const timeoutMs = 300_000;

/** Rules in the kernel's `ip filter FORWARD` that the original coi can have caused; none where there is no such chain. */
export async function listForwardChain(call: ChainCall): Promise<KernelRule[]> {
  const command = ['nft', '-j', 'list', 'chain', 'ip', 'filter', 'FORWARD'] as const;
  const run = await runInNetwork({ ...call, command: [...command], timeoutMs });
  if (run.code === 0) return parseKernelRules(run.stdout);
  if (/No such file or directory/.test(run.stderr)) return [];
  throw problemOf(run, 0);
}

/**
 * Takes rules out that are chosen from what a look just now finds. Refused as a whole, some thousands at a time, when somebody
 * makes the table anew or takes one of them out meanwhile.
 *
 * @throws {Problem} `nft.conflict` (retry: conflict) when it was refused, and those of nft.ts
 */
export async function removeFromForwardChain(
  choose: (rules: readonly KernelRule[]) => readonly KernelRule[],
  call: ChainCall,
): Promise<void> {
  await load([addFence], call);
  try {
    // Only what is read behind the fence can be told from the rules of a table that was made anew.
    const handles = choose(await listForwardChain(call)).map(({ handle }) => handle);
    for (let from = 0; from < handles.length; from += chunk) {
      const rules = handles.slice(from, from + chunk).map((handle) => `delete rule ${place} FORWARD handle ${handle}`);
      await load([`delete ${fence}`, addFence, ...rules], call);
    }
  } finally {
    // Where it is gone, so is the table that it was in.
    await runInNetwork({ ...call, command: ['nft', ...`delete ${fence}`.split(' ')] });
  }
}

async function load(lines: readonly string[], call: ChainCall): Promise<void> {
  const run = await runInNetwork({ ...call, command: ['nft', '-f', '-'], input: `${lines.join('\n')}\n`, timeoutMs });
  if (run.code !== 0) throw problemOf(run, lines.length);
}
