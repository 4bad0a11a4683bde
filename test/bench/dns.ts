import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { uids } from '../host/nft/guarded.ts';
import { addresses, World } from '../host/nft/world.ts';
import { startRunning, type Running } from '../lab/running.ts';
import { percentile, quantiles, report } from './report.ts';

const pairs = 200;
const limits = { same: 1, fresh: 12 } as const;
type Kind = keyof typeof limits;

/** What the resolver adds to a look-up among 1,000 sandboxes, beside the host that asks the same server itself. */
export async function dns(): Promise<void> {
  await using world = await World.make();
  const { uid, endpoint, namespace } = await world.sandbox(uids[0]);
  const stateDir = await mkdtemp(join(tmpdir(), 'coi-bench-dns-'));
  await using programs = new Programs();
  await programs.start(world.outside, 'dns-upstream.ts', addresses.public4);
  await programs.start(world.host, 'dns-resolver.ts', stateDir, addresses.public4, JSON.stringify({ uid, endpoint }));
  const inside = await programs.start(namespace, 'dns-client.ts', addresses.gateway4);
  const direct = await programs.start(world.host, 'dns-client.ts', addresses.public4);
  const times = { same: { inside: [], direct: [] }, fresh: { inside: [], direct: [] } } as Times;
  for (let pair = 0; pair <= pairs; pair += 1) {
    for (const kind of ['same', 'fresh'] as const) {
      const took = { inside: 0, direct: 0 };
      const order = pair % 2 === 0 ? (['inside', 'direct'] as const) : (['direct', 'inside'] as const);
      for (const side of order) {
        took[side] = await ask({ inside, direct }[side], pair, `${kind}.example.test`);
        // Below the rate that a sandbox may ask at.
        await sleep(15);
      }
      // The first of each finds cold caches, and brings the address that stays.
      if (pair > 0) for (const side of order) times[kind][side].push(took[side]);
    }
  }
  for (const kind of ['same', 'fresh'] as const) tell(kind, times[kind]);
  await rm(stateDir, { recursive: true, force: true });
}

type Times = Record<Kind, { readonly inside: number[]; readonly direct: number[] }>;

function tell(kind: Kind, { inside, direct }: Times[Kind]): void {
  const added = inside.map((ms, index) => ms - direct[index]!);
  const details = { pairs, ...quantiles(added), p50Ms: percentile(inside, 50), directP50Ms: percentile(direct, 50) };
  const figure = { name: `dns.${kind}`, value: percentile(added, 50), unit: 'ms more', limit: limits[kind] };
  report({ ...figure, better: 'lower' }, details);
}

/** @returns milliseconds until the answer */
async function ask(client: Running, pair: number, name: string): Promise<number> {
  const number = `${pair}${name}`;
  client.write(`${number} ${name}\n`);
  const [, microseconds] = await client.printed(new RegExp(`^${number} \\S+ (\\d+)$`, 'm'));
  return Number(microseconds) / 1_000;
}

/** Scripts that run in network namespaces. */
class Programs implements AsyncDisposable {
  readonly #all: Running[] = [];

  async start(namespace: string, script: string, ...args: readonly string[]): Promise<Running> {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const argv = ['nsenter', `--net=/run/netns/${namespace}`, process.execPath, path, ...args];
    const program = startRunning(argv);
    this.#all.push(program);
    await program.printed(/^ready$/m, 60_000);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((program) => program.stop('SIGKILL')));
  }
}
