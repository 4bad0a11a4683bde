import { z } from 'zod';
import { field } from '../../spec/schema/field.ts';
import { categories, maturities, responses } from '../detection.ts';
import { eventKinds } from '../event.ts';
import { severities } from '../severity.ts';

/** Ids of rules: subject, dot, name. */
export const ruleId = z
  .string()
  .max(80)
  .regex(/^[a-z][a-z0-9-]*\.[a-z0-9][a-z0-9-]*$/)
  .meta({ allowed: 'a subject and a name such as "shell.netcat", in lower case' });

const line = z
  .string()
  .max(400)
  .regex(/^\P{Cc}+$/u);
const table = z.record(z.string(), z.unknown());
const names = z.array(z.string().min(1)).min(1);

const exception = z.strictObject({
  reason: line.meta({ allowed: 'a line that says why' }),
  when: table,
});

const attack = z.union([
  z.strictObject({ script: z.string().min(1), needs: names.exactOptional() }),
  z.strictObject({ argv: names, needs: names.exactOptional() }),
]);

const example = z.strictObject({
  matches: z.boolean(),
  event: table.meta({ allowed: 'a table with what the event holds' }),
  times: z.int().min(2).max(100_000).meta({ allowed: 'a whole number from 2 to 100000' }).exactOptional(),
});

const rate = z.strictObject({
  over: z
    .union([z.int().min(1).max(100_000), z.string()])
    .meta({ allowed: 'a whole number, or the name of a setting' }),
  seconds: z.int().min(1).max(3600).meta({ allowed: 'a whole number from 1 to 3600' }),
  per: names.exactOptional(),
  distinct: z.string().exactOptional(),
});

const rule = z.strictObject({
  id: ruleId,
  title: line.meta({ allowed: 'a line of text' }),
  description: z.string().min(1).meta({ allowed: 'a text: what it means, and what to do' }),
  severity: z.enum(severities),
  category: z.enum(categories),
  mitre: z
    .string()
    .regex(/^T1\d{3}(?:\.\d{3})?$/)
    .meta({ allowed: 'a technique of MITRE ATT&CK such as "T1059.004"' }),
  maturity: z.enum(maturities),
  event: z.enum(eventKinds),
  when: table,
  exception: field(z.array(exception), { description: 'What it is not about.' }),
  rate: field(rate, { description: 'How much of it is too much.' }),
  response: field(z.enum(responses), { description: 'In place of what follows from the severity.' }),
  cause: z.array(z.string()).meta({ allowed: 'a list of fields' }),
  attack: field(attack, { description: 'What must trigger it.', allowed: 'a table with script or argv' }),
  example: field(z.array(example), { description: 'Events that it must be about, or must not.' }),
});

const change = z.strictObject({
  enabled: field(z.boolean(), { description: 'Whether it is judged by.' }),
  severity: field(z.enum(severities), { description: 'In place of its own.' }),
  response: field(z.enum(responses), { description: 'In place of its own.' }),
  exception: field(z.array(exception), { description: 'More exceptions.' }),
});

/** What stands in a file of rules. */
export const ruleFileSchema = z.strictObject({
  rule: field(z.array(rule), { description: 'Rules; one with the id of another takes its place.' }),
  change: field(z.record(ruleId, change), { description: 'What is changed about rules of other files.' }),
});

/** A rule as it was written. */
export type RuleText = z.infer<typeof rule>;
/** What a file changes about a rule of another one. */
export type ChangeText = z.infer<typeof change>;
/** An event that a rule must be about, or must not. */
export type ExampleText = z.infer<typeof example>;
