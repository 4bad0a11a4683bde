/** Lifetimes that may end in a deletion within one minute: a wrong clock must not empty a host at once. */
const perMinute = 10;
const minuteMs = 60_000;

/** Counts deletions at the end of a lifetime. Times in milliseconds of a clock that does not go back. */
export class ExpiryLimit {
  #recent: number[] = [];

  record(now: number): void {
    this.#recent.push(now);
  }

  hasRoom(now: number): boolean {
    this.#recent = this.#recent.filter((at) => at > now - minuteMs);
    return this.#recent.length < perMinute;
  }
}
