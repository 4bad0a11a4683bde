import type { Clock } from '../../../base/clock.ts';
import { idMapOf, pidNamespaceOf, type IdMap } from '../../../host/process/process-facts.ts';
import type { HostProcess } from '../../../host/process/container-process.ts';
import type { WatchedContainer } from '../../sensor.ts';
import { ProcessTable } from './process-table.ts';

/** A sandbox that runs, as this sensor knows it: another start is another one. */
export interface RunningSandbox {
  readonly uid: string;
  readonly init: HostProcess;
  readonly namespace: number;
  readonly users: IdMap;
  readonly table: ProcessTable;
}

/** How long what nobody owns yet is kept, in milliseconds: a container that starts is known a moment later. */
const heldMs = 5_000;
/** How long a namespace that turned out to be nobody's stays so. */
const nobodysMs = 30_000;
/** Most namespaces that are kept in mind as unknown, and most that is held of one and of all. */
const [mostUnknown, mostHeld, mostHeldInAll] = [256, 512, 4_096];

interface Unknown<T> {
  readonly since: number;
  readonly held: T[];
  /** Its first process, where that was seen to start. */
  readonly init?: HostProcess;
}

/** Whose a pid namespace is; what comes before that is known waits, bounded in number and time. */
export class Sandboxes<T> {
  readonly #clock: Clock;
  readonly #onOwned: (sandbox: RunningSandbox, item: T) => void;
  readonly #byNamespace = new Map<number, RunningSandbox>();
  readonly #unknown = new Map<number, Unknown<T>>();
  #looks: Promise<void> = Promise.resolve();

  /** @param onOwned takes what was held as soon as its owner is known */
  constructor(clock: Clock, onOwned: (sandbox: RunningSandbox, item: T) => void) {
    this.#clock = clock;
    this.#onOwned = onOwned;
  }

  get all(): Iterable<RunningSandbox> {
    return this.#byNamespace.values();
  }

  /** The sandbox that has a namespace; else the item is held for it. */
  find(namespace: number, item: T): RunningSandbox | undefined {
    const found = this.#byNamespace.get(namespace);
    if (!found) this.#hold(namespace, item);
    return found;
  }

  /**
   * The first process of a namespace starts a program. The kernel gives the numbers of namespaces again at once, so this may be
   * another namespace than the one that was known by this number.
   */
  begin(namespace: number, init: HostProcess): void {
    const known = this.#byNamespace.get(namespace);
    if (known && !isSame(known.init, init)) this.#byNamespace.delete(namespace);
    const unknown = this.#unknown.get(namespace);
    if (unknown?.init && isSame(unknown.init, init)) return;
    this.#unknown.delete(namespace);
    this.#unknown.set(namespace, { since: this.#clock.monotonic(), held: [], init });
  }

  #hold(namespace: number, item: T): void {
    const now = this.#clock.monotonic();
    let unknown = this.#unknown.get(namespace);
    if (!unknown || now - unknown.since > nobodysMs) {
      this.#unknown.delete(namespace);
      unknown = { since: now, held: [] };
      this.#unknown.set(namespace, unknown);
    }
    if (this.#unknown.size > mostUnknown) this.#unknown.delete([...this.#unknown.keys()][0]!);
    if (now - unknown.since > heldMs) unknown.held.length = 0;
    else if (unknown.held.length < mostHeld && this.#heldInAll() < mostHeldInAll) unknown.held.push(item);
  }

  #heldInAll(): number {
    let count = 0;
    for (const { held } of this.#unknown.values()) count += held.length;
    return count;
  }

  /** Learn which sandboxes run, one look after the other. @returns those that are new, when their namespaces are known */
  look(watched: () => readonly WatchedContainer[]): Promise<readonly RunningSandbox[]> {
    const look = this.#looks.then(() => this.#learn(watched().filter(({ monitoring }) => monitoring.enabled)));
    this.#looks = look.then(
      () => undefined,
      () => undefined,
    );
    return look;
  }

  async #learn(watched: readonly WatchedContainer[]): Promise<readonly RunningSandbox[]> {
    const known = [...this.#byNamespace.values()];
    const learned = await Promise.all(
      watched.map(async ({ uid, init }) => {
        const same = init && known.find((each) => each.uid === uid && isSame(each.init, init));
        return same ?? (init && (await identify(uid, init)));
      }),
    );
    this.#byNamespace.clear();
    for (const sandbox of learned) if (sandbox) this.#byNamespace.set(sandbox.namespace, sandbox);
    for (const sandbox of this.#byNamespace.values()) this.#give(sandbox);
    return [...this.#byNamespace.values()].filter((each) => !known.includes(each));
  }

  #give(sandbox: RunningSandbox): void {
    const unknown = this.#unknown.get(sandbox.namespace);
    this.#unknown.delete(sandbox.namespace);
    for (const item of unknown?.held ?? []) this.#onOwned(sandbox, item);
  }
}

function isSame(one: HostProcess, other: HostProcess): boolean {
  // What bpftrace says of the start is cut to 32 bits.
  return one.pid === other.pid && Number(one.startedAt) % 2 ** 32 === Number(other.startedAt) % 2 ** 32;
}

async function identify(uid: string, init: HostProcess): Promise<RunningSandbox | undefined> {
  const [namespace, users] = await Promise.all([pidNamespaceOf(init), idMapOf(init)]);
  return namespace === undefined ? undefined : { uid, init, namespace, users, table: new ProcessTable() };
}
