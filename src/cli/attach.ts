import { resolve } from 'node:path';
import type { SandboxReport } from '../controller/report.ts';
import { isSessionName } from '../spec/names.ts';
import { checkPrefix, parseSessionInstance, sessionNames, workspaceHash } from '../spec/session-names.ts';
import { attachNamed } from './attach-named.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { ownPrefix } from './own-prefix.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi attach`. */
interface AttachOptions {
  readonly bash?: boolean;
  readonly slot?: number;
  readonly workspace?: string;
}

/** `coi attach`: show what runs in a container in this terminal, until it ends or is left with Ctrl-b d. */
export const attach: Verb = async ({ io, args, options }) => {
  const { bash = false, slot = 0, workspace } = options as AttachOptions;
  const [name] = args;
  if (name !== undefined && slot > 0) {
    throw new UsageProblem('attach takes either a name or a slot of a workspace', 'Example: coi attach --slot 2');
  }
  // Whose workspace it is says the name.
  if (name !== undefined) return attachNamed(io, name, { bash });
  const prefix = checkPrefix(io.env['COI_CONTAINER_PREFIX']);
  const hash = workspaceHash(resolve(io.cwd, workspace ?? '.'));
  if (slot > 0) return attachNamed(io, sessionNames({ prefix, hash, slot }).instance, { bash });
  const running = await runningHere(io, { prefix, ...(workspace !== undefined && { hash }) });
  if (running.length === 1) return attachNamed(io, running[0]!.instance, { bash });
  if (running.length === 0) io.stdout.write('No active sessions\n');
  else showChoice(io, running);
  return exitCodes.done;
};

interface Which {
  readonly prefix: string;
  /** Of one workspace. */
  readonly hash?: string;
}

async function runningHere(io: Io, { prefix, hash }: Which): Promise<readonly SandboxReport[]> {
  await using api = await connect(io, 'read');
  const { sandboxes } = await api.status();
  const isOwn = ownPrefix(io);
  return sandboxes.filter(({ name, instance, state, agent }) => {
    if (state !== 'running') return false;
    const id = parseSessionInstance(instance);
    if (hash !== undefined) return id?.hash === hash && id.prefix === prefix;
    // Declared ones count where there is something to show.
    return isSessionName(name) ? isOwn({ name }) : agent.state !== 'absent';
  });
}

function showChoice({ stdout }: Io, running: readonly SandboxReport[]): void {
  const lines = running.map(({ instance, workspace }, index) => {
    return `  ${index + 1}. ${instance}${workspace === undefined ? '' : ` (${printable(workspace)})`}`;
  });
  stdout.write(`${['Active sessions:', ...lines, '', 'Usage: coi attach NAME'].join('\n')}\n`);
}
