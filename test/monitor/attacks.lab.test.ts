import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFull } from '../helpers/full.ts';
import { seed, seededRandom } from '../helpers/random.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { openUplink } from '../lab/uplink.ts';
import { Upstream } from '../lab/upstream.ts';
import { evasions, ownAttacks, type Attack } from './attacks/attacks.ts';
import { detectionsOf } from './detections.ts';
import { registryClients } from './ordinary/registries.ts';

/** Packages of Debian that have a program which the image lacks. */
const packages: Readonly<Record<string, string>> = {
  nc: 'netcat-traditional',
  socat: 'socat',
  python3: 'python3',
  perl: 'perl',
  ruby: 'ruby',
  php: 'php-cli',
  lua: 'lua5.4 lua-socket',
  gawk: 'gawk',
  openssl: 'openssl',
  curl: 'curl',
  dig: 'bind9-dnsutils',
  crontab: 'cron',
  nft: 'nftables',
  chattr: 'e2fsprogs',
  bash: 'bash',
};

const attacks = [...(isFull ? ownAttacks : sampled(ownAttacks, 15)), ...evasions];
const table: string[] = [];
let stack: AsyncDisposableStack;
let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  lab = stack.use(await openLab({ name: 'attacks', images: ['system'] }));
  await arm();
  const upstream = await Upstream.open(lab);
  await upstream.zone({ 'web.example.org': [{ type: 'A', data: '203.0.113.10' }] });
  await lab.neighbour('private');
  controller = stack.use(await startController(lab, { monitoring: true }));
  await lookOut();
}, 600_000);
afterAll(async () => {
  console.log(`what attacks came to:\n${table.toSorted().join('\n')}`);
  await stack?.disposeAsync();
});

/** Makes the image of which all victims are, with what attacks need. */
async function arm(): Promise<void> {
  await using _uplink = await openUplink(lab);
  await using maker = await startController(lab);
  await maker.declare('tools', 'image = "system"', 'network.mode = "open"', 'monitoring.enabled = false');
  await maker.ready('tools', 'running');
  await install([...new Set(attacks.flatMap(({ needs }) => needs))]);
  const published = await maker.coi('image', 'publish', 'coi-tools', 'armed', '--compression', 'none');
  if (published.exitCode !== 0) throw new Error(published.stderr);
}

/** Waits until what happens inside is seen: tracing takes a moment to begin. */
async function lookOut(): Promise<void> {
  await controller.declare('lookout', 'image = "armed"');
  await controller.ready('lookout', 'running');
  const isSeen = async () => {
    await lab.incus('exec', 'coi-lookout', '--', 'cat', '/etc/shadow');
    return (await detectionsOf(controller, 'lookout')).some(({ rule }) => rule === 'credential.shadow');
  };
  await until('a look into a sandbox', isSeen, { timeoutMs: 120_000, everyMs: 1000 });
}

async function install(programs: readonly string[]): Promise<void> {
  const told = await registryClients(lab, 'coi-tools');
  const wanted = programs.flatMap((name) => packages[name]?.split(' ') ?? []);
  const given = Object.entries(told).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const script = `apt-get update -qq && apt-get install -qqy --no-install-recommends ${wanted.join(' ')}`;
  const argv = [
    'incus',
    'exec',
    'coi-tools',
    '--env',
    'DEBIAN_FRONTEND=noninteractive',
    ...given,
    '--',
    'sh',
    '-c',
    script,
  ];
  const { exitCode, stderr } = await lab.run(argv, { timeoutMs: 500_000 });
  if (exitCode !== 0) throw new Error(stderr);
  if (!programs.includes('node')) return;
  await lab.incus('file', 'push', '--mode', '0755', process.execPath, 'coi-tools/usr/local/bin/node');
}

/** Some of the attacks, others with another seed. */
function sampled(all: readonly Attack[], count: number): Attack[] {
  const random = seededRandom(seed);
  const slow = new Set(['volume.mass-read', 'volume.mass-write', 'monitor.unseen-for-long']);
  const mixed = all.filter(({ rule }) => !slow.has(rule)).map((attack) => ({ attack, place: random() }));
  return mixed
    .toSorted((a, b) => a.place - b.place)
    .map(({ attack }) => attack)
    .slice(0, count);
}

/** Makes the attack in a sandbox of its own, as a file: no word of it stands on a command line but those it starts. */
async function begin(name: string, { script, keys }: Attack): Promise<void> {
  await controller.declare(name, 'image = "armed"', ...keys);
  await controller.ready(name, 'running');
  // As it starts it clears /tmp.
  await lab.run(['incus', 'exec', `coi-${name}`, '--', 'systemctl', 'is-system-running', '--wait']);
  const connected = 'until grep -q nameserver /run/systemd/resolve/resolv.conf; do sleep 0.1; done';
  await lab.incus('exec', `coi-${name}`, '--', 'sh', '-c', connected);
  const file = join(lab.dir, `${name}.sh`);
  await writeFile(file, script);
  await lab.incus('file', 'push', file, `coi-${name}/root/attack`);
  const start = 'cd /root; HOME=/root setsid sh /root/attack >/root/printed 2>&1 </dev/null &';
  // It may be frozen before that has come back.
  await lab.run(['incus', 'exec', `coi-${name}`, '--', 'sh', '-c', start]);
}

async function found(name: string, { rule, severity, outcome }: Attack): Promise<void> {
  const seen = async () => (await detectionsOf(controller, name)).filter((each) => each.rule === rule);
  const isRight = async () => (await seen()).some(({ level, action }) => level === severity && action === outcome);
  await until(`${rule} ${severity} ${outcome}`, isRight, { timeoutMs: 60_000, everyMs: 300 }).catch(async (error) => {
    const all = (await detectionsOf(controller, name)).map((each) => `${each.rule} ${each.level} ${each.action}`);
    const printed = await lab.run(['incus', 'file', 'pull', `coi-${name}/root/printed`, '-'], { timeoutMs: 10_000 });
    throw new Error(`seen: ${all.join(', ') || 'nothing'}; printed: ${printed.stdout}`, { cause: error });
  });
}

describe('an attack is detected, and answered', () => {
  it.each(attacks.map((attack, index) => ({ attack, index, ...attack })))(
    '$name: $rule, $severity, $outcome',
    async ({ attack, index }) => {
      const name = `victim-${index}`;
      try {
        await begin(name, attack);
        await found(name, attack);
        table.push(
          `  ${attack.rule.padEnd(32)} ${attack.severity.padEnd(8)} ${attack.outcome.padEnd(8)} ${attack.name}`,
        );
        expect((await controller.sandbox(name))?.failure).toBeUndefined();
      } finally {
        await controller.write(`${name}.toml`, `apiVersion = "coi/v1"\n[sandbox.${name}]\nstate = "absent"\n`);
      }
    },
  );

  it('was of every kind', () => {
    expect(ownAttacks.length).toBeGreaterThan(100);
    expect(new Set(ownAttacks.map(({ outcome }) => outcome))).toEqual(
      new Set(['logged', 'alerted', 'isolated', 'paused', 'killed']),
    );
  });
});
