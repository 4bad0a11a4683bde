const durationUnitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationPart = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const wholeDuration = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

const sizeUnitBytes: ReadonlyMap<string, number> = new Map(
  Object.entries({
    '': 1,
    B: 1,
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    TB: 1e12,
    PB: 1e15,
    KiB: 2 ** 10,
    MiB: 2 ** 20,
    GiB: 2 ** 30,
    TiB: 2 ** 40,
    PiB: 2 ** 50,
  }),
);

/** Milliseconds of a duration as people write it: `90s`, `2h`, `1h30m`, `2d`; undefined when it is not one. */
export function parseDuration(text: string): number | undefined {
  if (!wholeDuration.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(durationPart)) {
    ms += Number(amount) * durationUnitMs[unit as keyof typeof durationUnitMs];
  }
  return ms;
}

/** A duration in the two largest units that matter: `3d 4h`, `12m 5s`, `0s`. */
export function renderDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const parts = (
    [
      ['d', 86_400],
      ['h', 3_600],
      ['m', 60],
      ['s', 1],
    ] as const
  ).map(
    ([unit, size], index, all) =>
      [unit, Math.floor((index === 0 ? seconds : seconds % all[index - 1]![1]) / size)] as const,
  );
  const first = parts.findIndex(([, count]) => count > 0);
  if (first === -1) return '0s';
  return parts
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count}${unit}`)
    .join(' ');
}

/**
 * Bytes of a size with an Incus unit (`4GiB`, `500MB`, `1024`); undefined when it is not one.
 * @see Incus documentation, "Instance options", "Units for storage and network limits"
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)\s*([A-Za-z]*)$/.exec(text);
  const unit = match ? sizeUnitBytes.get(match[2]!) : undefined;
  return unit === undefined ? undefined : Number(match![1]) * unit;
}

/** Bytes for people: `812.3 MiB`, `12 B`. */
export function renderBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  const step = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 2 ** (10 * step)).toFixed(1)} ${units[step - 1]}`;
}
