import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CleanReport, OrphansReport } from '../../src/controller/control-api.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { createContainer, seat } from '../lab/create.ts';
import { startFirewalld } from '../lab/firewalld.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { listRules, worldOf } from '../lab/world.ts';

const ghost = '01JGHXSTGHXSTGHXSTGHXSTGHX';
const dead = '10.90.200.9';
const deader = '10.90.200.90';
/** Of a container that runs, and is none of coi's. */
const alive = seat(7).ipv4;

let lab: Lab;
let controller: LabController;
let etc: string;
const run = (...argv: string[]) => lab.inside.output(argv);
const nft = (text: string) => lab.inside.output(['nft', '-f', '-'], { input: text, timeoutMs: 300_000 });
const direct = (text: string) =>
  run('firewall-cmd', '-q', '--direct', '--add-rule', 'ipv4', 'filter', 'FORWARD', ...text.split(' '));
const directRules = async () => (await run('firewall-cmd', '--direct', '--get-all-rules')).split('\n').filter(Boolean);

beforeAll(async () => {
  lab = await openLab({ name: 'orphans' });
  const settings = `[incus]\nstorage_pool = "default"\n[controller]\nsources = ["${join(lab.dir, 'desired')}"]\n`;
  controller = await startController(lab, { settings });
  await createContainer(lab, { name: 'other', number: 7 });
  await controller.declare('web');
  await controller.ready('web');
  etc = await startFirewalld(lab);
  await nft('add table ip filter\nadd chain ip filter FORWARD { type filter hook forward priority 0; }\n');
});
afterAll(async () => {
  await controller?.stop();
  await lab?.[Symbol.asyncDispose]();
});

type Cleaned = OrphansReport & Partial<CleanReport>;

async function clean(...args: string[]): Promise<Cleaned & { readonly exitCode: number }> {
  const argv = ['clean', '--orphans', '--format', 'json', ...args];
  const { stdout, stderr, exitCode } = await controller.coiWith({ timeoutMs: 300_000 }, ...argv);
  if (stdout === '') throw new Error(stderr);
  return { exitCode, ...(JSON.parse(stdout) as Cleaned) };
}

const whats = ({ orphans }: OrphansReport) => orphans.map(({ kind, what }) => `${kind} ${what}`);

async function plantOwn(): Promise<void> {
  await run('ip', 'link', 'add', 'coighost0000000', 'type', 'veth', 'peer', 'name', 'peer0');
  await run('ip', 'link', 'add', 'veth00000000', 'type', 'veth', 'peer', 'name', 'peer1');
  const uid = (await controller.instance('coi-web')).config['user.coi.uid']!;
  await mkdir(join(lab.stateDir, 'names'), { recursive: true });
  for (const name of [`${ghost}.json`, `${uid}.json`, 'notes.json']) {
    await writeFile(join(lab.stateDir, 'names', name), '{}');
  }
}

describe('clean without anything to clean', () => {
  it('says so, with a controller and without', async () => {
    expect(await clean()).toMatchObject({ exitCode: 0, orphans: [], problems: [] });
    const { stdout, exitCode } = await controller.coi('clean', '--orphans');
    expect({ stdout, exitCode }).toEqual({ stdout: 'Nothing to clean', exitCode: 0 });
    await controller.stop();
    const before = await worldOf(lab);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, orphans: [], problems: [] });
    expect(await worldOf(lab)).toEqual(before);
    await controller.start();
  });
});

describe('leftovers of coi itself', () => {
  it('are found and removed by a controller that runs', async () => {
    await plantOwn();
    const found = await clean('--dry-run');
    expect(whats(found)).toEqual(['link coighost0000000', `state-file ${lab.stateDir}/names/${ghost}.json`]);
    expect((await run('ls', '/sys/class/net')).match(/coighost|veth00000000/g)).toHaveLength(2);
    const { stdout, exitCode } = await controller.coi('clean', '--orphans', '--yes');
    expect(stdout).toMatch(/\n2 leftovers\nRemoved 2$/);
    expect(exitCode).toBe(0);
    expect((await run('ls', '/sys/class/net')).match(/coighost|veth00000000/g)).toHaveLength(1);
    expect((await readdir(join(lab.stateDir, 'names'))).length).toBe(2);
    await controller.ready('web');
    expect((await controller.coi('events', '--format', 'json')).stdout).toContain('"kind":"clean"');
  });

  it('are found and removed without one, and what lives keeps its rules', async () => {
    await controller.stop();
    await run('ip', 'link', 'delete', 'veth00000000');
    const before = await worldOf(lab);
    await plantOwn();
    await run('ip', 'link', 'delete', 'veth00000000');
    await nft(`add element inet coi box4 { ${dead} comment "${ghost}" }\nadd chain inet coi log_${ghost}\n`);
    const found = await clean('--dry-run');
    expect(whats(found).map((what) => what.split(' ')[0])).toEqual(['link', 'rules', 'state-file']);
    expect(whats(found)[1]).toBe(`rules ${ghost}`);
    expect((await listRules(lab)).includes(ghost)).toBe(true);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect(await worldOf(lab)).toEqual(before);
    await controller.start();
  });
});

/** What stays: near enough to be taken for the original's by anybody who looks less closely. */
const foreignDirect = [
  `0 -s ${alive} -d 10.90.0.1/32 -j ACCEPT`,
  `0 -s ${dead} -p tcp --dport 22 -j ACCEPT`,
  '0 -s 10.8.0.2 -d 10.0.0.0/8 -j ACCEPT',
  `5 -s ${dead} -j ACCEPT`,
  `50 -s 203.0.113.7 -d 0.0.0.0/0 -j ACCEPT`,
];
const originalDirect = [
  `0 -s ${dead} -d 10.90.0.1/32 -j ACCEPT`,
  `1 -s ${deader} -d 192.168.0.0/16 -j ACCEPT`,
  `10 -s ${dead} -d 169.254.0.0/16 -j REJECT`,
  `50 -s ${dead} -d 0.0.0.0/0 -j ACCEPT`,
  `99 -s ${deader} -d 0.0.0.0/0 -j REJECT`,
];
const shared = '-1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const asListed = (rules: readonly string[]) => rules.map((text) => `ipv4 filter FORWARD ${text}`).toSorted();

function logRules(source: string): string {
  const rule = `insert rule ip filter FORWARD ip saddr ${source}`;
  return [
    `${rule} limit rate 100/second log prefix "NFT_COI[${source}]: " level info counter`,
    `${rule} udp dport 53 log prefix "NFT_DNS[${source}]: " level info counter`,
    `${rule} ip daddr { 169.254.169.254, 10.0.0.0/8 } log prefix "NFT_SUSPICIOUS[${source}]: " level info counter`,
    `${rule} tcp dport { 4444, 5555 } log prefix "NFT_SUSPICIOUS[${source}]: " level info counter`,
    '',
  ].join('\n');
}

describe('leftovers of the original coi', () => {
  it('in firewalld: its rules for dead addresses go, one by one, and nothing else', async () => {
    for (const text of [shared, ...foreignDirect, ...originalDirect]) await direct(text);
    const found = await clean('--dry-run');
    expect(found.orphans.filter(({ shared: isShared }) => isShared === undefined)).toHaveLength(5);
    expect(await directRules()).toHaveLength(11);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect((await directRules()).toSorted()).toEqual(asListed([shared, ...foreignDirect]));
    expect((await run('iptables', '-S', 'FORWARD')).match(/^-A/gm)).toHaveLength(6);
  });

  it('that all containers share: its rule goes only when asked for', async () => {
    const { orphans } = await clean('--dry-run');
    expect(orphans).toMatchObject([{ kind: 'firewalld-rule', shared: true, what: `ipv4 filter FORWARD ${shared}` }]);
    expect((await controller.coi('clean', '--orphans')).stdout).toContain('(stays without --shared-rule)');
    expect(await clean('--yes', '--shared-rule')).toMatchObject({ exitCode: 0, removed: [expect.anything()] });
    expect((await directRules()).toSorted()).toEqual(asListed(foreignDirect));
  });

  it('on file: its rules go, and every other byte stays', async () => {
    const line = (text: string, note = '') => {
      const [priority, ...args] = text.split(' ');
      return `  <rule ipv="ipv4" table="filter" chain="FORWARD" priority="${priority}">${args.join(' ')}</rule>${note}\n`;
    };
    const head = '<?xml version="1.0" encoding="utf-8"?>\n<direct>\n  <!-- kept by hand -->\n';
    const file = join(etc, 'direct.xml');
    const kept = foreignDirect.map((text) => line(text)).join('');
    await writeFile(file, `${head}${originalDirect.map((text) => line(text)).join('')}${kept}</direct>\n`);
    expect((await clean('--dry-run')).orphans).toHaveLength(5);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [] });
    expect(await readFile(file, 'utf8')).toBe(`${head}${kept}</direct>\n`);
  });

  it('in zones: interfaces of containers that are not there go, now and for good', async () => {
    await run('ip', 'link', 'add', 'vethabcdef01', 'type', 'veth', 'peer', 'name', 'peer2');
    for (const link of ['veth0a1b2c3d', 'vethabcdef01', 'wg0']) {
      await run('firewall-cmd', '-q', '--zone=trusted', `--add-interface=${link}`);
    }
    await run('firewall-cmd', '-q', '--permanent', '--zone=public', '--add-interface=veth9f8e7d6c');
    expect(whats(await clean('--dry-run'))).toEqual([
      'firewalld-binding veth9f8e7d6c in zone public (permanent)',
      'firewalld-binding veth0a1b2c3d in zone trusted',
    ]);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect((await run('firewall-cmd', '--zone=trusted', '--list-interfaces')).split(' ').toSorted()).toEqual([
      'vethabcdef01',
      'wg0',
    ]);
    expect(await run('firewall-cmd', '--permanent', '--zone=public', '--list-interfaces')).toBe('');
  });

  it('in the kernel: log rules of dead addresses go, those of the living and of others stay', async () => {
    const before = await listRules(lab);
    await nft(logRules(alive));
    await nft(
      `insert rule ip filter FORWARD ip saddr ${dead} log prefix "NFT_COI[${dead}]: " counter drop\n` +
        `insert rule ip filter FORWARD ip saddr ${dead} log prefix "MINE[${dead}]: " counter\n`,
    );
    const kept = await listRules(lab);
    expect(kept).not.toBe(before);
    await nft(logRules(dead));
    expect((await clean('--dry-run')).orphans).toHaveLength(4);
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect(await listRules(lab)).toBe(kept);
  });

  it('in the kernel alone: rules that firewalld has forgotten go where they give themselves away', async () => {
    const before = await listRules(lab);
    const lone = '10.90.200.77';
    await nft(`add rule ip filter FORWARD ip saddr ${lone} counter accept\n`);
    const kept = await listRules(lab);
    expect(kept).not.toBe(before);
    const rules = ['-d 10.90.0.1/32 -j ACCEPT', '-d 10.0.0.0/8 -j REJECT', '-d 169.254.0.0/16 -j REJECT', '-j ACCEPT'];
    const lines = rules.map((rule) => `-A FORWARD -s ${deader} ${rule}`);
    await lab.inside.output(['iptables-restore', '--noflush'], { input: `*filter\n${lines.join('\n')}\nCOMMIT\n` });
    expect((await clean('--dry-run')).orphans.map(({ kind }) => kind)).toEqual(Array(4).fill('forward-rule'));
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect(await listRules(lab)).toBe(kept);
  });

  // The kernel takes ever longer to make rules with sets of their own, so that those of this many have none.
  it('by the thousand go in one sweep', { timeout: 900_000 }, async () => {
    const kept = await listRules(lab);
    const count = Number(process.env['COI_ORPHANS'] ?? 8_000);
    const ours = (await controller.sandbox('web'))?.ipv4;
    const all = Array.from({ length: count / 2 + 1 }, (_, n) => `10.90.${16 + (n >> 8)}.${n & 255}`);
    const addresses = all.filter((address) => address !== ours).slice(0, count / 2);
    await nft(addresses.map((source) => logRules(source).split('\n').slice(0, 2).join('\n')).join('\n'));
    const began = performance.now();
    const { removed, left, exitCode } = await clean('--yes');
    console.log(`${count} rules cleared in ${Math.round(performance.now() - began)} ms`);
    expect({ removed: removed?.length, left, exitCode }).toEqual({ removed: count, left: [], exitCode: 0 });
    expect(await listRules(lab)).toBe(kept);
  });
});

describe('what all sandboxes stand on', () => {
  it('goes when no sandbox is left and no controller runs, and not before', async () => {
    const foundations = async () => {
      const rules = await listRules(lab);
      return { tables: rules.match(/^table \w+ coi /gm)?.length, blocks: (await worldOf(lab)).policies.length };
    };
    await controller.stop();
    expect((await clean('--dry-run')).orphans).toEqual([]);
    await controller.start();
    await controller.remove('web.toml');
    await controller.gone('web');
    expect((await clean('--dry-run')).orphans.map(({ kind }) => kind)).toEqual([]);
    await controller.stop();
    expect(await foundations()).toMatchObject({ tables: 2 });
    await controller.write('broken.toml', 'apiVersion = ');
    expect((await clean('--dry-run')).orphans.map(({ kind }) => kind)).toEqual([]);
    await controller.remove('broken.toml');
    expect(await clean('--yes')).toMatchObject({ exitCode: 0, left: [], problems: [] });
    expect(await foundations()).toEqual({ tables: undefined, blocks: 0 });
    await controller.start();
    expect(await foundations()).toMatchObject({ tables: 2 });
  });
});
