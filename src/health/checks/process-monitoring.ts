import type { SensorReport } from '../../controller/monitor-api.ts';
import { failed, ok, type Finding, type HealthCheck } from '../check.ts';
import type { Sight } from '../sight.ts';
import { sensorNamed } from './sensor-named.ts';

/** How it is seen what programs sandboxes run: by bpftrace, or in /proc, where those that end soon are missed. */
export const processMonitoringCheck: HealthCheck = {
  name: 'process_monitoring',
  group: 'MONITORING',
  look: async (sight) => {
    const first = await sight.machine.read('/proc/1/stat');
    if (!first?.startsWith('1 (')) {
      // With the mount option hidepid others see their own alone, which is as it should be.
      sight.requireRoot('processes of others');
      return failed('Processes cannot be looked at: /proc shows none', ['mount -t proc proc /proc']);
    }
    return (await judgeSensor(sight, await sensorNamed(sight, 'process'))) ?? judgeMachine(sight);
  },
};

/** Undefined where there is none that looks: then the machine says what it would do. */
async function judgeSensor(sight: Sight, sensor: SensorReport | undefined): Promise<Finding | undefined> {
  if (sensor === undefined || sensor.state === 'off') return undefined;
  const { state, source, because = 'nobody knows why', seen, dropped } = sensor;
  const details = { source, seen, dropped };
  if (state === 'active') return ok(`${source} sees every program that a sandbox starts`, details);
  if (state === 'failed') {
    return failed(`Nobody sees what programs sandboxes start: ${because}`, ['journalctl -u coi'], details);
  }
  const { fix = [] } = await judgeMachine(sight);
  return inProc(because, fix, details);
}

async function judgeMachine({ machine, signal }: Sight): Promise<Finding> {
  const lack = await machine.lacksForTracing();
  if (lack) return inProc(lack.what, [`# ${lack.hint}`]);
  if (await machine.hasBpftrace(signal)) return ok('bpftrace sees every program that a sandbox starts');
  return inProc('bpftrace is not installed', ['apt-get install bpftrace', 'systemctl restart coi']);
}

/** Nothing is wrong with such a machine, and all that takes no bpftrace works: it is said, and no warning. */
function inProc(because: string, fix: readonly string[], details?: Finding['details']): Finding {
  return { ...ok(`Programs are looked for in /proc, which misses those that end soon: ${because}`, details), fix };
}
