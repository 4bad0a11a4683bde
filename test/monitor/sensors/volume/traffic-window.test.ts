import { describe, expect, it } from 'vitest';
import { parseTraffic } from '../../../../src/host/cgroup/disk-traffic.ts';
import { TrafficWindow } from '../../../../src/monitor/sensors/volume/traffic-window.ts';

const at = (read: number, written = 0, device = '8:0') => new Map([[device, { read, written }]]);

describe('counts of a control group', () => {
  it('are read in both forms', () => {
    const old = '8:0 Read 4096\n8:0 Write 512\n8:0 Sync 4608\n8:0 Total 4608\n7:0 Read 1\nTotal 4609\n';
    expect(parseTraffic(old)).toEqual(new Map([...at(4096, 512), ...at(1, 0, '7:0')]));
    const unified = '8:0 rbytes=4096 wbytes=512 rios=1 wios=1 dbytes=0 dios=0\n8:16 \n';
    expect(parseTraffic(unified)).toEqual(new Map([...at(4096, 512), ...at(0, 0, '8:16')]));
    expect(parseTraffic('nonsense\n8:0 rbytes=-1 wbytes=x')).toEqual(at(0));
  });
});

describe('the last minute', () => {
  it('begins with the first look, however much was moved before', () => {
    const window = new TrafficWindow();
    expect(window.add(0, at(5e9, 5e9))).toBeUndefined();
    expect(window.add(2_000, at(5e9, 5e9))).toBeUndefined();
    expect(window.add(4_000, at(5e9 + 7, 5e9 + 1))).toEqual({ read: 7, written: 1 });
  });

  it('holds what moved within it and nothing older', () => {
    const window = new TrafficWindow();
    const told = Array.from({ length: 100 }, (_, index) => window.add(index * 2_000, at(index * 10)));
    expect(told[1]).toEqual({ read: 10, written: 0 });
    expect(told[30]).toEqual({ read: 300, written: 0 });
    expect(told.slice(30).every((each) => each?.read === 300)).toBe(true);
  });

  it('is empty again when counting began anew', () => {
    const window = new TrafficWindow();
    window.add(0, at(100, 100));
    expect(window.add(2_000, at(30, 10))).toBeUndefined();
    expect(window.add(4_000, at(31, 10))).toEqual({ read: 1, written: 0 });
  });

  it('counts bytes once that pass through two devices, one below the other', () => {
    const window = new TrafficWindow();
    const both = (count: number) => new Map([...at(count), ...at(count, 0, '7:0')]);
    window.add(0, both(0));
    expect(window.add(2_000, both(50))).toEqual({ read: 50, written: 0 });
    expect(window.add(4_000, at(60))).toEqual({ read: 60, written: 0 });
  });
});
