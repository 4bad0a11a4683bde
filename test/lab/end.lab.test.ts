import { describe, expect, test } from 'vitest';
import { createContainer } from './create.ts';
import { openLab } from './lab.ts';
import { startRunning, type Running } from './running.ts';
import { markOf, tracesOf, type LabMark } from './traces.ts';
import { until } from './until.ts';

/** A program of its own that opens a lab, and the mark of that lab. */
async function ownedLab(): Promise<{ owner: Running; mark: LabMark }> {
  const script = new URL('fixtures/owner.ts', import.meta.url).pathname;
  const running = startRunning([process.execPath, script]);
  const [, text = ''] = await running.printed(/^mark (.*)$/m, 30_000);
  return { owner: running, mark: JSON.parse(text) as LabMark };
}

describe('the end of a lab', () => {
  test('leaves nothing, even with frozen containers and a busy neighbour', async () => {
    const lab = await openLab({ name: 'end' });
    await createContainer(lab, { name: 'c1', number: 0x0165 });
    await createContainer(lab, { name: 'c2' });
    await lab.incus('pause', 'c2');
    await (await lab.neighbour('internet')).serve({ proto: 'tcp', port: 80 });
    const mark = await markOf(lab);
    expect(mark.cgroups).toHaveLength(4);
    expect((await tracesOf(mark)).length).toBeGreaterThan(10);
    await lab[Symbol.asyncDispose]();
    expect(await tracesOf(mark)).toEqual([]);
  });

  test('takes along what a killed monitor leaves', async () => {
    const lab = await openLab({ name: 'orphan' });
    await createContainer(lab, { name: 'c1' });
    const mark = await markOf(lab);
    const monitor = (await tracesOf(mark)).flatMap((line) => /^process (\d+) \[lxc monitor\]/.exec(line)?.[1] ?? []);
    expect(monitor).toHaveLength(1);
    process.kill(Number(monitor[0]), 'SIGKILL');
    await lab[Symbol.asyncDispose]();
    expect(await tracesOf(mark)).toEqual([]);
  });

  test('does not touch another lab with a container of the same name', async () => {
    await using stays = await openLab({ name: 'stays' });
    const goes = await openLab({ name: 'goes' });
    await Promise.all([stays, goes].map((lab) => createContainer(lab, { name: 'c1', number: 0x0165 })));
    await goes[Symbol.asyncDispose]();
    expect(await stays.incus('exec', 'c1', '--', 'cat', '/proc/1/comm')).toBe('init');
  });

  test('comes when its owner is killed', async () => {
    const { owner, mark } = await ownedLab();
    expect(await tracesOf(mark)).not.toEqual([]);
    await owner.stop('SIGKILL');
    await until('the lab to end', async () => (await tracesOf(mark)).length === 0);
  });

  test('comes with the next lab when its keeper was killed too', async () => {
    const { owner, mark } = await ownedLab();
    const keeper = (await tracesOf(mark)).flatMap((line) => /^process (\d+) \S+ \S+\/keeper /.exec(line)?.[1] ?? []);
    expect(keeper).toHaveLength(1);
    process.kill(Number(keeper[0]), 'SIGKILL');
    await owner.stop('SIGKILL');
    expect(await tracesOf(mark)).not.toEqual([]);
    const next = await openLab({ name: 'next', images: [] });
    await next[Symbol.asyncDispose]();
    expect(await tracesOf(mark)).toEqual([]);
  });
});
