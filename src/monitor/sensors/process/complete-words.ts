import type { Trace } from '../../../host/bpftrace/record.ts';
import { splitWords } from '../../../host/process/split-words.ts';
import type { Reading } from '../../../host/process/words-reader.ts';
import type { SensorEvent } from '../../event.ts';
import { boundedWords } from './bounded.ts';

/**
 * An event of a program whose words were cut, with all of them where /proc had them. A process may write over its words, so
 * they count only if they begin as those that the kernel had.
 */
export function completeWords(event: SensorEvent, { words }: Trace, reading: Reading | undefined): SensorEvent {
  if (!reading || (event.kind !== 'exec' && event.kind !== 'stdio')) return event;
  const all = splitWords(reading.words);
  if (!isContinued(words, all)) return event;
  const { words: bounded, isCut } = boundedWords(all);
  if (event.kind === 'stdio') return { ...event, words: bounded };
  const { isTruncated: _, ...whole } = event;
  return { ...whole, words: bounded, ...(isCut ? { isTruncated: true } : {}) };
}

function isContinued(cut: readonly string[], all: readonly string[]): boolean {
  // The last one may end within a character of several bytes.
  const last = cut.at(-1)?.replace(/\uFFFD+$/, '') ?? '';
  const whole = cut.slice(0, -1);
  return whole.every((word, index) => word === all[index]) && (all[whole.length] ?? '').startsWith(last);
}
