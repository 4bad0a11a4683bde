import { renderSize } from '../base/units.ts';
import { Problem } from '../base/problem.ts';
import type { Copied } from '../host/tree/fetch-tree.ts';
import type { LeftOutReason, LeftOutReport } from '../host/tree/left-out.ts';
import { exitCodes } from './failure.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import type { Call } from './verb.ts';

/** What became of a copy. */
export interface CopyReport {
  readonly done: 'Pushed' | 'Pulled';
  readonly instance: string;
  /** Both as people read them; the one inside with the container before it. */
  readonly source: string;
  readonly target: string;
  readonly copied: Copied;
  /** Paths inside, relative to the root. */
  readonly leftOut: LeftOutReport;
}

/**
 * Say what was copied: on stderr, or as JSON on stdout.
 *
 * @returns the exit code
 * @throws {Problem} `file.left-out` when it was not everything, with what is missing
 */
export function reportCopy({ io, options }: Call, report: CopyReport): number {
  const { done, instance, source, target, copied, leftOut } = report;
  const { files, links, bytes } = copied;
  if (options['format'] === 'json') {
    const missing = leftOut.examples.map(({ path, reason }) => ({ path: `/${path}`, reason }));
    const counts = { files, links, bytes, left_out: leftOut.count, missing };
    io.stdout.write(jsonText({ container: instance, source, target, ...counts }));
  } else if (leftOut.count === 0) {
    const what = `${plural(files, 'file')}${links > 0 ? ` and ${plural(links, 'link')}` : ''}`;
    io.stderr.write(`${done} ${what} (${renderSize(bytes)}) to ${printable(target)}\n`);
  }
  if (leftOut.count > 0) throw notAll(report);
  return exitCodes.done;
}

function notAll({ done, copied, leftOut }: CopyReport): Problem {
  const { count, examples } = leftOut;
  const lines = examples.map(({ path, reason }) => `/${path}: ${reasons[reason](done)}`);
  const isOne = count === 1 && copied.files + copied.links === 0;
  const more = count > examples.length ? [`… and ${count - examples.length} more`] : [];
  const all = [...lines, ...more].map((line) => `\n  ${line}`).join('');
  return new Problem({
    code: 'file.left-out',
    message: isOne
      ? `Cannot copy ${lines[0]}`
      : `${done} ${plural(copied.files, 'file')}, but not ${plural(count, 'thing')}:${all}`,
    hint: isOne ? 'What is in its place is as it was.' : 'What is in their place is as it was; all else was copied.',
  });
}

/** Why something was not copied, for people. */
const reasons: Readonly<Record<LeftOutReason, (done: CopyReport['done']) => string>> = {
  kind: () => 'it is neither file, directory nor link',
  name: (done) => (done === 'Pulled' ? 'this host can have no such name' : 'it can have no such name inside'),
  exists: () => 'something of another kind is in its place',
  unreadable: (done) =>
    done === 'Pulled' ? 'it cannot be read inside' : 'it cannot be read here, or changed meanwhile',
  unwritable: (done) => (done === 'Pulled' ? 'it may not be written here' : 'it may not be written inside'),
  'too-deep': () => 'it lies too deep',
  'too-many': () => 'there is too much in it',
  'too-large': () => 'it is too large',
};
