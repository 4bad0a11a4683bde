import { describe, expect, it } from 'vitest';
import { parseHierarchies, payloadPath } from '../../../src/host/cgroup/payload.ts';

describe('the group of a container', () => {
  it.each([
    { what: 'its own', path: '/lxc.payload.c1', own: '/', found: '/lxc.payload.c1' },
    { what: 'one that init moved below', path: '/lxc.payload.c1/init.scope', own: '/', found: '/lxc.payload.c1' },
    { what: 'one that is named so inside', path: '/lxc.payload.c1/lxc.payload.c2', own: '/', found: '/lxc.payload.c1' },
    {
      what: 'that of a second of its name',
      path: '/lxc.payload.c1-1/a',
      own: '/system.slice',
      found: '/lxc.payload.c1-1',
    },
    { what: 'one below another', path: '/part/of/lxc.payload.c1', own: '/part/of', found: '/part/of/lxc.payload.c1' },
    {
      what: 'one in a host that is a container',
      path: '/lxc.payload.host/lxc.payload.c1/a',
      own: '/lxc.payload.host/system.slice/coi.service',
      found: '/lxc.payload.host/lxc.payload.c1',
    },
    { what: 'none, of a process of the host', path: '/system.slice/ssh.service', own: '/', found: undefined },
    {
      what: 'none, of the controller itself',
      path: '/lxc.payload.host/x',
      own: '/lxc.payload.host/x',
      found: undefined,
    },
  ])('is $what', ({ path, own, found }) => {
    expect(payloadPath(path, own)).toBe(found);
  });

  it('is looked for in every hierarchy that is mounted', () => {
    const text = [
      '25 30 0:22 / /proc rw - proc proc rw',
      '37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer',
      '40 31 0:37 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd',
      '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '41 31 0:38 /part /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate',
    ];
    expect(parseHierarchies(text.join('\n'))).toEqual([
      { version: 1, controllers: ['freezer'], mountPoint: '/sys/fs/cgroup/freezer', root: '' },
      { version: 1, controllers: ['name=systemd'], mountPoint: '/sys/fs/cgroup/systemd', root: '' },
      { version: 1, controllers: ['cpu', 'cpuacct'], mountPoint: '/sys/fs/cgroup/cpu,cpuacct', root: '' },
      { version: 2, controllers: [], mountPoint: '/sys/fs/cgroup/unified', root: '/part' },
    ]);
  });
});
