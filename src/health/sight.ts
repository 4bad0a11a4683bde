import { Problem } from '../base/problem.ts';
import type { HostReport, OrphansReport } from '../controller/control-api.ts';
import { findBridge } from '../controller/find-bridge.ts';
import type { Incus } from '../host/incus/client.ts';
import { readForeignRules, type ForeignRules } from '../host/neighbours/foreign-rules.ts';
import { readIptables, type Iptables } from '../host/neighbours/iptables.ts';
import type { Bridge } from '../network/policy.ts';
import type { Owner } from '../session/save/owner.ts';
import type { Trial } from './trial.ts';

/** What settings say that checks ask about. */
export interface HealthSettings {
  /** Alias of the image that sandboxes are made from unless told otherwise. */
  readonly image: string;
  readonly storagePool: string;
  /** Group whose members may use Incus. */
  readonly group: string;
  readonly networkMode: string;
  /** The agent that sessions start by its name; undefined where they start a command. */
  readonly agent?: string;
  /** Files that were read, lowest first. */
  readonly files: readonly string[];
  /** Why they could not be used: then these are the built-in values. */
  readonly problem?: Problem;
}

/** What checks look with. */
export interface SightInit {
  readonly incus: Incus;
  /** Name of the bridge that settings speak of. */
  readonly bridgeName: string;
  /** What the controller says about the host; undefined where none answers this user. */
  readonly controller: () => Promise<HostReport | undefined>;
  /** What was left over and belongs to nobody, by the controller; undefined where none answers this user. */
  readonly orphans: () => Promise<OrphansReport | undefined>;
  readonly settings: HealthSettings;
  /** Who asks, with the home that sessions are saved in. @throws {Problem} for a user without one */
  readonly owner: () => Promise<Owner>;
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
  readonly settings: HealthSettings;
  readonly signal: AbortSignal;
  readonly #init: SightInit;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(init: SightInit) {
    this.#init = init;
    this.incus = init.incus;
    this.bridgeName = init.bridgeName;
    this.isRoot = init.isRoot;
    this.settings = init.settings;
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

  owner(): Promise<Owner> {
    return this.#once('owner', this.#init.owner);
  }

  /** Incus, where it lets this user do anything: what is wrong with it is told by its own check. */
  async requireIncus(): Promise<Incus> {
    if (await this.#once('trust', () => this.#isTrusted())) return this.incus;
    throw new Problem({ code: 'health.no-incus', message: 'nothing can be said without Incus' });
  }

  async #isTrusted(): Promise<boolean> {
    try {
      return (await this.incus.server({ signal: this.signal })).isTrusted;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return false;
    }
  }

  orphans(): Promise<OrphansReport | undefined> {
    return this.#once('orphans', this.#init.orphans);
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
