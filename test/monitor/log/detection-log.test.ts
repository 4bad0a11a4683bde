import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Evidence } from '../../../src/monitor/evidence.ts';
import { DetectionLog, type DetectionLogInit } from '../../../src/monitor/log/detection-log.ts';
import { followDetections, readDetections, verifyDetections } from '../../../src/monitor/log/read.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { detection, exec, matchOf } from './detections.ts';

let stateDir = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'coi-detections-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const dirOf = (uid: string) => join(stateDir, 'monitor', uid, 'detections');
const current = (uid = 'U1') => join(dirOf(uid), 'coi.jsonl');
const lines = (uid = 'U1') => readFileSync(current(uid), 'utf8').trim().split('\n');

function openHere(more: Partial<DetectionLogInit> = {}): DetectionLog {
  return new DetectionLog({
    stateDir,
    clock: systemClock,
    monitoringOf: () => undefined,
    usualDays: 30,
    onProblem: (error) => {
      throw error;
    },
    signal: new AbortController().signal,
    ...more,
  });
}

describe('a detection log', () => {
  test('has the documented fields on one compact line that only root may read', async () => {
    await using log = openHere();
    const event = exec(['curl', '-u', 'bob:hunter2', 'https://h'], { at: Date.parse('2026-01-02T03:04:05.678Z') });
    const id = '0b7e3f0e-7c53-4a1e-9a55-d4d9f0c4bd11';
    await log.appendDurable(detection({ id, match: matchOf(event), outcome: 'killed' }));
    const [line = ''] = lines();
    expect(line).toContain('"level":"critical"');
    expect(JSON.parse(line)).toMatchObject({
      seq: 1,
      id,
      timestamp: '2026-01-02T03:04:05.678Z',
      level: 'critical',
      category: 'process',
      title: 'Reverse shell',
      description: 'A shell that talks to the network',
      rule: 'reverse-shell',
      mitre: 'T1059.004',
      sensor: 'process',
      sandbox: 'web',
      uid: 'U1',
      container_name: 'coi-web',
      action: 'killed',
      evidence: {
        process: { pid: 4711, user: '1000', command: 'curl -u bob:[redacted] https://h', pattern: 'reverse-shell' },
      },
      prevHash: '0'.repeat(64),
    });
    expect(statSync(current()).mode & 0o777).toBe(0o600);
    for (const dir of [dirOf('U1'), join(stateDir, 'monitor', 'U1'), join(stateDir, 'monitor')]) {
      expect(statSync(dir).mode & 0o777).toBe(0o700);
    }
  });

  test('has the evidence of every kind of event', async () => {
    await using log = openHere();
    const at = Date.now();
    const connection = { kind: 'connection', uid: 'U1', at, proto: 'tcp', source: '10.1.1.2' } as const;
    const events = [
      [{ ...connection, address: '10.0.0.1', port: 4444, verdict: 'refused' }, 'remote_addr', '10.0.0.1:4444'],
      [{ ...connection, address: 'fd00::1', port: 1, verdict: 'passed', name: 'h' }, 'remote_addr', '[fd00::1]:1'],
      [{ kind: 'name', uid: 'U1', at, name: 'a.example', type: 'TXT', result: 'denied' }, 'name', 'a.example'],
      [{ kind: 'volume', uid: 'U1', at, seconds: 2, readMb: 8, writtenMb: 2 }, 'read_rate_mb_per_sec', 4],
      [{ kind: 'tmp', uid: 'U1', at, usedMb: 9, totalMb: 10, usedPercent: 90 }, 'tmp_used_percent', 90],
      [{ kind: 'unseen', uid: 'U1', at, sensor: 'process', count: 3 }, 'count', 3],
      [{ ...exec(['x']), kind: 'file', path: '/etc/shadow', access: 'read' }, 'path', '/etc/shadow'],
      [{ ...exec(['x']), kind: 'call', call: 'mount', details: ['a', 'b'] }, 'details', ['a', 'b']],
      [{ ...exec(['x']), kind: 'stdio', descriptor: 1 }, 'indicators', ['descriptor 1 is a socket']],
    ] as const;
    for (const [event] of events) log.append(detection({ match: matchOf(event) }));
    await log.flush();
    const written = lines();
    for (const [index, [, key, value]] of events.entries()) {
      expect(written[index]).toContain(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
    }
  });

  test('keeps hostile texts from making lines, steering terminals, or giving secrets away', async () => {
    await using log = openHere();
    const hostile = 'a\n{"level":"critical"}\u001b[2J\u202E"\\ TOKEN=hunter2 \uD800';
    const event = exec([hostile, '-p', hostile], { name: hostile, program: hostile, parents: [exec([hostile])] });
    log.append(detection({ match: { ...matchOf(event, { title: hostile }), description: hostile } }));
    await log.flush();
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).not.toMatch(/\p{Cc}|\u202E|hunter2/u);
    expect(lines()[0]?.match(/"level":"critical"/g)).toHaveLength(1);
    expect(await verifyDetections(stateDir)).toMatchObject([{ ok: true, records: 1, sandbox: 'web' }]);
  });

  test('keeps what a frozen sandbox was doing, bounded and without secrets', async () => {
    await using log = openHere();
    const busy = exec(['sh', '-c', `x ${'y'.repeat(5_000)} TOKEN=hunter2`]);
    const evidence: Evidence = {
      takenAt: Date.now(),
      processes: Array.from({ length: 5_000 }, () => busy),
      connections: [
        {
          protocol: 'tcp',
          localAddress: '10.1.1.2',
          localPort: 1,
          remoteAddress: '10.0.0.1',
          remotePort: 2,
          state: 'ESTABLISHED',
          uid: 1,
        },
      ],
      events: Array.from({ length: 500 }, () => busy),
      missing: ['nothing'],
    };
    await log.appendDurable(detection({ outcome: 'paused', evidence }));
    const [line = ''] = lines();
    expect(line.length).toBeLessThan(400_000);
    expect(line).not.toContain('hunter2');
    const { snapshot } = JSON.parse(line) as { snapshot: Record<string, unknown> };
    expect(snapshot).toMatchObject({ total_processes: 5_000, connections: [{ remote_addr: '10.0.0.1:2' }] });
  });

  test('takes a time that cannot be, and a uid that is no file name', async () => {
    const log = openHere();
    log.append(detection({ match: matchOf(exec(['x'], { at: Number.NaN })) }));
    log.append(detection({ uid: '../../etc' }));
    await expect(log.appendDurable(detection({ uid: '' }))).rejects.toThrow('Cannot write down');
    await log[Symbol.asyncDispose]();
    expect(lines()).toHaveLength(1);
    expect(log.counts).toEqual({ written: 1, dropped: 2, limited: 0 });
  });
});

describe('many detections', () => {
  test('are counted in one line when they are more than a sandbox may have, and hide none that is worse', async () => {
    const clock = new FakeClock();
    const log = openHere({ clock });
    const low = () => detection({ match: matchOf(exec(['x']), { id: 'low', severity: 'warning' }) });
    for (let n = 0; n < 10_000; n += 1) log.append(low());
    log.append(detection());
    for (let n = 0; n < 10_000; n += 1) log.append(detection({ uid: 'U2', sandbox: 'other', match: low().match }));
    await log.appendDurable(detection({ outcome: 'killed' }));
    const levels = lines().map((line) => (JSON.parse(line) as { level: string }).level);
    expect(levels.filter((level) => level === 'warning')).toHaveLength(60);
    expect(levels.slice(60)).toEqual(['critical', 'critical']);
    await clock.advance(60_500);
    await log.flush();
    expect(JSON.parse(lines().at(-1)!)).toMatchObject({
      level: 'warning',
      category: 'monitor',
      count: 9_940,
      evidence: { rules: { low: 9_940 } },
    });
    log.append(low());
    await log[Symbol.asyncDispose]();
    expect(lines()).toHaveLength(64);
    expect(log.counts.limited).toBe(9_940 * 2);
    expect(await verifyDetections(stateDir)).toMatchObject([{ ok: true }, { ok: true }]);
  });

  test('of many sandboxes keep few files open', async () => {
    await using log = openHere({ maxOpen: 5 });
    const open = () =>
      readdirSync('/proc/self/fd')
        .map((fd) => readlink(fd))
        .filter((path) => path.startsWith(stateDir));
    for (let n = 0; n < 30; n += 1) log.append(detection({ uid: `U${n}`, sandbox: `s${n}` }));
    await expect.poll(() => existsSync(current('U29')) && open()).toHaveLength(5);
    expect(await verifyDetections(stateDir)).toHaveLength(30);
    expect(log.counts).toMatchObject({ written: 30, dropped: 0 });
  });
});

/** What a descriptor of this process leads to; empty for the one that the question itself needed. */
function readlink(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

describe('a file that others touch', () => {
  test('is begun anew when it was moved away, and says that it was', async () => {
    await using log = openHere();
    await log.appendDurable(detection());
    renameSync(current(), join(dirOf('U1'), 'coi.jsonl.1'));
    await log.appendDurable(detection());
    expect(lines().map((line) => (JSON.parse(line) as { description: string }).description)).toEqual([
      'The log was removed after record 1',
      'A shell that talks to the network',
    ]);
  });

  test('is begun anew when its directory was removed', async () => {
    await using log = openHere();
    await log.appendDurable(detection());
    rmSync(join(stateDir, 'monitor'), { recursive: true });
    await log.appendDurable(detection());
    expect(await readDetections({ stateDir, name: 'web' })).toHaveLength(2);
  });

  test('is dropped and counted while it cannot be written, told once, and says what is missing after', async () => {
    const told: unknown[] = [];
    writeFileSync(join(stateDir, 'monitor'), 'a file in its way');
    await using log = openHere({ onProblem: (error) => told.push(error) });
    for (let n = 0; n < 3; n += 1) {
      log.append(detection());
      await log.flush();
    }
    await expect(log.appendDurable(detection())).rejects.toMatchObject({ code: 'monitor.not-logged' });
    expect(log.counts).toMatchObject({ written: 0, dropped: 4 });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ code: 'monitor.log-failing' });
    rmSync(join(stateDir, 'monitor'));
    await log.appendDurable(detection());
    const [note, after] = await readDetections({ stateDir, name: 'web' });
    expect(note).toMatchObject({ level: 'high', description: '4 records could not be written before this one' });
    expect(after).toMatchObject({ rule: 'reverse-shell' });
  });
});

describe('days', () => {
  const day = 86_400_000;

  test('have a file each', async () => {
    const clock = new FakeClock();
    const log = openHere({ clock });
    await log.appendDurable(detection());
    await clock.advance(day);
    await log.appendDurable(detection());
    await log[Symbol.asyncDispose]();
    const later = openHere({ clock });
    await clock.advance(day);
    await later.appendDurable(detection());
    await later[Symbol.asyncDispose]();
    expect(readdirSync(dirOf('U1')).sort()).toEqual([
      'about.json',
      'coi-000000000001.jsonl',
      'coi-000000000002.jsonl',
      'coi.jsonl',
    ]);
    expect(await verifyDetections(stateDir)).toMatchObject([{ ok: true, records: 3, files: 3 }]);
  });

  test('after which lines go are those of their sandbox, also when it is gone', async () => {
    const clock = new FakeClock();
    const days: Record<string, number> = { U1: 1, U2: 90 };
    const monitoringOf = (uid: string) => ({ logDays: days[uid] }) as ReturnType<DetectionLogInit['monitoringOf']>;
    const log = openHere({ clock, monitoringOf });
    for (const uid of ['U1', 'U2']) await log.appendDurable(detection({ uid }));
    await log[Symbol.asyncDispose]();
    await clock.advance(40 * day);
    await using later = openHere({ clock, usualDays: 30 });
    await later.removeOld();
    expect(existsSync(join(stateDir, 'monitor', 'U1'))).toBe(false);
    expect(await readDetections({ stateDir, name: 'web' })).toMatchObject([{ uid: 'U2' }]);
    await clock.advance(60 * day);
    await later.removeOld();
    expect(readdirSync(join(stateDir, 'monitor'))).toEqual([]);
    // And it goes on as if there had never been any.
    await later.appendDurable(detection());
    expect(lines()).toHaveLength(1);
  });

  test('leave what else is kept of a sandbox, and files that are dated newer than what is in them', async () => {
    const clock = new FakeClock();
    const log = openHere({ clock });
    await log.appendDurable(detection());
    writeFileSync(join(stateDir, 'monitor', 'U1', 'evidence'), '');
    utimesSync(current(), new Date(), new Date());
    await clock.advance(31 * day);
    await log.removeOld();
    expect(readdirSync(join(stateDir, 'monitor', 'U1'))).toEqual(['evidence']);
    await log[Symbol.asyncDispose]();
  });

  test('are looked at from the start on, until the signal aborts', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    await using log = openHere({ clock, signal: stop.signal });
    await log.appendDurable(detection());
    const tidying = log.keepTidy();
    // The files are real: a day may be over before the look at them is.
    const isThere = async () => {
      await clock.advance(day);
      return existsSync(current());
    };
    await expect.poll(isThere, { timeout: 8_000, interval: 20 }).toBe(false);
    expect(clock.now()).toBeGreaterThan(Date.parse('2026-01-31T00:00:00Z'));
    stop.abort();
    await tidying;
    expect(readdirSync(join(stateDir, 'monitor'))).toEqual([]);
  });
});

describe('reading', () => {
  test('goes by name of the sandbox, of its instance, or uid, and by level and number', async () => {
    const log = openHere();
    const warning = matchOf(exec(['x']), { severity: 'warning' });
    log.append(detection({ match: warning }));
    log.append(detection());
    log.append(detection({ uid: 'U2', sandbox: 'other', instance: 'coi-other' }));
    await log[Symbol.asyncDispose]();
    for (const name of ['web', 'coi-web', 'U1']) {
      expect(await readDetections({ stateDir, name })).toHaveLength(2);
    }
    expect(await readDetections({ stateDir, name: 'web', level: 'high' })).toMatchObject([{ level: 'critical' }]);
    expect(await readDetections({ stateDir, name: 'web', limit: 1 })).toMatchObject([{ level: 'critical' }]);
    expect(await readDetections({ stateDir, name: 'web', since: Date.now() + 60_000 })).toEqual([]);
    await expect(readDetections({ stateDir, name: 'nobody' })).rejects.toMatchObject({ code: 'monitor.no-detections' });
  });

  test('finds the log without the file that says whose it is', async () => {
    const log = openHere();
    await log.appendDurable(detection());
    await log[Symbol.asyncDispose]();
    for (const content of ['', '{', '{"sandbox":1}']) {
      writeFileSync(join(dirOf('U1'), 'about.json'), content);
      expect(await readDetections({ stateDir, name: 'web' })).toHaveLength(1);
    }
    rmSync(join(dirOf('U1'), 'about.json'));
    expect(await readDetections({ stateDir, name: 'coi-web' })).toHaveLength(1);
  });

  test('has all sandboxes that ever had the name, the older one first', async () => {
    const log = openHere();
    for (const uid of ['U9', 'U2', 'U9']) await log.appendDurable(detection({ uid }));
    await log[Symbol.asyncDispose]();
    expect((await readDetections({ stateDir, name: 'web' })).map(({ uid }) => uid)).toEqual(['U9', 'U9', 'U2']);
  });

  test('follows a sandbox of which nothing was detected yet', async () => {
    await using log = openHere();
    const stop = new AbortController();
    const seen: string[] = [];
    const { signal } = stop;
    const following = (async () => {
      for await (const { action } of followDetections({ stateDir, name: 'web', clock: systemClock, signal }))
        seen.push(action);
    })();
    await log.appendDurable(detection({ outcome: 'paused' }));
    await expect.poll(() => seen).toEqual(['paused']);
    await log.appendDurable(detection({ outcome: 'killed' }));
    await expect.poll(() => seen).toEqual(['paused', 'killed']);
    stop.abort();
    await expect(following).rejects.toThrow('aborted');
  });

  test('says which log was changed', async () => {
    const log = openHere();
    for (const uid of ['U1', 'U2']) await log.appendDurable(detection({ uid }));
    await log[Symbol.asyncDispose]();
    chmodSync(current('U2'), 0o600);
    writeFileSync(current('U2'), readFileSync(current('U2'), 'utf8').replace('critical', 'info'));
    expect(await verifyDetections(stateDir)).toMatchObject([
      { uid: 'U1', ok: true },
      { uid: 'U2', ok: false, firstBad: { line: 1 } },
    ]);
  });
});
