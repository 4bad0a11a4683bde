import { splitWords } from '../process/split-words.ts';
import { callNames } from './program.ts';

/** A process by what the kernel says of it: as `HostProcess`, the start modulo 2^32 clock ticks. */
export interface TracedProcess {
  readonly pid: number;
  readonly startedAt: string;
}

/** What a process of a container did. */
export interface Trace {
  readonly kind: 'exec' | 'file' | 'call' | 'stdio';
  /** Inode number of the pid namespace one level below the host's: the container, whatever is nested in it. */
  readonly namespace: number;
  readonly process: TracedProcess;
  /** Effective user on the host. */
  readonly user: number;
  readonly name: string;
  /** The nearest first, none that is outside. */
  readonly ancestors: readonly TracedProcess[];
  /** As it was given to execve(2); empty with other kinds. */
  readonly path: string;
  readonly words: readonly string[];
  /** Words are missing, or the last one is cut. */
  readonly areWordsCut: boolean;
  /** Paths, or what is text in a call. */
  readonly details: readonly string[];
  /** With `file`: 0 or what makes it writing. With `call`: its number. With `stdio`: the descriptor. */
  readonly value: number;
  readonly call: string;
  /** With `exec`: descriptors that are sockets which lead elsewhere. */
  readonly sockets: readonly number[];
  /** With `exec`: no directory has a name for the executable. */
  readonly isNameless: boolean;
  /** With `exec`: it is the first process of its namespace. */
  readonly isInit: boolean;
}

/** What bpftrace says. */
export type Record =
  | { readonly kind: 'trace'; readonly trace: Trace }
  /** A budget is used up: so many records of one kind and window are missing up to now. */
  | { readonly kind: 'over'; readonly namespace: number; readonly window: string; readonly count: number }
  /** bpftrace itself did not keep up: of whom is not known. */
  | { readonly kind: 'lost'; readonly count: number }
  /** All is attached and works. */
  | { readonly kind: 'alive' };

/** What has come of an event before its last line. */
interface Parts {
  readonly ancestors: TracedProcess[];
  readonly details: string[];
  readonly words: Buffer[];
  path: string;
}

/** Most events of which parts are kept: lines that were lost leave others behind. */
const mostOpen = 1_024;

const kinds = { E: 'exec', F: 'file', K: 'call', S: 'stdio' } as const;

/** Puts the lines of our bpftrace program together. */
export class Records {
  readonly #open = new Map<string, Parts>();

  /** One line as bpftrace prints it with `-f json`; undefined while an event is not complete, and for what is not ours. */
  take(line: string): Record | undefined {
    const { type, data } = parse(line);
    if (type === 'lost_events') return { kind: 'lost', count: Number(data?.events) || 1 };
    return type === 'printf' && typeof data === 'string' ? this.#takeText(data) : undefined;
  }

  #takeText(text: string): Record | undefined {
    if (text === 'R') return { kind: 'alive' };
    const [kind = '', thread = ''] = text.split(' ', 2);
    const rest = text.slice(kind.length + thread.length + 2);
    if (kind === 'O') return over(rest);
    const known = this.#open.get(thread);
    if (kind in kinds) {
      this.#open.delete(thread);
      return { kind: 'trace', trace: finished(kind as keyof typeof kinds, rest, known ?? noParts()) };
    }
    add(known ?? this.#begin(thread), kind, rest);
    return undefined;
  }

  #begin(thread: string): Parts {
    const [oldest] = this.#open.size < mostOpen ? [] : this.#open.keys();
    if (oldest !== undefined) this.#open.delete(oldest);
    const parts = noParts();
    this.#open.set(thread, parts);
    return parts;
  }
}

function noParts(): Parts {
  return { ancestors: [], details: [], words: [], path: '' };
}

interface Line {
  readonly type?: string;
  readonly data?: string & { readonly events?: unknown };
}

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    // Names of threads are printed as they are, and may be anything.
    return {};
  }
}

function over(rest: string): Record {
  const [namespace, kind, window, count] = rest.split(' ');
  return { kind: 'over', namespace: Number(namespace), window: `${kind} ${window}`, count: Number(count) || 1 };
}

function add(parts: Parts, kind: string, rest: string): void {
  if (kind === 'D') parts.details.push(rest);
  else if (kind === 'A') parts.ancestors.push(processOf(rest));
  else if (kind === 'W') parts.words.push(memory(rest));
  else if (kind === 'P') parts.path = untilNul(memory(rest));
}

/** Bytes in hexadecimal behind the number of those that are too many. */
function memory(rest: string): Buffer {
  const [skip] = rest.split(' ', 1);
  return Buffer.from(rest.slice(skip!.length).replaceAll(' ', ''), 'hex').subarray(Number(skip));
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function processOf(hex: string): TracedProcess {
  return { pid: Number.parseInt(hex.slice(0, -8), 16) || 0, startedAt: String(Number.parseInt(hex.slice(-8), 16)) };
}

function finished(letter: keyof typeof kinds, rest: string, parts: Parts): Trace {
  const [namespace = '', process = '', user = '', length = '', value = ''] = rest.split(' ', 5);
  const name = rest.slice(namespace.length + process.length + user.length + length.length + value.length + 5);
  const kind = kinds[letter];
  const number = Number.parseInt(value, 16) || 0;
  return {
    kind,
    namespace: Number(namespace),
    process: processOf(process),
    user: Number(user),
    name,
    ancestors: parts.ancestors,
    path: parts.path,
    ...wordsOf(parts.words, Number.parseInt(length, 16) || 0),
    details: parts.details,
    ...(kind === 'call' ? callOf(number) : { value: number, call: '' }),
    ...flagsOf(kind === 'exec' ? number : 0),
  };
}

function callOf(number: number): Pick<Trace, 'value' | 'call'> {
  return { value: Math.floor(number / 256), call: callNames[number & 255] ?? '' };
}

function flagsOf(flags: number): Pick<Trace, 'sockets' | 'isNameless' | 'isInit'> {
  const sockets = [0, 1, 2].filter((descriptor) => (flags >> descriptor) & 1);
  return { sockets, isNameless: (flags & 8) !== 0, isInit: (flags & 16) !== 0 };
}

/** @param length of all words in bytes, the NUL behind the last one included */
function wordsOf(chunks: readonly Buffer[], length: number): Pick<Trace, 'words' | 'areWordsCut'> {
  const bytes = Buffer.concat(chunks).subarray(0, length);
  return { words: splitWords(bytes), areWordsCut: bytes.length < length };
}
