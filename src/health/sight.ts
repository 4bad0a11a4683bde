import { Problem } from '../base/problem.ts';
import type { HostReport } from '../controller/control-api.ts';
import { findBridge } from '../controller/find-bridge.ts';
import type { Incus } from '../host/incus/client.ts';
import { readForeignRules, type ForeignRules } from '../host/neighbours/foreign-rules.ts';
import { readIptables, type Iptables } from '../host/neighbours/iptables.ts';
import type { Bridge } from '../network/policy.ts';
import type { Trial } from './trial.ts';

/** What checks look with. */
export interface SightInit {
  readonly incus: Incus;
  /** Name of the bridge that settings speak of. */
  readonly bridgeName: string;
  /** What the controller says about the host; undefined where none answers this user. */
  readonly controller: () => Promise<HostReport | undefined>;
  /** Tries out where a sandbox gets to. */
  readonly tryOut: (sight: Sight) => Promise<Trial>;
  readonly isRoot: boolean;
  readonly signal: AbortSignal;
}

/** One look at the host: what several checks need is read once. */
export class Sight {
  readonly incus: Incus;
  readonly bridgeName: string;
  readonly isRoot: boolean;
  readonly signal: AbortSignal;
  readonly #init: SightInit;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(init: SightInit) {
    this.#init = init;
    this.incus = init.incus;
    this.bridgeName = init.bridgeName;
    this.isRoot = init.isRoot;
    this.signal = init.signal;
  }

  /** @throws {Problem} where there is none that coi can use */
  bridge(): Promise<Bridge> {
    return this.#once('bridge', () => findBridge(this.incus, this.bridgeName, this.signal));
  }

  /** The same for checks of something else: what is wrong with the bridge is told by its own. */
  async requireBridge(): Promise<Bridge> {
    try {
      return await this.bridge();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const { code, message } = error;
      throw new Problem({
        code: 'health.no-bridge',
        message: `nothing can be said without the bridge`,
        cause: { code, message },
      });
    }
  }

  controller(): Promise<HostReport | undefined> {
    return this.#once('controller', this.#init.controller);
  }

  /** @throws {Problem} `health.untried`, and what keeps a sandbox from starting */
  trial(): Promise<Trial> {
    return this.#once('trial', () => this.#init.tryOut(this));
  }

  iptables(): Promise<readonly Iptables[]> {
    return this.#once('iptables', () => readIptables(this));
  }

  foreignRules(): Promise<ForeignRules> {
    return this.#once('foreign rules', () => readForeignRules(this));
  }

  /** @throws {Problem} `health.not-root` */
  requireRoot(what: string): void {
    if (this.isRoot) return;
    throw new Problem({ code: 'health.not-root', message: `only root sees ${what}`, hint: 'Run this with sudo.' });
  }

  #once<Value>(what: string, read: () => Promise<Value>): Promise<Value> {
    const known = this.#read.get(what) ?? read();
    this.#read.set(what, known);
    return known as Promise<Value>;
  }
}
