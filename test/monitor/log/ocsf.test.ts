import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { outcomes } from '../../../src/monitor/detection.ts';
import type { DetectionEntry } from '../../../src/monitor/detection-sink.ts';
import { DetectionLog } from '../../../src/monitor/log/detection-log.ts';
import { ocsfOf } from '../../../src/monitor/log/ocsf.ts';
import { readDetections } from '../../../src/monitor/log/read.ts';
import { severities } from '../../../src/monitor/severity.ts';
import { detection, exec, matchOf } from './detections.ts';

/** Events of detections, by way of the log itself. */
async function exported(entries: readonly DetectionEntry[]): Promise<Record<string, unknown>[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'coi-ocsf-'));
  try {
    const { signal } = new AbortController();
    const onProblem = (error: unknown) => {
      throw error;
    };
    const log = new DetectionLog({
      stateDir,
      clock: systemClock,
      monitoringOf: () => undefined,
      usualDays: 1,
      onProblem,
      signal,
    });
    for (const entry of entries) await log.appendDurable(entry);
    await log[Symbol.asyncDispose]();
    const records = await readDetections({ stateDir, name: 'web' });
    return records.map((record) => ocsfOf(record, { version: '1.2.3' }) as Record<string, unknown>);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

/** Attributes that version 1.3.0 of the schema requires of the class, and of the objects in it. */
const required: Readonly<Record<string, 'number' | 'string' | 'object'>> = {
  activity_id: 'number',
  category_uid: 'number',
  class_uid: 'number',
  type_uid: 'number',
  severity_id: 'number',
  time: 'number',
  metadata: 'object',
  'metadata.version': 'string',
  'metadata.product': 'object',
  'metadata.product.vendor_name': 'string',
  finding_info: 'object',
  'finding_info.uid': 'string',
  'finding_info.title': 'string',
  'finding_info.analytic.type_id': 'number',
};

function at(event: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], event);
}

test('every severity and outcome makes an event with all that the schema requires', async () => {
  const entries = severities.flatMap((severity) =>
    outcomes.map((outcome) => detection({ outcome, match: matchOf(exec(['sh']), { severity }) })),
  );
  const events = await exported(entries);
  expect(events).toHaveLength(severities.length * outcomes.length);
  for (const event of events) {
    for (const [path, type] of Object.entries(required)) expect([path, typeof at(event, path)]).toEqual([path, type]);
    expect(event).toMatchObject({ category_uid: 2, class_uid: 2004, activity_id: 1, type_uid: 200_401 });
  }
  expect(new Set(events.map((event) => event['severity_id']))).toEqual(new Set([1, 3, 4, 5]));
});

test('a process stands below its parents, with its rule and its technique', async () => {
  const parents = [exec(['bash'], { pid: 2 }), exec(['init'], { pid: 1 })];
  const [event] = await exported([
    detection({ match: matchOf(exec(['sh', '-i'], { pid: 3, parents })), outcome: 'killed' }),
  ]);
  expect(event).toMatchObject({
    severity: 'Critical',
    action_id: 2,
    disposition: 'Blocked',
    message: 'A shell that talks to the network',
    finding_info: {
      analytic: { type_id: 1, uid: 'reverse-shell' },
      attacks: [{ technique: { uid: 'T1059' }, sub_technique: { uid: 'T1059.004' } }],
    },
    resources: [{ name: 'coi-web', uid: 'U1' }],
    evidences: [
      {
        process: {
          pid: 3,
          cmd_line: 'sh -i',
          user: { uid: '1000' },
          file: { path: '/usr/bin/sh', name: 'sh', type_id: 1 },
          parent_process: { pid: 2, parent_process: { pid: 1 } },
        },
      },
    ],
  });
});

test('connections, names and files have the places that the schema has for them', async () => {
  const time = Date.parse('2026-01-02T03:04:05Z');
  const seen = { uid: 'U1', at: time };
  const flow = { ...seen, kind: 'connection', proto: 'tcp', source: '10.1.1.2', verdict: 'refused' } as const;
  const events = await exported(
    (
      [
        { ...flow, address: 'fd00::1', port: 443, name: 'h.example' },
        { ...flow, proto: 'icmp', address: '10.0.0.1' },
        { ...seen, kind: 'name', name: 'x.example', type: 'TXT', result: 'denied' },
        { ...exec(['cat']), kind: 'file', path: '/etc/shadow', access: 'read' },
      ] as const
    ).map((event) => detection({ match: matchOf(event, { mitre: 'T1041' }) })),
  );
  expect(events[0]).toMatchObject({
    time,
    finding_info: { attacks: [{ technique: { uid: 'T1041' } }] },
    evidences: [
      {
        src_endpoint: { ip: '10.1.1.2' },
        dst_endpoint: { ip: 'fd00::1', port: 443, hostname: 'h.example' },
        connection_info: { direction_id: 2, protocol_name: 'tcp' },
      },
    ],
  });
  expect(events[1]).toMatchObject({ evidences: [{ dst_endpoint: { ip: '10.0.0.1' } }] });
  expect(events[2]).toMatchObject({ evidences: [{ query: { hostname: 'x.example', type: 'TXT' } }] });
  expect(events[3]).toMatchObject({ evidences: [{ file: { path: '/etc/shadow', name: 'shadow', type_id: 1 } }] });
});
