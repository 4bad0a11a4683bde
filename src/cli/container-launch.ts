import { resolve } from 'node:path';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import type { Launched } from '../controller/container-api.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import { checkAsked } from '../spec/check-rules.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { makeMounts } from './host-directories.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import type { SessionOptions } from './session-flags.ts';
import { resolveAsked } from './session-request.ts';
import { letGo } from './until-gone.ts';
import type { Verb } from './verb.ts';
import { warnUnprotected } from './warn-unprotected.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi container launch`. */
interface LaunchOptions extends SessionOptions {
  readonly ephemeral?: boolean;
}

/** Longest wait for a container to run, in milliseconds. */
const startMs = 900_000;

/** `coi container launch`: declare a container under the very name that is given, and wait until it runs with its rules. */
export const containerLaunch: Verb = async ({ io, args: [image = '', instance = ''], options }) => {
  const manifest = await manifestFor(io, { image, instance, options });
  // What is to be taken back after a signal must still get through.
  await using api = await connect({ ...io, signal: new AbortController().signal }, 'write');
  const launched = await api.launch({ ...whoCalls(io), instance, manifest });
  try {
    await untilRunning(api, io, { image, launched });
  } catch (error) {
    await takeBack(api, io, launched);
    throw error;
  }
  io.stderr.write(`Launched ${launched.instance}\n`);
  return exitCodes.done;
};

interface Wanted {
  readonly image: string;
  readonly instance: string;
  readonly options: LaunchOptions;
}

async function manifestFor(io: Io, { image, instance, options }: Wanted): Promise<string> {
  const { ephemeral = false, workspace } = options;
  const adjust = ({ prompt: _prompt, ...sandbox }: Sandbox): Sandbox => ({
    ...sandbox,
    tool: {},
    state: 'running',
    restart: 'never',
    persistent: !ephemeral,
  });
  const path = workspace === undefined ? undefined : resolve(io.cwd, workspace);
  const { sandbox } = await resolveAsked(io, path, { options: { ...options, image }, adjust, agent: false });
  const impossible = checkAsked(instance, sandbox);
  if (impossible.length > 0) throw new ProblemList(impossible);
  await makeMounts(sandbox);
  // Which names it gets is the controller's to say.
  return renderManifest({ name: 'launched', instance: 'launched', sandbox });
}

interface Launching {
  readonly image: string;
  readonly launched: Launched;
}

async function untilRunning(api: ControlApi, io: Io, { image, launched }: Launching): Promise<void> {
  const { name, instance } = launched;
  const wait = () => api.awaitSandbox({ name, goal: 'running', timeoutMs: startMs, signal: io.signal });
  const { outcome, sandbox } = await withProgress(io, `Launching ${instance}`, wait);
  if (outcome !== 'reached') throw notLaunched({ image, launched }, sandbox);
  if (sandbox) warnUnprotected(io, sandbox);
}

function notLaunched({ image, launched: { name, instance } }: Launching, sandbox: SandboxReport | undefined): Problem {
  const stalled = sandbox?.conditions.find(({ type, status }) => type === 'Stalled' && status === 'True');
  if (stalled?.reason === 'ImageMissing') {
    return new Problem({
      code: 'container.image',
      message: `There is no image with the alias ${JSON.stringify(image)}`,
      hint: 'Build it with: coi build. See those that there are: coi image list --all',
    });
  }
  const why = stalled?.message ?? sandbox?.message;
  return new Problem({
    code: 'container.not-started',
    message: `${instance} could not be started${why ? `: ${printable(why)}` : ''}`,
    hint: `Nothing of it was kept. What was tried: coi events ${name}`,
  });
}

/** Nothing stays declared of what never ran. */
async function takeBack(api: ControlApi, io: Io, { name, instance }: Launched): Promise<void> {
  const begin = (names: readonly string[]) => api.delete({ names, by: whoCalls(io).by });
  const unsignalled = { ...io, signal: new AbortController().signal };
  const going = { name: instance, sandbox: name, doing: 'Cleaning up', done: 'Deleted', begin };
  const failed = (error: unknown) => ({ done: false, message: messageOf(error) });
  // What went wrong first is the failure of the command.
  const { done, message } = await letGo(api, unsignalled, going).catch(failed);
  if (!done) io.stderr.write(`coi: warning: ${printable(instance)}: ${printable(message)}\n`);
}
