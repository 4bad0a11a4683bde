import type { ProcessFacts } from '../../../host/process/process-facts.ts';
import type { WordsReader } from '../../../host/process/words-reader.ts';
import type { ExecEvent } from '../../event.ts';
import { describe, liveFacts } from './read-process-tree.ts';
import type { RunningSandbox } from './sandboxes.ts';

/** Looks at the processes of sandboxes in /proc: sees what lives long enough to be there. */
export class ProcPoll {
  readonly #reader: WordsReader;
  /** What ran at the last look: names by process, for each sandbox. */
  readonly #last = new WeakMap<RunningSandbox, ReadonlyMap<string, string>>();

  constructor(reader: WordsReader) {
    this.#reader = reader;
  }

  /** Programs that run now and did not at the last look; the sandbox's table learns all of them. */
  async look(sandbox: RunningSandbox, at: number): Promise<ExecEvent[]> {
    const last = this.#last.get(sandbox);
    const facts = await liveFacts(sandbox.init);
    this.#last.set(sandbox, new Map(facts.map((each) => [keyOf(each), each.name])));
    // Without a look before, what the table has was seen by somebody else.
    const isNew = (each: ProcessFacts) =>
      last
        ? last.get(keyOf(each)) !== each.name
        : !sandbox.table.has(each) || sandbox.table.get(each)?.name !== each.name;
    const byPid = new Map(facts.map((each) => [each.pid, each]));
    const asked = { reader: this.#reader, owner: sandbox.uid };
    const found = await Promise.all(facts.filter(isNew).map((each) => describe(each, sandbox.users, asked)));
    for (const { summary, ...process } of found) sandbox.table.set(process, summary);
    return found.map(({ summary, areWordsCut, pid }) => ({
      kind: 'exec',
      uid: sandbox.uid,
      at,
      ...summary,
      parents: sandbox.table.parents(ancestorsOf(pid, byPid)),
      ...(areWordsCut ? { isTruncated: true } : {}),
    }));
  }
}

/** Most parents that are told. */
const mostParents = 8;

function ancestorsOf(pid: number, byPid: ReadonlyMap<number, ProcessFacts>): ProcessFacts[] {
  const found: ProcessFacts[] = [];
  let next = byPid.get(byPid.get(pid)?.ppid ?? 0);
  while (next && found.length < mostParents) {
    found.push(next);
    next = byPid.get(next.ppid);
  }
  return found;
}

function keyOf({ pid, startedAt }: ProcessFacts): string {
  return `${pid} ${startedAt}`;
}
