import type { ControlApi, VerbReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import { connect } from './connect.ts';
import type { Io } from './io.ts';
import { ownPrefix } from './own-prefix.ts';
import { showReports } from './verb-reports.ts';
import type { Verb } from './verb.ts';

/** `coi resume` */
export const resume: Verb = async (call) => {
  const { io, args } = call;
  await using api = await connect(io, 'write');
  const reports = args.length > 0 ? await api.resume({ names: args }) : await resumeAll(api, io);
  return showReports(call, reports, 'Nothing is frozen by command');
};

/** All but sessions of another prefix, which others froze. */
async function resumeAll(api: ControlApi, io: Io): Promise<readonly VerbReport[]> {
  const isOwn = ownPrefix(io);
  const held = (await api.status()).sandboxes.filter(isHeld);
  const own = held.filter(isOwn);
  // What is not known any more may be held, too: the controller knows.
  if (own.length === held.length) return api.resume({ names: [] });
  return own.length === 0 ? [] : api.resume({ names: own.map(({ name }) => name) });
}

function isHeld({ overrides }: SandboxReport): boolean {
  return overrides.some(({ kind }) => kind === 'freeze' || kind === 'quarantine');
}
