import type { Match } from '../detection.ts';
import { eventKinds, type EventKind, type SensorEvent, type SensorName } from '../event.ts';
import type { WatchedContainer } from '../sensor.ts';
import { describeEvent } from './describe-event.ts';
import { Facts } from './facts.ts';
import { Rate, textOf } from './rate.ts';
import { changed, type Rule } from './rule.ts';

interface Entry {
  readonly rule: Rule;
  readonly rate: Rate | undefined;
}

/** Rules of one kind of event: those that insist on a program by its name, and all others. */
interface Index {
  readonly byProgram: ReadonlyMap<string, readonly Entry[]>;
  readonly others: readonly Entry[];
}

const none: readonly Match[] = [];

/** Rules that events are judged by. What rates count is kept here: one set for the life of a monitor. */
export class RuleSet {
  /** All of them, those that are off as well, by id. */
  readonly rules: readonly Rule[];
  readonly #indexes: ReadonlyMap<EventKind, Index>;

  constructor(rules: readonly Rule[]) {
    this.rules = rules.toSorted((a, b) => (a.about.id < b.about.id ? -1 : 1));
    this.#indexes = new Map(
      eventKinds.map((kind) => [kind, indexOf(this.rules.filter(({ event }) => event === kind))]),
    );
  }

  /** Which rules apply to an event, by what the sandbox's `monitoring.rules` make of them. Usually none. */
  judge(event: SensorEvent, container: WatchedContainer): readonly Match[] {
    const index = this.#indexes.get(event.kind)!;
    const facts = new Facts(event, container);
    const found: Match[] = [];
    const seen = facts.names.flatMap((name) => index.byProgram.get(name) ?? []);
    for (const entry of new Set(seen)) judgeBy(entry, facts, found);
    for (const entry of index.others) judgeBy(entry, facts, found);
    return found.length === 0 ? none : found;
  }
}

function indexOf(rules: readonly Rule[]): Index {
  const entries = rules.map((rule) => ({ rule, rate: rule.rate && new Rate(rule.rate) }));
  const byProgram = new Map<string, Entry[]>();
  for (const entry of entries) {
    for (const name of new Set(entry.rule.programs ?? [])) byProgram.set(name, [...(byProgram.get(name) ?? []), entry]);
  }
  return { byProgram, others: entries.filter(({ rule }) => rule.programs === undefined) };
}

function judgeBy({ rule, rate }: Entry, facts: Facts, found: Match[]): void {
  const rules = facts.container.monitoring.rules;
  const change = Object.hasOwn(rules, rule.about.id) ? rules[rule.about.id] : undefined;
  if (!(change?.enabled ?? rule.enabled) || !rule.when(facts)) return;
  if (rule.exceptions.some((isExcepted) => isExcepted(facts)) || rate?.isOver(facts) === false) return;
  found.push({
    rule: changed(rule.about, change),
    event: facts.event,
    sensor: sensorOf(facts.event),
    cause: [rule.about.id, ...rule.cause.map((field) => textOf(field, facts))].join(' '),
    description: `${rule.about.title}: ${describeEvent(facts.event)}`,
  });
}

function sensorOf(event: SensorEvent): SensorName {
  switch (event.kind) {
    case 'connection':
      return 'network';
    case 'name':
      return 'names';
    case 'volume':
    case 'tmp':
      return event.kind;
    case 'unseen':
      return event.sensor;
    case 'exec':
    case 'stdio':
    case 'file':
    case 'call':
      return 'process';
  }
}
