import { setTimeout as sleep } from 'node:timers/promises';
import { readdir } from 'node:fs/promises';
import type { RawIncus, RawInstance } from './incus-raw.ts';
import type { NftObject, NftShell } from './nft-shell.ts';
import { ourSets } from './world-state.ts';

/** Between two looks, in milliseconds. */
const everyMs = 20;

/** What a sampler looks at, on connections of its own. */
export interface SamplerInit {
  readonly incus: RawIncus;
  readonly nft: NftShell;
  /** Names of the links in the lab. */
  readonly linkFolder: string;
}

/**
 * Watches that nothing of ours is ever up without its rules: neither a link that a container has just been given nor an
 * instance that Incus calls Running. Both are judged by the rules before and after the look, so that a change in between
 * is no false alarm.
 */
export class Sampler implements AsyncDisposable {
  samples = 0;
  readonly unprotected: string[] = [];
  /** Looks at which the tables themselves were missing: then the second layer has to hold. */
  tablesMissing = 0;
  /** uid of every instance that was ever seen Running. */
  readonly seenRunning = new Set<string>();
  /** Set while a test itself takes rules away. */
  isExcused = false;
  readonly #init: SamplerInit;
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(init: SamplerInit) {
    this.#init = init;
    this.#running = this.#watch();
  }

  async #watch(): Promise<void> {
    let before = await this.#rules();
    while (!this.#isOver) {
      const began = performance.now();
      // incusd may be away: what its containers' links say is looked at all the same.
      const [links, instances] = await Promise.all([this.#links(), this.#init.incus.instances().catch(() => [])]);
      const after = await this.#rules();
      this.#judge(links, instances, [before, after]);
      before = after;
      await sleep(Math.max(1, everyMs - (performance.now() - began)));
    }
  }

  async #links(): Promise<string[]> {
    return (await readdir(this.#init.linkFolder)).filter((name) => /^coi[0-9a-z]{12}$/.test(name));
  }

  async #rules(): Promise<Rules> {
    const objects = [...(await this.#init.nft.list('sets')), ...(await this.#init.nft.list('maps'))];
    return rulesFrom(objects);
  }

  #judge(links: readonly string[], instances: readonly RawInstance[], looks: readonly Rules[]): void {
    this.samples += 1;
    const up = instances.filter(({ status, config }) => status === 'Running' && config['user.coi.uid'] !== undefined);
    for (const { config } of up) this.seenRunning.add(config['user.coi.uid']!);
    if (looks.some(({ isLoaded }) => !isLoaded)) {
      this.tablesMissing += 1;
      return;
    }
    if (this.isExcused) return;
    // A link that no instance speaks of has nobody behind it: that is an orphan, which others judge.
    const known = new Set(instances.map(({ devices }) => devices['eth0']?.['host_name']));
    const naked = links.filter((port) => known.has(port) && !looks.some(({ ports }) => ports.has(port)));
    const bare = up.filter(({ devices }) => !looks.some((look) => covers(look, devices['eth0'] ?? {})));
    for (const port of naked) this.unprotected.push(`link ${port}`);
    for (const { name, devices } of bare) this.unprotected.push(`instance ${name} ${JSON.stringify(devices['eth0'])}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

interface Rules {
  readonly isLoaded: boolean;
  readonly ports: ReadonlySet<string>;
  /** IPv4 addresses with a verdict. */
  readonly judged: ReadonlySet<string>;
}

function rulesFrom(objects: readonly NftObject[]): Rules {
  const sets = ourSets(objects);
  const texts = (family: string, name: string) =>
    new Set(
      sets
        .filter((set) => set.family === family && set.name === name)
        .flatMap(({ elem = [] }) =>
          elem.flatMap((each) => [...JSON.stringify(each).matchAll(/"([^"]+)"/g)].map(([, word]) => word!)),
        ),
    );
  return {
    isLoaded: sets.some(({ family }) => family === 'bridge') && sets.some(({ family }) => family === 'inet'),
    ports: texts('bridge', 'who4'),
    judged: texts('inet', 'mode4'),
  };
}

function covers({ ports, judged }: Rules, nic: Readonly<Record<string, string>>): boolean {
  return ports.has(nic['host_name'] ?? '') && judged.has(nic['ipv4.address'] ?? '');
}
