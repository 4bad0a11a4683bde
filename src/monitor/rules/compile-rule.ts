import type { KeyPath } from '../../spec/locate-toml.ts';
import { nearest } from '../../spec/nearest.ts';
import type { TomlDocument } from '../../spec/parse-toml.ts';
import type { EventKind } from '../event.ts';
import { compileCondition, fieldsOf, programGate, type Fault, type Predicate } from './condition.ts';
import { fields, type Field } from './fields.ts';
import { limitAllowed, limitOf } from './operators.ts';
import type { RateInit } from './rate.ts';
import type { AppliedChange, Rule } from './rule.ts';
import type { ChangeText, RuleText } from './schema.ts';

/** Where a rule stands. */
export interface RulePlace {
  readonly file: string;
  readonly document: TomlDocument;
  readonly path: KeyPath;
  readonly isBuiltIn: boolean;
}

/** Something compiled, with what is wrong with it. */
export interface Compiled<Made> {
  readonly made: Made;
  readonly faults: readonly Fault[];
}

/** What a file changes about a rule of another one. */
export interface Change extends AppliedChange {
  readonly id: string;
  readonly place: RulePlace;
  /** More exceptions, once it is known what the rule is about. */
  exceptionsFor(kind: EventKind): Compiled<readonly Predicate[]>;
}

/** Compile a rule that its schema has accepted. */
export function compileRule(text: RuleText, place: RulePlace): Compiled<Rule> {
  const faults: Fault[] = [];
  const at = (...parts: KeyPath) => ({ kind: text.event, path: [...place.path, ...parts], faults });
  const { id, title, severity, category, mitre, maturity, response } = text;
  const rule: Rule = {
    about: { id, title, severity, category, mitre, maturity, ...(response !== undefined && { response }) },
    description: text.description.trim(),
    event: text.event,
    enabled: true,
    when: compileCondition(text.when, at('when')),
    exceptions: compileExceptions(text, at('exception')),
    gate: programGate(text.when),
    rate: text.rate && rateOf(text.rate, at('rate')),
    cause: text.cause.flatMap((name, index) => causeField(name, at('cause', index))),
    attack: text.attack,
    examples: text.example ?? [],
    position: { file: place.file, ...place.document.locator.nearest(place.path).key },
    isBuiltIn: place.isBuiltIn,
  };
  return { made: rule, faults };
}

/** Compile a change that its schema has accepted. */
export function compileChange(id: string, text: ChangeText, place: RulePlace): Compiled<Change> {
  const exceptionsFor = (kind: EventKind) => {
    const faults: Fault[] = [];
    const made = compileExceptions(text, { kind, path: [...place.path, 'exception'], faults });
    return { made, faults };
  };
  const { enabled, severity, response } = text;
  return { made: { id, place, enabled, severity, response, exceptionsFor }, faults: [] };
}

interface Place {
  readonly kind: EventKind;
  readonly path: KeyPath;
  readonly faults: Fault[];
}

function compileExceptions({ exception = [] }: Pick<RuleText, 'exception'>, place: Place): Predicate[] {
  return exception.map(({ when }, index) =>
    compileCondition(when, { ...place, path: [...place.path, index, 'when'], isException: true }),
  );
}

function rateOf({ over, seconds, per = [], distinct }: NonNullable<RuleText['rate']>, place: Place): RateInit {
  const limit = limitOf(over);
  if (!limit)
    place.faults.push({ path: [...place.path, 'over'], message: 'is unknown', hint: `Give it ${limitAllowed}.` });
  const keys = per.flatMap((name, index) => fieldAt(name, { ...place, path: [...place.path, 'per', index] }));
  const [value] = distinct === undefined ? [] : fieldAt(distinct, { ...place, path: [...place.path, 'distinct'] });
  return { limit: limit ?? (() => Infinity), seconds, per: keys, ...(value && { distinct: value }) };
}

function causeField(name: string, place: Place): Field[] {
  const [field] = fieldAt(name, place);
  if (!field?.isUnstable) return field ? [field] : [];
  place.faults.push({
    path: place.path,
    message: `is "${name}", which is another each time`,
    hint: `A cause is what stays the same: ${stable(place.kind).join(', ')}.`,
  });
  return [];
}

function fieldAt(name: string, { kind, path, faults }: Place): Field[] {
  const known = fieldsOf(kind);
  if (known.includes(name)) return [fields[name]!];
  const meant = nearest(name, known);
  const hint = meant ? `Did you mean "${meant}"?` : `Its fields are ${known.join(', ')}.`;
  faults.push({ path, message: `is "${name}", which events of the kind "${kind}" do not have`, hint });
  return [];
}

function stable(kind: EventKind): string[] {
  return fieldsOf(kind).filter((name) => !fields[name]!.isUnstable);
}
