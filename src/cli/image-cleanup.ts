import { Problem } from '../base/problem.ts';
import { decideVersions, type Verdict, type Verdicts } from '../image/keep.ts';
import { removeVersions } from '../image/remove-versions.ts';
import { usersOfImage } from '../image/users.ts';
import { exitCodes } from './failure.ts';
import { declaredUsers, requireComplete } from './image-users.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

interface CleanupOptions {
  readonly keep?: number;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly format?: string;
}

/** `coi image cleanup` */
export const imageCleanup: Verb = async ({ io, args: [prefix = ''], options }) => {
  const { dryRun: isDry = false, force: isForced = false, format, ...flags } = options as CleanupOptions;
  const keep = requireKeep(flags.keep);
  if (prefix === '') throw new UsageProblem('image cleanup needs what the aliases begin with', example);
  await using incus = await openOwnIncus(io);
  const declared = await declaredUsers(io);
  const verdicts = decideVersions(await incus.images.list({ signal: io.signal }), {
    isMeant: ({ alias }) => alias.startsWith(prefix),
    keep,
    usersOf: (image) => usersOfImage(image, declared.users),
  });
  if (verdicts.gone.length > 0 && !isForced) requireComplete(declared, 'one of these images');
  const tools = { incus, signal: io.signal };
  const removing = () => withProgress(io, 'Deleting images', () => removeVersions(tools, verdicts.gone));
  const gone = isDry ? verdicts.gone : await removing();
  const kept = [...verdicts.kept, ...verdicts.gone.filter((each) => !gone.includes(each))];
  tell(io, { kept, gone }, isDry ? 'Would delete' : 'Deleted');
  if (format === 'json') io.stdout.write(jsonText({ kept: kept.map(report), deleted: gone.map(report) }));
  return exitCodes.done;
};

const example = 'Example: coi image cleanup coi- --keep 3';

/** Leaving it out is a wrong command line; a number that makes no sense has an exit code of its own, as in the original. */
function requireKeep(keep: number | undefined): number {
  if (keep === undefined) throw new UsageProblem('image cleanup needs --keep', example);
  if (keep >= 1) return keep;
  throw new Problem({ code: 'image.keep', message: '--keep must be 1 or more', hint: example });
}

function tell(io: Io, { kept, gone }: Verdicts, deleted: string): void {
  for (const { alias, heldBy } of kept) {
    io.stderr.write(
      `Kept ${printable(alias)}${heldBy.length > 0 ? ` (needed by ${printable(heldBy.join(', '))})` : ''}\n`,
    );
  }
  for (const { alias } of gone) io.stderr.write(`${deleted} ${printable(alias)}\n`);
  io.stderr.write(
    `${plural(kept.length, 'version')} kept, ${gone.length} ${deleted === 'Deleted' ? 'deleted' : 'to be deleted'}\n`,
  );
}

function report({ alias, fingerprint, heldBy }: Verdict) {
  return { alias, fingerprint, ...(heldBy.length > 0 && { held_by: heldBy }) };
}
