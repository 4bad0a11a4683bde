import type { Clock } from '../../base/clock.ts';
import { openDeadline } from '../../base/deadline.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import type { Family } from '../../network/address.ts';
import { clampTtl } from '../../network/names/lifetimes.ts';
import { questionName } from '../../network/names/question-name.ts';
import { askServer } from './ask-server.ts';
import { UpstreamSockets } from './upstream-sockets.ts';
import type { Server } from './resolv-conf.ts';
import { longestChain, rcodeOf, rcodes, readAnswer, recordTypes } from './upstream-answer.ts';
import type { Found } from './upstream-answer.ts';

/** What a name led to. `ttl` in seconds, of what is left of it. */
export type Resolved = Exclude<Found, { readonly kind: 'alias' }>;

/** What a {@link Resolver} needs. */
export interface ResolverInit {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly servers: () => Promise<readonly Server[]>;
}

interface Cached {
  readonly found: Resolved;
  /** On the monotonic clock, in milliseconds. */
  readonly until: number;
}

/** How long each server has for an answer, in milliseconds, round after round. */
const patienceMs = [800, 1_600, 2_400];
/** How long one look-up may take in all, in milliseconds: clients give up after five seconds. */
const longestMs = 4_500;
/** How long a name is not asked for again after nobody answered, in milliseconds. */
const failureMs = 3_000;
const mostCached = 10_000;

/** Looks names up at the host's own servers, and remembers what they said for as long as they said. */
export class Resolver {
  readonly #init: ResolverInit;
  readonly #sockets: UpstreamSockets;
  readonly #cache = new Map<string, Cached>();
  readonly #failures = new Map<string, { readonly problem: Problem; readonly until: number }>();
  readonly #underWay = new Map<string, Promise<Resolved>>();

  constructor(init: ResolverInit) {
    this.#init = init;
    this.#sockets = new UpstreamSockets(init.clock);
  }

  /** What is remembered of a name. */
  cached(name: string, family: Family): Resolved | undefined {
    const key = `${family} ${name}`;
    const entry = this.#cache.get(key);
    const left = entry ? (entry.until - this.#init.clock.monotonic()) / 1_000 : 0;
    if (!entry || left <= 0) return undefined;
    return { ...entry.found, ttl: Math.ceil(left) };
  }

  /**
   * The addresses of a name, in the form of `questionName`.
   *
   * @throws Problem `dns.upstream` when no server gave an answer
   */
  async look(name: string, family: Family): Promise<Resolved> {
    const key = `${family} ${name}`;
    const remembered = this.cached(name, family);
    if (remembered) return remembered;
    const failure = this.#failures.get(key);
    if (failure && failure.until > this.#init.clock.monotonic()) throw failure.problem;
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    const looking = this.#lookAfresh(name, family).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, looking);
    return looking;
  }

  async #lookAfresh(name: string, family: Family): Promise<Resolved> {
    const key = `${family} ${name}`;
    const now = () => this.#init.clock.monotonic();
    try {
      const found = await this.#follow(name, family);
      this.#failures.delete(key);
      put(this.#cache, key, { found, until: now() + found.ttl * 1_000 });
      return found;
    } catch (error) {
      const problem = error instanceof Problem ? error : silence(name, error);
      put(this.#failures, key, { problem, until: now() + failureMs });
      throw problem;
    }
  }

  async #follow(name: string, family: Family): Promise<Resolved> {
    const deadline = this.#init.clock.monotonic() + longestMs;
    let asked = name;
    let ttl = Number.POSITIVE_INFINITY;
    for (let length = 0; length < longestChain; length += 1) {
      const found = await this.#askServers(asked, family, deadline);
      ttl = clampTtl(Math.min(ttl, found.ttl));
      if (found.kind !== 'alias') return { ...found, ttl };
      const target = questionName(found.target);
      if (target === undefined) return { kind: 'absent', ttl };
      asked = target;
    }
    return { kind: 'absent', ttl };
  }

  async #askServers(name: string, family: Family, deadline: number): Promise<Found> {
    const { clock, signal } = this.#init;
    const servers = await this.#init.servers();
    let last: unknown;
    for (const ms of patienceMs) {
      for (const server of servers) {
        signal.throwIfAborted();
        const left = deadline - clock.monotonic();
        if (left <= 0) throw last ?? new Error('there was no time left to ask');
        using patience = openDeadline(clock, Math.min(ms, left), signal);
        try {
          const question = { name, type: recordTypes[family], signal: patience.signal };
          const answer = await askServer({ server, sockets: this.#sockets, ...question });
          const rcode = rcodeOf(answer);
          if (rcode === rcodes.fine || rcode === rcodes.absent) return readAnswer(answer, name, family);
          last = new Error(`${server.address} answered with code ${rcode}`);
        } catch (error) {
          last = patience.hasPassed() ? new Error(`${server.address} did not answer in time`) : error;
        }
      }
    }
    throw last;
  }
}

function silence(name: string, cause: unknown): Problem {
  return new Problem({
    code: 'dns.upstream',
    message: `No name server of this host gave an answer about ${name}: ${messageOf(cause)}`,
    hint: 'See /etc/resolv.conf, and whether its servers can be reached from here.',
    retry: 'backoff',
    cause,
  });
}

/** Puts an entry in as the newest, at the cost of the oldest where there are too many. */
function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostCached) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
