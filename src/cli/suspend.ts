import { connect } from './connect.ts';
import { UsageProblem } from './usage.ts';
import { showReports } from './verb-reports.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi suspend`. */
interface SuspendOptions {
  readonly off?: boolean;
  readonly reason?: string;
  /** Milliseconds. */
  readonly until?: number;
}

/** `coi suspend` */
export const suspend: Verb = async (call) => {
  const { io, args: names } = call;
  const { off = false, reason, until } = call.options as SuspendOptions;
  if (off) {
    if (reason !== undefined || until !== undefined) {
      throw new UsageProblem('--off takes neither --reason nor --until', 'Example: coi suspend --off web');
    }
    await using api = await connect(io, 'write');
    return showReports(call, await api.unsuspend({ names }), 'Nothing is suspended');
  }
  if (!reason?.trim()) {
    throw new UsageProblem(
      'suspend needs a reason, for whoever finds it suspended',
      'Example: coi suspend web --reason "debugging its network" --until 2h',
    );
  }
  await using api = await connect(io, 'write');
  const ends = until === undefined ? {} : { until: io.clock.now() + until };
  return showReports(
    call,
    await api.suspend({ names, by: whoCalls(io).by, reason, ...ends }),
    'There is nothing to suspend',
  );
};
