import type { Clock } from '../../base/clock.ts';
import type { Notifier } from './notifier.ts';

export interface QuarantinesInit {
  readonly clock: Clock;
  readonly notifier: Pick<Notifier, 'quarantined'>;
  /** Of what is still declared. */
  readonly instanceOf: (sandbox: string) => string | undefined;
  /** Sandboxes that were in quarantine when the controller started: that is no news. */
  readonly before: Iterable<string>;
}

/** Tells when a quarantine is set and when it is lifted, and of nothing in between. */
export class Quarantines {
  readonly #init: QuarantinesInit;
  readonly #held: Set<string>;

  constructor(init: QuarantinesInit) {
    this.#init = init;
    this.#held = new Set(init.before);
  }

  /** A sandbox is held, or held more than before. */
  set(sandbox: string, why: string): void {
    if (this.#held.has(sandbox)) return;
    this.#held.add(sandbox);
    this.#tell(sandbox, { isSet: true, why });
  }

  /** Somebody lifted what held a sandbox. */
  lifted(sandbox: string): void {
    if (this.#held.delete(sandbox)) this.#tell(sandbox, { isSet: false, why: 'lifted by command' });
  }

  #tell(sandbox: string, change: { readonly isSet: boolean; readonly why: string }): void {
    const { clock, notifier, instanceOf } = this.#init;
    notifier.quarantined({ sandbox, instance: instanceOf(sandbox), at: clock.now(), ...change });
  }
}
