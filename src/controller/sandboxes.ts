import type { Plan } from '../plan/step.ts';
import type { World } from '../plan/world.ts';
import type { Problem } from '../base/problem.ts';
import { deriveConditions, mergeConditions, type Condition, type Look } from './condition.ts';

/** What was concluded about one sandbox the last time it was looked at. */
export interface SandboxRecord {
  readonly name: string;
  readonly world: World;
  readonly plan: Plan;
  readonly conditions: readonly Condition[];
  readonly failure: Problem | undefined;
  /** When it was last looked at, milliseconds since 1970. */
  readonly lookedAt: number;
  /** When it was first seen not to be as declared since it last was, milliseconds since 1970. */
  readonly changedAt: number | undefined;
}

/** A condition that became something else. */
export interface Transition {
  readonly name: string;
  readonly condition: Condition;
}

/** Records of all sandboxes that are declared or exist. */
export class Sandboxes {
  readonly #records = new Map<string, SandboxRecord>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #onTransition: (transition: Transition) => void;
  readonly #derive: (look: Look) => Omit<Condition, 'since'>[];

  constructor(onTransition: (transition: Transition) => void, derive = deriveConditions) {
    this.#onTransition = onTransition;
    this.#derive = derive;
  }

  /** Resolves with the next look at a sandbox, whatever it comes to. */
  nextLook(name: string): { readonly done: Promise<void> } & Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting.add(resolve));
    return {
      done: promise,
      [Symbol.dispose]: () => {
        waiting.delete(resolve);
        if (waiting.size === 0 && this.#waiting.get(name) === waiting) this.#waiting.delete(name);
      },
    };
  }

  /** Write down a look. A sandbox that is neither declared nor there any more is dropped. */
  record(look: Look): void {
    this.#put(look);
    const waiting = [...(this.#waiting.get(look.world.name) ?? [])];
    for (const wake of waiting) wake();
  }

  #put(look: Look): void {
    const { world, plan, failure } = look;
    const { name, now } = world;
    const before = this.#records.get(name);
    if (isGone(world) && !failure) {
      this.#records.delete(name);
      if (before) this.#onTransition({ name, condition: gone(now) });
      return;
    }
    const { conditions, transitions } = mergeConditions(before?.conditions ?? [], this.#derive(look), now);
    const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    const changedAt = isReady ? undefined : (before?.changedAt ?? now);
    this.#records.set(name, { name, world, plan, conditions, failure, lookedAt: now, changedAt });
    for (const condition of transitions) this.#onTransition({ name, condition });
  }

  get(name: string): SandboxRecord | undefined {
    return this.#records.get(name);
  }

  all(): Iterable<SandboxRecord> {
    return this.#records.values();
  }

  isReady(name: string): boolean {
    const conditions = this.#records.get(name)?.conditions ?? [];
    return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  }
}

/** The last that is said about a sandbox. */
function gone(now: number): Condition {
  return { type: 'Ready', status: 'False', reason: 'Deleted', message: 'Nothing is left of it', since: now };
}

function isGone({ desired, instance, tombstone, reservation }: World): boolean {
  return desired.kind !== 'declared' && !instance && !tombstone && !reservation;
}
