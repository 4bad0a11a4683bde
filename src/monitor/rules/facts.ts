import { posix } from 'node:path';
import type { ConnectionEvent, NameEvent, ProcessSummary, SensorEvent } from '../event.ts';
import type { WatchedContainer } from '../sensor.ts';
import { codeOfShell } from './shell-code.ts';

/** How much of a command line is looked at; sensors cut as well. */
const lineLimit = 65_536;
/** Longest name of a file, NAME_MAX: what a program calls itself may be longer, but nothing is called so. */
const longestName = 255;
const interpreter = /^(?:node|nodejs|bun|deno|ruby|perl|php|lua|python|pypy|bash|sh|dash|zsh|ksh)[\d.]*$/;
const shell = /^(?:ba|da|z|k|mk|a)?sh$/;

/** What conditions ask of an event, worked out once and only when it is asked. */
export class Facts {
  readonly event: SensorEvent;
  readonly container: WatchedContainer;
  #names: readonly string[] | undefined;
  #line: string | undefined;
  #code: readonly string[] | undefined;
  #words: readonly string[] | undefined;

  constructor(event: SensorEvent, container: WatchedContainer) {
    this.event = event;
    this.container = container;
  }

  /** The process that the event is about; undefined for events that know of none. */
  get process(): ProcessSummary | undefined {
    return 'words' in this.event ? this.event : undefined;
  }

  /** What the program is called, by its path and by its first word. */
  get names(): readonly string[] {
    this.#names ??= this.process ? namesOf(this.process) : [];
    return this.#names;
  }

  /** The words behind the first. */
  get words(): readonly string[] {
    this.#words ??= this.process?.words.slice(1) ?? [];
    return this.#words;
  }

  /** What a shell was told to do, without what it only hands on; of other programs nothing. */
  get code(): readonly string[] {
    this.#code ??= this.names.some((name) => shell.test(name)) ? [codeOfShell(this.process!.words)] : [];
    return this.#code;
  }

  /** The words as one text. */
  get line(): string {
    this.#line ??= this.process ? lineOf(this.process) : '';
    return this.#line;
  }
}

/** All that a program may be known by: its path, and its first word, without the dash of a login shell. */
export function namesOf({ program, words, name }: ProcessSummary): readonly string[] {
  const byPath = baseOf(program);
  const byWord = baseOf((words[0] ?? '').replace(/^-/, ''));
  const both = [byPath, byWord].filter((each) => each !== '');
  if (both.length === 0) return [name];
  return both[0] === both[1] ? [both[0]!] : both;
}

/** The name of the executable alone: nobody gives a program another by its first word. */
export function ownNameOf(process: ProcessSummary): readonly string[] {
  return process.program === '' ? namesOf(process) : [baseOf(process.program)];
}

/** The file that an interpreter was given to run. */
export function scriptOf(process: ProcessSummary): readonly string[] {
  const file = process.words[1];
  const isRun = file !== undefined && !file.startsWith('-') && namesOf(process).some((name) => interpreter.test(name));
  return isRun ? [baseOf(file)] : [];
}

export function lineOf({ words }: Pick<ProcessSummary, 'words'>): string {
  return words.join(' ').slice(0, lineLimit);
}

/** The path as it was given, and as it is without `.`, `..` and doubled slashes. */
export function pathsOf(path: string): readonly string[] {
  const plain = posix.normalize(path);
  return plain === path ? [path] : [path, plain];
}

/** The last part of a path, at most 255 characters. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).slice(0, longestName);
}

/** Name without its last dot, in lower case. */
export function plainName({ name }: Pick<NameEvent | ConnectionEvent, 'name'>): string {
  return (name ?? '').toLowerCase().replace(/\.$/, '');
}

/** What of a name somebody can own: its last two labels, three below a country's `co`, `com` and the like. */
export function domainOf(name: string): string {
  const labels = name.split('.');
  const isBelowCountry =
    /^(?:ac|co|com|edu|gov|net|ne|or|org)$/.test(labels.at(-2) ?? '') && labels.at(-1)!.length === 2;
  return labels.slice(isBelowCountry ? -3 : -2).join('.');
}

/** The label with most characters, of those in front of the domain. */
export function longestLabel(name: string): string {
  const own = domainOf(name);
  const labels = name.slice(0, Math.max(0, name.length - own.length)).split('.');
  return labels.reduce((longest, label) => (label.length > longest.length ? label : longest), '');
}

/** Bits of information in each character of a text, by Shannon's formula; at most 255 are looked at. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  const signs = Array.from(text.slice(0, 255));
  for (const sign of signs) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / signs.length) * Math.log2(count / signs.length), 0);
}
