import { containerPids } from '../../../host/process/container-pids.ts';
import type { HostProcess } from '../../../host/process/container-process.ts';
import { factsOf, idMapOf, insideId, type IdMap, type ProcessFacts } from '../../../host/process/process-facts.ts';
import { splitWords } from '../../../host/process/split-words.ts';
import { WordsReader } from '../../../host/process/words-reader.ts';
import { systemClock } from '../../../base/clock.ts';
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
 * @param reader reads their words; one of its own for the time unless given
 * @throws the signal's reason when it aborts
 */
export async function readProcessTree(
  init: HostProcess,
  signal: AbortSignal,
  reader?: WordsReader,
): Promise<ProcessSummary[]> {
  using own = reader ? undefined : new WordsReader(systemClock);
  const asked = { reader: reader ?? own!, owner: `${init.pid} ${init.startedAt}` };
  const [map, facts] = await Promise.all([idMapOf(init), liveFacts(init)]);
  const found: ProcessSummary[] = [];
  for (let from = 0; from < facts.length; from += atOnce) {
    const some = facts.slice(from, from + atOnce).map((each) => describe(each, map, asked));
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
