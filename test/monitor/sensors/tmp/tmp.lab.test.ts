import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { TmpSensor } from '../../../../src/monitor/sensors/tmp/tmp-sensor.ts';
import { Place, type Guest } from '../../../network/place.ts';
import { watchedGuest, Watcher } from '../watcher.ts';

let place: Place;
let full: Guest;
let plain: Guest;
let watcher: Watcher;

const everyMs = 200;
const sh = async (guest: Guest, script: string) => {
  expect(await place.inside(guest, 'sh', '-c', script)).toMatchObject({ exitCode: 0 });
};
const fill = (megabytes: number) => sh(full, `dd if=/dev/zero of=/tmp/file bs=1M count=${megabytes}`);

beforeAll(async () => {
  place = await Place.open({ name: 'tmp' });
  [full, plain] = await Promise.all([place.guest('full'), place.guest('plain')]);
  const all = await Promise.all([full, plain].map((guest) => watchedGuest(place, guest)));
  watcher = new Watcher(all, (init) => new TmpSensor({ ...init, clock: systemClock, everyMs }));
});
afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});
beforeEach(() => void (watcher.events.length = 0));

describe('/tmp', () => {
  it('is told when it is full, once', async () => {
    await sh(full, 'mount -t tmpfs -o size=20m none /tmp');
    await fill(10);
    await sleep(3 * everyMs);
    expect(watcher.events).toEqual([]);
    await fill(17);
    const told = await watcher.see('tmp', full.uid);
    expect(told.usedPercent).toBeCloseTo(85, 0);
    expect(told.totalMb).toBeCloseTo(20.97, 1);
    await sleep(3 * everyMs);
    expect(watcher.events).toHaveLength(1);
  });

  it('is not told where it is a directory of the disk', async () => {
    await sh(plain, 'dd if=/dev/zero of=/tmp/file bs=1M count=30');
    await sleep(3 * everyMs);
    expect(watcher.of('tmp', plain.uid)).toEqual([]);
  });

  it('is not that of the host behind a link', async () => {
    await sh(plain, 'rm -rf /tmp && ln -s /dev/shm /tmp');
    await sleep(3 * everyMs);
    expect(watcher.of('tmp', plain.uid)).toEqual([]);
    expect(watcher.problems).toEqual([]);
    expect(watcher.sensor.status()).toMatchObject({ state: 'active' });
  });
});
