import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirewalldDaemon } from '../host/firewalld/daemon.ts';
import type { Agent } from '../host/nft/world.ts';
import { labSettings } from '../lab/settings.ts';
import { until } from '../lab/until.ts';
import { Place } from './place.ts';

const port = 8080;
const public4 = '203.0.113.10';
const private4 = '10.7.0.10';
const aclName = 'coi-coibr0-sandboxes';

const settings = (firewall: string) => `[incus]\nstorage_pool = "default"\n[controller]\nfirewall = "${firewall}"\n`;

/** A whole life under a controller whose settings name a backend, in a real container. */
describe.each(['firewalld', 'incus-acl'] as const)('a controller with controller.firewall = "%s"', (backend) => {
  let stack: AsyncDisposableStack;
  let place: Place;
  let daemon: FirewalldDaemon | undefined;

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    const env: Record<string, string> = {};
    const prepare = async ({ netns }: { netns: string }) => {
      if (backend !== 'firewalld') return;
      daemon = stack.use(await FirewalldDaemon.start(netns));
      env['DBUS_SYSTEM_BUS_ADDRESS'] = daemon.bus;
    };
    place = stack.use(await Place.open({ name: 'backend', settings: settings(backend), env, prepare }));
    for (const neighbour of ['internet', 'private'] as const) {
      await (await place.neighbour(neighbour)).order({ do: 'serve', port });
    }
  });
  afterAll(() => stack.disposeAsync());

  const tries = async (guest: Agent) =>
    Promise.all([public4, private4].map((host) => guest.order({ do: 'connect', host, port })));

  /** What the backend holds, as its own program tells it. */
  const held = async (): Promise<string> =>
    daemon
      ? daemon.cmd('--direct', '--get-all-rules')
      : place.lab.incus('query', `/1.0/network-acls/${aclName}`).catch(() => '');

  it('holds a sandbox to its policy from start to end, and has nothing left of it then', async () => {
    const guest = await place.guest('lives', 'network.mode = "restricted"');
    await until('a way out', async () => (await tries(guest))[0] === 'open', { timeoutMs: 30_000 });
    expect(await tries(guest)).toEqual(['open', 'shut']);
    expect(await held()).toContain(`coi:${guest.uid}`);
    await place.mode('lives', 'open');
    expect(await tries(guest)).toEqual(['open', 'open']);
    await place.mode('lives', 'none');
    expect(await tries(guest)).toEqual(['shut', 'shut']);
    await place.mode('lives', 'restricted');
    await place.controller.restart('SIGKILL');
    expect(await tries(guest)).toEqual(['open', 'shut']);
    await place.controller.remove('lives.toml');
    await until('its end', async () => (await place.controller.sandbox('lives')) === undefined, { timeoutMs: 60_000 });
    await until('the end of its rules', async () => !(await held()).includes(guest.uid), { timeoutMs: 30_000 });
  });

  it('has nothing left of it once the settings name nft', async () => {
    const guest = await place.guest('moves', 'network.mode = "restricted"');
    expect(await held()).toContain(guest.uid);
    const { writeFile } = await import('node:fs/promises');
    await place.controller.stop();
    await writeFile(`${place.lab.dir}/etc/config.toml`, labSettings({ settings: settings('nft') }));
    await place.controller.start();
    await until('the end of its rules', async () => !(await held()).includes('coi:'), { timeoutMs: 30_000 });
    await until('a way out', async () => (await tries(guest))[0] === 'open', { timeoutMs: 30_000 });
    expect(await tries(guest)).toEqual(['open', 'shut']);
  });
});
