import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionDenial, DenialsReport, PolicyReport } from '../../src/controller/network-reports.ts';
import { until } from '../lab/until.ts';
import { Upstream } from '../lab/upstream.ts';
import { Place, type Guest } from './place.ts';

const port = 8080;
const outside4 = '203.0.113.10';
const private4 = '10.7.0.10';
const metadata4 = '169.254.169.254';

let place: Place;
let web: Guest;
let sibling: Guest;

beforeAll(async () => {
  place = await Place.open({
    name: 'explain',
    images: ['busybox'],
    prepare: async (lab) => {
      const upstream = await Upstream.open(lab);
      await upstream.zone({
        'git.example.test': [{ type: 'A', data: outside4 }],
        'secret.example.org': [{ type: 'A', data: '198.51.100.10' }],
      });
    },
  });
  for (const name of ['internet', 'private'] as const) await (await place.neighbour(name)).order({ do: 'serve', port });
  web = await place.guest('web', 'network.mode = "restricted"');
  sibling = await place.guest('sibling', 'network.mode = "open"');
  await until('IPv6', async () => (await reach('2001:db8:113::10')) === 'open', { timeoutMs: 30_000 });
});
afterAll(() => place?.[Symbol.asyncDispose]());

const reach = async (host: string, to = port) => web.order({ do: 'connect', host, port: to });

/** Declares the network of the sandbox and waits until the kernel has it. */
async function network(mode: string, ...lines: readonly string[]): Promise<void> {
  await place.mode('web', mode, ...lines);
  await until('the policy to be in force', async () => {
    const { in_force, differs, settings } = await place.controller.api.policy({ name: 'web' });
    const written = settings?.filter(({ from }) => from === 'manifest') ?? [];
    return in_force?.mode === mode && differs.length === 0 && written.length === lines.length + 1;
  });
}

async function ask<Report>(...argv: string[]): Promise<Report> {
  const { stdout, stderr, exitCode } = await place.controller.coi(...argv, '--format=json');
  if (stdout === '') throw new Error(`coi ${argv.join(' ')} exited with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as Report;
}

async function denialOf(address: string, to?: number): Promise<ConnectionDenial> {
  const { connections } = await place.controller.api.denials({ name: 'web' });
  const found = connections.find((each) => each.address === address && (to === undefined || each.port === to));
  if (!found) throw new Error(`${address} is not among ${JSON.stringify(connections)}`);
  return found;
}

async function deniedPackets(name: string): Promise<number | undefined> {
  const line = (await place.controller.metrics()).find((each) =>
    each.startsWith(`coi_sandbox_denied_packets_total{name="${name}"}`),
  );
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

describe('coi why-denied', () => {
  it('tells of every kind of refusal in mode restricted', async () => {
    const began = Date.now();
    const tries: readonly (readonly [host: string, to: number, rule: string])[] = [
      [private4, port, 'private'],
      ['fd77::10', port, 'private'],
      [metadata4, port, 'metadata'],
      ['10.90.0.1', port, 'host-service'],
      ['203.0.113.1', 22, 'host-service'],
      ['9.9.9.9', 853, 'other-resolver'],
      ['1.1.1.1', 443, 'known-resolver'],
      ['198.18.0.1', port, 'special'],
      [sibling.ipv4, port, 'sibling'],
    ];
    await place.inside(web, 'ip', 'route', 'add', `${sibling.ipv4}/32`, 'via', '10.90.0.1');
    for (const [host, to] of tries) expect(await reach(host, to)).toBe('shut');
    await web.order({ do: 'ask', host: outside4, port: 53 });
    await place.inside(web, 'ping', '-c', '1', '-W', '1', private4);
    for (const [host, to, rule] of tries) {
      expect({ host, rule: (await denialOf(host, to)).rule }).toEqual({ host, rule });
    }
    expect(await denialOf(outside4, 53)).toMatchObject({ proto: 'udp', rule: 'other-resolver' });

    const report = await ask<DenialsReport>('why-denied', 'web', '--since', '1h');
    expect(report).toMatchObject({ name: 'web', mode: 'restricted', names: [] });
    expect(report.connections).toHaveLength(tries.length + 2);
    expect(report.packets).toBeGreaterThanOrEqual(tries.length + 2);
    for (const { count, first, last, allow, nothing } of report.connections) {
      expect(count).toBeGreaterThan(0);
      expect(Date.parse(last)).toBeGreaterThan(began - 3_000);
      expect(Date.parse(first)).toBeLessThanOrEqual(Date.parse(last));
      expect((allow === undefined) !== (nothing === undefined)).toBe(true);
    }
    expect(report.connections.find(({ proto }) => proto === 'icmp')).toMatchObject({
      address: private4,
      rule: 'private',
    });
    const { stdout } = await place.controller.coi('why-denied', 'coi-web');
    expect(stdout).toContain('Allow:  network.allow_local_network_access = true');
    expect(stdout).toContain('Nothing in a manifest allows this: sandboxes are kept apart in every mode');
  });

  it.each([
    ['restricted', private4],
    ['restricted', 'fd77::10'],
    ['restricted', metadata4],
    ['allowlist', outside4],
    ['allowlist', '2001:db8:113::10'],
    ['allowlist', private4],
    ['none', outside4],
  ])('names the line that opens the way: mode %s, %s', async (mode, host) => {
    const given = mode === 'allowlist' ? ['network.allowed_domains = ["198.51.100.1"]'] : [];
    await network(mode, ...given);
    expect(await reach(host)).toBe('shut');
    const { allow } = await denialOf(host, port);
    expect(allow).toBeDefined();
    const destination = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const before = await place.controller.coi('policy', 'test', 'web', destination);
    expect(before.exitCode).toBe(1);
    expect(before.stdout).toContain(allow!.line);

    // Pasted as it stands, in the place of the line with the same key.
    const kept = [`network.mode = "${mode}"`, ...given].filter((line) => !line.startsWith(allow!.key));
    await place.controller.declare('web', ...kept, allow!.line);
    await until('the way to be open', async () => (await reach(host)) === 'open', { timeoutMs: 20_000 });
    const after = await place.controller.coi('policy', 'test', 'web', destination);
    expect({ exitCode: after.exitCode, stdout: after.stdout }).toMatchObject({ exitCode: 0 });
    expect(await denialOf(host, port)).toMatchObject({ rule: 'allowed-now' });
  });
});

describe('names', () => {
  const lookUp = (name: string) => place.inside(web, 'timeout', '5', 'nslookup', name, '10.90.0.1');
  const given = 'network.allowed_domains = ["git.example.test"]';

  it('that were refused are told, with the entry that would allow them', async () => {
    await network('allowlist', given);
    await lookUp('secret.example.org');
    const { names } = await place.controller.api.denials({ name: 'web' });
    const found = names.find(({ name }) => name === 'secret.example.org');
    expect(found).toMatchObject({ reason: 'unlisted', allow: { entry: 'secret.example.org' } });
    expect((await place.controller.coi('policy', 'test', 'web', 'secret.example.org')).exitCode).toBe(1);
    await place.controller.declare('web', 'network.mode = "allowlist"', found!.allow!.line);
    await until('the name to be known', async () =>
      (await lookUp('secret.example.org')).stdout.includes('198.51.100.10'),
    );
    expect((await place.controller.coi('policy', 'test', 'web', 'secret.example.org')).exitCode).toBe(0);
    const file = await readFile(join(place.lab.stateDir, 'log/network.log'), 'utf8');
    expect(file).toContain('"name":"secret.example.org"');
  });

  it('are proposed where they led to a refused address', async () => {
    await network('allowlist', given);
    await until('the name to lead there', async () => (await lookUp('git.example.test')).stdout.includes(outside4));
    expect(await reach(outside4)).toBe('shut');
    const denial = await denialOf(outside4, port);
    expect(denial).toMatchObject({ name: 'git.example.test', allow: { entry: `git.example.test:${port}` } });
    const { in_force } = await place.controller.api.policy({ name: 'web' });
    expect(in_force?.led_to.map(({ destination }) => destination)).toContain(outside4);
    expect((await place.controller.coi('policy', 'test', 'web', `${outside4}:443`)).stdout).toContain(
      'leads there now',
    );
    await place.controller.declare('web', 'network.mode = "allowlist"', denial.allow!.line);
    await until('the way to be open', async () => (await reach(outside4)) === 'open', { timeoutMs: 20_000 });
  });
});

describe('coi policy', () => {
  it('shows what the kernel holds and where it was written', async () => {
    await network('allowlist', 'network.allowed_domains = ["203.0.113.0/28", "198.51.100.7:22"]');
    const report = await ask<PolicyReport>('policy', 'web');
    expect(report).toMatchObject({
      uid: web.uid,
      differs: [],
      in_force: { mode: 'allowlist', names: 'allowlist', addresses: ['198.51.100.7:22', '203.0.113.0/28'], led_to: [] },
    });
    const file = join(place.controller.dir(), 'web.toml');
    expect(report.settings?.find(({ key }) => key === 'mode')).toMatchObject({ from: 'manifest', file, line: 4 });
    expect(report.settings?.find(({ key }) => key === 'refresh_interval_minutes')).toMatchObject({ from: 'built-in' });
    expect((await place.controller.coi('policy', 'web')).stdout).toMatch(/^web: mode allowlist is in force\n/);
  });

  it('shows what somebody took away', async () => {
    await place.controller.stop();
    await place.lab.inside.output(['nft', 'delete', 'element', 'inet', 'coi', 'mode4', `{ ${web.ipv4} }`]);
    const report = await ask<PolicyReport>('policy', 'web');
    expect(report.differs).toEqual([`missing: inet mode4 ${web.ipv4} : goto allowlist`]);
    await place.controller.start();
  });

  it('refuses what makes no sense', async () => {
    expect(await place.controller.coi('policy', 'test', 'web', 'x:0')).toMatchObject({ exitCode: 2 });
    expect(await place.controller.coi('policy', 'test', 'nobody', 'example.com')).toMatchObject({ exitCode: 2 });
    expect(await place.controller.coi('why-denied', 'nobody')).toMatchObject({ exitCode: 1 });
  });
});

describe('what was refused', () => {
  it('is written to the log', async () => {
    await network('none');
    await reach(outside4, 4_711);
    await place.controller.api.denials({ name: 'web' });
    const file = join(place.lab.stateDir, 'log/network.log');
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const own = lines.map((line) => JSON.parse(line) as object).filter((line) => 'port' in line && line.port === 4_711);
    expect(own).toEqual([
      {
        ts: expect.stringMatching(/Z$/),
        sandbox: 'web',
        uid: web.uid,
        address: outside4,
        proto: 'tcp',
        port: 4_711,
        count: 1,
        first: expect.stringMatching(/Z$/),
      },
    ]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('is written to a file of its own, or to none', async () => {
    const own = join(place.lab.dir, 'own.log');
    await network('none', `network.logging.path = "${own}"`);
    await reach(outside4, 4_712);
    await place.controller.api.denials({ name: 'web' });
    expect(await readFile(own, 'utf8')).toContain('"port":4712');
    await place.controller.declare('web', 'network.mode = "none"', 'network.logging.enabled = false');
    await until('the manifest to be read', async () => {
      const { settings } = await place.controller.api.policy({ name: 'web' });
      return settings?.some(({ key, value }) => key === 'logging.enabled' && value === false);
    });
    await reach(outside4, 4_713);
    await place.controller.api.denials({ name: 'web' });
    const shared = await readFile(join(place.lab.stateDir, 'log/network.log'), 'utf8');
    expect((await readFile(own, 'utf8')) + shared).not.toContain('4713');
  });

  it('is counted on when the rules are loaded anew', async () => {
    await network('none');
    await reach(outside4);
    const before = await denialOf(outside4, port);
    const counted = (await deniedPackets('web'))!;
    expect(counted).toBeGreaterThan(0);
    await place.lab.inside.output(['nft', 'flush', 'ruleset']);
    await until('the rules to be back', async () => {
      const { in_force } = await place.controller.api.policy({ name: 'web' });
      return in_force !== undefined;
    });
    await reach(outside4);
    const after = await denialOf(outside4, port);
    expect(after).toMatchObject({ first: before.first, count: before.count + 1 });
    expect(await deniedPackets('web')).toBe(counted + 1);
  });

  it('outlives the controller in the kernel', async () => {
    const before = (await place.controller.api.denials({ name: 'web' })).connections.length;
    await place.controller.restart('SIGKILL');
    const { count } = await denialOf(outside4, port);
    expect(count).toBeGreaterThan(0);
    expect(before).toBeGreaterThan(0);
  });

  it('is forgotten with the sandbox, in the metrics and in the kernel', async () => {
    await reach(outside4);
    await place.controller.api.denials({ name: 'web' });
    expect(await deniedPackets('web')).toBeGreaterThan(0);
    await place.controller.remove('web.toml');
    await place.controller.gone('web');
    await expect(place.controller.api.denials({ name: 'web' })).rejects.toMatchObject({ code: 'control.unknown-name' });
    await place.controller.api.denials({ name: 'sibling' });
    expect(await deniedPackets('web')).toBeUndefined();
    const left = await place.lab.inside.output(['nft', 'list', 'set', 'inet', 'coi', 'denied4']);
    expect(left).not.toContain(web.ipv4);
  });
});
