/** Writes of one field per minute above which somebody else must be writing it too. */
const threshold = 5;

/** Heat decays by this factor of e per minute. */
const minuteMs = 60_000;

interface Heat {
  readonly value: number;
  readonly at: number;
}

/**
 * Notices that a field is put right again and again: each write heats it by one, and heat decays with time. Fields over the
 * threshold are left alone until they have cooled down.
 */
export class Fights {
  readonly #heat = new Map<string, Map<string, Heat>>();

  /** Count one repair of a field. `now` in milliseconds, of any clock that does not go back. */
  record(sandbox: string, path: string, now: number): void {
    const fields = this.#heat.get(sandbox) ?? new Map<string, Heat>();
    fields.set(path, { value: this.#value(fields.get(path), now) + 1, at: now });
    this.#heat.set(sandbox, fields);
  }

  /** Fields of a sandbox that are being fought over. */
  fighting(sandbox: string, now: number): string[] {
    const fields = [...(this.#heat.get(sandbox) ?? [])];
    return fields.filter(([, heat]) => this.#value(heat, now) > threshold).map(([path]) => path);
  }

  /** The hottest field of all, for metrics. */
  max(now: number): number {
    const all = [...this.#heat.values()].flatMap((fields) => [...fields.values()]);
    return Math.max(0, ...all.map((heat) => this.#value(heat, now)));
  }

  forget(sandbox: string): void {
    this.#heat.delete(sandbox);
  }

  #value(heat: Heat | undefined, now: number): number {
    return heat ? heat.value * Math.exp(-(now - heat.at) / minuteMs) : 0;
  }
}
