import type { Position } from '../../base/problem.ts';
import type { Match, Response } from '../detection.ts';
import type { EventKind } from '../event.ts';
import type { Severity } from '../severity.ts';
import type { Predicate, ProgramGate } from './condition.ts';
import type { Field } from './fields.ts';
import type { RateInit } from './rate.ts';
import type { ExampleText, RuleText } from './schema.ts';

/** A rule, ready to judge by. What it counts is kept by the set that it is in. */
export interface Rule {
  /** What matches carry. */
  readonly about: Match['rule'];
  readonly description: string;
  readonly event: EventKind;
  readonly enabled: boolean;
  readonly when: Predicate;
  readonly exceptions: readonly Predicate[];
  /** What one of a program's names has to pass; undefined where any will do. */
  readonly gate: ProgramGate | undefined;
  readonly rate: RateInit | undefined;
  readonly cause: readonly Field[];
  readonly attack: RuleText['attack'];
  readonly examples: readonly ExampleText[];
  readonly position: Position;
  /** Whether it comes with coi. */
  readonly isBuiltIn: boolean;
}

/** What was changed about a rule. */
export interface AppliedChange {
  readonly enabled?: boolean | undefined;
  readonly severity?: Severity | undefined;
  readonly response?: Response | undefined;
}

/** The rule with a change; the same object where nothing changes. */
export function changed(about: Match['rule'], change: AppliedChange | undefined): Match['rule'] {
  if (!change || (change.severity === undefined && change.response === undefined)) return about;
  return {
    ...about,
    ...(change.severity !== undefined && { severity: change.severity }),
    ...(change.response !== undefined && { response: change.response }),
  };
}
