import type { Override } from '../plan/override.ts';
import { statePath } from '../plan/power.ts';
import type { ControlApi, VerbReport } from './control-api.ts';
import type { Controller } from './controller.ts';
import type { Verbs } from './verbs.ts';

/** Overrides that stand, by sandbox. */
export interface OverrideKeeper {
  of(sandbox: string): readonly Override[];
  set(sandbox: string, override: Override): Promise<void>;
  /** @returns whether there was one */
  remove(sandbox: string, kind: Override['kind']): Promise<boolean>;
  /** Sandboxes that have any. */
  sandboxes(): readonly string[];
}

export interface OverrideControlInit {
  readonly controller: Controller;
  readonly overrides: OverrideKeeper;
  /** Told of every sandbox that a command lets go on. */
  readonly onResumed?: (sandbox: string) => void;
}

/** The commands that hold sandboxes or leave them alone, whatever their manifests say, and those that lift that. */
export class OverrideControl {
  readonly #init: OverrideControlInit;
  readonly #verbs: Verbs;

  constructor(init: OverrideControlInit, verbs: Verbs) {
    this.#init = init;
    this.#verbs = verbs;
  }

  freeze({ names, by, reason }: Parameters<ControlApi['freeze']>[0]): Promise<readonly VerbReport[]> {
    return this.#override(names, { kind: 'freeze', state: 'frozen', by, reason }, 'It is held frozen until resumed');
  }

  async resume({ names }: Parameters<ControlApi['resume']>[0]): Promise<readonly VerbReport[]> {
    const { overrides, controller, onResumed } = this.#init;
    const wanted = names.length > 0 ? names : overrides.sandboxes().filter((name) => overrides.of(name).some(isHold));
    return this.#verbs.each(wanted, async (name) => {
      const lifted = [await overrides.remove(name, 'freeze'), await overrides.remove(name, 'quarantine')];
      if (!lifted.includes(true)) return { name, done: false, message: this.#whyNotHeld(name) };
      // However often it was held and let go of in a short time: nobody else did that.
      controller.fights.forget(name, statePath);
      onResumed?.(name);
      return this.#verbs.applied(name, { kind: 'resume', why: 'resumed by command', message: 'It goes on' });
    });
  }

  #whyNotHeld(name: string): string {
    const state = this.#init.controller.desired.manifests().get(name)?.sandbox.state;
    return state === 'frozen'
      ? 'Its manifest says state = "frozen": change it there'
      : 'No command and no rule holds it';
  }

  suspend({ names, by, reason, until }: Parameters<ControlApi['suspend']>[0]): Promise<readonly VerbReport[]> {
    const override = { kind: 'suspend', by, reason, ...(until !== undefined && { until }) } as const;
    return this.#override(names, override, 'It is left as it is until the suspension is lifted');
  }

  unsuspend({ names }: Parameters<ControlApi['unsuspend']>[0]): Promise<readonly VerbReport[]> {
    return this.#verbs.each(names, async (name) => {
      if (!(await this.#init.overrides.remove(name, 'suspend')))
        return { name, done: false, message: 'It is not suspended' };
      return this.#verbs.applied(name, {
        kind: 'unsuspend',
        why: 'suspension lifted by command',
        message: 'It is kept in line again',
      });
    });
  }

  #override(names: readonly string[], override: Omit<Override, 'at'>, message: string): Promise<readonly VerbReport[]> {
    return this.#verbs.each(names, async (name) => {
      await this.#init.overrides.set(name, { ...override, at: Date.now() });
      return this.#verbs.applied(name, { kind: override.kind, why: override.reason, message, by: override.by });
    });
  }
}

function isHold({ kind }: Override): boolean {
  return kind === 'freeze' || kind === 'quarantine';
}
