import { describe, expect, it } from 'vitest';
import type { Trace } from '../../../../src/host/bpftrace/record.ts';
import { boundedWords } from '../../../../src/monitor/sensors/process/bounded.ts';
import { callDetails } from '../../../../src/monitor/sensors/process/call-details.ts';
import { completeWords } from '../../../../src/monitor/sensors/process/complete-words.ts';
import { eventsOf } from '../../../../src/monitor/sensors/process/events-of.ts';
import { ProcessTable } from '../../../../src/monitor/sensors/process/process-table.ts';
import type { RunningSandbox } from '../../../../src/monitor/sensors/process/sandboxes.ts';
import { Unseen } from '../../../../src/monitor/sensors/process/unseen.ts';
import { insideId } from '../../../../src/host/process/process-facts.ts';

const at = (pid: number, startedAt = '100') => ({ pid, startedAt });
const summary = (pid: number, ...words: string[]) => ({
  pid,
  ppid: 0,
  name: words[0] ?? '',
  program: `/bin/${words[0]}`,
  words,
});

const trace: Trace = {
  kind: 'exec',
  namespace: 1,
  process: at(30),
  user: 1_001_000,
  name: 'ls',
  ancestors: [at(20), at(10)],
  path: '/bin/ls',
  words: ['ls', '/'],
  areWordsCut: false,
  details: [],
  value: 0,
  call: '',
  sockets: [],
  isNameless: false,
  isInit: false,
};

function sandbox(): RunningSandbox {
  const users = [{ inside: 0, outside: 1_000_000, count: 65_536 }];
  return { uid: 'u1', init: at(10), namespace: 1, users, table: new ProcessTable() };
}

describe('Words', () => {
  it('are bounded in number, each and all together', () => {
    expect(boundedWords(['a', ''])).toEqual({ words: ['a', ''], isCut: false });
    expect(boundedWords(Array.from({ length: 65 }, () => 'a')).words).toHaveLength(64);
    const long = boundedWords(Array.from({ length: 10 }, () => 'x'.repeat(5_000)));
    expect(long.isCut).toBe(true);
    expect(long.words.map(({ length }) => length)).toEqual([4_096, 4_096, 4_096, 1_384]);
  });

  it('that were cut are completed by those that go on alike, and by no others', () => {
    const [event] = eventsOf(sandbox(), { at: 1, trace: { ...trace, words: ['a', 'bä\uFFFD'], areWordsCut: true } });
    expect(event).toMatchObject({ isTruncated: true });
    const reading = (text: string) => ({ executable: '', words: Buffer.from(text) });
    const cut = { ...trace, words: ['a', 'bä\uFFFD'] };
    expect(completeWords(event!, cut, reading('a\0bäüx\0c\0'))).toMatchObject({ words: ['a', 'bäüx', 'c'] });
    expect(completeWords(event!, cut, reading('a\0bäüx\0c\0'))).not.toHaveProperty('isTruncated');
    expect(completeWords(event!, cut, reading('innocent\0'))).toBe(event);
    expect(completeWords(event!, cut, undefined)).toBe(event);
  });
});

describe('The table of processes', () => {
  it('gives a process that only forked what its parent runs', () => {
    const table = new ProcessTable();
    table.set(at(10), summary(10, 'init'));
    expect(table.parents([at(20), at(10)])).toEqual([{ ...summary(20, 'init'), ppid: 10 }, summary(10, 'init')]);
    expect(table.parents([at(5)])).toEqual([{ pid: 5, ppid: 0, name: '', program: '', words: [] }]);
  });

  it('does not take a process for another that had its number', () => {
    const table = new ProcessTable();
    table.set(at(20, '100'), summary(20, 'sh'));
    expect(table.get(at(20, '101'))).toBeUndefined();
    expect(table.get(at(20, String(2 ** 32 + 100)))).toBeDefined();
  });

  it('is bounded, and keeps whom it is asked for', () => {
    const table = new ProcessTable();
    table.set(at(1), summary(1, 'init', 'x'.repeat(5_000)));
    for (let pid = 2; pid < 5_000; pid += 1) {
      table.set(at(pid), summary(pid, 'true'));
      table.parents([at(1)]);
    }
    expect(table.get(at(1))?.words.join('').length).toBe(1_024);
    expect(table.has(at(2))).toBe(false);
  });
});

describe('Events', () => {
  it('of a program have its user as inside, and its parents', () => {
    const here = sandbox();
    here.table.set(at(20), summary(20, 'sh'));
    expect(eventsOf(here, { at: 5, trace })).toEqual([
      {
        kind: 'exec',
        uid: 'u1',
        at: 5,
        pid: 30,
        ppid: 20,
        user: 1_000,
        name: 'ls',
        program: '/bin/ls',
        words: ['ls', '/'],
        parents: [
          { ...summary(20, 'sh'), ppid: 10 },
          { pid: 10, ppid: 0, name: '', program: '', words: [] },
        ],
      },
    ]);
  });

  it('of a program that starts on sockets tell each of them', () => {
    const kinds = eventsOf(sandbox(), { at: 5, trace: { ...trace, sockets: [0, 2] } }).map((event) =>
      event.kind === 'stdio' ? event.descriptor : event.kind,
    );
    expect(kinds).toEqual(['exec', 0, 2]);
  });

  it('of files have the words that the process was started with, not those that it has now', () => {
    const here = sandbox();
    eventsOf(here, { at: 5, trace });
    const file = { ...trace, kind: 'file' as const, details: ['/etc/shadow'], words: ['innocent'], path: '' };
    expect(eventsOf(here, { at: 6, trace: file })).toMatchObject([{ words: ['ls', '/'], access: 'read' }]);
    expect(eventsOf(here, { at: 6, trace: { ...file, details: ['/etc/hosts'] } })).toEqual([]);
    const other = { ...file, process: at(31) };
    expect(eventsOf(here, { at: 6, trace: other })).toMatchObject([{ words: ['innocent'] }]);
  });

  it('of calls say what they ask for', () => {
    const call = (name: string, value: number, details: readonly string[] = []) =>
      callDetails({ ...trace, kind: 'call', call: name, value, details });
    expect(call('unshare', 0x30000000)).toEqual(['user', 'pid']);
    expect(call('ptrace', 0x4206)).toEqual(['seize']);
    expect(call('mount', 0, ['none', '/mnt'])).toEqual(['none', '/mnt']);
    expect(call('init_module', 0)).toEqual([]);
  });
});

describe('What was not recorded', () => {
  it('is told once for each sandbox, and a window that goes on only by what is new', () => {
    const unseen = new Unseen();
    unseen.add('a', 'E 1', 1);
    unseen.add('a', 'E 1', 257);
    unseen.add('a', 'E 2', 1);
    unseen.add('b', 'F 1', 1);
    const counts = (when: number) => unseen.take(when).map(({ uid, count }) => [uid, count]);
    expect(counts(1)).toEqual([
      ['a', 258],
      ['b', 1],
    ]);
    unseen.add('a', 'E 2', 257);
    expect(counts(2)).toEqual([['a', 256]]);
    expect(counts(3)).toEqual([]);
  });

  it('is told apart when nobody knows whose it was', () => {
    const unseen = new Unseen();
    unseen.add('a', 'E 1', 7);
    unseen.lost(['a', 'b'], 300);
    unseen.lost(['a', 'b'], 20);
    const told = unseen.take(1).map(({ uid, count, isShared }) => [uid, count, isShared === true]);
    expect(told).toEqual([
      ['a', 7, false],
      ['a', 320, true],
      ['b', 320, true],
    ]);
    expect(unseen.take(2)).toEqual([]);
  });
});

it('A user outside of the map has no number inside', () => {
  expect(insideId([{ inside: 0, outside: 1_000, count: 10 }], 1_010)).toBeUndefined();
  expect(insideId([{ inside: 5, outside: 1_000, count: 10 }], 1_009)).toBe(14);
});
