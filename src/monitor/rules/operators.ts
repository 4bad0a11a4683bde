import { contains, parseAddress, parsePrefix, type Address, type Prefix } from '../../network/address.ts';
import { metadataAddresses, privatePrefixes, specialPrefixes } from '../../network/special-ranges.ts';
import type { Monitoring } from '../../spec/monitoring.ts';
import type { FieldType } from './fields.ts';
import { compilePattern } from './pattern.ts';

type Value = string | number | boolean;

/** Whether one value of a field passes. */
export type ValueTest = (value: Value, monitoring: Monitoring) => boolean;

/** The same where no setting has a say. */
type PlainTest = (value: Value) => boolean;

/** What is wrong with what a test was to be made from. */
interface Wrong {
  readonly fault: string;
}
type Made = ValueTest | Wrong;

/** What rules may name in place of a number. A threshold of 0 is none: nothing is over it. */
const settings: Readonly<Record<string, (monitoring: Monitoring) => number>> = {
  file_read_threshold_mb: ({ read }) => read.thresholdMb,
  file_read_rate_mb_per_sec: ({ read }) => read.mbPerSecond,
  file_write_threshold_mb: ({ write }) => write.thresholdMb,
  file_write_rate_mb_per_sec: ({ write }) => write.mbPerSecond,
  dns_query_threshold: ({ network }) => network.namesPerMinute,
};

const metadata = [...metadataAddresses[4], ...metadataAddresses[6]].map((text) => parsePrefix(text)!);
const loopback = ['127.0.0.0/8', '::1/128'].map((text) => parsePrefix(text)!);
const inOneOf = (prefixes: readonly Prefix[]) => (address: Address) => prefixes.some((each) => contains(each, address));
const isMetadata = inOneOf(metadata);
const isPrivate = inOneOf(privatePrefixes);
const isSpecial = inOneOf(specialPrefixes);

/** Ranges that rules call by a name. */
const namedRanges: Readonly<Record<string, (address: Address) => boolean>> = {
  metadata: isMetadata,
  private: (address) => isPrivate(address) && !isMetadata(address),
  loopback: inOneOf(loopback),
  public: (address) => !isPrivate(address) && !isSpecial(address),
};

const wordSign = /[\p{L}\p{N}_-]/u;

type Maker = (given: unknown) => Made;
type PlainMaker = (given: unknown) => PlainTest | Wrong;

const text =
  (make: (wanted: string) => (value: string) => boolean): PlainMaker =>
  (given) => {
    const wanted = textsOf(given);
    if (!wanted) return { fault: 'Give it a text, or a list of texts.' };
    const tests = wanted.map(make);
    const [only] = tests;
    if (tests.length === 1) return (value) => typeof value === 'string' && only!(value);
    return (value) => typeof value === 'string' && tests.some((test) => test(value));
  };

const textOperators: Readonly<Record<string, PlainMaker>> = {
  is: text((wanted) => (value) => value === wanted),
  'one-of': oneOf('string'),
  starts: text((wanted) => (value) => value.startsWith(wanted)),
  ends: text((wanted) => (value) => value.endsWith(wanted)),
  contains: text((wanted) => (value) => value.includes(wanted)),
  'contains-word': text((wanted) => (value) => hasWord(value, wanted)),
  'in-order': inOrder,
  matches,
};

const numberOperators: Readonly<Record<string, Maker>> = {
  is: (given) => (typeof given === 'number' ? (value) => value === given : { fault: 'Give it a number.' }),
  'one-of': oneOf('number'),
  over: (given) => compared(given, (value, limit) => value > limit),
  under: (given) => compared(given, (value, limit) => value < limit),
};

const operators: Readonly<Record<FieldType, Readonly<Record<string, Maker>>>> = {
  text: textOperators,
  number: numberOperators,
  flag: {
    is: (given) => (typeof given === 'boolean' ? (value) => value === given : { fault: 'Give it true or false.' }),
  },
  address: { is: textOperators['is']!, 'one-of': textOperators['one-of']!, 'in-range': inRange },
};

/** Names of the operators of a type. */
export function operatorsOf(type: FieldType): string[] {
  return Object.keys(operators[type]);
}

/** Make a test from an operator and what stands behind it. @returns undefined when the type has no such operator */
export function makeTest(type: FieldType, operator: string, given: unknown): Made | undefined {
  const known = operators[type];
  return Object.hasOwn(known, operator) ? known[operator]!(given) : undefined;
}

/** The same for texts, whose tests no setting has a say in. */
export function makeTextTest(operator: string, given: unknown): PlainTest | Wrong | undefined {
  return Object.hasOwn(textOperators, operator) ? textOperators[operator]!(given) : undefined;
}

/** The number that a rule gives or names. */
export function limitOf(given: unknown): ((monitoring: Monitoring) => number) | undefined {
  if (typeof given === 'number') return () => given;
  const named = typeof given === 'string' && Object.hasOwn(settings, given) ? settings[given]! : undefined;
  return named && ((monitoring) => named(monitoring) || Infinity);
}

/** What {@link limitOf} takes, to follow "Give it". */
export const limitAllowed = `a number, or one of ${Object.keys(settings).join(', ')}`;

function compared(given: unknown, holds: (value: number, limit: number) => boolean): Made {
  const limit = limitOf(given);
  if (!limit) return { fault: `Give it ${limitAllowed}.` };
  return (value, monitoring) => typeof value === 'number' && holds(value, limit(monitoring));
}

function textsOf(given: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const isUsable = list.length > 0 && list.every((each) => typeof each === 'string' && each !== '');
  return isUsable ? (list as readonly string[]) : undefined;
}

function oneOf(type: 'string' | 'number'): PlainMaker {
  return (given) => {
    const isList = Array.isArray(given) && given.length > 0 && given.every((each) => typeof each === type);
    if (!isList) return { fault: `Give it a list of ${type === 'string' ? 'texts' : 'numbers'}.` };
    const wanted = new Set<unknown>(given);
    return (value) => wanted.has(value);
  };
}

function hasWord(value: string, wanted: string): boolean {
  for (let at = value.indexOf(wanted); at !== -1; at = value.indexOf(wanted, at + 1)) {
    const before = value[at - 1] ?? ' ';
    const after = value[at + wanted.length] ?? ' ';
    if (!wordSign.test(before) && !wordSign.test(after)) return true;
  }
  return false;
}

function inOrder(given: unknown): PlainTest | Wrong {
  const parts = textsOf(given);
  if (!parts || parts.length < 2) return { fault: 'Give it a list of two texts or more.' };
  return (value) => {
    if (typeof value !== 'string') return false;
    let at = 0;
    for (const part of parts) {
      const found = value.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return true;
  };
}

function matches(given: unknown): PlainTest | Wrong {
  const sources = textsOf(given);
  if (!sources) return { fault: 'Give it a regular expression, or a list of them.' };
  const made = sources.map(compilePattern);
  const wrong = made.find((each) => typeof each !== 'function');
  if (wrong) return wrong;
  const tests = made.filter((each) => typeof each === 'function');
  return (value) => typeof value === 'string' && tests.some((test) => test(value));
}

function inRange(given: unknown): Made {
  const names = textsOf(given);
  const tests = names?.map(rangeTest).filter((each) => each !== undefined);
  if (!tests || tests.length !== names?.length) {
    return { fault: `Give it ranges such as "203.0.113.0/24", or ${Object.keys(namedRanges).join(', ')}.` };
  }
  return (value) => {
    const address = typeof value === 'string' ? parseAddress(value) : undefined;
    return address !== undefined && tests.some((test) => test(address));
  };
}

function rangeTest(name: string): ((address: Address) => boolean) | undefined {
  if (Object.hasOwn(namedRanges, name)) return namedRanges[name];
  const prefix = parsePrefix(name);
  return prefix && ((address) => contains(prefix, address));
}
