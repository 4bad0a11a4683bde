import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContainer, seat } from './create.ts';
import { cachedImage } from './image-cache.ts';
import { openLab, type Lab } from './lab.ts';
import { until } from './until.ts';

const here = seat(0x0165);

async function inC1(lab: Lab, ...argv: string[]): Promise<string> {
  return lab.incus('exec', 'c1', '--', ...argv);
}

/** Until both addresses are up and usable. */
async function networkUp(lab: Lab): Promise<string> {
  return until('both addresses of c1', async () => {
    const text = await inC1(lab, 'ip', 'address', 'show', 'dev', 'eth0');
    return text.includes(here.ipv4) && text.includes(here.ipv6) && !text.includes('tentative') && text;
  });
}

describe('openLab()', () => {
  let lab: Lab;
  beforeAll(async () => {
    await Promise.all([cachedImage('busybox'), cachedImage('system')]);
    lab = await openLab({ name: 'self', images: ['busybox', 'system'] });
    await createContainer(lab, { name: 'c1', number: 0x0165 });
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test('gives a container its IPv4 address by DHCP and its EUI-64 IPv6 address by SLAAC', async () => {
    const text = await networkUp(lab);
    expect(text).toContain(`${here.ipv4}/16`);
    expect(text).toContain(`${here.ipv6}/64`);
    const { stdout } = await lab.run(['bridge', '-d', 'link', 'show', 'dev', here.hostName]);
    expect(stdout).toContain('isolated on');
  });

  test('runs systemd with both addresses in the system image', async () => {
    await createContainer(lab, { name: 's1', number: 0x0166, image: 'system' });
    const own = seat(0x0166);
    await until('both addresses of s1', async () => {
      const text = await lab.incus('exec', 's1', '--', 'ip', '-brief', 'address', 'show', 'dev', 'eth0');
      return text.includes(own.ipv4) && text.includes(own.ipv6);
    });
    expect(await lab.incus('exec', 's1', '--', 'cat', '/proc/1/comm')).toBe('systemd');
    expect(await lab.incus('exec', 's1', '--', 'su', 'code', '-c', 'sudo -n id -u; tmux -V; id -u')).toMatch(
      /^0\ntmux .*\n1000$/,
    );
  });

  test('leads to the neighbours and back without translating addresses', async () => {
    await networkUp(lab);
    for (const name of ['internet', 'private', 'otherHost'] as const) {
      const neighbour = await lab.neighbour(name);
      await neighbour.serve({ proto: 'tcp', port: 8080 });
      for (const address of [neighbour.ipv4, neighbour.ipv6]) {
        expect(await inC1(lab, 'nc', '-w', '3', address, '8080')).toMatch(/^coi-lab tcp 8080 /);
      }
      expect((await neighbour.received()).map(({ source }) => source)).toEqual([here.ipv4, here.ipv6]);
      expect(await neighbour.run(['busybox', 'ping', '-c', '1', '-W', '2', here.ipv4])).toMatchObject({ exitCode: 0 });
    }
  });

  test('has datagrams answered, and lets the internet have any address', async () => {
    const internet = await lab.neighbour('internet');
    await internet.addAddress('9.9.9.9');
    await internet.serve({ proto: 'udp', port: 53, host: '9.9.9.9' });
    const before = (await internet.received()).length;
    await networkUp(lab);
    // The answer is no DNS, but the question arrives.
    await lab.run(['incus', 'exec', 'c1', '--', 'timeout', '1', 'nslookup', 'example.org', '9.9.9.9']);
    expect((await internet.received()).slice(before)).toContainEqual(
      expect.objectContaining({ proto: 'udp', port: 53, source: here.ipv4 }),
    );
  });

  test('says why a port cannot be served', async () => {
    const internet = await lab.neighbour('internet');
    await internet.serve({ proto: 'tcp', port: 9090 });
    await expect(internet.serve({ proto: 'tcp', port: 9090 })).rejects.toThrow('EADDRINUSE');
  });

  test('keeps containers running while incusd is killed and started again', async () => {
    const state = async (): Promise<unknown> => JSON.parse(await lab.incus('query', '/1.0/instances/c1/state'));
    const before = (await state()) as { pid: number };
    const first = lab.daemon.pid;
    await lab.restartIncusd({ signal: 'SIGKILL' });
    expect(lab.daemon.pid).not.toBe(first);
    expect(await state()).toMatchObject({ status: 'Running', pid: before.pid });
  });

  test('runs programs with the files of the checkout and the network of the lab', async () => {
    const { stdout } = await lab.run(['cat', 'package.json']);
    expect(stdout).toContain('"name": "coi"');
    expect(await lab.run(['sh', '-c', 'cat; ls /sys/class/net; exit 3'], { input: 'said ' })).toMatchObject({
      stdout: expect.stringMatching(/^said [^]*coibr0/),
      exitCode: 3,
    });
    const long = lab.spawn(['sh', '-c', 'echo begun; sleep 60']);
    await long.printed(/begun/);
    expect(await long.stop('SIGKILL')).toEqual({ exitCode: null, signal: 'SIGKILL' });
  });
});
