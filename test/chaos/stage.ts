import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { RawIncus } from './incus-raw.ts';
import { NftShell } from './nft-shell.ts';
import { FaultProxy } from './proxy.ts';
import { Sampler } from './sampler.ts';
import { differenceOf, worldLines } from './world-state.ts';

/** Things of somebody else that must never change. */
const foreignTable = 'table inet others { chain c { counter comment "not ours"; }\n}\n';

/**
 * A lab with a controller behind a fault proxy, a second client, somebody else's instances, link and table, and a
 * sampler that never looks away.
 */
export class Stage implements AsyncDisposable {
  readonly lab: Lab;
  readonly proxy: FaultProxy;
  readonly controller: LabController;
  readonly incus: RawIncus;
  readonly nft: NftShell;
  readonly sampler: Sampler;
  readonly #stack: AsyncDisposableStack;
  #foreign = '';

  constructor(
    parts: Pick<Stage, 'lab' | 'proxy' | 'controller' | 'incus' | 'nft' | 'sampler'>,
    stack: AsyncDisposableStack,
  ) {
    this.lab = parts.lab;
    this.proxy = parts.proxy;
    this.controller = parts.controller;
    this.incus = parts.incus;
    this.nft = parts.nft;
    this.sampler = parts.sampler;
    this.#stack = stack;
  }

  /** The world as {@link worldLines} tells it. */
  async world(): Promise<string[]> {
    const [instances, ruleset, links] = await Promise.all([
      this.incus.instances(),
      this.nft.list('ruleset'),
      readdir(linkFolder(this.lab)),
    ]);
    return worldLines({ instances, ruleset, links });
  }

  /** Instances, rules and links of coi that are there although nothing is declared. */
  async leftovers(): Promise<string[]> {
    const lines = await this.world();
    return lines.filter((line) => !line.startsWith('skeleton ') && !line.startsWith('element inet generation '));
  }

  /** Remembers how somebody else's things are. */
  async rememberForeign(): Promise<void> {
    this.#foreign = await this.foreign();
  }

  /** How somebody else's things differ from what they were; empty when they do not. */
  async foreignChanges(): Promise<string> {
    return differenceOf(this.#foreign.split('\n'), (await this.foreign()).split('\n'));
  }

  async foreign(): Promise<string> {
    const instances = (await this.incus.instances()).filter(({ config }) => config['user.coi.uid'] === undefined);
    const table = await this.lab.run(['nft', 'list', 'table', 'inet', 'others']);
    const link = await this.lab.run(['ip', '-o', 'link', 'show', 'dev', 'vethothers']);
    return [...instances.map((each) => JSON.stringify(each)).sort(), table.stdout, link.stdout].join('\n');
  }

  /** Somebody flushes the whole ruleset; what is not coi's comes back with its own owner. */
  async flushRuleset(): Promise<void> {
    await this.lab.inside.output(['nft', '-f', '-'], { input: `flush ruleset\n${foreignTable}` });
  }

  /** What `coi apply` does: look at everything now. Fails quietly while there is no controller. */
  async kick(): Promise<void> {
    await this.controller.api.reconcile().catch(() => undefined);
  }

  /** Kills the controller as the kernel does when memory runs out, and starts it again. */
  async crash(): Promise<void> {
    await this.controller.stop('SIGKILL');
    await this.controller.start();
  }

  /** Tells the nft on the controller's PATH what to do: see nft-wrapper. */
  async nftPlan(text: string): Promise<void> {
    await writeFile(join(this.lab.dir, 'nft-plan'), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function linkFolder(lab: Lab): string {
  return `/proc/${lab.inside.pid}/root/sys/class/net`;
}

/** Opens a stage; about two seconds. Its controller watches sandboxes only where that is asked for. */
export async function openStage({
  name = 'chaos',
  monitoring = false,
}: { name?: string; monitoring?: boolean } = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const lab = stack.use(await openLab({ name }));
  const proxy = stack.use(new FaultProxy(join(lab.dir, 'proxy.sock'), lab.socket));
  await proxy.listen();
  const incus = stack.use(new RawIncus(lab.socket));
  const nft = stack.use(new NftShell(lab.netns));
  await makeForeign(lab, incus);
  const env = { INCUS_SOCKET: proxy.socket, PATH: `${await wrapNft(lab)}:${process.env['PATH']}`, CHAOS_DIR: lab.dir };
  const controller = stack.use(await startController(lab, { env, monitoring }));
  const observer = stack.use(new RawIncus(lab.socket));
  const watcher = stack.use(new NftShell(lab.netns));
  const sampler = stack.use(new Sampler({ incus: observer, nft: watcher, linkFolder: linkFolder(lab) }));
  const stage = new Stage({ lab, proxy, controller, incus, nft, sampler }, stack.move());
  await stage.rememberForeign();
  return stage;
}

async function makeForeign(lab: Lab, incus: RawIncus): Promise<void> {
  const source = { type: 'image', alias: 'busybox' };
  await incus.call('POST', '/1.0/instances', { name: 'others', source, type: 'container' });
  await incus.call('POST', '/1.0/instances', { name: 'coi-others', source, type: 'container' });
  const target = await fingerprintOf(incus);
  await incus.call('POST', '/1.0/images/aliases', { name: 'busybox-next', target });
  await lab.inside.output(['ip', 'link', 'add', 'vethothers', 'type', 'veth', 'peer', 'name', 'vethothers2']);
  await lab.inside.output(['nft', '-f', '-'], { input: foreignTable });
}

async function fingerprintOf(incus: RawIncus): Promise<string> {
  const { target } = (await incus.call('GET', '/1.0/images/aliases/busybox')) as { target: string };
  return target;
}

async function wrapNft(lab: Lab): Promise<string> {
  const bin = join(lab.dir, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'nft'), nftWrapper);
  await chmod(join(bin, 'nft'), 0o755);
  return bin;
}

/**
 * In front of the real nft. The plan file holds `VERB COUNT [PID]`: at the COUNT-th batch from now `fail` refuses it,
 * `kill-before` and `kill-after` kill the controller around it; `refuse` refuses every batch until the plan is emptied.
 */
const nftWrapper = `#!/bin/sh
real=/usr/sbin/nft
plan="$CHAOS_DIR/nft-plan"
[ "$1" = -f ] && [ -s "$plan" ] || exec "$real" "$@"
read -r verb count pid <"$plan"
[ "$verb" = refuse ] && { echo 'Error: Could not process rule: Device or resource busy' >&2; exit 1; }
if [ "$count" -gt 1 ]; then
  echo "$verb $((count - 1)) $pid" >"$plan"
  exec "$real" "$@"
fi
: >"$plan"
case $verb in
  fail) echo 'Error: Could not process rule: Device or resource busy' >&2; exit 1 ;;
  kill-before) kill -9 "$pid"; exit 1 ;;
  kill-after) "$real" "$@"; kill -9 "$pid"; exit 1 ;;
esac
exec "$real" "$@"
`;

/** Waits until a stage's controller is as quiet as one that has nothing to do: no call for a while. */
export async function untilQuiet({ proxy }: Stage, forMs = 150): Promise<void> {
  await until('the controller to be quiet', () => performance.now() - (proxy.calls.at(-1)?.at ?? 0) > forMs, {
    everyMs: 20,
    timeoutMs: 20_000,
  });
}
