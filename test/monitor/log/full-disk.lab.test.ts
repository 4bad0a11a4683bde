import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { DetectionLog } from '../../../src/monitor/log/detection-log.ts';
import { readDetections, verifyDetections } from '../../../src/monitor/log/read.ts';
import { detection, exec, matchOf } from './detections.ts';

let disk = '';
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'coi-full-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk]);
});
afterEach(() => {
  execFileSync('umount', [disk]);
  rmdirSync(disk);
});

const told: unknown[] = [];
const openHere = () => {
  told.length = 0;
  return new DetectionLog({
    stateDir: disk,
    clock: systemClock,
    monitoringOf: () => undefined,
    usualDays: 30,
    onProblem: (error) => told.push(error),
    signal: new AbortController().signal,
  });
};

/** A detection of about 3,000 bytes. */
const large = (n: number) =>
  detection({ uid: `U${n % 2}`, sandbox: `s${n % 2}`, match: matchOf(exec(['x', 'w '.repeat(1_200)])) });

/** Write until the disk has been full for a while; whether the last one was written. */
async function fill(log: DetectionLog): Promise<void> {
  for (let n = 0; n < 60; n += 1) await log.appendDurable(large(n)).catch(() => undefined);
}

test('a full disk drops detections of all sandboxes, is told once, and is noted in each log once there is room', async () => {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(40_000));
  const log = openHere();
  await fill(log);
  const { written, dropped } = log.counts;
  expect(written).toBeGreaterThan(5);
  expect(dropped).toBeGreaterThan(5);
  expect(told).toMatchObject([{ code: 'monitor.log-failing', cause: { code: 'ENOSPC' } }]);
  expect((await verifyDetections(disk)).map(({ ok }) => ok)).toEqual([true, true]);

  rmSync(ballast);
  for (const n of [0, 1]) await log.appendDurable(large(n));
  await log[Symbol.asyncDispose]();
  for (const name of ['s0', 's1']) {
    const [note, last] = (await readDetections({ stateDir: disk, name })).slice(-2);
    expect(note?.description).toMatch(/^\d+ records could not be written before this one$/);
    expect(last?.rule).toBe('reverse-shell');
  }
  expect((await verifyDetections(disk)).map(({ ok }) => ok)).toEqual([true, true]);
});

test('a disk that becomes read-only is no different', async () => {
  const log = openHere();
  await log.appendDurable(large(0));
  await log.flush();
  // As when the kernel finds an error on it; a file that is open for writing would keep mount(8) from it.
  await log[Symbol.asyncDispose]();
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const later = openHere();
  await expect(later.appendDurable(large(0))).rejects.toMatchObject({ code: 'monitor.not-logged' });
  await expect(later.appendDurable(large(0))).rejects.toMatchObject({ code: 'monitor.not-logged' });
  expect(told).toMatchObject([{ cause: { code: 'EROFS' } }]);
  execFileSync('mount', ['-o', 'remount,rw', disk]);
  await later.appendDurable(large(0));
  await later[Symbol.asyncDispose]();
  expect((await readDetections({ stateDir: disk, name: 's0' })).map(({ description }) => description)).toEqual([
    'A shell that talks to the network',
    '2 records could not be written before this one',
    'A shell that talks to the network',
  ]);
});
