import { containerPids } from '../../../host/cgroup/container-pids.ts';
import type { HostProcess } from '../../../host/process/container-process.ts';
import { factsOf, idMapOf, insideId, type IdMap, type ProcessFacts } from '../../../host/process/process-facts.ts';
import { splitWords } from '../../../host/process/split-words.ts';
import type { WordsReader } from '../../../host/process/words-reader.ts';
import { untilAborted } from '../../../base/until-aborted.ts';
import type { ProcessSummary } from '../../event.ts';
import { boundedWords } from './bounded.ts';

/** A process with what it runs. */
export interface LiveProcess extends HostProcess {
  readonly summary: ProcessSummary;
  readonly areWordsCut: boolean;
}

/** How many are asked about at once. */
const atOnce = 64;

/**
 * What runs in a container, its init first: at most 2,000 processes. Where the words of one could not be read in time, they are missing.
 *
 * @param owner whose container it is, for the reader
 * @throws the signal's reason when it aborts
 */
export async function readProcessTree(
  init: HostProcess,
  { reader, owner, signal }: { readonly reader: WordsReader; readonly owner: string; readonly signal: AbortSignal },
): Promise<ProcessSummary[]> {
  const [map, facts] = await Promise.all([idMapOf(init), liveFacts(init)]);
  const found: ProcessSummary[] = [];
  for (let from = 0; from < facts.length; from += atOnce) {
    const some = facts.slice(from, from + atOnce).map((each) => describe(each, map, { reader, owner }));
    found.push(...(await untilAborted(Promise.all(some), signal)).map(({ summary }) => summary));
  }
  return found;
}

/** What the kernel says of all processes of a container. */
export async function liveFacts(init: HostProcess): Promise<ProcessFacts[]> {
  const found: ProcessFacts[] = [];
  const pids = await containerPids(init);
  for (let from = 0; from < pids.length; from += atOnce) {
    const some = await Promise.all(pids.slice(from, from + atOnce).map(factsOf));
    found.push(...some.filter((each) => each !== undefined));
  }
  return found;
}

/** A process with its words. */
export async function describe(
  facts: ProcessFacts,
  map: IdMap,
  { reader, owner }: { readonly reader: WordsReader; readonly owner: string },
): Promise<LiveProcess> {
  const reading = await reader.read(facts, owner);
  const { words, isCut } = boundedWords(splitWords(reading?.words ?? Buffer.alloc(0)));
  const user = insideId(map, facts.user);
  const { pid, startedAt, ppid, name } = facts;
  return {
    pid,
    startedAt,
    areWordsCut: isCut || !reading,
    summary: { pid, ppid, name, program: reading?.executable ?? '', words, ...(user === undefined ? {} : { user }) },
  };
}
