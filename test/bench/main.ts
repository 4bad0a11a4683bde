import { parallel10, shellReady } from './agents.ts';
import { buildNoop, buildTail } from './build.ts';
import { cli, list50 } from './cli.ts';
import { detect } from './detect.ts';
import { dns } from './dns.ts';
import { fleet } from './fleet.ts';
import { fork } from './fork.ts';
import { healInstance } from './heal-instance.ts';
import { healRule } from './heal-rule.ts';
import { idle } from './idle.ts';
import { endLargeFleet } from './large-fleet.ts';
import { monitorCpu } from './monitor-cpu.ts';
import { missed } from './missed.ts';
import { noop } from './noop.ts';
import { overhead } from './overhead.ts';
import { packetCost, packetScale } from './packets.ts';
import { policyLive } from './policy-live.ts';
import { push1g } from './push.ts';
import { progress } from './report.ts';
import { ruleset1000 } from './ruleset-1000.ts';
import { runTrue } from './run-true.ts';
import { save } from './save.ts';
import { snapshot } from './snapshot.ts';
import { spawn } from './spawn.ts';

const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  spawn,
  fleet,
  noop,
  idle,
  'heal-rule': healRule,
  'heal-instance': healInstance,
  cli,
  'run-true': runTrue,
  'shell-ready': shellReady,
  'parallel-10': parallel10,
  'list-50': list50,
  'packet-scale': packetScale,
  'packet-cost': packetCost,
  'policy-live': policyLive,
  'ruleset-1000': ruleset1000,
  dns,
  save,
  missed,
  snapshot,
  'push-1g': push1g,
  fork,
  'build-noop': buildNoop,
  'build-tail': buildTail,
  detect,
  overhead,
  'monitor-cpu': monitorCpu,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benchmarks);
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  progress(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}
try {
  for (const name of names) {
    progress(`${name} …`);
    await benchmarks[name]!();
  }
} finally {
  await endLargeFleet();
}
