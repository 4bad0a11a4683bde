/** Heat above which somebody else must be writing a field too: five quick writes, or more than four a minute for long. */
const threshold = 4.5;

/** Heat below which a fight counts as over. Far below the threshold, so that a fight is not taken up again every few seconds. */
const coolBelow = 1;

/** Heat decays by this factor of e per minute. */
const minuteMs = 60_000;

interface Heat {
  readonly value: number;
  readonly at: number;
  readonly isFight: boolean;
}

/**
 * Notices that a field is put right again and again: each write heats it by one, and heat decays with time. Fields over the
 * threshold are left alone until they have cooled down, which takes a minute and a half.
 */
export class Fights {
  readonly #heat = new Map<string, Map<string, Heat>>();

  /** Count one repair of a field. `now` in milliseconds, of any clock that does not go back. */
  record(sandbox: string, path: string, now: number): void {
    const fields = this.#heat.get(sandbox) ?? new Map<string, Heat>();
    const before = fields.get(path);
    const value = this.#value(before, now) + 1;
    fields.set(path, { value, at: now, isFight: value > threshold || this.#isFight(before, now) });
    this.#heat.set(sandbox, fields);
  }

  /** Fields of a sandbox that are being fought over. */
  fighting(sandbox: string, now: number): string[] {
    const fields = [...(this.#heat.get(sandbox) ?? [])];
    return fields.filter(([, heat]) => this.#isFight(heat, now)).map(([path]) => path);
  }

  /** The hottest field of all, for metrics. */
  max(now: number): number {
    const all = [...this.#heat.values()].flatMap((fields) => [...fields.values()]);
    return Math.max(0, ...all.map((heat) => this.#value(heat, now)));
  }

  /** What was put right of a field so far was nobody's doing. */
  forget(sandbox: string, path: string): void {
    this.#heat.get(sandbox)?.delete(path);
  }

  #isFight(heat: Heat | undefined, now: number): boolean {
    return heat !== undefined && heat.isFight && this.#value(heat, now) > coolBelow;
  }

  #value(heat: Heat | undefined, now: number): number {
    return heat ? heat.value * Math.exp(-(now - heat.at) / minuteMs) : 0;
  }
}
