import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import type { QueryResult } from '../../metrics/labels.ts';
import { parseInterfaceAddress, renderAddress } from '../../network/address.ts';
import type { DeniedName } from '../../network/names/denied-name.ts';
import { reachable } from '../../network/names/reachable.ts';
import { isUsable } from '../../network/names/usable-address.ts';
import type { Bridge, NetworkPolicy } from '../../network/policy.ts';
import { resolverPort } from '../../network/resolvers.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import { Answers, type OnAsked } from './answers.ts';
import { GuestBook } from './guest-book.ts';
import type { Guest } from './guest.ts';
import { Lookups } from './lookups.ts';
import { NameFiles } from './name-files.ts';
import { serveNames } from './name-server.ts';
import { openFlows } from './open-flows.ts';
import type { Flows } from './open-flows.ts';
import { OwnPlacesReader } from './own-places.ts';
import { HostServers } from './resolv-conf.ts';
import type { Server } from './resolv-conf.ts';
import { Resolver } from './resolver.ts';
import { TimedSets } from './timed-sets.ts';
import type { LastingPlace, TimedWriter } from './timed-sets.ts';
import { Upkeep } from './upkeep.ts';

/** What a {@link NameService} needs. */
export interface NameServiceInit {
  readonly clock: Clock;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly bridge: Bridge;
  readonly firewall: TimedWriter;
  /** What is known of names is kept in `names/` below it. */
  readonly stateDir: string;
  readonly onQuery: (result: QueryResult) => void;
  /** Something that a person should know; it is tried again. */
  readonly onProblem: (problem: Problem) => void;
  /** The servers that are asked; those of the host unless given. */
  readonly servers?: () => Promise<readonly Server[]>;
  readonly flows?: (signal: AbortSignal) => Promise<Flows>;
}

/**
 * Looks names up for sandboxes with an allowlist, and alone decides which addresses those names open. Where a question
 * comes from says whose it is: the bridge table lets nobody use another's address.
 */
export class NameService {
  readonly #init: NameServiceInit;
  readonly #files: NameFiles;
  readonly #sets: TimedSets;
  readonly #book: GuestBook;
  readonly #answers: Answers;
  readonly #lookups: Lookups;
  readonly #upkeep: Upkeep;
  readonly #places: OwnPlacesReader;
  readonly #listeners = new Set<OnAsked>();
  readonly #problems = new Map<string, Problem>();
  #isFirst = true;
  #doubt: 'none' | 'unseen' | 'changed' = 'unseen';

  constructor(init: NameServiceInit) {
    this.#init = init;
    const { clock, signal, bridge, firewall, stateDir } = init;
    const host = new HostServers();
    this.#files = new NameFiles(join(stateDir, 'names'), clock);
    this.#sets = new TimedSets(firewall, clock);
    this.#book = new GuestBook(clock, (uid) => this.#files.load(uid));
    this.#places = new OwnPlacesReader(bridge, clock);
    const resolver = new Resolver({ clock, signal, servers: init.servers ?? (() => host.servers()) });
    const shared = {
      clock,
      resolver,
      sets: this.#sets,
      isUsable: (address: string, guest: Guest) => this.#isUsable(address, guest),
      onLearned: (guest: Guest) => this.#save(guest),
    };
    const guestAt = (address: string) => this.#book.at(address);
    const onAsked: OnAsked = (uid, asked) => this.#listeners.forEach((listener) => listener(uid, asked));
    const onFailure = (error: unknown) => this.#tell('answers', error);
    this.#answers = new Answers({ ...shared, guestAt, onQuery: init.onQuery, onFailure, onAsked });
    this.#lookups = new Lookups(shared);
    this.#upkeep = new Upkeep({
      ...shared,
      signal,
      lookups: this.#lookups,
      book: this.#book,
      flows: init.flows ?? openFlows,
      tell: (what, error) => this.#tell(what, error),
    });
  }

  /** Answers sandboxes and keeps what they may reach up to date, until the signal aborts. */
  async run(): Promise<void> {
    const { bridge, clock, signal } = this.#init;
    const addresses = [bridge.ipv4, ...(bridge.ipv6 === undefined ? [] : [bridge.ipv6])];
    const servers = addresses.map((text) => {
      const address = renderAddress(parseInterfaceAddress(text).address);
      return serveNames({
        clock,
        signal,
        address,
        port: resolverPort,
        isKnown: (from) => this.#book.at(from) !== undefined,
        answer: (packet, from, transport) => this.#answers.answer(packet, from, transport),
        onProblem: (problem) => this.#tell(`listen ${address}`, problem),
      });
    });
    await Promise.all([...servers, this.#upkeep.run()]);
    await this.#files.settled();
  }

  /**
   * Takes over the policies of all sandboxes. What they no longer allow is out of the kernel when this resolves: it comes
   * before the rules that go with it, so that a flow which is judged again does not find what it had before.
   */
  async follow(policies: readonly NetworkPolicy[]): Promise<void> {
    const uids = new Set(policies.map(({ uid }) => uid));
    const gone = this.#book.uids().filter((uid) => !uids.has(uid));
    for (const uid of gone) this.#book.forget(uid);
    await this.#take(policies, gone);
    if (!this.#isFirst) return;
    this.#isFirst = false;
    await this.#files.keepOnly(uids);
  }

  /** Takes over one policy, as {@link follow} does. */
  followOne(policy: NetworkPolicy): Promise<void> {
    return this.#take([policy], []);
  }

  async #take(policies: readonly NetworkPolicy[], gone: readonly string[]): Promise<void> {
    const fetched = await this.#book.fetch(policies);
    const now = this.#init.clock.monotonic();
    const out: ReturnType<TimedSets['beyond']> = gone.flatMap((uid) => this.#sets.beyond(uid, new Set()));
    const missing: LastingPlace[] = [];
    for (const policy of policies) {
      const wasGuest = this.#book.of(policy.uid) !== undefined;
      const guest = this.#book.adopt(policy, fetched);
      if (!guest && this.#book.of(policy.uid)) continue;
      const wanted = guest
        ? reachable(guest.seat, guest.known, { now, isUsable: (address) => this.#isUsable(address, guest) })
        : new Map<string, LastingPlace>();
      out.push(...this.#sets.beyond(policy.uid, wanted));
      const absent = this.#sets.absent(wanted.values());
      this.#sets.assume(absent);
      // What is known from files is there, or comes with the first load.
      if (wasGuest) missing.push(...absent);
    }
    await this.#sets.takeOut(out);
    if (missing.length === 0) return;
    // Without tables they come with the load of everything, which asks for them.
    await this.#sets.put(missing).catch((error: unknown) => this.#tell('sets', error));
  }

  /**
   * The policy as it was followed. Rules for another one must not be loaded before that is followed, too.
   */
  inForce(policy: NetworkPolicy): NetworkPolicy {
    const followed = this.#book.followed(policy.uid);
    return followed && followed.rules !== policy.rules ? { ...policy, rules: followed.rules } : policy;
  }

  /**
   * Looks up what a policy names, before its sandbox starts.
   *
   * @throws Problem `network.names` when nothing that it names leads to an address; it must not start then
   */
  async prepare(policy: NetworkPolicy, signal: AbortSignal): Promise<void> {
    if (policy.rules.mode !== 'allowlist') return;
    await this.followOne(policy);
    await this.prepareAgain(policy.uid, signal);
  }

  /** As {@link prepare}, for the policy that was last followed; nothing when there is none. */
  async prepareAgain(uid: string, signal: AbortSignal): Promise<void> {
    const guest = this.#book.of(uid);
    if (guest) await this.#lookups.prepare(guest, signal);
  }

  /** Nothing is left of a sandbox. Its addresses may be given to another one when this resolves. */
  async forget(uid: string): Promise<void> {
    this.#book.forget(uid);
    await this.#sets.takeOut(this.#sets.beyond(uid, new Set()));
    await this.#files.remove(uid);
  }

  /** The addresses that names lead to at this moment: what a load of all rules takes over. */
  timed(): readonly TimedElement[] {
    return this.#sets.timed();
  }

  /** Somebody else may have changed what the timed sets hold. */
  doubt(): void {
    this.#doubt = 'changed';
  }

  /** Puts the timed sets right where there is doubt about them. Comes after the tables are loaded. */
  async restore(): Promise<void> {
    const doubt = this.#doubt;
    if (doubt === 'none') return;
    this.#doubt = 'none';
    try {
      await this.#sets.restore(doubt === 'changed');
    } catch (error) {
      this.#doubt = doubt;
      throw error;
    }
  }

  /** Names that a sandbox asked for in vain since this process began, the last one first. */
  denials(uid: string): readonly DeniedName[] {
    return this.#book.of(uid)?.denied.list() ?? [];
  }

  /** The name that led a sandbox to an address, as far as that is still known. */
  nameOf(uid: string, address: string): string | undefined {
    return this.#book.of(uid)?.known.nameOf(address);
  }

  /** Tells of every question that is looked at, until disposed of. At most 100 a second of one sandbox are not `limited`. */
  listen(onAsked: OnAsked): Disposable {
    this.#listeners.add(onAsked);
    return { [Symbol.dispose]: () => this.#listeners.delete(onAsked) };
  }

  /** What is wrong with looking names up, as of now. */
  problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  #isUsable(address: string, { seat }: Guest): boolean {
    return isUsable(address, seat.rules.localNetwork, this.#places.read());
  }

  #save({ seat, known, isGone }: Guest): void {
    if (isGone) return;
    this.#files.save(seat.uid, known).then(
      () => this.#tell('files', undefined),
      (error: unknown) => this.#tell('files', error),
    );
  }

  /** Something went wrong, or with undefined is in order again; each is told once. */
  #tell(what: string, error: unknown): void {
    if (error === undefined || this.#init.signal.aborted) {
      this.#problems.delete(what);
      return;
    }
    const problem = error instanceof Problem ? error : unexpected(what, error);
    const isKnown = this.#problems.get(what)?.message === problem.message;
    this.#problems.set(what, problem);
    if (!isKnown) this.#init.onProblem(problem);
  }
}

function unexpected(what: string, cause: unknown): Problem {
  return new Problem({
    code: 'dns.failed',
    message: `Looking names up for sandboxes does not work as it should (${what}): ${messageOf(cause)}`,
    retry: 'backoff',
    cause,
  });
}
