import { connect } from './connect.ts';
import { showReports } from './verb-reports.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi adopt` */
export const adopt: Verb = async (call) => {
  await using api = await connect(call.io, 'write');
  return showReports(call, [await api.adopt({ name: call.args[0]!, by: whoCalls(call.io).by })], '');
};
