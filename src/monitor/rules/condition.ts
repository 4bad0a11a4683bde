import type { Monitoring } from '../../spec/monitoring.ts';
import type { EventKind } from '../event.ts';
import type { KeyPath } from '../../spec/locate-toml.ts';
import { nearest } from '../../spec/nearest.ts';
import type { Facts } from './facts.ts';
import { fields, ownProgram, type Field } from './fields.ts';
import { makeTest, makeTextTest, operatorsOf, type ValueTest } from './operators.ts';

/** Whether something holds of an event. */
export type Predicate = (facts: Facts) => boolean;

/** Something that is wrong with a condition. */
export interface Fault {
  readonly path: KeyPath;
  readonly message: string;
  readonly hint: string;
}

/** Where a condition stands. */
export interface ConditionPlace {
  readonly kind: EventKind;
  readonly path: KeyPath;
  /** What says what is not to be detected: it may not go by the parents, which anybody can be the child of. */
  readonly isException?: true;
  readonly faults: Fault[];
}

const never: Predicate = () => false;

/**
 * Compile a condition: a table of fields with their operators, all of which must hold, and of `all`, `any` and `none`
 * with lists of such tables. What is wrong goes to `place.faults`.
 */
export function compileCondition(data: unknown, place: ConditionPlace): Predicate {
  if (!isTable(data) || Object.keys(data).length === 0) {
    return fail(place, 'is no condition', 'Give it fields with their operators, such as { program.is = "nc" }.');
  }
  const parts = Object.entries(data).map(([key, value]) => compilePart(key, value, below(place, key)));
  return parts.length === 1 ? parts[0]! : (facts) => parts.every((part) => part(facts));
}

function compilePart(key: string, value: unknown, place: ConditionPlace): Predicate {
  if (key !== 'all' && key !== 'any' && key !== 'none') return compileField(key, value, place);
  if (!Array.isArray(value) || value.length === 0) {
    return fail(place, 'is no list of conditions', 'Give it a list such as [{ program.is = "nc" }].');
  }
  const parts = value.map((each, index) => compileCondition(each, below(place, index)));
  if (key === 'all') return (facts) => parts.every((part) => part(facts));
  if (key === 'any') return (facts) => parts.some((part) => part(facts));
  return (facts) => !parts.some((part) => part(facts));
}

function compileField(name: string, value: unknown, place: ConditionPlace): Predicate {
  const field = fieldFor(name, place);
  if (!field) return never;
  if (!isTable(value) || Object.keys(value).length === 0) {
    return fail(place, 'has no operator', `Write ${name}.OPERATOR with one of ${operatorsOf(field.type).join(', ')}.`);
  }
  const tests = Object.entries(value).flatMap(([operator, given]) => {
    const test = compileTest(field, { operator, given }, below(place, operator));
    return test ? [test] : [];
  });
  // All operators are about the same value: `words.starts` with `words.ends` means one word.
  return (facts) => {
    const { monitoring } = facts.container;
    for (const each of field.read(facts)) if (passes(tests, each, monitoring)) return true;
    return false;
  };
}

function passes(tests: readonly ValueTest[], value: string | number | boolean, monitoring: Monitoring): boolean {
  for (const test of tests) if (!test(value, monitoring)) return false;
  return true;
}

function compileTest(
  field: Field,
  { operator, given }: { operator: string; given: unknown },
  place: ConditionPlace,
): ValueTest | undefined {
  const test = makeTest(field.type, operator, given);
  if (typeof test === 'function') return test;
  if (test) fail(place, 'cannot be used', test.fault);
  else {
    const known = operatorsOf(field.type);
    const meant = nearest(operator, known);
    fail(place, 'is no operator of this field', meant ? `Did you mean "${meant}"?` : `It has ${known.join(', ')}.`);
  }
  return undefined;
}

function fieldFor(name: string, place: ConditionPlace): Field | undefined {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  const known = fieldsOf(place.kind);
  if (!field || !field.kinds.includes(place.kind)) {
    const meant = field ? undefined : nearest(name, known);
    const what = field ? `is no field of events of the kind "${place.kind}"` : 'is no field';
    fail(place, what, meant ? `Did you mean "${meant}"?` : `Its fields are ${known.join(', ')}.`);
    return undefined;
  }
  if (!place.isException) return field;
  if (name.startsWith('parent')) {
    fail(
      place,
      'cannot except anything',
      'Except the command itself, by program, words or path: anybody can be a child of it.',
    );
    return undefined;
  }
  return name === 'program' ? ownProgram : field;
}

/** Names of the fields that a kind of event has. */
export function fieldsOf(kind: EventKind): string[] {
  return Object.keys(fields).filter((name) => fields[name]!.kinds.includes(kind));
}

/** Whether a condition can hold of a program with a name at all. */
export type ProgramGate = (name: string) => boolean;

/**
 * A test that one of a program's names has to pass for a condition to hold, so that it need not be tried on all others;
 * undefined when it can hold of any. Two such tests may be passed by two names of one program: the first is enough.
 */
export function programGate(data: unknown): ProgramGate | undefined {
  if (!isTable(data)) return undefined;
  const all = listOf(data['all']).map(programGate);
  const gates = [gateOfField(data['program']), gateOfAny(listOf(data['any'])), ...all];
  return gates.find((gate) => gate !== undefined);
}

function gateOfField(operators: unknown): ProgramGate | undefined {
  if (!isTable(operators)) return undefined;
  const tests = Object.entries(operators).map(([operator, given]) => makeTextTest(operator, given));
  const usable = tests.filter((test) => typeof test === 'function');
  return usable.length === 0 ? undefined : (name) => usable.every((test) => test(name));
}

function gateOfAny(parts: readonly unknown[]): ProgramGate | undefined {
  const gates = parts.map(programGate).filter((gate) => gate !== undefined);
  const isClosed = gates.length > 0 && gates.length === parts.length;
  return isClosed ? (name) => gates.some((gate) => gate(name)) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function below(place: ConditionPlace, part: string | number): ConditionPlace {
  return { ...place, path: [...place.path, part] };
}

function fail({ faults, path }: ConditionPlace, message: string, hint: string): Predicate {
  faults.push({ path, message, hint });
  return never;
}
