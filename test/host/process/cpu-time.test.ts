import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { cpuTimeOf } from '../../../src/host/process/cpu-time.ts';

it('is what a process used itself, whatever it is called', async () => {
  const before = cpuTimeOf(process.pid)!;
  const until = process.cpuUsage().user + 300_000;
  while (process.cpuUsage().user < until);
  const used = cpuTimeOf(process.pid)! - before;
  expect(used).toBeGreaterThan(0.2);
  expect(used).toBeLessThan(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6);
  const named = spawn('sh', ['-c', 'echo ") 1 2" > /proc/$$/comm; echo; read line'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(named.stdout, 'data');
  expect(cpuTimeOf(named.pid!)).toBeLessThan(1);
  named.stdin.end();
  await once(named, 'close');
  expect(cpuTimeOf(named.pid!)).toBeUndefined();
});
