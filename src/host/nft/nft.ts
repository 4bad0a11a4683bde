import { Problem } from '../../base/problem.ts';
import { runInNetwork } from '../link/in-network.ts';
import type { Finished, NetworkScope } from '../link/in-network.ts';
import type { ReadyProgram } from '../link/ready-program.ts';
import type { Batch } from './batch.ts';
import { parseListing, parseMembers } from './listing.ts';
import type { Member, ObservedRuleset } from './listing.ts';

/** What a call to nft takes besides its subject. */
export interface NftCall extends NetworkScope {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with nft's process id, by which its notifications can be told from others', and with what is to be called
   * when they say that its batch is in force.
   */
  readonly onStart?: (pid: number, inForce: () => void) => void;
  /** Loads batches in place of one that is started for each. */
  readonly loader?: ReadyProgram;
}

/** What loads a batch from its standard input. */
export const loader = ['nft', '-f', '-'] as const;

/**
 * Loads a batch, as a whole or not at all. Where something is deleted, nft lives on for several milliseconds after that,
 * until nobody in the kernel looks at it any more: whoever hears notifications need not wait for its end.
 *
 * @throws Problem `nft.conflict` (retry: conflict) when the rules are not what the batch was made for,
 *   `nft.permission`, `nft.unsupported` when the kernel refuses, `nft.refused` when nft itself does
 */
export async function loadBatch({ text, fenceLines }: Omit<Batch, 'generation'>, call: NftCall): Promise<void> {
  const told = Promise.withResolvers<undefined>();
  const { onStart, signal, namespace } = call;
  const program = { command: loader, ...(namespace === undefined ? {} : { namespace }) };
  const task = {
    input: text,
    signal,
    onStart: (pid: number) => onStart?.(pid, () => told.resolve(undefined)),
  };
  const ended = call.loader ? call.loader.run(task) : runInNetwork({ ...program, ...task });
  // What is in force stays so, however nft ends.
  const finished = await Promise.race([told.promise, ended]);
  if (finished && finished.code !== 0) throw problemOf(finished, fenceLines);
}

/** Lists both tables of ours; a table that does not exist is left out. */
export async function listTables(call: NftCall): Promise<ObservedRuleset> {
  const texts = await Promise.all(
    ['inet', 'bridge'].map(async (family) => {
      const finished = await list(['table', family, 'coi'], call);
      if (finished.code === 0) return [finished.stdout];
      if (isAbsent(finished)) return [];
      throw problemOf(finished, 0);
    }),
  );
  return parseListing(texts.flat());
}

/** Reads the elements of one of our sets; none when there is no such set. */
export async function listMembers(name: string, call: NftCall): Promise<Member[]> {
  const finished = await list(['set', 'inet', 'coi', name], call);
  if (finished.code === 0) return parseMembers(finished.stdout);
  if (isAbsent(finished)) return [];
  throw problemOf(finished, 0);
}

function list(what: readonly string[], { signal, namespace }: NftCall): Promise<Finished> {
  const scope = namespace === undefined ? {} : { namespace };
  return runInNetwork({ ...scope, signal, command: ['nft', '-j', 'list', ...what] });
}

/** Loads standard input into the empty ruleset of a network namespace that ends with the shell, and prints it. */
const loadAndList = 'nft -f - && nft -j list table inet coi && nft -j list table bridge coi';

/**
 * How the kernel and nft show a skeleton once it is loaded, found by loading it where it can do no harm.
 * The script is constant; the skeleton goes in by standard input.
 */
export async function canonicalSkeleton(skeleton: string, signal?: AbortSignal): Promise<ObservedRuleset> {
  const finished = await runInNetwork({
    command: ['unshare', '--net', 'sh', '-c', loadAndList],
    input: skeleton,
    signal,
  });
  if (finished.code !== 0) throw problemOf(finished, 0);
  return parseListing(finished.stdout.split('\n').filter((line) => line !== ''));
}

function isAbsent({ stderr }: Finished): boolean {
  return /^Error: No such file or directory$/m.test(stderr);
}

/**
 * What a failed run of nft means to a person.
 *
 * @param fenceLines lines at the batch's start whose failure means that somebody else wrote
 */
export function problemOf({ stderr, code }: Finished, fenceLines: number): Problem {
  const detail = stderr.split('\n')[0]?.trim() || `exit code ${code}`;
  const line = Number(/^\S*?:(\d+):\d+/.exec(detail)?.[1] ?? Number.POSITIVE_INFINITY);
  if (/not permitted|Permission denied/.test(stderr)) {
    return new Problem({
      code: 'nft.permission',
      message: `nft may not touch the firewall: ${detail}`,
      hint: 'Run coi as root, or give it the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN.',
    });
  }
  if (/command not found|not found$/m.test(stderr)) {
    return new Problem({
      code: 'host.program-missing',
      message: `The program "nft" is not installed: ${detail}`,
      hint: 'Install it: apt-get install nftables',
    });
  }
  if (line <= fenceLines && /No such file|File exists/.test(stderr)) {
    return new Problem({
      code: 'nft.conflict',
      message: `Somebody else changed the tables of coi meanwhile: ${detail}`,
      hint: 'Look again and repeat; if it happens all the time, two controllers run.',
      retry: 'conflict',
    });
  }
  if (/Could not process rule: (?:Operation not supported|No such file|Protocol)/.test(stderr)) {
    return new Problem({
      code: 'nft.unsupported',
      message: `The kernel lacks something that coi's rules need: ${detail}`,
      hint: 'Load the modules nf_tables, nft_fib_inet, nft_ct, nft_masq, nft_log and nf_tables_bridge, or use a newer kernel.',
    });
  }
  return new Problem({
    code: 'nft.refused',
    message: `nft refused coi's rules: ${detail}`,
    hint: 'Nothing was changed. nftables 1.0.6 or newer is needed.',
    retry: 'backoff',
  });
}
