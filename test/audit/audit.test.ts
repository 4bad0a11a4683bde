import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openAudit, type AuditOptions } from '../../src/audit/open-audit.ts';
import { followAudit, readAudit } from '../../src/audit/read.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { verifyChain } from '../../src/audit/verify.ts';

let dir = '';
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'coi-audit-')), 'audit');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true }));

const current = () => join(dir, 'coi.jsonl');
const entry = (key: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  key,
  kind: 'create',
  phase: 'succeeded',
  why: 'it is declared',
  actor: 'controller',
  ...more,
});
const openHere = (options: Partial<AuditOptions> = {}) => openAudit({ dir, clock: systemClock, ...options });

async function write(keys: readonly string[], options: Partial<AuditOptions> = {}): Promise<void> {
  await using audit = await openHere(options);
  for (const key of keys) {
    audit.append(entry(key));
    await audit.flush();
  }
}

const keys = async () => (await readAudit({ dir })).map(({ key }) => key);

describe('openAudit()', () => {
  test('writes compact chained lines that only their owner may read', async () => {
    await write(['sandbox/a', 'sandbox/b']);
    const lines = readFileSync(current(), 'utf8').trim().split('\n');
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({ seq: 1, key: 'sandbox/a', prevHash: '0'.repeat(64) });
    expect(second).toMatchObject({ seq: 2, prevHash: first?.['hash'] });
    expect(lines[0]).toBe(JSON.stringify(first));
    expect(statSync(current()).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 2, files: 1 });
  });

  test('has a durable record, and all before it, in the file when it says so', async () => {
    await using audit = await openHere();
    audit.append(entry('sandbox/a'));
    await audit.appendDurable(entry('sandbox/b', { kind: 'delete', phase: 'started' }));
    expect(readFileSync(current(), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test('writes what is not urgent soon after, without being asked', async () => {
    await using audit = await openHere();
    audit.append(entry('sandbox/a'));
    await expect.poll(() => existsSync(current()) && readFileSync(current(), 'utf8')).toContain('sandbox/a');
  });

  test('goes on with the chain after a restart', async () => {
    await write(['sandbox/a']);
    await write(['sandbox/b']);
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 2, files: 1 });
  });

  test('begins a new file when one is full, with the chain going across', async () => {
    await write(['sandbox/a', 'sandbox/b', 'sandbox/c'], { maxBytes: 10 });
    expect(readdirSync(dir).sort()).toEqual(['coi-000000000001.jsonl', 'coi-000000000002.jsonl', 'coi.jsonl']);
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 3, files: 3 });
    expect(await keys()).toEqual(['sandbox/a', 'sandbox/b', 'sandbox/c']);
  });

  test('goes on with the chain when a crash came between closing a file and opening the next', async () => {
    await write(['sandbox/a', 'sandbox/b'], { maxBytes: 10 });
    rmSync(current());
    await write(['sandbox/c']);
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 2, files: 2 });
  });

  test('removes full files by age, and the rest still verifies', async () => {
    await write(['sandbox/a', 'sandbox/b'], { maxBytes: 10 });
    const old = Date.now() / 1_000 - 3 * 86_400;
    utimesSync(join(dir, 'coi-000000000001.jsonl'), old, old);
    await write(['sandbox/c', 'sandbox/d'], { maxBytes: 10, keepDays: 2 });
    expect(await keys()).toEqual(['sandbox/b', 'sandbox/c', 'sandbox/d']);
    expect(await verifyChain(dir)).toMatchObject({ ok: true, records: 3 });
  });

  test('keeps a last line that a crash tore aside, and says so in the chain', async () => {
    await write(['sandbox/a', 'sandbox/b']);
    const torn = '{"seq":3,"ts":"2026-';
    appendFileSync(current(), torn);
    await write(['sandbox/c']);
    const records = await readAudit({ dir });
    expect(records.map(({ key }) => key)).toEqual(['sandbox/a', 'sandbox/b', 'host/audit', 'sandbox/c']);
    expect(records[2]?.why).toBe('A crash left 20 bytes, kept as coi-000000000003.torn');
    expect(readFileSync(join(dir, 'coi-000000000003.torn'), 'utf8')).toBe(torn);
    expect(await verifyChain(dir)).toMatchObject({ ok: true, records: 4 });
  });

  test('recognises every length to which a crash can cut the last line', async () => {
    await write(['sandbox/a', 'sandbox/b']);
    const whole = readFileSync(current());
    const firstLine = whole.indexOf(0x0a) + 1;
    for (let size = firstLine; size <= whole.length; size += 7) {
      rmSync(dir, { recursive: true });
      await write([]);
      await write(['sandbox/x']);
      writeFileSync(current(), whole.subarray(0, size));
      await write(['sandbox/c']);
      expect(await verifyChain(dir), `cut to ${size} bytes`).toMatchObject({ ok: true });
      expect((await keys()).at(-1)).toBe('sandbox/c');
    }
  });

  test('survives a file of which nothing is a record', async () => {
    await write(['sandbox/a']);
    writeFileSync(current(), Buffer.alloc(4_096));
    await write(['sandbox/b']);
    expect(await keys()).toEqual(['host/audit', 'sandbox/b']);
    expect(await verifyChain(dir)).toMatchObject({ ok: true, records: 2 });
  });

  test('begins a new chain when the directory was deleted, while running and while stopped', async () => {
    await using audit = await openHere();
    await audit.appendDurable(entry('sandbox/a'));
    rmSync(dir, { recursive: true });
    await audit.appendDurable(entry('sandbox/b'));
    expect(await keys()).toEqual(['host/audit', 'sandbox/b']);
    expect((await readAudit({ dir }))[0]).toMatchObject({ seq: 1, why: 'The log was removed after record 1' });
    await audit[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
    await write(['sandbox/c']);
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 1, files: 1 });
  });

  test('drops and counts what it cannot write, and says how much when it can again', async () => {
    const dropped: unknown[] = [];
    writeFileSync(dir, 'a file where the directory should be');
    await using audit = await openHere({ onDrop: (error) => dropped.push(error) });
    audit.append(entry('sandbox/a'));
    await audit.appendDurable(entry('sandbox/b'));
    expect(audit.counts).toEqual({ written: 0, dropped: 2 });
    // Once at the start, once for the batch.
    expect(dropped).toHaveLength(2);
    rmSync(dir);
    await audit.appendDurable(entry('sandbox/c'));
    const records = await readAudit({ dir });
    expect(records.map(({ why }) => why)).toEqual(['2 records could not be written before this one', 'it is declared']);
    expect(await verifyChain(dir)).toMatchObject({ ok: true, records: 2 });
  });

  test('tells whether a durable record is on the disk, also when it went along with others', async () => {
    writeFileSync(dir, 'a file where the directory should be');
    await using audit = await openHere();
    const tried = () => {
      audit.append(entry('sandbox/a'));
      void audit.flush();
      return audit.tryAppendDurable(entry('sandbox/b'));
    };
    expect(await tried()).toBe(false);
    rmSync(dir);
    expect(await tried()).toBe(true);
    expect(await keys()).toEqual(['host/audit', 'sandbox/a', 'sandbox/b']);
  });

  test('counts what comes after it was closed, and opens nothing for it', async () => {
    const audit = await openHere();
    await audit.appendDurable(entry('sandbox/a'));
    await audit[Symbol.asyncDispose]();
    audit.append(entry('sandbox/b'));
    await audit.appendDurable(entry('sandbox/c'));
    expect(audit.counts).toEqual({ written: 1, dropped: 2 });
    expect(await keys()).toEqual(['sandbox/a']);
  });

  test('sees to what a crash left as soon as it is opened', async () => {
    await write(['sandbox/a']);
    appendFileSync(current(), '{"seq":2');
    await using _ = await openHere();
    expect(await verifyChain(dir)).toMatchObject({ ok: true, records: 2 });
  });

  test('keeps signs in texts that some readers take for ends of lines', async () => {
    await using audit = await openHere();
    await audit.appendDurable(entry('sandbox/a', { why: 'one\u2028two\r\nthree' }));
    expect((await readAudit({ dir }))[0]?.why).toBe('one\u2028two\r\nthree');
    expect(await verifyChain(dir)).toMatchObject({ ok: true });
  });
});

describe('verifyChain()', () => {
  test.each([
    [
      'changed',
      (lines: string[]) => lines.with(1, lines[1]!.replace('declared', 'DECLARED')),
      2,
      'its content does not match its hash',
    ],
    ['taken out', (lines: string[]) => lines.toSpliced(1, 1), 2, 'record 3 follows record 1'],
    ['put twice', (lines: string[]) => lines.toSpliced(1, 0, lines[0]!), 2, 'record 1 follows record 1'],
    ['swapped', (lines: string[]) => [lines[0]!, lines[2]!, lines[1]!], 2, 'record 3 follows record 1'],
    ['cut', (lines: string[]) => lines.with(2, lines[2]!.slice(0, 40)), 3, 'it is no complete record'],
  ])('finds a line that was %s', async (_, change, line, reason) => {
    await write(['sandbox/a', 'sandbox/b', 'sandbox/c']);
    const lines = readFileSync(current(), 'utf8').trim().split('\n');
    writeFileSync(current(), `${change(lines).join('\n')}\n`);
    expect(await verifyChain(dir)).toMatchObject({ ok: false, firstBad: { file: 'coi.jsonl', line, reason } });
  });

  test('finds a record that was replaced with a matching hash of its own', async () => {
    await write(['sandbox/a', 'sandbox/b']);
    const other = readFileSync(current(), 'utf8').trim().split('\n');
    rmSync(dir, { recursive: true });
    await write(['sandbox/z', 'sandbox/b']);
    const lines = readFileSync(current(), 'utf8').trim().split('\n');
    writeFileSync(current(), `${other[0]!}\n${lines[1]!}\n`);
    expect(await verifyChain(dir)).toMatchObject({
      ok: false,
      firstBad: { line: 2, reason: 'it does not carry on from the record before it' },
    });
  });

  test('finds a file that is missing in the middle', async () => {
    await write(['sandbox/a', 'sandbox/b', 'sandbox/c'], { maxBytes: 10 });
    rmSync(join(dir, 'coi-000000000002.jsonl'));
    expect(await verifyChain(dir)).toMatchObject({ ok: false, firstBad: { file: 'coi.jsonl', line: 1 } });
  });

  test('finds a cut at the end of a line', async () => {
    await write(['sandbox/a', 'sandbox/b']);
    truncateSync(current(), statSync(current()).size - 3);
    expect(await verifyChain(dir)).toMatchObject({ ok: false, records: 1, firstBad: { line: 2 } });
  });

  test('finds nothing wrong where there is nothing', async () => {
    expect(await verifyChain(dir)).toEqual({ ok: true, records: 0, files: 0 });
  });
});

describe('readAudit()', () => {
  test('selects by key, time and number', async () => {
    await write(['sandbox/a', 'sandbox/b', 'sandbox/a'], { maxBytes: 10 });
    expect(await readAudit({ dir, key: 'sandbox/a' })).toHaveLength(2);
    expect((await readAudit({ dir, limit: 1 })).map(({ seq }) => seq)).toEqual([3]);
    expect(await readAudit({ dir, limit: 0 })).toEqual([]);
    expect((await readAudit({ dir, afterSeq: 1 })).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(await readAudit({ dir, since: Date.now() + 60_000 })).toEqual([]);
    expect(await readAudit({ dir, since: Date.now() - 60_000 })).toHaveLength(3);
  });
});

test('followAudit() gives what is there and what comes, until it is stopped', async () => {
  await using audit = await openHere();
  await audit.appendDurable(entry('sandbox/a'));
  await audit.appendDurable(entry('sandbox/b'));
  const stop = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const { key } of followAudit({ dir, limit: 1, clock: systemClock, signal: stop.signal })) seen.push(key);
  })();
  await expect.poll(() => seen).toEqual(['sandbox/b']);
  await audit.appendDurable(entry('sandbox/c'));
  await expect.poll(() => seen).toEqual(['sandbox/b', 'sandbox/c']);
  stop.abort();
  await expect(following).rejects.toThrow('aborted');
});
