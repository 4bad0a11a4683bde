import type { EventRecord } from '../controller/control-api.ts';
import { connect } from './connect.ts';
import { jsonLine, printable } from './printable.ts';
import type { Verb } from './verb.ts';

/** How many records are shown when nobody says since when. */
const usualLimit = 100;

/** `coi events` */
export const events: Verb = async ({ io, args: [name], options }) => {
  await using api = await connect(io, 'read');
  const since = options['since'];
  const records = api.events({
    ...(name !== undefined && { name }),
    ...(typeof since === 'number' ? { since: io.clock.now() - since } : { limit: usualLimit }),
    ...(options['follow'] === true && { follow: true }),
    signal: io.signal,
  });
  let count = 0;
  for await (const record of records) {
    count += 1;
    io.stdout.write(options['format'] === 'json' ? jsonLine(record) : `${eventText(record)}\n`);
  }
  if (count === 0 && name !== undefined) io.stderr.write(`coi: Nothing is recorded about "${printable(name)}"\n`);
  return 0;
};

/** A record on one line: when, about what, what, how it went, why, and by whom unless it was the controller. */
function eventText(record: EventRecord): string {
  const text = (field: string) => printable(textOf(record[field]));
  const details = [
    ...(record['errorClass'] ? [text('errorClass')] : []),
    ...(record['actor'] && record['actor'] !== 'controller' ? [`by ${text('actor')}`] : []),
    ...(typeof record['durationMs'] === 'number' ? [`${Math.round(record['durationMs'])} ms`] : []),
  ];
  const key = text('key').replace(/^sandbox\//, '');
  const end = details.length === 0 ? '' : ` (${details.join(', ')})`;
  return `${text('ts')}  ${key}  ${text('kind')} ${text('phase')}: ${text('why')}${end}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : JSON.stringify(value);
}
