import { connect } from './connect.ts';
import { showReports } from './verb-reports.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi freeze` */
export const freeze: Verb = async (call) => {
  const { io, args: names } = call;
  const { reason = 'frozen by command' } = call.options as { readonly reason?: string };
  await using api = await connect(io, 'write');
  return showReports(call, await api.freeze({ names, by: whoCalls(io).by, reason }), 'There is nothing to freeze');
};
