/** One line of the kernel log. */
export interface KernelLine {
  readonly text: string;
  /** Milliseconds since 1970, as far as the source knows it. */
  readonly at: number;
}

/** What a chunk of a source amounts to. */
export interface Parsed {
  readonly line?: KernelLine;
  /** Where the source is now; handed back when it is read on. */
  readonly position?: string;
  /** Lines that are missing before this one. */
  readonly lost?: number;
}

/** Longer lines are none of ours. */
const longestText = 1_024;

/**
 * One line of `journalctl -o json`. A message that is no text, as journald has it when it is none or too long, is left out,
 * and so is what a program wrote there and not the kernel, whose facility is 0.
 *
 * @see systemd.journal-fields(7), and "JSON" in the Journal Export Formats
 */
export function parseJournalLine(json: string): Parsed {
  const entry = parseObject(json);
  const { MESSAGE: text, SYSLOG_FACILITY: facility, __REALTIME_TIMESTAMP: at, __CURSOR: cursor } = entry;
  const position = typeof cursor === 'string' ? { position: cursor } : {};
  if (typeof text !== 'string' || text.length > longestText || facility !== '0') return position;
  return { ...position, line: { text, at: Math.floor(Number(at) / 1_000) } };
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A line that was cut when its writer ended.
    return {};
  }
}

/**
 * Reads records of /dev/kmsg one after the other: `LEVEL,NUMBER,MICROSECONDS,FLAG;TEXT`. Lines that begin with a blank
 * belong to the record before and say nothing of their own. Numbers follow each other; where they do not, the kernel
 * overwrote what was not read in time. What a program wrote there is left out.
 *
 * @see Documentation/ABI/testing/dev-kmsg
 */
export class KmsgParser {
  readonly #now: () => number;
  readonly #skipTo: number;
  #last: number | undefined;

  /** @param after number of the last record that was read before; undefined when there is none */
  constructor(now: () => number, after: number | undefined) {
    this.#now = now;
    this.#last = after;
    this.#skipTo = after ?? -1;
  }

  parse(record: string): Parsed {
    const [, priority, number] = /^(\d+),(\d+),\d+,[^;]*;/.exec(record) ?? [];
    if (number === undefined) return {};
    const current = Number(number);
    if (current <= this.#skipTo) return {};
    const lost = this.#last === undefined ? 0 : Math.max(0, current - this.#last - 1);
    this.#last = current;
    const text = record.slice(record.indexOf(';') + 1);
    return {
      position: number,
      ...(lost > 0 && { lost }),
      ...(isKernels(Number(priority)) &&
        text.length <= longestText && { line: { text: unescape(text), at: this.#now() } }),
    };
  }
}

/** The facility stands above the three bits of the level; programs cannot write with the kernel's. */
function isKernels(priority: number): boolean {
  return priority >> 3 === 0;
}

/** What is not printable comes as `\xHH`. */
function unescape(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
