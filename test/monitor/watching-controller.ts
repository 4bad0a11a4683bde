/*
 * The controller, with a sensor and rules of a test: every program whose name begins with `attack-SEVERITY` is
 * detected, and nothing else is. Whatever follows from that is the product's.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pause, systemClock as clock } from '../../src/base/clock.ts';
import { processIo } from '../../src/cli/io.ts';
import { readSettings, withHostLayer } from '../../src/cli/settings.ts';
import { runDaemon } from '../../src/daemon.ts';
import type { HostProcess } from '../../src/host/process/container-process.ts';
import type { Match } from '../../src/monitor/detection.ts';
import type { ExecEvent, ProcessSummary } from '../../src/monitor/event.ts';
import type { Judge } from '../../src/monitor/judge.ts';
import type { Sensor, SensorInit } from '../../src/monitor/sensor.ts';
import { severities } from '../../src/monitor/severity.ts';

const lookMs = 25;

/** Looks at the processes of every container, again and again. */
function openSensor({ watched, onEvent }: SensorInit): Sensor {
  const known = new Set<number>();
  let seen = 0;
  const look = () => {
    const all = new Set<number>();
    const table = allProcesses();
    for (const { uid, init } of watched()) {
      if (!init) continue;
      for (const process of treeOf(init.pid, table)) {
        all.add(process.pid);
        if (known.has(process.pid) || !process.name.startsWith('attack-')) continue;
        known.add(process.pid);
        seen += 1;
        onEvent({ kind: 'exec', uid, at: Date.now(), ...process, parents: [] });
      }
    }
    for (const pid of known) if (!all.has(pid)) known.delete(pid);
  };
  return {
    name: 'process',
    async run(signal) {
      while (!signal.aborted) {
        look();
        await pause(clock, lookMs, signal);
      }
    },
    refresh: () => undefined,
    status: () => ({ sensor: 'process', state: 'active', source: 'test', seen, dropped: 0 }),
  };
}

function allProcesses(): readonly ProcessSummary[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => statOf(Number(pid)))
    .toSorted((a, b) => a.pid - b.pid);
}

/** Those of them that descend from an init. */
function treeOf(init: number, all: readonly ProcessSummary[]): ProcessSummary[] {
  const inside = new Set([init]);
  for (const { pid, ppid } of all) if (inside.has(ppid)) inside.add(pid);
  return all.filter(({ pid }) => inside.has(pid));
}

function statOf(pid: number): ProcessSummary[] {
  try {
    const [, name = '', ppid] = /^\d+ \((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return [{ pid, ppid: Number(ppid), name, program: '', words: [name] }];
  } catch {
    // It has ended.
    return [];
  }
}

const judge: Judge = {
  judge(event): Match[] {
    const { name } = event as ExecEvent;
    const severity = severities.find((each) => name.startsWith(`attack-${each}`));
    if (!severity) return [];
    const rule = { id: `test.${severity}`, title: 'A test', severity, category: 'process', mitre: 'T1059' } as const;
    const isIsolating = name.endsWith('-n');
    return [
      {
        rule: { ...rule, maturity: 'stable', ...(isIsolating && { response: 'network' }) },
        event,
        sensor: 'process',
        cause: rule.id,
        description: `${name} ran`,
      },
    ];
  },
};

const ended = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ended.abort());
const io = processIo(ended.signal);
const { source = [] } = parseArgs({
  allowPositionals: true,
  options: { source: { type: 'string', multiple: true } },
}).values;
const settings = await withHostLayer(await readSettings(io, { sources: source }), io);
const watching = {
  judge,
  openSensors: (init: SensorInit) => [openSensor(init)],
  readTree: async (init: HostProcess) => treeOf(init.pid, allProcesses()),
};
process.exitCode = await runDaemon({ settings, io, logLevel: 'info', watching });
