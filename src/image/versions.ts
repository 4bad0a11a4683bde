/** An alias that says when its image was made: `coi-20261122-013305`. */
export interface Version {
  /** The whole alias. */
  readonly alias: string;
  /** What it is a version of: the alias without its time, `coi`. */
  readonly name: string;
  /** Milliseconds since 1970, whole seconds. */
  readonly at: number;
}

const form = /^(.+)-(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})$/s;

/** The alias of the version of an image that was made at a time, in milliseconds since 1970; it is written in UTC. */
export function renderVersion(name: string, at: number): string {
  const [day, time] = new Date(at).toISOString().split('T') as [string, string];
  return `${name}-${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`;
}

/** Reads such an alias; undefined for any other, also where its end is no day or no time of day. */
export function parseVersion(alias: string): Version | undefined {
  const [, name, ...parts] = form.exec(alias) ?? [];
  if (name === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date carries what is too much over: February 30th would be a day in March.
  return year > 0 && renderVersion(name, at) === alias ? { alias, name, at } : undefined;
}
