import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openAudit } from '../../src/audit/open-audit.ts';
import { readAudit } from '../../src/audit/read.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { verifyChain } from '../../src/audit/verify.ts';

let disk = '';
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'coi-full-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
});
afterEach(() => {
  execFileSync('umount', [disk]);
  rmdirSync(disk);
});

const entry = (key: string): AuditEntry => ({
  key,
  kind: 'update',
  phase: 'succeeded',
  why: 'w'.repeat(3_000),
  actor: 'controller',
});

test('a full disk drops records, stops nobody, leaves no half line, and is noted once there is room', async () => {
  const dir = join(disk, 'audit');
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(20_000));
  const reasons: unknown[] = [];
  const audit = await openAudit({ dir, clock: systemClock, onDrop: (error) => reasons.push(error) });
  for (let n = 0; n < 30; n += 1) await audit.appendDurable(entry(`sandbox/${n}`));
  const { written, dropped } = audit.counts;
  expect(written).toBeGreaterThan(3);
  expect(dropped).toBeGreaterThan(3);
  expect(written + dropped).toBe(30);
  expect(reasons[0]).toMatchObject({ code: 'ENOSPC' });
  expect(await verifyChain(dir)).toEqual({ ok: true, records: written, files: 1 });

  rmSync(ballast);
  await audit.appendDurable(entry('sandbox/after'));
  await audit[Symbol.asyncDispose]();
  const records = await readAudit({ dir });
  expect(records.at(-2)?.why).toBe(`${dropped} records could not be written before this one`);
  expect(records.at(-1)?.key).toBe('sandbox/after');
  expect(await verifyChain(dir)).toMatchObject({ ok: true, records: written + 2 });
});
