import { Problem } from '../base/problem.ts';
import type { HostReport, OrphansReport } from '../controller/control-api.ts';
import { findBridge } from '../controller/find-bridge.ts';
import type { Incus } from '../host/incus/client.ts';
import type { Instance } from '../host/incus/instance.ts';
import type { ServerInfo } from '../host/incus/server.ts';
import { readForeignRules, type ForeignRules } from '../host/neighbours/foreign-rules.ts';
import { readIptables, type Iptables } from '../host/neighbours/iptables.ts';
import type { Bridge } from '../network/policy.ts';
import type { ToolName } from '../spec/sandbox.ts';
import { usualTool, type Settings, type UsableSettings } from '../spec/settings.ts';
import type { Caller } from './caller.ts';
import type { Machine } from './machine.ts';
import type { Trial } from './trial.ts';

/** What checks look with. */
export interface SightInit {
  readonly incus: Incus;
  /** Name of the bridge that settings speak of. */
  readonly bridgeName: string;
  /** What the controller says about the host; undefined where none answers this user. */
  readonly controller: () => Promise<HostReport | undefined>;
  /** What was left over on the host; undefined where no controller answers this user. */
  readonly orphans: () => Promise<OrphansReport | undefined>;
  /** Waits for as long as it takes to clear a sandbox away: what is left of it then is left over. */
  readonly settle: () => Promise<void>;
  /** How many sessions of an agent this user has saved. */
  readonly savedSessions: (tool: string) => Promise<number>;
  /** What a session of this user starts from. A file with problems adds nothing to it. */
  readonly seen: UsableSettings;
  /** Settings as the controller sees them, as far as they can be used. */
  readonly host: Settings;
  readonly machine: Machine;
  /** Who asks. */
  readonly caller: Caller;
  /** Milliseconds since 1970. */
  readonly now: number;
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
  readonly seen: UsableSettings;
  readonly host: Settings;
  readonly machine: Machine;
  readonly caller: Caller;
  readonly now: number;
  readonly #init: SightInit;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(init: SightInit) {
    this.#init = init;
    this.incus = init.incus;
    this.bridgeName = init.bridgeName;
    this.isRoot = init.isRoot;
    this.signal = init.signal;
    this.seen = init.seen;
    this.host = init.host;
    this.machine = init.machine;
    this.caller = init.caller;
    this.now = init.now;
  }

  /** Name of the agent that the settings of this user name. */
  get tool(): ToolName {
    return usualTool(this.seen.settings.layer);
  }

  /** @throws {IncusError} where it does not answer this user */
  server(): Promise<ServerInfo> {
    return this.#once('server', () => this.incus.server({ signal: this.signal }));
  }

  /** For checks that ask Incus: what is wrong with it is told by its own. */
  async requireIncus(): Promise<void> {
    try {
      if ((await this.server()).isTrusted) return;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
    throw new Problem({ code: 'health.no-incus', message: 'nothing can be said without Incus' });
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

  /** What two looks agree on: what was being made or taken away during the first one is no leftover. */
  orphans(): Promise<OrphansReport | undefined> {
    return this.#once('orphans', async () => {
      const first = await this.#init.orphans();
      if (!first || first.orphans.length === 0) return first;
      await this.#init.settle();
      const second = await this.#init.orphans();
      const ids = new Set(second?.orphans.map(({ id }) => id));
      return { ...first, orphans: first.orphans.filter(({ id }) => ids.has(id)) };
    });
  }

  /** Every container of the project. @throws {IncusError} */
  instances(): Promise<readonly Instance[]> {
    return this.#once('instances', () => this.incus.instances.list({ signal: this.signal }));
  }

  savedSessions(tool: string): Promise<number> {
    return this.#init.savedSessions(tool);
  }

  /**
   * Begins when what is counted has been: its sandbox is not to be among that.
   *
   * @throws {Problem} `health.untried`, and what keeps a sandbox from starting
   */
  trial(): Promise<Trial> {
    return this.#once('trial', async () => {
      if (this.seen.problems.length > 0) {
        throw new Problem({ code: 'health.untried', message: 'Nothing starts from settings that cannot be used' });
      }
      // Whoever counts tells of a failure.
      await Promise.allSettled([this.instances(), this.orphans()]);
      return this.#init.tryOut(this);
    });
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
