import { connect } from './connect.ts';
import { showReports } from './verb-reports.ts';
import type { Verb } from './verb.ts';

/** `coi resume` */
export const resume: Verb = async (call) => {
  await using api = await connect(call.io, 'write');
  return showReports(call, await api.resume({ names: call.args }), 'Nothing is frozen by command');
};
