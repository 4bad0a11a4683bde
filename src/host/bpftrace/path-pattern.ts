/** A path that is looked for in system calls. */
export interface PathPattern {
  /**
   * How it begins, as it is named in the call; not absolute: a path relative to where the process stands. One `*` stands for
   * a part of any content: right below /proc for one directory, elsewhere for anything.
   */
  readonly path: string;
  /** Whether reading it matters, too. */
  readonly on: 'any' | 'write';
}

/** How much of a path is compared in the kernel, in bytes: two words of the machine. */
const comparedBytes = 16;

/** Most digits of a process number whose files in /proc are looked for. */
const mostDigits = 7;

/**
 * A condition in bpftrace's language which is true for all paths that one of the patterns applies to and for few others:
 * the first bytes are compared as numbers, since its string comparisons are many times as long.
 *
 * @param pointer name of the variable with the path's address, a number
 */
export function condition(patterns: readonly PathPattern[], pointer: string): string {
  const isProcess = ({ path }: PathPattern) => path.startsWith('/proc/*');
  const byStart = new Map<string, Set<string>>();
  for (const { path } of patterns.filter((each) => !isProcess(each))) {
    const known = (path.split('*')[0] ?? '').slice(0, comparedBytes);
    const start = equals('$p0', known.slice(0, 8));
    const rest = byStart.get(start) ?? new Set();
    byStart.set(start, rest.add(known.length > 8 ? equals('$p1', known.slice(8)) : '1'));
  }
  const starts = [...byStart].map(([start, rests]) =>
    rests.has('1') ? start : `(${start} && (${[...rests].join(' || ')}))`,
  );
  const tails = new Set(patterns.filter(isProcess).map(({ path }) => path.slice('/proc/*'.length)));
  return [...starts, ...processFiles([...tails], pointer)].join(' || ');
}

/** Files of any process: `/proc/`, then one to seven characters, then the name. */
function processFiles(tails: readonly string[], pointer: string): string[] {
  if (tails.length === 0) return [];
  const places = Array.from({ length: mostDigits }, (_, digits) => `*(uint64 *)uptr(${pointer} + ${7 + digits})`);
  const each = places.flatMap((place) => tails.map((tail) => equals(place, tail.slice(0, 8))));
  return [`(${equals('$p0', '/proc/')} && (${each.join(' || ')}))`];
}

/** Compares up to eight bytes in memory with text: little-endian, as all machines are that Incus is packaged for. */
function equals(word: string, text: string): string {
  const bytes = Buffer.alloc(8);
  bytes.write(text, 'latin1');
  const value = `0x${bytes.readBigUInt64LE().toString(16)}`;
  if (text.length >= 8) return `${word} == ${value}`;
  return `(${word} & 0x${(256n ** BigInt(text.length) - 1n).toString(16)}) == ${value}`;
}

/** Whether one of the patterns applies: what the condition let through is compared as a whole. */
export function isWatched(patterns: readonly PathPattern[], path: string, access: 'read' | 'write'): boolean {
  return patterns.some((pattern) => (pattern.on === 'any' || access === 'write') && applies(pattern.path, path));
}

function applies(pattern: string, path: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (!path.startsWith(start)) return false;
  if (end === undefined) return true;
  const rest = path.slice(start.length);
  const from = rest.indexOf('/');
  return start === '/proc/'
    ? from > 0 && rest.startsWith(end, from) && rest.length === from + end.length
    : rest.includes(end);
}
