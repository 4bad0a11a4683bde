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

/** Most names of programs whose rules are remembered; each is bounded, see `baseOf`. */
const mostNames = 2048;

/** Rules of one kind of event: those that only certain programs concern, and all others. */
class Index {
  readonly #gated: readonly Entry[];
  readonly #others: readonly Entry[];
  readonly #byName = new Map<string, readonly Entry[]>();

  constructor(rules: readonly Rule[]) {
    const entries = rules.map((rule) => ({ rule, rate: rule.rate && new Rate(rule.rate) }));
    this.#gated = entries.filter(({ rule }) => rule.gate !== undefined);
    this.#others = entries.filter(({ rule }) => rule.gate === undefined);
  }

  /** Rules that may concern a program with these names; each once. */
  for([first, ...others]: readonly string[]): Iterable<Entry> {
    if (first === undefined) return this.#others;
    const found = this.#ofName(first);
    return others.length === 0 ? found : new Set([found, ...others.map((name) => this.#ofName(name))].flat());
  }

  #ofName(name: string): readonly Entry[] {
    const known = this.#byName.get(name);
    if (known) return known;
    const found = [...this.#gated.filter(({ rule }) => rule.gate!(name)), ...this.#others];
    if (this.#byName.size >= mostNames) this.#byName.clear();
    this.#byName.set(name, found);
    return found;
  }
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
      eventKinds.map((kind) => [kind, new Index(this.rules.filter(({ event }) => event === kind))]),
    );
  }

  /** Which rules apply to an event, by what the sandbox's `monitoring.rules` make of them. Usually none. */
  judge(event: SensorEvent, container: WatchedContainer): readonly Match[] {
    const index = this.#indexes.get(event.kind)!;
    const facts = new Facts(event, container);
    const found: Match[] = [];
    for (const entry of index.for(facts.names)) judgeBy(entry, facts, found);
    return found.length === 0 ? none : found;
  }
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
