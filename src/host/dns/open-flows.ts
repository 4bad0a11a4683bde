import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { messageOf } from '../../base/problem.ts';
import { parseAddress, renderAddress } from '../../network/address.ts';
import { runInNetwork } from '../link/in-network.ts';

/** Pairs of addresses, `FROM TO`, between which something is open that FROM began. */
export type Flows = ReadonlySet<string>;

const table = '/proc/net/nf_conntrack';
const finished = /\b(?:TIME_WAIT|CLOSE|CLOSED|SYN_SENT)\b/;

/** The pair of one line of a conntrack table; undefined where nothing is open any more. */
export function flowOf(line: string): string | undefined {
  // The first of the two pairs on a line is that of whoever began; the second one is the answers'.
  const [, from, to] = /\bsrc=(\S+) dst=(\S+)/.exec(line) ?? [];
  if (from === undefined || to === undefined || finished.test(line)) return undefined;
  const [source, target] = [parseAddress(from), parseAddress(to)];
  return source && target ? `${renderAddress(source)} ${renderAddress(target)}` : undefined;
}

/**
 * What is open at this moment: from the kernel's table where it shows one, else by conntrack(8).
 *
 * @throws an error that says why neither can be had
 */
export async function openFlows(signal: AbortSignal): Promise<Flows> {
  try {
    return await readTable(signal);
  } catch (error) {
    signal.throwIfAborted();
    // Many kernels are built without that file.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const lists = await Promise.all(['ipv4', 'ipv6'].map((family) => listFlows(family, signal)));
  return new Set(lists.flat());
}

async function readTable(signal: AbortSignal): Promise<Flows> {
  const flows = new Set<string>();
  const lines = createInterface({ input: createReadStream(table, { signal }), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const flow = flowOf(line);
    if (flow !== undefined) flows.add(flow);
  }
  return flows;
}

async function listFlows(family: string, signal: AbortSignal): Promise<string[]> {
  const { code, stdout, stderr } = await runInNetwork({ command: ['conntrack', '-L', '-f', family], signal });
  if (code !== 0) throw new Error(`conntrack: ${messageOf(stderr.trim())}`);
  return stdout.split('\n').flatMap((line) => flowOf(line) ?? []);
}
