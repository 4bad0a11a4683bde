import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { jsonText, printable } from './printable.ts';
import { readSnapshot, reportSnapshot, timeText, yesOrNo } from './snapshot-report.ts';
import { findTarget, type TargetFlags } from './snapshot-target.ts';
import type { Verb } from './verb.ts';

/** `coi snapshot info` */
export const snapshotInfo: Verb = async ({ io, args, options }) => {
  const { format, ...flags } = options as TargetFlags & { readonly format?: string };
  await using api = await connect(io, 'read');
  await using incus = await openOwnIncus(io);
  const { instance } = await findTarget(io, flags, { status: await api.status(), incus });
  const snapshot = await readSnapshot(incus, { instance, name: args[0]! }, io.signal);
  if (format === 'json') {
    io.stdout.write(jsonText({ container: instance, snapshot: reportSnapshot(snapshot) }));
    return exitCodes.done;
  }
  const { name, createdAt, expiresAt, stateful, description } = snapshot;
  const lines = [
    `Name: ${name}`,
    `Container: ${instance}`,
    `Created: ${timeText(createdAt)}`,
    ...(expiresAt === undefined ? [] : [`Expires: ${timeText(expiresAt)}`]),
    `Stateful: ${yesOrNo(stateful)}`,
    ...(description === '' ? [] : [`Description: ${description}`]),
  ];
  io.stdout.write(`${lines.map(printable).join('\n')}\n`);
  return exitCodes.done;
};
