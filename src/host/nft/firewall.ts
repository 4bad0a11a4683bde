import type { Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { Turns } from '../../base/turns.ts';
import { diffRuleset } from '../../network/compare.ts';
import type { LoadedRuleset, SkeletonObjects } from '../../network/compare.ts';
import type { PlacedElement } from '../../network/elements.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import type { NetworkScope } from '../link/in-network.ts';
import { ReadyProgram } from '../link/ready-program.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import {
  renderAllowed,
  renderAllowedQuickly,
  renderChange,
  renderDisallowed,
  renderLoad,
  renderRemoval,
  renderRepair,
} from './batch.ts';
import type { Batch, Contents, ElementChange } from './batch.ts';
import { changeFor, listElements, withChange } from './changes.ts';
import type { ObservedRuleset } from './listing.ts';
import { LoadCount } from './load-count.ts';
import { canonicalSkeleton, listMembers, listTables, loadBatch, loader } from './nft.ts';
import type { NftCall } from './nft.ts';
import { Records } from './records.ts';
import { watchTables } from './watch.ts';
import type { ChangeScope, FirewallHint } from './watch.ts';

/** What {@link openFirewall} needs. Aborting `signal` ends the watch and every call under way. */
export interface FirewallInit extends NetworkScope {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called within milliseconds when somebody else changed our tables, or may have. */
  readonly onDrift: (hint: FirewallHint) => void;
  /** The addresses that names lead to at this moment: what a full load takes over. */
  readonly timed?: () => readonly TimedElement[];
}

/** What a {@link NftFirewall.converge} did; all zero and false when everything was as it should be. */
export interface Converged {
  readonly reloaded: boolean;
  readonly added: number;
  readonly removed: number;
  /** The differences found, for people. */
  readonly reasons: readonly string[];
}

interface PendingWish {
  readonly skeleton: string | undefined;
  readonly byUid: ReadonlyMap<string, readonly PlacedElement[]>;
}

/** Statements about timed elements: those that are tried first, and those that do whatever is there. */
interface TimedWish {
  readonly quick: string;
  readonly sure: string;
}

/** What was seen, and how many doubts there were before: one more, and it may be so no longer. */
interface Look {
  readonly observed: ObservedRuleset;
  readonly doubts: number;
}

/** How long notifications of an own write may lag behind the write. */
const ownWriteMs = 10_000;
const readyMs = 5_000;
const nothing: Converged = { reloaded: false, added: 0, removed: 0, reasons: [] };

/** Opens the firewall: starts the watch and waits until its notifications arrive. Changes nothing by itself. */
export async function openFirewall(init: FirewallInit): Promise<NftFirewall> {
  const firewall = new NftFirewall(init);
  try {
    await firewall.ready();
  } catch (error) {
    await firewall[Symbol.asyncDispose]();
    throw error;
  }
  return firewall;
}

/**
 * The one writer of the tables `inet coi` and `bridge coi`. Calls are carried out one after the other; element changes
 * that wait meanwhile go out together. What the tables hold is remembered as long as notifications say that nobody else
 * wrote, so a look that finds nothing to do starts no process.
 *
 * Methods throw the Problems of `nft.ts`; after `nft.conflict` the next call looks afresh.
 */
export class NftFirewall implements AsyncDisposable {
  readonly #init: FirewallInit;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #watch: Promise<void>;
  readonly #loader: ReadyProgram;
  readonly #firstReady = Promise.withResolvers<void>();
  /** Our own nft processes, and what to call when their writes are in force. */
  readonly #ownWriters = new Map<number, () => void>();
  readonly #canonical = new Map<string, Promise<SkeletonObjects>>();
  readonly #turns = new Turns();
  readonly #wish = this.#turns.gather((wishes: readonly PendingWish[]) => this.#grant(wishes));
  readonly #wishTimed = this.#turns.gather((wishes: readonly TimedWish[]) => this.#grantTimed(wishes));
  #listening = false;
  /** Counts reasons to doubt what is remembered, so that a listing under way knows whether it is still good. */
  #doubts = 0;
  #cache: ObservedRuleset | undefined;
  /** What was last known, kept for repairs that must not wait for a listing. */
  #lastKnown: ObservedRuleset | undefined;
  #foreignScope: ChangeScope | undefined;
  #settled: { readonly expected: Ruleset; readonly cache: ObservedRuleset } | undefined;
  readonly #loads = new LoadCount();
  /** What the kernel counts and holds, asked afresh each time. */
  readonly records: Records;

  constructor(init: FirewallInit) {
    this.#init = init;
    this.records = new Records(() => this.#call(), init.clock);
    this.#signal = AbortSignal.any([init.signal, this.#stop.signal]);
    this.#loader = new ReadyProgram({ ...scopeOf(init), command: loader });
    this.#watch = watchTables({
      clock: init.clock,
      signal: this.#signal,
      ...scopeOf(init),
      onTransaction: (pid) => {
        this.#ownWriters.get(pid)?.();
        return this.#ownWriters.has(pid);
      },
      onHint: (hint) => this.#doubt(hint),
      onListening: (listening) => {
        this.#listening = listening;
        this.#forget();
        if (listening) this.#firstReady.resolve();
      },
    });
  }

  /** Resolves when notifications arrive, or after 5 s without: then every look is a listing until they do. */
  async ready(): Promise<void> {
    // A look makes plain at once why nft cannot be used; the watch alone would only try again and again.
    await listMembers('box4', this.#call());
    this.#loader.prepare();
    const patience = this.#init.clock.sleep(readyMs, this.#signal);
    // Where notifications come first the race still listens: nobody needs to know how the other one ends.
    await Promise.race([this.#firstReady.promise, patience]);
  }

  /**
   * Makes the tables what they should be. Elements that `expected` does not name are removed. A function is called when
   * it is this call's turn, so that it can include what was added meanwhile.
   */
  converge(expected: Ruleset | (() => Ruleset), { signal }: { signal?: AbortSignal } = {}): Promise<Converged> {
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      const ruleset = typeof expected === 'function' ? expected() : expected;
      if (this.#cache && this.#settled?.expected === ruleset && this.#settled.cache === this.#cache) return nothing;
      const wanted = await this.expect(ruleset);
      const repaired = await this.#repairBlindly(ruleset, wanted);
      const converged = await this.#settle(ruleset.skeleton, wanted);
      this.#settled = this.#cache && { expected: ruleset, cache: this.#cache };
      return { ...converged, reloaded: repaired || converged.reloaded };
    });
  }

  /** Looks, and does what the difference asks for. */
  async #settle(skeleton: string, wanted: LoadedRuleset): Promise<Converged> {
    const look = await this.#look();
    const { observed } = look;
    const { add, remove, reload, reasons } = diffRuleset(wanted, observed);
    const counts = { added: add.length, removed: remove.length };
    if (reload || observed.generation === undefined) {
      await this.#load(skeleton, wanted, look);
      return { ...counts, reloaded: true, reasons: reload ? reasons : [...reasons, 'the generation is missing'] };
    }
    if (add.length + remove.length > 0) await this.#change({ add, remove }, look);
    return { ...counts, reloaded: false, reasons };
  }

  /**
   * Makes sure that the elements of the rendered policies are loaded, and the tables with them; elements of other
   * owners stay. Resolves once they are in the kernel.
   *
   * @throws the first problem of a policy that was left out of `part`
   */
  async ensure(part: Ruleset): Promise<ElementChange> {
    for (const problem of part.problems.values()) throw problem;
    const byUid = Map.groupBy(listElements(part.elements), ({ uid }) => uid!);
    return this.#wish({ skeleton: part.skeleton, byUid });
  }

  /** Removes every element of these owners. */
  remove(uids: Iterable<string>): Promise<ElementChange> {
    return this.#wish({ skeleton: undefined, byUid: new Map([...uids].map((uid) => [uid, []])) });
  }

  /**
   * Lets sandboxes reach addresses for a while, from now on whatever time was left. Resolves once they are in the
   * kernel. These elements belong to no generation: a load of everything takes them over by asking for them.
   */
  allow(elements: readonly TimedElement[]): Promise<void> {
    return this.#timed(elements, { quick: renderAllowedQuickly(elements), sure: renderAllowed(elements) });
  }

  /** Takes such addresses out again. */
  disallow(elements: readonly TimedElement[]): Promise<void> {
    const text = `${renderDisallowed(elements).join('\n')}\n`;
    return this.#timed(elements, { quick: text, sure: text });
  }

  /** What the tables hold: as remembered while nobody else writes, listed anew with `fresh`. */
  observe({ fresh = false }: { fresh?: boolean } = {}): Promise<ObservedRuleset> {
    return this.#turns.take(async () => {
      if (fresh) this.#forget();
      return (await this.#look()).observed;
    });
  }

  /** What the tables hold, as far as it is remembered without asking; undefined since somebody else may have written. */
  loaded(): ObservedRuleset | undefined {
    return this.#cache;
  }

  /** What a ruleset looks like once it is loaded: the other side of a comparison with {@link observe}. */
  async expect({ skeleton, elements }: Ruleset): Promise<LoadedRuleset> {
    let objects = this.#canonical.get(skeleton);
    if (!objects) {
      objects = canonicalSkeleton(skeleton, this.#signal).then((loaded) => loaded.skeleton);
      this.#canonical.set(skeleton, objects);
      objects.catch(() => this.#canonical.delete(skeleton));
    }
    return { skeleton: await objects, elements };
  }

  /** How often everything was loaded anew, counts and records from nothing; undefined while it may be happening. */
  get loads(): number | undefined {
    return this.#loads.value;
  }

  /** Takes both tables away. Sandboxes that still run then have only the kernel's block policies. */
  uninstall(): Promise<void> {
    return this.#turns.take(async () => {
      this.#forget();
      const observed = await listTables(this.#call());
      if (observed.tables.size === 0) return;
      await loadBatch({ text: renderRemoval(observed), fenceLines: observed.tables.size }, this.#call());
      this.#lastKnown = undefined;
    });
  }

  /** Ends the watch. The tables stay as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Problem({ code: 'nft.closed', message: 'The firewall was closed' }));
    await this.#watch;
    await this.#turns.idle();
    await this.#loader[Symbol.asyncDispose]();
  }

  async #grant(wishes: readonly PendingWish[]): Promise<ElementChange> {
    const look = await this.#look();
    const { observed } = look;
    const byUid = new Map(wishes.flatMap((wish) => [...wish.byUid]));
    const change = changeFor({ byUid }, observed.elements);
    const skeleton = wishes.findLast((wish) => wish.skeleton !== undefined)?.skeleton;
    if (skeleton !== undefined) {
      const wanted = await this.expect({
        skeleton,
        elements: withChange(observed.elements, change),
        problems: new Map(),
      });
      const isBaseWrong = diffRuleset({ ...wanted, elements: observed.elements }, observed).reload;
      if (isBaseWrong || observed.generation === undefined) {
        await this.#load(skeleton, wanted, look);
        return change;
      }
    }
    if (change.add.length + change.remove.length > 0) await this.#change(change, look);
    return change;
  }

  async #timed(elements: readonly TimedElement[], wish: TimedWish): Promise<void> {
    if (elements.length > 0) await this.#wishTimed(wish);
  }

  async #grantTimed(wishes: readonly TimedWish[]): Promise<void> {
    const load = (how: keyof TimedWish) =>
      loadBatch({ text: wishes.map((wish) => wish[how]).join(''), fenceLines: 0 }, this.#call());
    // Refused where something is there that was taken for new, or for the same reason as the second attempt.
    await load('quick').catch(() => load('sure'));
  }

  async #look(): Promise<Look> {
    const doubts = this.#doubts;
    if (this.#cache) return { observed: this.#cache, doubts };
    const observed = await listTables(this.#call());
    this.#remember(observed, doubts);
    return { observed, doubts };
  }

  /**
   * Puts chains or tables back that somebody took away, before looking at anything: a listing takes longer than the
   * repair. Refused by the fence when the tables are not what the notifications told; then the look decides.
   */
  async #repairBlindly(ruleset: Ruleset, wanted: LoadedRuleset): Promise<boolean> {
    const known = this.#lastKnown;
    const scope = this.#foreignScope;
    this.#foreignScope = undefined;
    if (known?.generation === undefined || this.#cache || scope === undefined || scope === 'elements') return false;
    const batch =
      scope === 'rules'
        ? renderRepair(ruleset.skeleton, known.generation)
        : renderLoad(this.#contents(ruleset.skeleton, wanted), { generation: undefined, tables: new Map() });
    const load = () => loadBatch(batch, this.#call());
    try {
      await (scope === 'tables' ? this.#loads.during(load) : load());
    } catch (error) {
      // What happened is not what was told, for example one of two tables is gone: the look that follows finds out.
      if (error instanceof Problem && error.code !== 'nft.permission') return false;
      throw error;
    }
    return true;
  }

  async #load(skeleton: string, wanted: LoadedRuleset, { observed, doubts }: Look): Promise<void> {
    const batch = renderLoad(this.#contents(skeleton, wanted), observed);
    // Handles of new tables are unknown and not needed: the generation identifies them from now on.
    const tables = new Map([
      ['inet', 0],
      ['bridge', 0],
    ]);
    const result = { ...wanted, tables, generation: batch.generation };
    await this.#loads.during(() => this.#write(batch, { observed: result, doubts }));
  }

  #contents(skeleton: string, { elements }: LoadedRuleset): Contents {
    return { skeleton, elements: listElements(elements), timed: this.#init.timed?.() ?? [] };
  }

  async #change(change: ElementChange, { observed, doubts }: Look): Promise<void> {
    if (observed.generation === undefined) {
      throw new Problem({ code: 'nft.conflict', message: 'The tables of coi are not loaded', retry: 'conflict' });
    }
    const batch = renderChange(change, observed.generation);
    const elements = withChange(observed.elements, change);
    await this.#write(batch, { observed: { ...observed, elements, generation: batch.generation }, doubts });
  }

  /** What comes of a write is only as certain as the look that it is built on. */
  async #write(batch: Batch, { observed, doubts }: Look): Promise<void> {
    try {
      await loadBatch(batch, this.#call());
    } catch (error) {
      this.#forget();
      throw error;
    }
    this.#remember(observed, doubts);
  }

  #remember(observed: ObservedRuleset, doubtsBefore: number): void {
    this.#lastKnown = observed;
    this.#cache = this.#listening && doubtsBefore === this.#doubts ? observed : undefined;
    if (this.#cache) this.#foreignScope = undefined;
  }

  #forget(): void {
    this.#doubts++;
    this.#cache = undefined;
  }

  #doubt(hint: FirewallHint): void {
    this.#forget();
    if (hint.kind === 'changed' && this.#foreignScope !== 'tables') this.#foreignScope = hint.scope;
    this.#init.onDrift(hint);
  }

  #call(): NftCall {
    return {
      signal: this.#signal,
      ...scopeOf(this.#init),
      loader: this.#loader,
      onStart: (pid, inForce) => {
        this.#ownWriters.set(pid, inForce);
        this.#init.clock.after(ownWriteMs, () => this.#ownWriters.delete(pid));
      },
    };
  }
}

function scopeOf({ namespace }: NetworkScope): NetworkScope {
  return namespace === undefined ? {} : { namespace };
}
