import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { endAllButInit } from '../../../src/host/cgroup/end-frozen.ts';
import { freezeGroup, isGroupFrozen, thawGroup, untilStill } from '../../../src/host/cgroup/freezer.ts';
import { payloadGroups } from '../../../src/host/cgroup/payload.ts';
import { processAt, type HostProcess } from '../../../src/host/process/container-process.ts';
import { createContainer } from '../../lab/create.ts';
import { openLab, type Lab } from '../../lab/lab.ts';
import { until } from '../../lab/until.ts';

let lab: Lab;
const { signal } = new AbortController();

beforeAll(async () => {
  lab = await openLab({ name: 'freezer', images: ['busybox', 'system'] });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function initOf(name: string): Promise<HostProcess> {
  const { pid } = JSON.parse(await lab.incus('query', `/1.0/instances/${name}/state`)) as { pid: number };
  return processAt(pid)!;
}

async function statusOf(name: string): Promise<string> {
  return (JSON.parse(await lab.incus('query', `/1.0/instances/${name}`)) as { status: string }).status;
}

/** Starts what goes on writing to a file for as long as it may, and outlives whoever started it. */
async function startCounting(name: string, file: string): Promise<void> {
  const loop = `while :; do echo x >> ${file}; done`;
  await lab.incus('exec', name, '--', 'sh', '-c', `setsid sh -c '${loop}' >/dev/null 2>&1 </dev/null &`);
}

async function sizeOf({ pid }: HostProcess, file: string): Promise<number> {
  return (await readFile(`/proc/${pid}/root${file}`)).length;
}

async function isRising(init: HostProcess, file: string): Promise<boolean> {
  const before = await sizeOf(init, file);
  await sleep(150);
  return (await sizeOf(init, file)) > before;
}

describe('a container', () => {
  it('stands still while it is frozen, with what was started from outside, and goes on', async () => {
    await createContainer(lab, { name: 'c1' });
    await startCounting('c1', '/count');
    const init = await initOf('c1');
    await until('counting', () => isRising(init, '/count'));
    freezeGroup(init);
    expect(await untilStill(init, systemClock, AbortSignal.timeout(5_000)), 'still').toBe(true);
    expect(isGroupFrozen(init), 'frozen').toBe(true);
    expect(await isRising(init, '/count'), 'frozen and counting').toBe(false);
    freezeGroup(init);
    thawGroup(init);
    await until('counting again', () => isRising(init, '/count'));
    expect(isGroupFrozen(init), 'thawed').toBe(false);
  });

  it('can be thawed by Incus, which may believe that it runs', async () => {
    await createContainer(lab, { name: 'c2' });
    const init = await initOf('c2');
    freezeGroup(init);
    expect(await statusOf('c2'), 'asked of Incus').toBe('Running');
    await lab.incus('pause', 'c2');
    expect(await statusOf('c2'), 'paused').toBe('Frozen');
    await lab.incus('start', 'c2');
    expect(isGroupFrozen(init), 'thawed').toBe(false);
  });

  it('is found by its init, though another has had its name', async () => {
    const groups = payloadGroups(await initOf('c2'));
    expect(groups, 'groups').not.toHaveLength(0);
    for (const { dir } of groups) expect(dir).toMatch(/\/lxc\.payload\.c2(-\d+)?$/);
    expect(payloadGroups(processAt(process.pid)!), 'of this process').toEqual([]);
  });

  it('stands still with what sits in groups that were made inside', async () => {
    await createContainer(lab, { name: 's1', image: 'system' });
    await startCounting('s1', '/count');
    const init = await initOf('s1');
    await until('counting', () => isRising(init, '/count'));
    const script =
      'for at in /sys/fs/cgroup/freezer /sys/fs/cgroup/unified /sys/fs/cgroup; do ' +
      'mkdir $at/deep && mkdir $at/deep/er && echo 1 > $at/deep/er/cgroup.procs; for p in $(pidof sh); do echo $p > $at/deep/er/cgroup.procs; done; done 2>/dev/null; cat /proc/1/cgroup';
    const groups = await lab.incus('exec', 's1', '--', 'sh', '-c', script);
    expect(groups, 'what was made inside').toContain('/deep/er');
    freezeGroup(init);
    expect(await untilStill(init, systemClock, AbortSignal.timeout(5_000)), 'still').toBe(true);
    expect(await isRising(init, '/count'), 'counting').toBe(false);
    thawGroup(init);
    await until('counting again', () => isRising(init, '/count'));
  });

  it('ends without going on when it is stopped while it is frozen', async () => {
    await createContainer(lab, { name: 'c3' });
    for (const file of ['/a', '/b', '/c', '/d']) await startCounting('c3', file);
    const init = await initOf('c3');
    for (const file of ['/a', '/b', '/c', '/d']) await until(file, () => isRising(init, file));
    freezeGroup(init);
    await untilStill(init, systemClock, AbortSignal.timeout(5_000));
    const sizes = await Promise.all(['/a', '/b', '/c', '/d'].map((file) => sizeOf(init, file)));
    await endAllButInit(init, signal);
    expect(processAt(init.pid), 'init').toEqual(init);
    await lab.incus('stop', '--force', 'c3');
    const after = await Promise.all(
      ['/a', '/b', '/c', '/d'].map(
        async (file) => (await lab.incus('file', 'pull', `c3${file}`, '-')).trimEnd().length + 1,
      ),
    );
    expect(after, 'written while it ended').toEqual(sizes);
  });
});
