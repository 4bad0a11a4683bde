import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { processAt } from '../../../../src/host/process/container-process.ts';
import { VolumeSensor } from '../../../../src/monitor/sensors/volume/volume-sensor.ts';
import { Place, type Guest } from '../../../network/place.ts';
import { watchedGuest, Watcher } from '../watcher.ts';

let place: Place;
let busy: Guest;
let idle: Guest;
let watcher: Watcher;

const dd = async (...words: readonly string[]) => {
  expect(await place.inside(busy, 'dd', 'bs=1M', ...words)).toMatchObject({ exitCode: 0 });
};

beforeAll(async () => {
  place = await Place.open({ name: 'volume' });
  [busy, idle] = await Promise.all([place.guest('busy'), place.guest('idle')]);
  const all = await Promise.all([busy, idle].map((guest) => watchedGuest(place, guest, { pollMs: 200 })));
  watcher = new Watcher(all, (init) => new VolumeSensor({ ...init, clock: systemClock }));
});
afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

describe('what a sandbox writes and reads', () => {
  it('is told with its amount', async () => {
    expect(watcher.sensor.status()).toMatchObject({ state: 'active', source: 'cgroup' });
    await dd('if=/dev/zero', 'of=/root/file', 'count=64', 'oflag=direct');
    const wrote = await watcher.see('volume', busy.uid, ({ writtenMb }) => writtenMb > 60);
    expect(wrote).toMatchObject({ seconds: 60 });
    expect(wrote.writtenMb).toBeLessThan(130);
    await dd('if=/root/file', 'of=/dev/null', 'iflag=direct');
    const read = await watcher.see('volume', busy.uid, ({ readMb }) => readMb > 60);
    expect(read.readMb).toBeLessThan(130);
  });

  it('is told of groups below its own as well', async () => {
    const before = watcher.of('volume', busy.uid).length;
    const group = '/sys/fs/cgroup/blkio/below';
    const script = `mkdir -p ${group} && echo $$ >${group}/cgroup.procs; exec dd bs=1M if=/dev/zero of=/root/more count=32 oflag=direct`;
    expect(await place.inside(busy, 'sh', '-c', script)).toMatchObject({ exitCode: 0 });
    const fresh = () => watcher.of('volume', busy.uid).slice(before);
    expect(
      await watcher.see('volume', busy.uid, (event) => fresh().includes(event) && event.writtenMb > 90),
    ).toBeDefined();
  });

  it('is nothing of a neighbour', () => {
    expect(watcher.of('volume', idle.uid).filter(({ writtenMb, readMb }) => writtenMb > 5 || readMb > 30)).toEqual([]);
  });

  it('begins anew with a new start', async () => {
    await place.lab.incus('restart', '--force', busy.instance);
    await place.controller.ready(busy.name, 'running');
    watcher.events.length = 0;
    watcher.containers = [await watchedGuest(place, busy, { pollMs: 200 })];
    expect(watcher.containers[0]?.init).toEqual(processAt(await place.pid(busy.instance)));
    watcher.sensor.refresh();
    // Counting begins with the first look.
    await sleep(600);
    await dd('if=/dev/zero', 'of=/root/file', 'count=8', 'oflag=direct');
    const told = await watcher.see('volume', busy.uid, ({ writtenMb }) => writtenMb > 7);
    expect(told.writtenMb).toBeLessThan(40);
    expect(watcher.of('volume', busy.uid).every(({ readMb, writtenMb }) => readMb >= 0 && writtenMb >= 0)).toBe(true);
  });

  it('of one that has ended is nothing, and no problem', async () => {
    await place.lab.incus('stop', '--force', idle.instance);
    expect(watcher.problems).toEqual([]);
  });
});
