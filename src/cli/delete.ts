import type { ControlApi } from '../controller/control-api.ts';
import { awaitStatus, usualTimeoutMs } from './await-status.ts';
import { connect } from './connect.ts';
import { ownPrefix } from './own-prefix.ts';
import { UsageProblem } from './usage.ts';
import { showReports } from './verb-reports.ts';
import type { Call, Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi delete`. */
interface DeleteOptions {
  readonly all?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** `coi delete` */
export const deleteSandboxes: Verb = async (call) => {
  const { io, args } = call;
  const { all = false, wait = false } = call.options as DeleteOptions;
  if (all === args.length > 0) {
    throw new UsageProblem('delete needs either names or --all', 'Example: coi delete web');
  }
  await using api = await connect(io, 'write');
  const names = all ? (await api.status()).sandboxes.filter(ownPrefix(io)).map(({ name }) => name) : args;
  const reports = names.length === 0 ? [] : await api.delete({ names, by: whoCalls(io).by });
  const code = showReports(call, reports, 'There is nothing to delete');
  if (wait)
    await awaitGone(
      api,
      call,
      reports.filter(({ done }) => done).map(({ name }) => name),
    );
  return code;
};

async function awaitGone(api: ControlApi, { io, options }: Call, names: readonly string[]): Promise<void> {
  const { timeout = usualTimeoutMs } = options as DeleteOptions;
  await awaitStatus(api, io, {
    what: 'Waiting until they are gone',
    timeoutMs: timeout,
    missing: ({ sandboxes }) =>
      sandboxes
        .filter(({ name, state, steps }) => names.includes(name) && (state !== 'absent' || steps.length > 0))
        .map(({ name, message }) => `${name}: ${message}`),
    hopeless: ({ sandboxes }) =>
      sandboxes
        .filter(({ name, conditions }) => names.includes(name) && conditions.some(isStalled))
        .map(({ name, message }) => `${name}: ${message}`),
  });
}

function isStalled({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return type === 'Stalled' && status === 'True';
}
